#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""C frames: what --native says of a program that waits in C, in Go called by C, and in both by turns, against gdb and
against the program's source.

    native.py GO KIND       e.g. native.py go1.22 cgo

Frame by frame as gdb has it (pc, function, line): the C code that a thread is in, up to runtime.asmcgocall; whole stacks
of threads that run no goroutine, where they are in C; the C code below each runtime.cgocallback, where gdb is put there
(see backtraces.py; not without debug information, which it needs to find the place). By the source: the order of all
functions, Go and C. By a capture without --native: the Go frames.
"""

import gzip
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))
TOOL = os.environ.get("GOSTACKDUMP", os.path.join(ROOT, "build/release/src/gostackdump"))
TIMEOUT = 60

# Stacks by the source, innermost first, without functions of the runtime, libc and cgo's stubs.
IN_CONDITION = ["inlined_leaf", "inlined_middle", "real_bottom", "recursive", "recursive", "recursive", "recursive",
                "wait_on_condition", "ASMCGOCALL", "main._Cfunc_wait_on_condition", "main.blockInCondition"]
OUTER = ["CALLBACK", "CROSSCALL", "goMiddle", "outer_helper", "outer_to_go", "ASMCGOCALL", "main._Cfunc_outer_to_go",
         "main.callOuter"]
MIDDLE = ["ASMCGOCALL", "main._Cfunc_inner_to_go", "main.middleHelper", "main.goMiddle"]
INNER = ["main.innerHelper", "main.goInner", "CALLBACK", "CROSSCALL", "goInner", "inner_helper", "inner_to_go"]
STACKS = {
    "in a condition": IN_CONDITION,
    "in read": ["read_from_pipe", "ASMCGOCALL", "main._Cfunc_read_from_pipe", "main.blockInRead"],
    "asleep": ["sleep_long", "ASMCGOCALL", "main._Cfunc_sleep_long", "main.blockInSleep"],
    "Go, C, Go, C": ["read_from_pipe", "inner_helper", "inner_to_go", *MIDDLE, *OUTER],
    "Go, C, Go, C, Go, waiting": ["main.waitForever", *INNER, *MIDDLE, *OUTER],
    "Go, C, Go, C, Go, running": ["main.spin", *INNER, *MIDDLE, *OUTER],
    "called by a thread of C": ["main.waitForever", "main.threadHelper", "main.goFromThread", "CALLBACK", "CROSSCALL",
                                "goFromThread", "thread_helper", "thread_that_calls_go"],
}
# In a stripped program, what is inlined is not to be seen, and of C only what is in .dynsym has a name for sure: Go's
# functions that C calls.
INLINED = {"inlined_leaf", "inlined_middle"}
NAMELESS = {"real_bottom", "recursive", "wait_on_condition", "read_from_pipe", "sleep_long", "inner_helper", "inner_to_go",
            "outer_helper", "outer_to_go", "thread_helper", "thread_that_calls_go", "thread_of_c_alone", "pure_helper"}
MARKS = {"runtime.asmcgocall": "ASMCGOCALL", "runtime.cgocallback": "CALLBACK", "crosscall2": "CROSSCALL"}
C_THREAD = ["sleep_long", "pure_helper", "thread_of_c_alone"]
BOTTOM = {"clone", "__clone", "clone3", "__clone3"}

problems = []


def check(right, *words):
    if not right:
        problems.append(" ".join(str(word) for word in words))
    return right


# ---- the program ----


def start(go, kind):
    path = os.path.join(FIXTURES, go, kind, "native")
    process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if not select.select([process.stdout], [], [], TIMEOUT)[0] or process.stdout.readline() != f"ready {process.pid}\n":
        process.kill()
        sys.exit(f"native: {path} did not get ready")
    return process


def running_threads(pid):
    """The threads that run, or may go on at any time: all others wait for what does not come."""
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/stat") as f:
            if f.read().rsplit(")", 1)[1].split()[0] != "S":
                found.append(int(tid))
    return found


def wait_until_parked(pid):
    """Those that have said that they are about to wait are in the call that waits: only the spinning one runs."""
    end = time.monotonic() + TIMEOUT
    quiet = 0
    while quiet < 3:
        if time.monotonic() > end:
            sys.exit("native: the program does not come to rest")
        quiet = quiet + 1 if len(running_threads(pid)) <= 1 else 0
        os.sched_yield()


def capture(pid, folder, *options):
    path, profile = os.path.join(folder, "a.jsonl"), os.path.join(folder, "a.pb.gz")
    done = subprocess.run([TOOL, "-q", "-p", str(pid), "--max-pause=20s", *options, "-o", "jsonl:" + path, "-o", profile],
                          capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode != 0 or done.stderr:
        sys.exit(f"native: {options}: exit status {done.returncode}: {done.stderr}")
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    return lines[0], lines[1:], profile


# ---- by the source ----


def simplified(frames):
    found = []
    for frame in frames:
        name = frame["function"]
        if name in MARKS:
            found.append(MARKS[name])
        elif not frame["native"] and (name.startswith("main.") and not name.startswith("main.main")):
            found.append(name)
        elif frame["native"] and (name.startswith("0x") or is_ours(name)):
            found.append("?" if name.startswith("0x") else name)
    return found


OURS = set(sum(STACKS.values(), [])) | INLINED | NAMELESS | {"RunFixture"}


def is_ours(name):
    return name in OURS


def same_stack(seen, stack, stripped):
    if not stripped:
        return seen == stack
    stack = [name for name in stack if name not in INLINED]
    return len(seen) == len(stack) and all(a == b or (a == "?" and b in NAMELESS) for a, b in zip(seen, stack))


def find_stacks(entries, stripped, hosted):
    """The goroutines by what they do, each with exactly the stack of the source."""
    found = {}
    for entry in entries:
        for name, stack in STACKS.items():
            if same_stack(simplified(entry["frames"]), stack, stripped):
                found[name] = entry
    for name, stack in STACKS.items():
        check(name in found, f"no goroutine is {name}: {stack}")
    if len(found) < len(STACKS):
        for entry in entries:
            print("goroutine", entry["goid"], simplified(entry["frames"]))
    if hosted:
        library = [e for e in entries if any(f["function"] == "RunFixture" and f["native"] for f in e["frames"])]
        if check(len(library) == 1, "the goroutine that C's main called is not there once:", len(library)):
            names = [f["function"] for f in library[0]["frames"]]
            check(names.index("main.run") < names.index("runtime.cgocallback") < names.index("crosscall2") <
                  names.index("RunFixture", names.index("crosscall2")) < names.index("main"),
                  "the library's stack is", names)
    return found


# ---- by gdb ----


def ask_gdb(pid, callbacks, folder):
    output = os.path.join(folder, "backtraces")
    done = subprocess.run(["gdb", "-batch", "-nx", "-p", str(pid), "-x", os.path.join(HERE, "backtraces.py")],
                          env={**os.environ, "BACKTRACES": output, "CALLBACKS": json.dumps(callbacks)},
                          capture_output=True, text=True, timeout=TIMEOUT)
    if not os.path.exists(output):
        sys.exit(f"native: gdb failed:\n{done.stdout}\n{done.stderr}")
    with open(output) as f:
        result = json.load(f)
    return {int(tid): frames for tid, frames in result["threads"].items()}, \
        {int(tid): frames for tid, frames in result["callers"].items()}


def is_call(frames, i):
    """Whether gdb's frame i is a call that has not returned: not the innermost function, nor what is inlined there."""
    return any(not frame["inlined"] for frame in frames[:i])


