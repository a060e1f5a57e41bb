#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Cores whose end, with all notes, is missing: gcore's, cut at many places and interrupted by itself, and delve's.

    cut.py GO KIND      e.g. cut.py go1.27 pie-stripped

A goroutine that did not run when the core was taken, and whose memory is in what is left, must be what a live capture just
before said of it, although neither registers nor the list of mapped files are there.
"""

import os
import re
import resource
import shutil
import struct

from core import DELVE, Scene, dump, goroutines, play, run
from support import TOOL, equal, fixture, need

PT_LOAD, PT_NOTE = 1, 4
G_SIZE = 512  # more than the runtime's g has


def program_headers(core):
    """(type, offset, address, size in the file) of each, where they begin behind the ELF header."""
    with open(core, "rb") as f:
        header = f.read(64)
        offset, = struct.unpack_from("<Q", header, 32)
        count, = struct.unpack_from("<H", header, 56)
        f.seek(offset)
        table = f.read(56 * count)
    return [(kind, at, address, size)
            for kind, _, at, address, _, size, _, _ in struct.iter_unpack("<IIQQQQQQ", table)]


class Left:
    """What is left of a core that was cut at `size`."""

    def __init__(self, headers, size):
        self.segments = [(address, min(length, max(size - offset, 0)))
                         for kind, offset, address, length in sorted(headers, key=lambda header: header[2])
                         if kind == PT_LOAD]

    def holds(self, start, end):
        for address, length in self.segments:  # several, when they follow each other
            if address <= start < address + length:
                start = address + length
        return start >= end

    def holds_goroutine(self, goroutine):
        g, stack = int(goroutine["g"], 16), goroutine["stack"]
        return self.holds(g, g + G_SIZE) and self.holds(int(stack["sp"], 16), int(stack["high"], 16))


class Cut(Scene):
    def __init__(self, *words):
        super().__init__(*words)
        self.home = os.path.dirname(self.program)  # libraries are there too

    def read(self, core, *more):
        """Exit status, messages, and the goroutines where there are any."""
        shutil.rmtree(self.path("found"), ignore_errors=True)
        os.makedirs(self.path("found"))
        done = run(TOOL, "--max-frames=100000", "--core=" + core, f"-ojsonl:{self.path('found')}/jsonl", *more, status=None)
        need(done.returncode in (1, 2), f"{core}: exit status {done.returncode}: {done.stderr}")
        return done.returncode, done.stderr, goroutines(self.path("found")) if done.returncode == 1 else (None, {})

    def check(self, core, headers, what):
        """Whatever of the live capture's goroutines is in the core is in its capture. Returns how many, and its status."""
        left = Left(headers, os.path.getsize(core))
        status, said, (header, found) = self.read(core, "--exe=" + self.home)
        need("is cut short" in said and "has no notes in it" in said, f"{what}: {said}")
        exact = 0
        for goid, expected in self.expected.items() if status == 1 else ():
            if not left.holds_goroutine(expected):
                need(goid not in found or found[goid]["unreadable"], f"{what}: goroutine {goid} cannot be known")
                continue
            need(goid in found, f"{what}: goroutine {goid} is in it")
            equal(expected, self.as_far_as_known(expected, found[goid], what), f"{what}: goroutine {goid}")
            exact += 1
        if status == 1:
            equal((os.path.realpath(self.program), 0), (header["exe"], header["pid"]), f"{what}: the program, and its pid")
        return exact, status

    @staticmethod
    def as_far_as_known(expected, found, what):
        """What is elsewhere in memory may be missing: labels, which is said, and the thread's m. Its notes are anyway."""
        if found["ambiguous"]:
            need(expected["labels"], f"{what}: goroutine {expected['goid']} has no labels")
            found = {**found, "labels": expected["labels"], "ambiguous": False}
        if expected["thread"] and found["thread"]:
            equal(None, found["thread"]["tid"], f"{what}: the id that thread has outside of the process")
            found = {**found, "thread": {**found["thread"], "tid": expected["thread"]["tid"]}}
        return {**found, "thread": found["thread"] or expected["thread"]}

    def gcore(self, core):
        """Cut before the notes, and in the middle of memory: each tenth part of what is not everything."""
        headers = program_headers(core)
        notes, = (offset for kind, offset, _, _ in headers if kind == PT_NOTE)
        os.truncate(core, notes)
        if "c-shared" not in self.kind:  # a library is where the dynamic linker says that it was
            self.without_the_program(core)
        equal((len(self.expected), 1), self.check(core, headers, "without its notes"), "goroutines, and the exit status")
        self.unfinished(core)
        seen, size = [], notes
        while size > 65536:
            size = size * 4 // 5
            os.truncate(core, size)
            exact, status = self.check(core, headers, f"cut to {size}")
            seen.append((exact, status))
        if "c-shared" not in self.kind:  # else the program's own memory is the last but that of the stack
            equal({1, 2}, {status for _, status in seen}, "the exit statuses")
        equal(sorted(seen, key=lambda pair: -pair[0]), seen, "fewer goroutines the more is missing")

    def without_the_program(self, core):
        """It is named by its build id, and no other one is taken for it."""
        known = run("readelf", "--notes", "--wide", self.program).stdout  # Go's own linker shows its own in memory only
        ids = re.findall(r"Build ID: (\w+)", known) + [run("go", "tool", "buildid", self.program).stdout.strip()]
        status, said, _ = self.read(core)
        need(status == 2 and any(f"(build id {i})" in said or f"(Go build id {i})" in said for i in ids) and
             "--exe FILE" in said and "has no notes" in said, f"no program: {said}")
        other = fixture("go1.18" if self.go != "go1.18" else "go1.27", "default", "busy")
        status, said, _ = self.read(core, "--exe=" + other)
        need(status == 2 and "none of the 1 file given is it" in said, f"another program: {said}")
        status, said, (_, found) = self.read(core, "--exe=" + self.program)
        equal((1, len(self.expected)), (status, len(found)), f"the program itself: {said}")

    def unfinished(self, core):
        """gdb writes the ELF header last."""
        _, _, (_, expected) = self.read(core, "--exe=" + self.home)
        with open(core, "r+b") as f:
            header = f.read(64)
            f.seek(0)
            f.write(bytes(64))
        status, said, (_, found) = self.read(core, "--exe=" + self.home)
        need(status == 1 and "gcore did not finish" in said, f"without an ELF header: {said}")
        equal(expected, found, "without an ELF header")
        with open(core, "r+b") as f:
            f.write(header)

    def needed(self, target, core):
        """How much of gcore's core has all of the program and of its goroutines: about where their last segment ends."""
        addresses = [int(word, 16) for g in self.expected.values() for word in (g["g"], g["stack"]["sp"])]
        addresses += [int(g["stack"]["high"], 16) - 8 for g in self.expected.values()]
        with open(f"/proc/{target.pid}/maps") as f:
            parts = [line.split()[0].split("-") for line in f if os.path.dirname(self.program) + "/" in line]
        addresses += [int(word, 16) for part in parts for word in part]  # what follows is not in the file
        return max(offset + size for kind, offset, start, size in program_headers(core)
                   if kind == PT_LOAD and any(start <= address < start + size for address in addresses)) + 65536 & -4096

    def interrupted(self, target, core):
        """gdb says that it saved a core for which there was no room."""
        size = self.needed(target, core)
        os.remove(core)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        run("gcore", "-o", self.path("gcore"), str(target.pid), status=None, preexec_fn=limit)
        equal(size, os.path.getsize(core), "the size of the core that gdb did not finish")
        with open(core, "rb") as f:
            equal(bytes(64), f.read(64), "its ELF header")
        status, said, (_, found) = self.read(core, "--exe=" + self.home)
        need(status == 1 and "gcore did not finish" in said, f"a gcore without room: {said}")
        equal(sorted(self.expected), sorted(found), "the goroutines of a gcore without room")
        for goid, goroutine in found.items():
            equal(self.expected[goid], self.as_far_as_known(self.expected[goid], goroutine, "no room"),
                  f"no room: goroutine {goid}")

    def delve(self, core):
        """It has all memory, and says only at its end where that belongs: the notes' header is the last of all."""
        size = os.path.getsize(core)
        headers = program_headers(core)
        os.truncate(core, size - 1)
        exact, status = self.check(core, headers, "delve's core without its last byte")
        equal((len(self.expected), 1), (exact, status), "delve's core without its last byte: goroutines, and the exit status")
        status, _, (header, found) = self.read(core)
        equal((1, "[program]", sorted(self.expected)), (status, header and header["exe"], sorted(found)),
              "delve's core without the program")
        for cut in (56 * len(headers), size // 2):
            os.truncate(core, size - cut)
            status, said, _ = self.read(core)
            need(status == 2 and "program headers should be, is missing" in said and "delve writes that last" in said,
                 f"delve's core without {cut} bytes: {said}")

    def play(self):
        with self.start() as target:
            dump([f"--pid={target.pid}"], self.live)
            self.expected = goroutines(self.live)[1]
            run("gcore", "-o", self.path("gcore"), str(target.pid))
            core = self.path(f"gcore.{target.pid}")
            whole = self.path("whole")
            os.link(core, whole)
            self.interrupted(target, core)
            run(DELVE, "attach", str(target.pid), "--allow-non-terminal-interactive=true",
                input=f"dump {self.path('delve')}\nq\nn\n")
        self.gcore(whole)
        self.delve(self.path("delve"))


if __name__ == "__main__":
    play(lambda *where: Cut(*where).play())
