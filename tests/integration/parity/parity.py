#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hold what gostackdump writes about a fixture against the profile that the fixture wrote itself.

    parity.py [--own-depth] GO KIND MODE...      e.g. parity.py go1.22 stripped all neverrun

GOSTACKDUMP names the tool; the fixtures are in build/fixtures or GSD_FIXTURES_DIR. Prints each difference; exit status 1
when there is one. --own-depth does not ask for frames below Go's own cut: for a stand-in that copies the fixture's profile.
"""

import argparse
import json
import os
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "fixtures"))
from kinds import KINDS  # noqa: E402

FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))
READY_SECONDS = 120
COMMAND_SECONDS = int(os.environ.get("PARITY_COMMAND_SECONDS") or 120)
TIMED_RUNS = 5
TIMED_ROUNDS = 3

ALLGS = ("symbol", "code", "dwarf", "scan")
LAYOUTS = ("types", "dwarf")
# What the message says when a program has not got a source (Kind.lacks).
MISSING = {"symbol": r"symbol", "code": r"runtime\.allgadd", "dwarf": r"DWARF|debug information|description of its runtime"}

# How often a function is in its deepest stack, in mode all, that --max-frames' default leaves whole.
DEEPEST = {"main.recurse": 1001, "main.inlineC": 251, "main.recurseBig": 201, "main.deepRead": 141, "main.nest": 14}

# The fixture's modes: arguments, environment, the function in which main is parked, how many goroutines there are (None: Go
# versions differ, the fixture tells).
MODES = {
    "all": ([], {}, "main.park", None),
    "finalizer-idle": (["-mode=finalizer-idle"], {}, "main.park", 31),
    "neverrun": (["-mode=neverrun"], {"GOMAXPROCS": "1", "GODEBUG": "asyncpreemptoff=1"}, "main.parkRaw", 26),
    "many": (["-mode=many", "-n=100000"], {}, "main.park", 100001),
}


class Wrong(Exception):
    """What was promised is not so."""


def need(condition, text):
    if not condition:
        raise Wrong(text)


def frame_limit(go):
    """How many logical frames the goroutine profile of that Go version keeps."""
    return 32 if int(go.split(".")[1]) <= 22 else 128


def program(go, kind):
    return os.path.join(FIXTURES, go, kind, "parity")


class Fixture:
    """A fixture process that has said that it is ready.

    `path` names a copy of the program, `before` a command that runs it, `after` are more arguments.
    """

    def __init__(self, go, kind, mode, folder, path=None, before=(), after=(), **how):
        arguments, environment, self.parked, self.goroutines = MODES[mode]
        # In a C program main.main is not in the main goroutine, and one more waits for it: that of the C thread.
        self.root = "main.hosted" if KINDS[kind].host else "runtime.main"
        if self.goroutines is not None and KINDS[kind].host:
            self.goroutines += 1
        path = path or program(go, kind)
        self.own = os.path.join(folder, "own.pb.gz")
        env = {k: v for k, v in os.environ.items() if k not in ("GODEBUG", "GOMAXPROCS", "GOGC", "GOTRACEBACK")}
        env.update(environment, GORACE="exitcode=0")  # finalizers race with nothing that matters here
        self.errors = open(os.path.join(folder, "stderr"), "w+")
        self.process = subprocess.Popen([*before, path, *arguments, "-out=" + folder, *after], stdin=subprocess.PIPE,
                                        bufsize=0, stdout=subprocess.PIPE, stderr=self.errors, env=env, **how)
        self.pid = self.process.pid
        try:
            ready = self.line(READY_SECONDS)
            need(ready.startswith("ready ") if before else ready == f"ready {self.pid}",
                 "the fixture's first line is not its ready line")
        except Wrong:
            self.process.kill()
            raise
        if self.goroutines is None:
            with open(os.path.join(folder, "own.debug1")) as f:
                self.goroutines = int(re.match(r"goroutine profile: total (\d+)\n", f.readline()).group(1))

    def line(self, seconds):
        text = b""
        end = time.monotonic() + seconds
        while not text.endswith(b"\n"):
            left = end - time.monotonic()
            readable = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            need(readable, f"the fixture said nothing for {seconds} s; so far {text!r}")
            piece = os.read(self.process.stdout.fileno(), 1)
            if not piece:
                status = self.process.wait()
                self.errors.seek(0)
                raise Wrong(f"the fixture ended with status {status}: {self.errors.read()[-4000:]}")
            text += piece
        return text.decode().strip()

    def check_untouched(self):
        """The fixture runs, and nobody has a hand on it."""
        need(self.process.poll() is None, f"the fixture ended with status {self.process.returncode}")
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/status") as f:
                text = f.read()
            need(re.search(r"^TracerPid:\t0$", text, re.M), f"thread {task} of the fixture is still traced")
            need(re.search(r"^State:\t[SRD]", text, re.M), f"thread {task} of the fixture is stopped")

    def profile(self, path):
        """The fixture writes its profile once more; returns how many ns that took."""
        self.process.stdin.write(f"profile {path}\n".encode())
        words = self.line(COMMAND_SECONDS).split()
        need(len(words) == 2 and words[0] == "profiled", f"not an answer: {words}")
        return int(words[1])

    def finish(self):
        """The fixture ends when its standard input does."""
        self.process.stdin.close()
        try:
            status = self.process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise Wrong("the fixture does not end with its standard input") from None
        need(status == 0, f"the fixture ended with status {status}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.errors, self.process.stdin, self.process.stdout):
            stream.close()


def run(command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", timeout=COMMAND_SECONDS, **more)


def gostackdump(fixture, path, arguments=(), sources=""):
    """Dump a fixture to path; returns what was run, with its statistics as .stats."""
    env = {k: v for k, v in os.environ.items() if k != "GOSTACKDUMP_SOURCES"}
    if sources:
        env["GOSTACKDUMP_SOURCES"] = sources
    stats = path + ".stats"
    done = run([os.environ["GOSTACKDUMP"], "-p", str(fixture.pid), "-o", path, "--stats", stats, *arguments], env=env)
    done.stats = {}
    if os.path.exists(stats):
        with open(stats) as f:
            lines = f.read().splitlines()
        need(len(lines) == 1, f"--stats holds {len(lines)} lines for one capture")
        done.stats = json.loads(lines[0])
    return done


def check_stats(stats, **expected):
    for key, value in expected.items():
        need(key in stats, f"--stats says nothing of {key}")
        need(stats[key] == value, f"--stats: {key} is {stats[key]!r}, not {value!r}")


def check_dump(fixture, done, path, **expected):
    """A dump that succeeded: its status, its file and its statistics."""
    need(done.returncode == 0, f"exit status {done.returncode}: {done.stderr.strip()}")
    need(os.stat(path).st_mode & 0o7777 == 0o600, f"the mode of the file is {os.stat(path).st_mode & 0o7777:o}, not 600")
    expected = {"schema": 1, "pid": fixture.pid, "unreadable": 0, "ambiguous": 0, "unwind_disagreements": 0,
                "mode": "atomic", "goroutines": fixture.goroutines, **expected}
    check_stats(done.stats, **expected)
    if "pause_ns" not in expected:
        need(done.stats["pause_ns"] > 0, "--stats: no pause")


def compare(theirs, ours, *options):
    done = run([os.path.join(FIXTURES, "compare"), *options, theirs, ours])
    need(done.returncode == 0, f"compare {' '.join(options)}\n{done.stdout}{done.stderr}")


def blocks(path):
    """The paragraphs of a profile in text, without how long goroutines have been waiting: the clock goes on."""
    with open(path, errors="surrogateescape") as f:
        text = f.read()
    need(text.endswith("\n"), f"{path} does not end with a line")
    return re.sub(r"^(goroutine .*), \d+ minutes", r"\1", text, flags=re.M).rstrip("\n").split("\n\n")


def need_equal(theirs, ours, what):
    need(len(theirs) == len(ours), f"{len(ours)} {what}, not {len(theirs)}")
    for left, right in zip(theirs, ours):
        if left != right:
            lines = zip(left.split("\n") + [""], right.split("\n") + [""])
            pair = next((pair for pair in lines if pair[0] != pair[1]), ("", ""))
            raise Wrong(f"{what}: {left.split(chr(10))[0][:200]}\n theirs {pair[0]!r}\n ours   {pair[1]!r}")


def below(block, function):
    """What a stack has below a function of that name."""
    found = re.search(rf"^(?:#\t0x[0-9a-f]+\t)?{re.escape(function)}[(+].*(?:\n\t.*)?(?:\n|\Z)", block, re.M)
    need(found, f"nothing of {function} in\n{block}")
    return block[found.end():]


def compare_stacks(theirs, ours, parked):
    """Every goroutine is the same, in the same order; the one that wrote comes first in its own dump."""
    theirs, ours = blocks(theirs), blocks(ours)
    writer = theirs.pop(0)
    mark = writer.split("[")[0]
    same = [block for block in ours if block.startswith(mark)]
    need(len(same) == 1, f"{len(same)} goroutines are {mark!r}")
    need_equal([below(writer, parked)], [below(same[0], parked)], "the goroutine that wrote")
    need_equal(theirs, [block for block in ours if block is not same[0]], "goroutines")


def compare_text(theirs, ours, parked):
    """Every group is the same, in the same order but for that of the goroutine that wrote."""
    theirs, ours = blocks(theirs), blocks(ours)
    groups = []
    for side in (theirs, ours):
        head, side[0] = side[0].split("\n", 1)
        where = [block for block in side if re.search(rf"\t{re.escape(parked)}\+", block)]
        need(len(where) == 1, f"{len(where)} groups have {parked}")
        side.remove(where[0])
        groups.append((head, where[0]))
    need_equal([groups[0][0]], [groups[1][0]], "totals")
    # Its own frames are wider, and there are more of them: Go's cut may fall elsewhere.
    narrow = [re.sub(r"\t+", "\t", group) for _, group in groups]
    lines = [below(group, parked).splitlines() for group in narrow]
    need_equal(lines[0], lines[1][:len(lines[0])], "frames of the goroutine that wrote")
    need_equal(theirs, ours, "groups")


def check_readers(path, goroutines):
    """`go tool pprof` reads the file and counts the same."""
    for report in ("-top", "-traces"):
        done = run(["go", "tool", "pprof", report, path])
        need(done.returncode == 0, f"go tool pprof {report}: {done.stderr.strip()}")
        need("Type: goroutine" in done.stdout, f"go tool pprof {report} does not know the type:\n{done.stdout[:2000]}")
        if report == "-top":
            total = re.search(r" of (\d+) total", done.stdout)
            need(total and int(total.group(1)) == goroutines,
                 f"go tool pprof counts {total and total.group(1)} goroutines, not {goroutines}")
            need("main.identical" in run(["go", "tool", "pprof", "-top", "-nodecount=1000", path]).stdout,
                 "go tool pprof -top does not name main.identical")


class Case:
    """One mode of one fixture. Every check is one promise; all are tried, and each that is broken is told."""

    def __init__(self, go, kind, mode, own_depth):
        self.go, self.kind, self.mode, self.own_depth = go, kind, mode, own_depth
        self.failures = 0
        self.checks = 0
        self.folder = tempfile.mkdtemp(prefix="parity.")
        self.fixture = None

    def check(self, promise, function, *arguments):
        self.checks += 1
        try:
            return function(*arguments)
        except (Wrong, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as wrong:
            self.failures += 1
            print(f"FAILED {self.go} {self.kind} {self.mode}: {promise}: {wrong or type(wrong)}", flush=True)
            return None

    def path(self, name):
        return os.path.join(self.folder, name)

    def equal(self, promise, name, arguments=(), sources="", prefix=0, **expected):
        """A dump with these arguments equals the fixture's own profile."""
        ours = self.path(name + ".pb.gz")
        done = self.check(f"{promise}: it runs", gostackdump, self.fixture, ours, arguments, sources)
        if not done:
            return
        self.check(f"{promise}: status and statistics", lambda: check_dump(self.fixture, done, ours, **expected))
        options = ["-root", self.fixture.root, "-parked", self.fixture.parked, "-total", str(self.fixture.goroutines)]
        # Each plugin has a runtime.goexit of its own, where goroutines end that it started: Go lists their stacks apart.
        if KINDS[self.kind].plugins:
            options.append("-sum")
        if prefix:
            options += ["-prefix", str(prefix)]
            if self.mode == "all" and not self.own_depth:
                options += [f"-deep={function}={n}" for function, n in DEEPEST.items()]
        self.check(promise, compare, self.fixture.own, ours, *options)

    def texts(self):
        """The profile in text is that of the program's own, byte for byte."""
        own = [os.path.join(self.folder, f"own.debug{n}") for n in (1, 2)]
        ours = [self.path("ours.text"), self.path("ours.txt")]
        done = self.check("text and stacks: it runs", gostackdump, self.fixture, self.path("both.pb.gz"),
                          ["-o", "text:" + ours[0], "-o", ours[1]])
        if not done:
            return
        self.check("text and stacks: status and statistics",
                   lambda: check_dump(self.fixture, done, self.path("both.pb.gz")))
        self.check("text is debug=1", compare_text, own[0], ours[0], self.fixture.parked)
        self.check("stacks is debug=2", compare_stacks, own[1], ours[1], self.fixture.parked)

    def without_a_stop(self, name):
        """Everything that is said of each goroutine is what is said with a stop, apart from how long it waits by now."""
        def goroutines(more, path):
            done = gostackdump(self.fixture, path, more)
            need(done.returncode == 0, f"exit status {done.returncode}: {done.stderr.strip()}")
            with open(path) as f:
                capture, *found = map(json.loads, f)
            return capture["mode"], [{k: v for k, v in g.items() if k not in ("wait_ns", "wait_minutes")} for g in found]
        mode, stopped = goroutines(["--system"], self.path(name + ".jsonl"))
        need(mode == "atomic", f"the moment was taken in mode {mode}")
        mode, running = goroutines(["--system", "--nonblocking"], self.path(name + "-nonblocking.jsonl"))
        need(mode == "nonblocking", f"--nonblocking gave mode {mode}")
        need(len(stopped) == len(running), f"{len(running)} goroutines, not {len(stopped)}")
        for a, b in zip(stopped, running):
            if a["status"] == "running":  # main in its raw system call, in mode neverrun
                need(b["unreadable"] == "running" and [f["function"] for f in b["frames"]] == ["gostackdump.unreadable:running"],
                     f"a running goroutine has a stack without a stop: {b}")
                for value in (a, b):
                    value.update(unreadable=None, frames=None, stack=None)
        differ = [(a, b) for a, b in zip(stopped, running) if a != b]
        need(not differ, f"{len(differ)} goroutines differ; the first: {differ[:1]}")

    def frame_pointers(self, name):
        """Frame pointers alone may not reach every goroutine, but what they give is right, and the rest is counted."""
        ours = self.path(name + ".pb.gz")
        done = gostackdump(self.fixture, ours, ["--unwind", "fp", "--max-frames", "go"])
        unreadable = done.stats.get("unreadable", -1)
        need(done.returncode == (1 if unreadable else 0), f"exit status {done.returncode}: {done.stderr.strip()}")
        # Blind: system calls up to Go 1.22, and what a panic killed on a stack that moved (more of it under -race, -asan).
        may_miss = max(1, self.fixture.goroutines // 7)
        need(unreadable <= may_miss, f"{unreadable} of {self.fixture.goroutines} goroutines without a stack")
        compare(self.fixture.own, ours, "-root", self.fixture.root, "-frame-pointers", f"-unreadable={unreadable}")

    def refused(self, name, sources, missing):
        """A source that the program has not got is refused by name, and nothing is written."""
        ours = self.path(name + ".pb.gz")
        done = gostackdump(self.fixture, ours, ["--max-frames", "go"], sources)
        need(done.returncode == 2, f"exit status {done.returncode}, not 2: {done.stderr.strip()}")
        need(re.search(missing, done.stderr, re.I), f"the message does not name what is missing: {done.stderr.strip()}")
        need(not os.path.exists(ours), "a file was written")

    def sources(self, key, names):
        for name in names:
            stat = {f"{key}_source": name}
            if name in KINDS[self.kind].lacks:
                self.check(f"{key}={name} is refused", self.refused, f"{key}-{name}", f"{key}={name}", MISSING[name])
            else:
                go_cut = ["--max-frames", "go"]
                self.equal(f"{key}={name} gives the same profile", f"{key}-{name}", go_cut, f"{key}={name}", **stat)

    def quiet(self):
        """The fixture itself writes the same profile again."""
        again = self.path("last.pb.gz")
        self.fixture.profile(again)
        compare(self.fixture.own, again, "-root", self.fixture.root, "-parked=runtime/pprof.writeGoroutine")

    def no_leftovers(self):
        left = [name for name in os.listdir(self.folder) if not re.fullmatch(r"[\w-]+\.((pb\.gz|jsonl)(\.stats)?|debug[12]|text|txt)|stderr", name)]
        need(not left, f"files were left behind: {left}")

    def all_checks(self):
        go_cut = ["--max-frames", "go"]
        limit = frame_limit(self.go)
        self.equal("the dump equals the fixture's own profile", "cut", go_cut)
        self.equal("without a cut it goes on where Go cut", "whole", prefix=limit)
        self.equal("--unwind table gives the same profile", "table", ["--unwind", "table", *go_cut])
        if self.mode != "neverrun":
            self.equal("--nonblocking gives the same profile", "nonblocking", ["--nonblocking", *go_cut], mode="nonblocking",
                       pause_ns=0, stops=0, threads=0)
        if not self.own_depth:
            self.check("--nonblocking says the same of each goroutine", self.without_a_stop, "stopped")
        self.check("--unwind fp gives nothing else", self.frame_pointers, "fp")
        if self.mode != "neverrun":
            self.texts()
        if self.mode == "all":
            self.sources("allgs", ALLGS)
            self.sources("layout", LAYOUTS)
            self.check("go tool pprof reads it", check_readers, self.path("cut.pb.gz"), self.fixture.goroutines)
        self.check("the fixture is left alone", self.fixture.check_untouched)
        if self.mode != "neverrun":
            self.check("the fixture stood still", self.quiet)
        self.check("nothing is left behind", self.no_leftovers)

    def scale_checks(self):
        """Correct at 100,000, and no slower than the program itself."""
        self.equal("the dump equals the fixture's own profile", "cut", ["--max-frames", "go"])
        # Something else may take the machine for a moment: a second and a third look then. It must be faster in one.
        ratio = 1
        for _ in range(TIMED_ROUNDS):
            ratio = self.timed_ratio()
            if ratio < 1:
                break
        self.check("the fixture is left alone", self.fixture.check_untouched)
        self.check("the fixture stood still", self.quiet)
        self.check("a dump is faster than the program's own profile", need, ratio < 1, f"ratio {ratio:.2f}")

    def timed_ratio(self):
        """Our wall time by the program's own, of five runs each in turn."""
        ours, theirs, pauses = [], [], []
        for n in range(TIMED_RUNS):
            theirs.append(self.fixture.profile(self.path("own-timed.pb.gz")))
            path = self.path(f"timed-{n}.pb.gz")
            start = time.monotonic_ns()
            done = gostackdump(self.fixture, path, ["--max-frames", "go"])
            ours.append(time.monotonic_ns() - start)
            self.check("a timed dump succeeds", check_dump, self.fixture, done, path)
            pauses.append(done.stats.get("pause_ns", 0))
        ratio = statistics.median(ours) / statistics.median(theirs)
        milliseconds = [[round(t / 1e6, 1) for t in times] for times in (ours, theirs, pauses)]
        print(f"{self.go} {self.kind}: wall {milliseconds[0]} ms, the program's own {milliseconds[1]} ms, "
              f"ratio of medians {ratio:.2f}; pause {milliseconds[2]} ms")
        return ratio

    def run(self):
        """Returns how many checks failed."""
        try:
            self.fixture = self.check("the fixture starts", Fixture, self.go, self.kind, self.mode, self.folder)
            if self.fixture:
                self.scale_checks() if self.mode == "many" else self.all_checks()
                self.check("the fixture ends by itself", self.fixture.finish)
        finally:
            if self.fixture:
                self.fixture.close()
            if self.failures and os.environ.get("GSD_KEEP"):
                print(f"kept: {self.folder}")
            else:
                shutil.rmtree(self.folder)
        print(f"{self.go} {self.kind} {self.mode}: {self.checks - self.failures} of {self.checks} checks hold", flush=True)
        return self.failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--own-depth", action="store_true")
    parser.add_argument("go")
    parser.add_argument("kind")
    parser.add_argument("mode", nargs="+", choices=MODES)
    options = parser.parse_args()
    if not os.environ.get("GOSTACKDUMP"):
        parser.error("GOSTACKDUMP does not name the tool")
    failures = sum(Case(options.go, options.kind, mode, options.own_depth).run() for mode in options.mode)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
