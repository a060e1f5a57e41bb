# SPDX-License-Identifier: BSD-3-Clause
"""What Go programs print about their goroutines (debug=2, runtime.Stack, SIGQUIT), read back; and what of a goroutine as
gostackdump tells it such a dump shows."""

import re

HEADER = re.compile(r"goroutine (?P<goid>\d+)(?: gp=0x(?P<g>[0-9a-f]+) m=(?P<m>nil|\d+)(?: mp=0x[0-9a-f]+)?)?"
                    r" \[(?P<state>[^\]]*)\](?: \{.*\})?:")
CALL = re.compile(r"(?P<function>.+?)\((?P<arguments>[^()]*)\)$")
PLACE = re.compile(r"\t(?P<file>.*):(?P<line>-?\d+)(?: \+0x(?P<offset>[0-9a-f]+))?"
                   r"(?: fp=0x(?P<fp>[0-9a-f]+) sp=0x(?P<sp>[0-9a-f]+) pc=0x(?P<pc>[0-9a-f]+))?$")
CREATED = re.compile(r"created by (?P<function>.+?)(?: in goroutine (?P<parent>\d+))?$")
ORIGIN = re.compile(r"\[originating from goroutine (\d+)\]:$")
ELIDED = re.compile(r"\.\.\.(?:additional|(\d+)) frames elided\.\.\.$")


def number(text, base=16):
    return None if text is None else int(text, base)


class Frame:
    """A function at a line; inlined ones have no arguments in a dump."""

    def __init__(self, function, place, arguments=""):
        self.function, self.inlined = function, arguments == "..."
        self.file, self.line = place["file"], int(place["line"])
        self.offset = number(place["offset"])
        self.fp, self.sp, self.pc = (number(place[key]) for key in ("fp", "sp", "pc"))

    def __repr__(self):
        return f"{self.function} {self.file}:{self.line}"


class Section:
    """The frames of a goroutine or of one of its ancestors."""

    def __init__(self, goid):
        self.goid = goid
        self.frames = []
        self.elided = None  # (frames before the mark, how many were left out; None: not said)
        self.creator = None
        self.parent = None


class Goroutine(Section):
    def __init__(self, found):
        super().__init__(int(found["goid"]))
        self.g = number(found["g"])
        self.m = None if found["m"] in (None, "nil") else int(found["m"])
        words = found["state"].split(", ")
        self.state, self.flags = words[0], set()
        while True:
            flag = re.match(r"(.*) \((scan|leaked)\)$", self.state)
            if not flag:
                break
            self.state = flag[1]
            self.flags.add(flag[2])
        self.minutes, self.locked, self.bubble = 0, False, None
        for word in words[1:]:
            minutes, bubble = re.match(r"(\d+) minutes$", word), re.match(r"synctest (?:bubble|group) (\d+)$", word)
            if minutes:
                self.minutes = int(minutes[1])
            elif word == "locked to thread":
                self.locked = True
            elif bubble:
                self.bubble = int(bubble[1])
            else:
                raise ValueError(f"not part of a state: {word!r}")
        self.ancestors = []


def parse_goroutine(text):
    lines = text.rstrip("\n").split("\n")
    found = HEADER.match(lines[0])
    if not found:
        return None
    goroutine = section = Goroutine(found)
    at = 1
    while at < len(lines):
        line = lines[at]
        created, origin, elided = CREATED.match(line), ORIGIN.match(line), ELIDED.match(line)
        at += 1
        if origin:
            section = Section(int(origin[1]))
            goroutine.ancestors.append(section)
        elif elided:
            section.elided = (len(section.frames), number(elided[1], 10))
        elif line.startswith("\tgoroutine running on other thread"):
            goroutine.flags.add("elsewhere")
        else:
            call = created or CALL.match(line)
            place = PLACE.match(lines[at]) if at < len(lines) else None
            if not call or not place:
                raise ValueError(f"line {at} of goroutine {goroutine.goid} is no frame: {line!r}")
            at += 1
            if created:
                section.creator, section.parent = Frame(call["function"], place), number(call["parent"], 10)
            else:
                section.frames.append(Frame(call["function"], place, call["arguments"]))
    return goroutine


def parse(text):
    """The goroutines of a dump by goid; what is not a goroutine in it is passed over."""
    goroutines = {}
    for part in re.split(r"\n\n", text):
        start = re.search(r"^goroutine \d+ ", part, re.M)
        if not start:
            continue
        goroutine = parse_goroutine(part[start.start():])
        if goroutine:
            if goroutine.goid in goroutines:
                raise ValueError(f"two goroutines {goroutine.goid}")
            goroutines[goroutine.goid] = goroutine
    return goroutines


# ---- what a dump of level 1 shows (runtime/traceback.go, showframe, showfuncinfo, printFuncName) ----


def shorten(function, minor):
    """Type arguments become [...]: from the first bracket to the last one; from 1.27 on each outer pair by itself."""
    if "[" not in function or "]" not in function:
        return function
    if minor < 27:
        return function[:function.index("[")] + "[...]" + function[function.rindex("]") + 1:]
    out, depth = "", 0
    for c in function:
        depth -= c == "]"
        if depth == 0 and c not in "[]":
            out += c
        elif depth == 0:
            out += "[...]" if c == "[" else ""
        depth += c == "["
    return out


def printed(function, minor):
    return "panic" if function == "runtime.gopanic" else shorten(function, minor)


def exported(function, minor):
    """Whether a function of package runtime is exported; from 1.23 on the type of its receiver must be, too."""
    rest = function[len("runtime."):]
    if minor < 23:
        return rest[:1].isascii() and rest[:1].isupper()
    receiver, dot, method = rest.rpartition(".")
    return method[:1].isupper() and (not dot or receiver.lstrip("(*")[:1].isupper())


def shows(function, first, minor):
    if minor >= 25 and function in ("runtime.runFinalizers", "runtime.runCleanups"):
        return True
    if function == "runtime.gopanic":
        return not first
    return "." in function and (not function.startswith("runtime.") or exported(function, minor))


def shown_frames(frames, minor):
    """Of a goroutine's frames (jsonl) those that a dump shows; None: it would show all, wrappers too."""
    shown = []
    for frame in frames:
        if shows(frame["function"], not shown, minor):
            shown.append(frame)
    return shown or None
