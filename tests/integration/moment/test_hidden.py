#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A function that no traceback shows is interrupted at each of its instructions, and the thread is held at each one of
the call that was injected there that matters: --unwind=fp hides its caller exactly where bp is the caller's.

    test_hidden.py GO       e.g. test_hidden.py 1.22

The function is the wrapper that the compiler makes for `defer all.Done()` in main.start.func1 of the fixture hold. It is held
by a `jmp .`; within ten milliseconds sysmon finds that it runs for too long, and preempts it right there.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hold"))

import frame_pointers  # noqa: E402
import gocode  # noqa: E402
import hold  # noqa: E402

WRAPPERS = {"main.start.func1.1", "main.start.func1.deferwrap1"}
DEFERS = "main.start.func1"
PREEMPT, PREEMPT2 = "runtime.asyncPreempt", "runtime.asyncPreempt2"


def interruptible(path, wrapper):
    """Where it may be preempted: behind the check of the stack's size, which is no safe point, up to where it returns."""
    code = hold.disassemble(path, wrapper)
    first = hold.index_of(path, wrapper, r"^jbe", 0) + 1
    last = hold.index_of(path, wrapper, r"^ret", 0)
    return code[first:last + 1]


def places(path):
    """The injected call: before it has a frame pointer, with it, in what it calls, and when it has given it back."""
    code = hold.disassemble(path, PREEMPT + ".abi0")
    call = hold.index_of(path, PREEMPT + ".abi0", hold.call_of(PREEMPT2), 0)
    other = hold.disassemble(path, PREEMPT2)
    mcall = hold.index_of(path, PREEMPT2, hold.call_of("runtime.mcall"), -1)
    return [i.address for i in (*code[:3], code[call], *other[:3], other[mcall], *code[-2:])]


class Held:
    """What the three ways to unwind say of the goroutine that is held, as addresses."""

    def __init__(self, program, executable, wrapper):
        self.executable = executable
        auto, table, self.frame_pointers = (self.look(program, mode) for mode in ("auto", "table", "fp"))
        self.goid, self.whole = next(((goid, stack) for goid, stack in auto.items()
                                      if stack and wrapper in map(self.name, stack)), (None, None))
        if self.whole is None or self.whole != table.get(self.goid):
            raise hold.Failed(f"{self.whole} and {table.get(self.goid)} of the one goroutine in {wrapper}")
        self.shown = self.frame_pointers.get(self.goid)

    @staticmethod
    def look(program, mode):
        dump = hold.dump(program, "--unwind=" + mode, "--no-symbolize")
        return {g.goid: None if g.unreadable else [int(f["pc"], 16) for f in g.fields["frames"]] for g in dump.goroutines}

    def name(self, address):
        function = self.executable.function(address)
        return function and function.name

    def names(self, stack):
        return [self.name(address) for address in stack or []]


def check(held, wrapper, rules, at, place):
    """Only what the two functions at these two instructions hide is missing."""
    where = f"{wrapper} interrupted at {at.address:#x} ({at.text}), held at {place:#x}"
    names = held.names(held.whole)
    if names[names.index(wrapper) - 1:] != [PREEMPT, wrapper, DEFERS] or names.index(wrapper) > 2:
        raise hold.Failed(f"{where}: {names}")
    injected_has_frame = rules.at(held.whole[names.index(PREEMPT)]) == {frame_pointers.OWN}
    wrapper_has_frame = rules.at(at.address) == {frame_pointers.OWN}
    innermost_has_frame = names[0] == PREEMPT or rules.at(held.whole[0]) == {frame_pointers.OWN}
    hidden = ([PREEMPT] if not innermost_has_frame else []) + ([wrapper] if not injected_has_frame else []) + \
        ([DEFERS] if not wrapper_has_frame else [])
    if held.names(held.shown) != [name for name in names if name not in hidden] or [held.shown] != rules.shows(held.whole):
        raise hold.Failed(f"{where}: frame pointers show {held.names(held.shown)}, hidden should be {hidden}")
    return tuple(hidden)


def main():
    go = sys.argv[1]
    with hold.Program(go) as program:
        wrapper = next(iter(WRAPPERS & hold.symbols(program.path).keys()))
        executable = gocode.Executable(program.path, int(go.split(".")[1]))
        rules = frame_pointers.FramePointers(executable)
        program.do("spin")
        seen, before, place = set(), [], None
        for at in interruptible(program.path, wrapper):
            program.hold_instead(before, at.address)
            if not before:
                program.do("unspin")
            before = []
            for place in places(program.path):
                program.hold_instead(before, place)
                before = [place]
                program.await_held(place)
                seen.add(check(Held(program, executable, wrapper), wrapper, rules, at, place))
            before = [at.address, place]
        program.let_go()
        program.finish()
    print(f"go{go}: hidden were {sorted(seen)}")
    if not {(), (DEFERS,), (wrapper,), (wrapper, DEFERS), (PREEMPT,), (PREEMPT, DEFERS)} <= seen:
        sys.exit("not everything was seen that can be hidden")


main()
