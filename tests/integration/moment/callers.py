# SPDX-License-Identifier: BSD-3-Clause
"""Whether the frames of a stack can stand above each other: each caller really calls."""

import collections
import itertools

# Calls that the runtime injects: the frame above is where it was, at any instruction.
INJECTED = {"runtime.sigpanic", "runtime.sigpanic0", "runtime.asyncPreempt", "runtime.debugCallV1", "runtime.debugCallV2"}

# What stands for a function that was called: these save a made-up pc for whoever looks (runtime/asm_amd64.s).
STAND_INS = {("runtime.systemstack", "runtime.systemstack_switch"), ("runtime.asmcgocall", "runtime.systemstack_switch")}

# These jump through a register to a wrapper that no profile shows, which calls what it was handed.
CALLS_ANYTHING = {"runtime.reflectcall"}

# Assembly without a frame of its own: frame pointers pass over who called it.
HIDES_CALLER = ("runtime.systemstack_switch", "runtime.gcWriteBarrier")
PUSH_BP = b"\x55"
MOST_LOST = 4


class Callers:
    """Judges stacks of one executable, each pair of frames once."""

    def __init__(self, executable):
        self.executable = executable
        self.judged = {}
        self.counts = collections.Counter()

    def wrong(self, addresses):
        """What is wrong with a stack: its addresses, each inside the instruction that it stands for, innermost first."""
        found = []
        for inner, outer in zip(addresses, addresses[1:]):
            callee = self.executable.function(inner)
            key = callee and callee.entry, outer
            if key not in self.judged:
                self.judged[key] = self._judge(callee, outer)
            verdict, text = self.judged[key]
            self.counts[verdict] += 1
            if verdict == "wrong":
                found.append(text)
        return found

    def was_left_at(self, function, address):
        """Whether a goroutine can have stopped running there: at a call, or where the runtime says that it switched."""
        return function is not None and (function.name == "runtime.systemstack_switch" or
                                         self.executable.call_before(address + 1) is not None)

    def describe(self, addresses):
        return " ".join(f"{f.name}+{a - f.entry:#x}" if f else f"{a:#x}"
                        for a in addresses for f in [self.executable.function(a)])

    def _judge(self, callee, outer):
        caller = self.executable.function(outer)
        if callee is None or caller is None:
            return "wrong", f"no function at {callee and callee.name} below {caller and caller.name} ({outer:#x})"
        if callee.name in INJECTED or (callee.name, caller.name) == ("runtime.cgocallback", "runtime.systemstack_switch"):
            return "injected", ""
        call = self.executable.call_before(outer + 1)
        if call is None:
            return "wrong", f"{caller.name} does not call before {outer + 1:#x}, below it is {callee.name}"
        if call[0] == "indirect":
            return "indirect", ""
        called = self.executable.function(call[1])
        if called == callee:
            return "direct", ""
        if called.name in CALLS_ANYTHING:
            return "through", ""
        if (called.name, callee.name) in STAND_INS or self.executable.leads_to(called, callee):
            return "through", ""
        return "wrong", f"{caller.name} at {outer + 1:#x} calls {called.name}, not {callee.name}"


def lost_by_frame_pointers(executable, whole, stack):
    """How many frames a stack by frame pointers lacks, None when it is not the whole stack without such frames.

    A function that was interrupted where it has not saved the frame pointer, or that never does, hides its caller: the
    innermost one, and one below a call that was injected.
    """
    hidden = [i for i in range(len(whole)) if hides(executable, whole, i)]
    for lost in range(min(len(hidden), MOST_LOST) + 1):
        if len(stack) + lost != len(whole):
            continue
        for missing in itertools.combinations(hidden, lost):
            rest = [i for i in range(len(whole)) if i not in missing]
            if all(same_frame(executable, stack, n, whole, i, i - 1 in missing) for n, i in enumerate(rest)):
                return lost
    return None


def hides(executable, whole, i):
    """Whether what is inside of frame i of a stack can hide it from a walk by frame pointers."""
    if i > 1:
        return (never_saves(executable, executable.function(whole[i - 1])) or
                name_at(executable, whole[i - 2]) in INJECTED)
    call = executable.call_before(whole[0] + 1) if i == 0 else ("direct", None)
    # The innermost one: when a wrapper, which is not shown, was just called by it.
    return call is not None and (i == 1 or call[0] == "indirect" or executable.function(call[1]).wrapper)


def never_saves(executable, function):
    """Whether a function never saves the frame pointer. Up to Go 1.20 systemstack is one, and so is gosave_systemstack_switch,
    which it calls while it is still on the goroutine's stack: then two callers are hidden."""
    return (function.name.startswith(HIDES_CALLER) or
            (function.name == "runtime.systemstack" and executable.at(function.entry, len(PUSH_BP)) != PUSH_BP))


def name_at(executable, address):
    function = executable.function(address)
    return function and function.name


def same_frame(executable, stack, n, whole, i, inner_is_lost):
    """Whether frame n of a stack is frame i of the whole one. One next to a lost one that was interrupted may pass for that
    one: its pc is then taken for exact. Where the injected call itself is lost, the pc that it interrupted is taken for that
    of a call."""
    return (stack[n] == whole[i] or
            (n > 0 and stack[n] == whole[i] + 1 and name_at(executable, stack[n - 1]) in INJECTED) or
            (inner_is_lost and stack[n] == whole[i] - 1 and name_at(executable, whole[i - 1]) in INJECTED))
