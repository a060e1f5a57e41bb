#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Cores of one fixture against a live capture of the same process just before, and against gdb and delve.

    core.py GO KIND [delve] [filters] [cut]      e.g. core.py go1.27 stripped delve

gcore and delve (`delve`) write a core of a parked process; then a signal makes the runtime abort it (GOTRACEBACK=crash), and
the kernel writes one. Each must give what the live capture gave, apart from times and run states. `filters`: the kernel
leaves more or less out (coredump_filter). `cut`: the kernel's core is cut short at several places.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "states"))
from support import FIXTURES, PATIENCE, TOOL, Target, Wrong, equal, fixture, need  # noqa: E402

PATTERN = "/proc/sys/kernel/core_pattern"
EXACT = ("text", "stacks", "folded")  # formats without times and threads
DELVE = os.path.join(FIXTURES, "dlv")
COMPARE = os.path.join(FIXTURES, "compare")


class CorePattern:
    """The kernel writes cores into the working directory, under the name core, while this is entered."""

    def __enter__(self):
        with open(PATTERN) as f:
            self.before = f.read()
        if self.before != "core\n":
            self.write("core")

    def __exit__(self, *_):
        if self.before != "core\n":
            self.write(self.before)

    @staticmethod
    def write(text):
        with open(PATTERN, "w") as f:
            f.write(text)


