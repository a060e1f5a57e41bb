# SPDX-License-Identifier: BSD-3-Clause
"""Whether the frames of a stack can stand above each other: each caller really calls."""

import collections

# Calls that the runtime injects: the frame above is where it was, at any instruction.
INJECTED = {"runtime.sigpanic", "runtime.sigpanic0", "runtime.asyncPreempt", "runtime.debugCallV1", "runtime.debugCallV2"}

# What stands for a function that was called: these save a made-up pc for whoever looks (runtime/asm_amd64.s).
STAND_INS = {("runtime.systemstack", "runtime.systemstack_switch"), ("runtime.asmcgocall", "runtime.systemstack_switch")}

# These jump through a register to a wrapper that no profile shows, which calls what it was handed.
CALLS_ANYTHING = {"runtime.reflectcall"}


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
