# SPDX-License-Identifier: BSD-3-Clause
"""Hold a program at one instruction without tracing it, so that the tool can attach: `jmp .` (EB FE) is written over the
instruction through /proc/PID/mem, and the first thread that comes there spins until the bytes are written back.

Where to hold is found in the disassembly by what the instruction does, never by a number.
"""

import contextlib
import ctypes
import functools
import json
import os
import re
import select
import signal
import struct
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))
TOOL = os.environ.get("GOSTACKDUMP") or os.path.join(ROOT, "build", "release", "src", "gostackdump")
PATIENCE = 30
JUMP_TO_SELF = b"\xeb\xfe"


class Failed(Exception):
    pass


def wait_for(condition, what):
    """Asks again until the condition holds, and returns what it said."""
    end = time.monotonic() + PATIENCE
    while not (answer := condition()):
        if time.monotonic() > end:
            raise Failed(f"waited {PATIENCE} s for {what}")
        time.sleep(0.0005)
    return answer


# ---- the program's text ----


@functools.lru_cache(maxsize=None)
def symbols(path):
    lines = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: int(address, 16) for address, _, name in (line.split(None, 2) for line in lines if line[0] != " ")}


class Instruction:
    def __init__(self, address, text):
        self.address, self.text = address, text


@functools.lru_cache(maxsize=None)
def disassemble(path, function):
    """The instructions of a function, without padding."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--disassemble=" + function, path],
                          capture_output=True, text=True, check=True).stdout
    found = [Instruction(int(m[1], 16), re.sub(r"\s+", " ", m[2]).strip())
             for m in re.finditer(r"^\s+([0-9a-f]+):\t(.*)$", text, re.M)]
    if not found:
        raise Failed(f"{path} has no {function}")
    return [i for i in found if i.text != "int3"]


def index_of(path, function, pattern, which):
    hits = [n for n, i in enumerate(disassemble(path, function)) if re.search(pattern, i.text)]
    if not -len(hits) <= which < len(hits):
        raise Failed(f"{function} has {len(hits)} of {pattern}")
    return hits[which]


def call_of(function):
    return rf"^call .*<{re.escape(function)}(\.abi0)?>"


def at(function, pattern, which=0):
    """The address of an instruction of a function."""
    return lambda path: disassemble(path, function)[index_of(path, function, pattern, which)].address


def after(function, pattern, which=0):
    """The address of the instruction behind it."""
    return lambda path: disassemble(path, function)[index_of(path, function, pattern, which) + 1].address


def entry(function):
    return lambda path: disassemble(path, function)[0].address


# ---- looking at threads ----

PTRACE_GETREGS, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 12, 17, 0x4206, 0x4207
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def trace(request, tid, data=None):
    if libc.ptrace(request, tid, None, data) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {tid}")


def program_counter(tid):
    """Where a thread is; it runs on. None: it has ended."""
    registers = (ctypes.c_ulonglong * 27)()
    try:
        trace(PTRACE_SEIZE, tid)
        trace(PTRACE_INTERRUPT, tid)
        _, status = os.waitpid(tid, WALL)
        if not os.WIFSTOPPED(status):
            return None
        trace(PTRACE_GETREGS, tid, registers)
        pending = os.WSTOPSIG(status) if status >> 16 == 0 else 0
        trace(PTRACE_DETACH, tid, pending)
    except OSError:
        return None
    return registers[16]


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def status_of(pid, tid=None):
    with open(f"/proc/{pid}/task/{tid or pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def state_of(pid, tid=None):
    return status_of(pid, tid)["State"][0]


# ---- the program ----


class Program:
    """The fixture `hold`."""

    def __init__(self, go, kind="default", **environment):
        self.path = os.path.join(FIXTURES, "go" + go, kind, "hold")
        self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env={**os.environ, **environment})
        self.pid = self.process.pid
        self.memory = os.open(f"/proc/{self.pid}/mem", os.O_RDWR)
        self.holds = {}
        self.expect(f"ready {self.pid}")

    def expect(self, line):
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise Failed(f"waited {PATIENCE} s for {line!r}")
        got = self.process.stdout.readline().rstrip("\n")
        if got != line:
            raise Failed(f"the program said {got!r} instead of {line!r}; status {self.process.poll()}")

    def has_said(self, line):
        """Whether it has said that; it says nothing else."""
        if select.select([self.process.stdout], [], [], 0)[0]:
            self.expect(line)
            return True
        return False

    def tell(self, action):
        self.process.stdin.write(action + "\n")
        self.process.stdin.flush()

    def do(self, action):
        self.tell(action)
        self.expect("done " + action)

    def word(self, name):
        return struct.unpack("<q", os.pread(self.memory, 8, symbols(self.path)[name]))[0]

    def set(self, name, value):
        os.pwrite(self.memory, struct.pack("<i", value), symbols(self.path)[name])

    def hold(self, place):
        """Threads that come to PLACE spin there from now on."""
        address = place(self.path) if callable(place) else place
        self.holds[address] = os.pread(self.memory, 2, address)
        os.pwrite(self.memory, JUMP_TO_SELF, address)
        return address

    def let_go(self, addresses=None):
        """Takes the holds at these addresses away; None: all of them."""
        for address in list(self.holds) if addresses is None else addresses:
            os.pwrite(self.memory, self.holds.pop(address), address)

    def held_at(self, address):
        """The thread that spins at an address, or None."""
        for tid in threads(self.pid):
            try:
                if state_of(self.pid, tid) == "R" and program_counter(tid) == address:
                    return tid
            except FileNotFoundError:
                pass
        return None

    def await_held(self, address):
        return wait_for(lambda: self.held_at(address), "a thread to be held")

    def go_on(self, address):
        """Moves the thread that is held on to ADDRESS."""
        if address in self.holds:
            raise Failed("it is there already")
        before = list(self.holds)
        self.hold(address)
        self.let_go(before)
        return self.await_held(address)

    def hold_instead(self, addresses, place):
        """Takes the holds at these addresses away and holds at PLACE. The program stands still meanwhile: the bytes may overlap."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_for(lambda: {state_of(self.pid, tid) for tid in threads(self.pid)} == {"T"}, "the stop")
        self.let_go(addresses)
        address = self.hold(place)
        os.kill(self.pid, signal.SIGCONT)
        return address

    def finish(self):
        """Ends as it should: all goroutines come to their end."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        status = self.process.wait(PATIENCE)
        if status != 0 or rest not in ("", "PASS\n"):
            raise Failed(f"the program ended with status {status} and said {rest!r}")

    def close(self):
        os.close(self.memory)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- the tool ----


@contextlib.contextmanager
def environment(**changes):
    """Sets variables, or leaves those alone that are empty."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in changes.items() if value})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Goroutine:
    def __init__(self, fields):
        self.fields = fields
        self.frames = [frame["function"] for frame in fields["frames"]]

    def __getattr__(self, name):
        return self.fields[name]

    def __repr__(self):
        shown = {k: v for k, v in self.fields.items() if v and k in ("goid", "status", "wait_reason", "unreadable", "scan", "never_run", "locked", "leaked", "bubble")}
        return f"{shown} {' < '.join(self.frames)}"


