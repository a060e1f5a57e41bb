# SPDX-License-Identifier: BSD-3-Clause
"""Which frames of a stack a walk by frame pointers shows: all but those that the instructions hide, and no other.

Bp points to the frame of a function from where it has set it (`mov %rsp,%rbp`, up to Go 1.20 `lea N(%rsp),%rbp`) to where it
gives it back (`pop %rbp`, up to Go 1.20 `mov N(%rsp),%rbp`): at each instruction outside of that, and in all of a function
that never sets it, bp is that of a caller. The walk goes from the frame that bp points to to the caller of that frame: the
caller of a function that has no frame pointer is hidden, and nothing else is.

All addresses are of real frames, with those of wrappers that the compiler made and tracebacks leave out: one of those can
be what was interrupted as well as any other function, and then hides who called it.
"""

import itertools
import re
import subprocess

# Whose frame bp points to: the function's own; that of a caller; a word below sp, where a caller of duffzero and duffcopy
# puts its frame pointer for them (cmd/internal/obj/x86/obj6.go, ADUFFZERO); or it is no frame pointer.
OWN, CALLER, LENT, NONE = "own", "caller", "lent", "none"

# A call that the runtime injects, and the first Go version in which the pc below is taken for the instruction itself.
EXACT_SINCE = {"runtime.sigpanic": 18, "runtime.sigpanic0": 18, "runtime.asyncPreempt": 21, "runtime.debugCallV2": 21}

INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t([^#<\n]*)", re.M)
SETS = re.compile(r"mov +%rsp,%rbp|lea +(?:0x(\w+))?\(%rsp\),%rbp")
LENDS = re.compile(r"lea +-0x\w+\(%rsp\),%rbp")
SPILLS = re.compile(r"mov +%rbp,(?:0x(\w+))?\(%rsp\)")
GIVES_BACK = re.compile(r"pop +%rbp|leave|mov +(?:0x(\w+))?\(%rsp\),%rbp")
# runtime/asm_amd64.s, systemstack: from g.sched (runtime/runtime2.go, gobuf.bp), when it comes back to the goroutine's stack.
FROM_SCHED = "runtime.systemstack", re.compile(r"mov +0x6[08]\(%rax\),%rbp")
TAKES_BACK = re.compile(r"mov +0x0\(%rbp\),%rbp")
WRITES = re.compile(r"(?!cmp|test|push|bt |nop).*%[er]bp$")
JUMP = re.compile(r"(?:bnd |notrack )?j\w+ +([0-9a-f]+)")
ENDS = re.compile(r"(?:bnd |notrack |repz )?(?:ret|ud2|int3|jmp)")
PADDING = re.compile(r"nop|xchg +%ax,%ax|data16")
# The first instructions of a function that saves bp, the check of the stack's size aside, and how they end.
PROLOGUE = re.compile(rb"\x55\x48\x89\xe5|\x48\x89\x6c\x24.\x48\x8d\x6c\x24.|\x48\x89\xac\x24....\x48\x8d\xac\x24....", re.S)
PROLOGUE_WITHIN = 64


class Flow:
    """The states that can be before each instruction of a function, along all of its jumps."""

    def __init__(self, name, code):
        self.name, self.code = name, code
        self.after = dict(zip(code, list(code)[1:]))
        self.slots = set()  # where it has saved its caller's bp
        self.spilled = {}  # ... and where bp as it was
        self.states = {}
        begin = [(next(iter(code)), CALLER)]
        while begin:
            self._spread(begin)
            # What no jump leads to is reached through a table, from the middle of the function.
            rest = [address for address in code if address not in self.states]
            begin = [(rest[0], OWN if any(OWN in found for found in self.states.values()) else CALLER)] if rest else []

    def _spread(self, begin):
        """What stands behind a call comes last and never counts against a jump: the call may be one that does not return."""
        behind_calls = []
        while begin or behind_calls:
            surely = len(begin) > 0
            address, state = begin.pop() if surely else behind_calls.pop()
            found = self.states.setdefault(address, set())
            if state in found or (found and not surely):
                continue
            found.add(state)
            text = self.code[address]
            state = self._changed(text, state)
            jump = JUMP.match(text)
            if jump and jump[1] and int(jump[1], 16) in self.code:
                begin.append((int(jump[1], 16), state))
            if address in self.after and not ENDS.match(text):
                doubtful = text.startswith("call") or (PADDING.match(text) and not surely)
                (behind_calls if doubtful else begin).append((self.after[address], state))

    def _changed(self, text, state):
        """The state behind an instruction."""
        if found := SETS.fullmatch(text):
            self.slots.add(found[1])
            return OWN
        if LENDS.fullmatch(text):
            return LENT
        if TAKES_BACK.fullmatch(text):
            return OWN if state == LENT else NONE
        if self.name == FROM_SCHED[0] and FROM_SCHED[1].fullmatch(text):
            return OWN
        if found := SPILLS.fullmatch(text):
            self.spilled[found[1]] = state
        if found := GIVES_BACK.fullmatch(text):
            return CALLER if found[1] is None or found[1] in self.slots else self.spilled.get(found[1], NONE)
        return NONE if WRITES.match(text) else state


class FramePointers:
    """What the code of one executable does with bp."""

    def __init__(self, executable):
        self.executable = executable
        self.functions = {}

    # ---- one instruction ----

    def at(self, address):
        """Whose frame bp can point to before the instruction that an address lies in: mostly one state. Assembly with a loop
        that uses bp for something else has two, where the loop may have run or not."""
        function = self.executable.function(address)
        if function is None:
            return {NONE}
        if self._is_call_in_body(function, address):
            return {OWN}
        if function.entry not in self.functions:
            self.functions[function.entry] = self._follow(function)
        states = self.functions[function.entry]
        starts = [start for start in states if start <= address]
        return states[max(starts)] if starts else {NONE}

    def _is_call_in_body(self, function, address):
        """Whether it is a call behind a usual prologue, as most frames are, and not that of more stack."""
        prologue = PROLOGUE.search(self.executable.at(function.entry, PROLOGUE_WITHIN))
        call = self.executable.call_before(address + 1)
        if prologue is None or call is None or address < function.entry + prologue.end():
            return False
        target = call[1] and self.executable.function(call[1]).name
        return target is not None and not target.startswith(("runtime.morestack", "runtime.duff"))

    def _follow(self, function):
        """Address of an instruction -> state before it, in a function."""
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address={function.entry:#x}",
                               f"--stop-address={function.end:#x}", self.executable.path],
                              capture_output=True, text=True, check=True).stdout
        return Flow(function.name, {int(m[1], 16): m[2].strip() for m in INSTRUCTION.finditer(text)}).states

    # ---- a stack ----

    def shows(self, whole):
        """The stacks that a walk by frame pointers can give of a whole one, addresses as they are shown: one, as a rule; none
        where it cannot get to the end."""
        possible = itertools.product(*(sorted(self._of_frame(whole, i)) for i in range(len(whole))))
        return [stack for states in possible if (stack := self._shows(whole, states)) is not None]

    def _shows(self, whole, states):
        if set(states) != {CALLER}:
            return self._follow_frames(whole, states)
        # There is no frame pointer yet, or no more: our walk sees then that the return address is that of goexit.
        return whole if len(whole) == 1 else None

    def _follow_frames(self, whole, states):
        shown, at = [0] if whole else [], 0
        while at < len(whole):
            at = next((i for i in range(at, len(whole)) if states[i] != CALLER), None)
            if at is None or states[at] == NONE or (states[at] == LENT and at == 0):
                return None
            if states[at] == LENT:
                shown.append(at)
            at += 1
            shown.append(at)
        shown = shown[:-1]
        return whole[:1] + [self._shown(whole, inner, i) for inner, i in zip(shown, shown[1:])]

    def _name(self, address):
        function = self.executable.function(address)
        return function and function.name

    def _is_exact(self, callee):
        return self.executable.minor >= EXACT_SINCE.get(self._name(callee), 1000)

    def _of_frame(self, whole, i):
        """Below an injected call the address is that of any instruction, or one before it."""
        injected = i > 0 and self._name(whole[i - 1]) in EXACT_SINCE
        return self.at(whole[i] + (injected and not self._is_exact(whole[i - 1])))

    def _shown(self, whole, inner, i):
        """How frame i is shown when frame `inner` is taken for its callee."""
        saved = whole[i] + (not self._is_exact(whole[i - 1]))
        return saved if self._is_exact(whole[inner]) else saved - 1