def run(*command, status=0, **how):
    done = subprocess.run(command, stdin=subprocess.DEVNULL if "input" not in how else None, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", timeout=PATIENCE, **how)
    need(status is None or done.returncode == status,
         f"{' '.join(map(str, command))}: exit status {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return done


def dump(target, folder, *more, status=0):
    """A capture in several formats: what standard error said, and a folder of files."""
    os.makedirs(folder, exist_ok=True)
    outputs = [f"-o{kind}:{folder}/{kind}" for kind in ("jsonl", "pprof", *EXACT)]
    return run(TOOL, "--max-frames=100000", *target, *outputs, *more, status=status).stderr


def content(folder, kind):
    with open(os.path.join(folder, kind), "rb") as f:
        return f.read()


def goroutines(folder):
    """By goid, without what a core cannot tell or what differs from moment to moment."""
    lines = [json.loads(line) for line in content(folder, "jsonl").splitlines()]
    listed = {g["goid"]: g for g in lines[1:] if g["type"] == "goroutine"}
    for g in listed.values():
        for key in ("wait_ns", "wait_minutes"):
            g.pop(key, None)
        if g["thread"]:
            g["thread"].pop("p", None)  # taken from one in a system call when another goroutine needs it
    return lines[0], listed


def check_same(live, core, what):
    """The core's capture is the live one's."""
    header, expected = goroutines(live)
    core_header, found = goroutines(core)
    equal("core", core_header["mode"], f"{what}: the mode")
    for key in ("pid", "exe", "go_version"):
        equal(header[key], core_header[key], f"{what}: {key}")
    # A signal that meets a thread of C makes a goroutine for it (runtime/signal_unix.go, badsignal).
    borrowed = [goid for goid, g in found.items() if goid not in expected and not g["start"] and g["locked"]]
    for goid in borrowed:
        del found[goid]
    equal(sorted(expected), sorted(found), f"{what}: the goroutines")
    for goid, goroutine in expected.items():
        equal(goroutine, found[goid], f"{what}: goroutine {goid}")
    for kind in EXACT if not borrowed else ():
        need(content(live, kind) == content(core, kind), f"{what}: {kind} differs from the live capture's")
    if not borrowed:
        check_profiles(live, core, what)


def check_profiles(live, core, what):
    """The same samples, by addresses and names. A core does not list the mappings of anonymous code."""
    def samples(folder):
        text = run("go", "tool", "pprof", "-proto", "-output=" + os.path.join(folder, "plain"),
                   os.path.join(folder, "pprof")) and run("go", "tool", "pprof", "-raw", os.path.join(folder, "pprof"))
        raw = text.stdout.split("Locations\n")
        stacks = sorted(re.sub(r"^ *(\d+): .*$", r"\1", line) for line in raw[0].splitlines() if re.match(r" +\d+:", line))
        places = sorted(re.sub(r"^ *\d+: (0x[0-9a-f]+)(?: M=\d+)? ", r"\1 ", line)
                        for line in raw[1].split("Mappings\n")[0].splitlines())
        return stacks, places
    equal(samples(live), samples(core), f"{what}: the profile")


# ---- what others see in a core ----

def gdb_threads(program, core):
    """The program counters of the threads, by id."""
    text = run("gdb", "-batch", "-nx", "-iex", "set auto-load off", "-ex", "thread apply all -q p/x $pc", program,
               core, status=None).stdout
    text += run("gdb", "-batch", "-nx", "-iex", "set auto-load off", "-ex", "info threads", program, core,
                status=None).stdout
    return set(map(int, re.findall(r"\(?LWP (\d+)\)?", text)))


def delve_goroutines(program, core):
    """The functions that delve's own walk finds on each goroutine's stack, by goid."""
    text = run(DELVE, "core", program, core, "--allow-non-terminal-interactive=true",
               input="config max-string-len 100\ngoroutines -s\nq\n").stdout
    return set(map(int, re.findall(r"^(?:\(dlv\) )*[* ]*Goroutine (\d+) - ", text, re.M)))


# ---- the scenes ----

class Scene:
    def __init__(self, go, kind, folder):
        self.go, self.kind, self.folder = go, kind, folder
        self.program = fixture(go, kind, "parity")
        self.live = os.path.join(folder, "live")

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, coredump_filter=None):
        """A parked process that aborts with a core in its working directory."""
        def prepare():
            os.chdir(self.folder)
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            if coredump_filter is not None:
                with open("/proc/self/coredump_filter", "w") as f:
                    f.write(coredump_filter)
        out = self.path("own")
        os.makedirs(out, exist_ok=True)
        return Target([self.program, "-out=" + out], self.folder, GOTRACEBACK="crash", preexec_fn=prepare)

    def abort(self, target):
        """Let it abort; returns the kernel's core."""
        os.kill(target.pid, signal.SIGQUIT)
        target.process.wait(PATIENCE)
        need(os.path.exists(self.path("core")), f"there is no core: it ended with {target.process.returncode}")
        os.rename(self.path("core"), self.path("kernel"))
        return self.path("kernel")

    def check(self, core, what, *more):
        said = dump(["--core=" + core, *more], self.path("found"))
        check_same(self.live, self.path("found"), what)
        return said

    def writers(self, delve):
        """Who writes the core does not matter."""
        with self.start() as target:
            dump([f"--pid={target.pid}"], self.live)
            run("gcore", "-o", self.path("gcore"), str(target.pid))
            core = self.path(f"gcore.{target.pid}")
            self.check(core, "gcore")
            listed = goroutines(self.live)
            threads = gdb_threads(self.program, core)
            need(threads, "gdb saw no threads")
            with open(self.path("stats"), "w"):
                pass
            dump(["--core=" + core], self.path("found"), "--stats=" + self.path("stats"))
            with open(self.path("stats")) as f:
                stats = json.load(f)
            equal(len(threads), stats["threads"], "gcore: the threads that gdb sees")
            equal((0, 0, 0), (stats["stops"], stats["pause_ns"], stats["missing_bytes"]), "gcore: stops")
            equal(listed[0]["goroutines"], stats["goroutines"], "gcore: the goroutines of the statistics")
            aged = run(TOOL, "--core=" + core, "--filter=age>1s", "-freport")
            need("a core does not say how long goroutines wait" in aged.stderr
                 and "how long they wait is not known" in aged.stdout, f"gcore: a filter by age: {aged.stderr}{aged.stdout}")
            os.remove(core)
            if delve:
                self.with_delve(target)
            self.check(self.abort(target), "the kernel's core")
        if delve and "stripped" not in self.kind:  # else delve cannot read it
            self.delve_agrees(self.path("kernel"))

    def with_delve(self, target):
        core = self.path("delve")
        run(DELVE, "attach", str(target.pid), "--allow-non-terminal-interactive=true", input=f"dump {core}\nq\nn\n")
        self.check(core, "delve's core")
        os.remove(core)

    def delve_agrees(self, core):
        """Delve lists the goroutines that we do, the runtime's own included."""
        dump(["--core=" + core, "--system"], self.path("found"))
        theirs, ours = delve_goroutines(self.program, core), set(goroutines(self.path("found"))[1])
        equal((set(), set()), (theirs - ours, ours - theirs),
              "goroutines that only delve sees in the kernel's core, and that only we see")

    def filters(self):
        """Whatever the kernel leaves out of what is in files: it comes from there."""
        for value in ("0x7f", "0x23", "0x11", "0x1"):
            with self.start(value) as target:
                dump([f"--pid={target.pid}"], self.live)
                said = self.check(self.abort(target), f"coredump_filter {value}")
            unverified = "nothing in the core" in said
            equal(int(value, 16) & 0x14 == 0, unverified, f"coredump_filter {value}: whether the build is unknown")
            if unverified:
                other = fixture("go1.18" if self.go != "go1.18" else "go1.27", self.kind, "parity")
                refused = run(TOOL, "--core=" + self.path("kernel"), "--exe=" + other, "-fjsonl", status=2).stderr
                need("give the right one by --exe" in refused, f"coredump_filter {value}, another build: {refused}")
        with self.start("0") as target:
            core = self.abort(target)
        found = run(TOOL, "--core=" + core, "-fjsonl", status=2)
        need("coredump_filter" in found.stderr, f"coredump_filter 0: {found.stderr}")

    def cut(self):
        """What is in a core that was cut short comes out, and what is missing is said."""
        with self.start() as target:
            dump([f"--pid={target.pid}"], self.live)
            core = self.abort(target)
        expected = goroutines(self.live)[1]
        size = os.path.getsize(core)
        seen = set()
        for share in (0.999, 0.9, 0.5, 0.1, 0.03, 0.025, 0.02, 0.01, 0.001, 0.0001, 0):
            os.truncate(core, int(size * share))
            found = run(TOOL, "--max-frames=100000", "--core=" + core, f"-ojsonl:{self.path('cut.jsonl')}", status=None)
            need(found.returncode in (1, 2), f"cut to {share}: exit status {found.returncode}")
            need(share == 0 or "cut short" in found.stderr, f"cut to {share}: {found.stderr}")
            seen.add(found.returncode)
            if found.returncode == 1:
                self.check_cut(expected, found.stderr, share)
        equal({1, 2}, seen, "the exit statuses of cores that were cut")

    def check_cut(self, expected, said, share):
        os.makedirs(self.path("found"), exist_ok=True)
        os.rename(self.path("cut.jsonl"), os.path.join(self.path("found"), "jsonl"))
        lines = [json.loads(line) for line in content(self.path("found"), "jsonl").splitlines()][1:]
        unreadable = [g for g in lines if g["unreadable"]]
        # Of a header that is missing nothing tells whether it was that of a goroutine that has ended.
        need(len(lines) >= len(expected), f"cut to {share}: {len(lines)} goroutines of {len(expected)}")
        if unreadable:
            need(f"the stacks of {len(unreadable)} of {len(lines)} goroutines could not be read" in said,
                 f"cut to {share}: {said}")
        for goroutine in lines:
            if not goroutine["unreadable"]:
                equal(expected[goroutine["goid"]]["frames"], goroutine["frames"],
                      f"cut to {share}: goroutine {goroutine['goid']}")

    def elsewhere(self):
        """The program is not where it was: it is found by its build id, and no other one is taken for it."""
        home, moved = self.path("home"), self.path("moved")
        shutil.copytree(os.path.dirname(self.program), home)
        self.program = os.path.join(home, "parity")
        with self.start() as target:
            dump([f"--pid={target.pid}"], self.live)
            core = self.abort(target)
        os.makedirs(moved)
        os.rename(self.program, os.path.join(moved, "renamed"))
        refused = run(TOOL, "--core=" + core, "-fjsonl", status=2).stderr
        for words in ("find the program " + self.program, "build id", "not at its path", "--exe FILE"):
            need(words in refused, f"without the program: {refused}")
        self.check(core, "--exe FILE", "--exe=" + os.path.join(moved, "renamed"))
        self.check(core, "--exe DIRECTORY", "--exe=" + self.folder)
        other = fixture("go1.18" if self.go != "go1.18" else "go1.27", "default", "busy")
        shutil.copy(other, self.program)
        refused = run(TOOL, "--core=" + core, "--exe=" + other, "-fjsonl", status=2).stderr
        need("another one" in refused and "none of the 1 file given" in refused, f"another program: {refused}")


def spinning(go, folder):
    """Goroutines that ran when the process was aborted are where they were, although their threads handle the signal."""
    def prepare():
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with Target([fixture(go, "default", "states"), "threads"], folder, GOTRACEBACK="crash", preexec_fn=prepare) as target:
        os.kill(target.pid, signal.SIGQUIT)
        target.process.wait(PATIENCE)
    done = run(TOOL, "--core=" + os.path.join(folder, "core"), "-fjsonl")
    running = [g for g in map(json.loads, done.stdout.splitlines()) if g.get("status") == "running"]
    need(running, "no goroutine ran")
    for g in running:
        need(not g["unreadable"] and g["thread"]["tid"], f"a running goroutine: {g}")
    need(any(f["function"] == "main.spin" for g in running for f in g["frames"]), "the one that spins is not running")


def play(scenes):
    """Calls SCENES(go, kind, folder, *more) with the words of the command line and a folder that is removed afterwards."""
    go, kind, *more = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix="gsd-cores-")
    try:
        scenes(go, kind, folder, *more)
    except Wrong as wrong:
        sys.exit(f"{go}/{kind}: {wrong}")
    finally:
        shutil.rmtree(folder)


def main(go, kind, folder, *scenes):
    with CorePattern():
        scene = Scene(go, kind, folder)
        if scenes == ("spinning",):
            spinning(go, folder)
        elif "filters" in scenes:
            scene.filters()
        elif "cut" in scenes:
            scene.cut()
        elif "elsewhere" in scenes:
            scene.elsewhere()
        else:
            scene.writers("delve" in scenes)


if __name__ == "__main__":
    play(main)