class Dump:
    def __init__(self, status, err, lines, seconds):
        self.exit, self.err, self.seconds = status, err, seconds
        self.goroutines = [Goroutine(line) for line in lines if line["type"] == "goroutine"]

    def of(self, *functions):
        """The goroutines on whose stacks one of these functions is."""
        return [g for g in self.goroutines if any(f in g.frames for f in functions)]


def dump(program, *options, traced_by="0"):
    """All goroutines of the program. The tool must have left it as it was, and as traced as it was."""
    pid = program.pid
    before = {tid: state_of(pid, tid) for tid in threads(pid)}
    start = time.monotonic()
    done = subprocess.run([TOOL, "-q", "--max-pause=10s", f"--pid={pid}", "--system", "-f", "jsonl", "-o", "-",
                           *options], capture_output=True, text=True, timeout=PATIENCE)
    seconds = time.monotonic() - start
    for tid in threads(pid):
        status = status_of(pid, tid)
        if status["TracerPid"] not in ("0", traced_by):
            raise Failed(f"thread {tid} is still traced by {status['TracerPid']}")
        was_stopped, is_stopped = before.get(tid, "?") == "T", status["State"][0] == "T"
        if was_stopped and not is_stopped:  # the kernel wakes it at the detach, to stop again
            wait_for(lambda: state_of(pid, tid) == "T", f"thread {tid} to be stopped again")
            is_stopped = True
        if was_stopped != is_stopped:
            raise Failed(f"thread {tid} went from {before.get(tid)} to {status['State']}")
    return Dump(done.returncode, done.stderr, [json.loads(line) for line in done.stdout.splitlines()], seconds)