def compare(title, ours, theirs, names, called=False):
    """Frame by frame; names(frame): whether it can have gdb's; `called`: the first one is a call that has not returned.

    gdb also shows functions that are not on the stack any more, since they ended by a jump to another (TAILCALL_FRAME):
    it knows from debug information who may have jumped there. We show what is on the stack.
    """
    theirs = [frame for frame in theirs if not frame["jumped"]]
    for i, frame in enumerate(ours):
        if not check(i < len(theirs), f"{title}: gdb has no frame {i}, we have {frame}"):
            return 0
        other = theirs[i]
        pc = other["pc"] - (1 if called or is_call(theirs, i) else 0)
        check(int(frame["pc"], 16) == pc, f"{title}: frame {i}: pc {frame['pc']} {frame['function']}, gdb {pc:#x} {other['name']}")
        if other["name"] is not None and names(frame):
            check(same_name(frame["function"], other["name"]), f"{title}: frame {i}: {frame['function']}, gdb {other['name']}")
        if other["line"] is not None and frame["native"]:
            check(frame["line"] == other["line"], f"{title}: frame {i}: {frame['function']} line {frame['line']}, gdb {other['line']}")
            check(os.path.normpath(frame["file"] or "?").split("/")[-1] == other["file"].split("/")[-1],
                  f"{title}: frame {i}: {frame['file']}, gdb {other['file']}")
    return len(ours)


def same_name(ours, theirs):
    # The linker's names of Go's assembly functions tell which ABI they have; the function table's do not. libc has several
    # names for one function, and it is a matter of taste which to take: clone3, __clone3, __GI___clone3.
    return theirs in (ours, ours + ".abi0", ours + ".abiinternal") or plain(ours) == plain(theirs)


def plain(name):
    return re.sub(r"^_*(GI_)?_*", "", name)


