#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Captures that are cut, damaged, of another kind or of a newer version are refused in words, and never end the tool badly."""

import os
import random
import re

from saved import Saved, SavedTestCase, main, run


class Damage(SavedTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls("test_a_whole_one_is_read")
        cls.saved = Saved(case)
        cls.addClassCleanup(case.doCleanups)
        with open(cls.saved.raw, "rb") as f:
            cls.content = f.read()

    def load(self, content):
        path = os.path.join(self.saved.folder, "damaged.gsd")
        with open(path, "wb") as f:
            f.write(content)
        return run("--from", path, "-f", "jsonl")

    def test_a_whole_one_is_read(self):
        self.assert_live(self.saved, self.load(self.content).out)

    def test_what_was_cut_short_is_refused_with_the_place(self):
        for length in sorted({0, 1, 7, 8, 15, 16, 17, 31, 40, len(self.content) // 2, len(self.content) - 16, len(self.content) - 1}):
            with self.subTest(length=length):
                result = self.load(self.content[:length])
                words = ("cut short", f"byte {length}") if length >= 8 else ("damaged.gsd",)
                self.assert_refused(result, *words)

    def test_bytes_that_changed_are_refused(self):
        chance = random.Random(7)
        for place in [chance.randrange(len(self.content)) for _ in range(60)]:
            with self.subTest(place=place):
                content = bytearray(self.content)
                content[place] ^= 1 << chance.randrange(8)
                self.assert_refused(self.load(bytes(content)), "damaged.gsd")

    def test_blocks_that_are_missing_or_follow_the_end_are_refused(self):
        blocks, at = [], 16
        while at < len(self.content):
            length = 16 + int.from_bytes(self.content[at + 8 : at + 12], "little")
            blocks.append(self.content[at : at + length])
            at += length
        self.assertEqual(b"END ", blocks[-1][:4])
        head = self.content[:16]
        for i in range(len(blocks) - 1):
            self.assert_refused(self.load(head + b"".join(blocks[:i] + blocks[i + 1 :])), "checksum")
        self.assert_refused(self.load(self.content + b"\0"), "follow")

    def test_a_newer_version_is_refused_by_name(self):
        newer = self.content[:8] + (2).to_bytes(2, "little") + self.content[10:]
        self.assert_refused(self.load(newer), "2.0", "newer")
        flags = self.content[:12] + (1).to_bytes(4, "little") + self.content[16:]
        self.assert_refused(self.load(flags), "0x1")

    def test_other_files_are_refused_by_what_they_are(self):
        for content in (b"", b"{}\n"):
            self.assert_refused(self.load(content), "damaged.gsd")
        self.assert_refused(self.load(b"\x7fELF" + bytes(100)), "damaged.gsd", "--core")
        self.assert_refused(self.load(b"\x1f\x8b" + bytes(100)), "go tool pprof")
        result = run("--from", os.path.join(self.saved.folder, "no-such-file"))
        self.assert_refused(result, "no-such-file", os.strerror(2))
        self.assert_refused(run("--from", self.saved.folder), self.saved.folder)

    def test_messages_quote_what_a_file_says(self):
        """The tag of a block is the file's: no control character of it reaches the terminal."""
        at = 16
        content = self.content[:at] + b"\x1b[2J" + self.content[at + 4 :]
        result = self.load(content[: at + 20])
        self.assert_status(2, result)
        self.assertFalse(re.search(r"[\x00-\x08\x1b]", result.err))


main()