def c_part(frames):
    """The frames before Go's own stack: C code up to asmcgocall, with it."""
    for i, frame in enumerate(frames):
        if frame["function"] == "runtime.asmcgocall":
            return frames[:i + 1]
    return []


def callback_parts(frames):
    """The C code below each cgocallback: from crosscall2 to asmcgocall or the end."""
    parts = []
    for i, frame in enumerate(frames):
        if frame["function"] == "runtime.cgocallback":
            rest = frames[i + 1:]
            end = next((k for k, f in enumerate(rest) if f["function"] == "runtime.asmcgocall"), len(rest) - 1)
            parts.append(rest[:end + 1])
    return parts


def thread_of_locked(pid, goroutine, entries):
    """The thread of a goroutine that waits locked to it: it idles with the same C code at its bottom."""
    bottom = [f["pc"] for f in callback_parts(goroutine["frames"])[0]]
    found = [e["tid"] for e in entries if e["type"] == "thread" and [f["pc"] for f in e["frames"]][-len(bottom):] == bottom]
    return found[0] if len(found) == 1 else None


def compare_with_gdb(pid, entries, stacks, stripped, folder):
    compared = 0
    callbacks = {}
    call_of = {}
    for name, entry in stacks.items():
        calls = [f for f in entry["frames"] if f["function"] == "runtime.cgocallback"]
        tid = entry["thread"]["tid"] if entry["thread"] else thread_of_locked(pid, entry, entries) if calls else None
        if calls and check(tid, f"{name}: no thread"):
            callbacks[tid] = [int(calls[0]["pc"], 16) + 1, len(calls)]
            call_of[tid] = (name, entry)
    threads, callers = ask_gdb(pid, {} if stripped else callbacks, folder)
    known = (lambda frame: not frame["function"].startswith("0x")) if stripped else (lambda frame: True)
    for name, entry in stacks.items():
        part = c_part(entry["frames"]) if entry["frames"][0]["native"] else []
        if part:
            # gdb does not know Go code of a stripped program, which ends its walk.
            part = part[:-1] if stripped else part
            compared += compare(name, part, threads[entry["thread"]["tid"]], known)
    for tid, found in callers.items():
        name, entry = call_of[tid]
        parts = callback_parts(entry["frames"])
        check(len(parts) == len(found), f"{name}: {len(parts)} callbacks")
        for i, (part, frames) in enumerate(zip(parts, found)):
            # gdb's first frame is cgocallback itself, in which it was put.
            compared += compare(f"{name}, call {i} of Go", part, frames[1:], known, called=True) if check_first(frames) else 0
    for entry in entries:
        # Others belong to the runtime: what they do changes, and new ones may come.
        if entry["type"] == "thread" and same_stack(simplified(entry["frames"]), C_THREAD, stripped):
            theirs = threads[entry["tid"]]
            compared += compare(f"thread {entry['tid']}", entry["frames"], theirs, known)
            count = sum(not frame["jumped"] for frame in theirs)
            check(len(entry["frames"]) == count, f"thread {entry['tid']}: {len(entry['frames'])} frames, gdb {count}")
    return compared


def check_first(frames):
    return check(frames and same_name("runtime.cgocallback", frames[0]["name"] or ""), "gdb did not get to cgocallback:", frames[:2])


# ---- the rest ----


def tasks_of(pid):
    return {int(tid) for tid in os.listdir(f"/proc/{pid}/task")}


def check_threads(pid, entries, tasks_before, stripped):
    tasks = tasks_before & tasks_of(pid)
    threads = {e["tid"]: e for e in entries if e["type"] == "thread"}
    with_goroutine = {e["thread"]["tid"] for e in entries if e["type"] == "goroutine" and e["thread"]}
    check(not threads.keys() & with_goroutine, "threads that are listed twice")
    missing = tasks - threads.keys() - with_goroutine
    check(not missing, "threads that are not listed:", missing)
    alone = [e for e in threads.values() if same_stack(simplified(e["frames"]), C_THREAD, stripped)]
    check(len(alone) == 1, "the thread of C alone is there", len(alone), "times")
    first = 0  # the runtime's first thread comes from rt0_go, and ends at its first function
    for entry in threads.values():
        names = [f["function"] for f in entry["frames"]]
        first += names[-1] == "runtime.mstart"
        if "runtime.mstart" in names and names[-1] != "runtime.mstart":
            check(names[-1] in BOTTOM and "start_thread" in names, "a thread that cgo started ends at", names)
        check("gostackdump.elided" not in names, "the way was lost:", names)
    check(first <= 1, first, "threads end in Go")
    check(any("runtime.mstart0" in [f["function"] for f in e["frames"]] for e in threads.values()), "no thread of Go")


def check_report(pid, entries):
    """The report has a section of threads that run no goroutine; it groups those whose stacks are equal."""
    done = subprocess.run([TOOL, "-q", "-p", str(pid), "--max-pause=20s", "--native", "-o", "report:-"], capture_output=True,
                          text=True, timeout=TIMEOUT)
    headings = re.findall(r"^(\d+) threads?(?: \(\d+\))?: no goroutine$", done.stdout, re.M)
    threads = sum(e["type"] == "thread" for e in entries)
    check(abs(sum(map(int, headings)) - threads) <= 2, headings, "threads in the report, and", threads)  # the runtime's come and go
    check("wait_on_condition" in done.stdout or "__pthread_cond_wait" in done.stdout, "no C in the report")


def check_without_native(native, plain):
    """Go frames are the same with and without, but for those through which C is entered and left."""
    check([e["type"] for e in plain] == ["goroutine"] * len(plain), "threads without --native")
    by_goid = {e["goid"]: e for e in native if e["type"] == "goroutine"}
    check(sorted(by_goid) == sorted(e["goid"] for e in plain), "other goroutines")
    for entry in plain:
        check(not any(f["native"] for f in entry["frames"]), "C frames without --native:", entry["frames"])
        if any(f["function"] == "main.spin" for f in entry["frames"]) or entry["goid"] not in by_goid:
            continue  # it runs: where exactly is another matter each time
        of_go = [f["pc"] for f in by_goid[entry["goid"]]["frames"]
                 if not f["native"] and f["function"] not in ("runtime.asmcgocall", "crosscall2")]
        check(of_go == [f["pc"] for f in entry["frames"]], f"goroutine {entry['goid']}: Go frames differ:", of_go)


def check_profile(profile, entries):
    """go tool pprof reads it; samples are goroutines, and C code is in the mapping that it is in."""
    raw = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-raw", profile], capture_output=True, text=True,
                         timeout=TIMEOUT, check=True).stdout
    samples = re.search(r"^Samples:\n.*?\n(.*?)^Locations", raw, re.M | re.S).group(1)
    total = sum(int(line.split(":")[0]) for line in samples.splitlines() if re.match(r"\s*\d+:", line))
    check(total == sum(e["type"] == "goroutine" for e in entries), "samples:", total)
    locations = {int(m.group(1), 16): int(m.group(2)) for m in re.finditer(r"^\s+\d+: (0x[0-9a-f]+) M=(\d+)", raw, re.M)}
    mappings = {int(m.group(1)): m for m in re.finditer(r"^(\d+): (0x[0-9a-f]+)/(0x[0-9a-f]+)/(0x[0-9a-f]+) (\S+)", raw, re.M)}
    c_frames = [f for e in entries if e["type"] == "goroutine" for f in e["frames"] if f["native"] and not is_spinning(e)]
    check(len(c_frames) > 20, "C frames:", len(c_frames))
    for frame in c_frames:
        pc = int(frame["pc"], 16)
        if check(pc in locations, "not in the profile:", frame):
            mapping = mappings[locations[pc]]
            check(int(mapping.group(2), 16) <= pc < int(mapping.group(3), 16), "in another mapping:", frame)
            check(not is_ours(frame["function"]) or "native" in os.path.basename(mapping.group(5)), "in",
                  mapping.group(5), frame)
    with gzip.open(profile) as f:
        strings = f.read()
    check(b"start_thread" in strings, "no name of C code in the profile")


def is_spinning(entry):
    return any(f["function"] == "main.spin" for f in entry["frames"])


def main():
    go, kind = sys.argv[1], sys.argv[2]
    stripped = "stripped" in kind
    process = start(go, kind)
    try:
        wait_until_parked(process.pid)
        with tempfile.TemporaryDirectory() as folder:
            tasks = tasks_of(process.pid)
            _, entries, profile = capture(process.pid, folder, "--native")
            # The one that spins gives way every ten milliseconds, and for a moment has no thread then.
            while not all(e["thread"] for e in entries if e["type"] == "goroutine" and is_spinning(e)):
                _, entries, profile = capture(process.pid, folder, "--native")
            stacks = find_stacks([e for e in entries if e["type"] == "goroutine"], stripped, kind == "c-shared")
            check_profile(profile, entries)
            check_threads(process.pid, entries, tasks, stripped)
            check_report(process.pid, entries)
            _, plain, _ = capture(process.pid, folder)
            check_without_native(entries, plain)
            compared = compare_with_gdb(process.pid, entries, stacks, stripped, folder)
            check(compared >= (25 if stripped else 60), "too few frames were compared with gdb:", compared)
        check(process.poll() is None, "the program ended")
    finally:
        process.kill()
        process.wait()
    for problem in problems:
        print("FAILED", problem)
    print(f"{go} {kind}: {len(entries)} goroutines and threads, {compared} frames compared with gdb")
    sys.exit(1 if problems else 0)


main()
