# SPDX-License-Identifier: BSD-3-Clause
"""Files that are no captures, or damaged ones: said with the file and the place, status 2."""

import gzip
import json
import os
import pathlib
import random
import re
import tempfile

from leaker import ENDINGS, Leaker, LeakerTestCase, leaker
from support import main, run

CAPTURE = {"type": "capture", "schema": 1, "pid": 7, "exe": "/srv/shop", "go_version": "go1.27", "goroutines": 1}
GOROUTINE = {"type": "goroutine", "goid": 1, "state": "select", "frames": [{"function": "main.main", "file": "m.go", "line": 3}]}


def lines(*objects):
    return "".join(json.dumps(thing) + "\n" for thing in objects).encode()


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


STRINGS = b"".join(field(6, text) for text in (b"", b"goroutine", b"count", b"main.main", b"m.go"))
TYPE = field(1, field(1, 1) + field(2, 2))
FUNCTION = field(5, field(1, 1) + field(2, 3) + field(4, 4))
LOCATION = field(4, field(1, 1) + field(4, field(1, 1) + field(2, 3)))
SAMPLE = field(2, field(1, b"\x01") + field(2, b"\x05"))
PROFILE = TYPE + STRINGS + FUNCTION + LOCATION + SAMPLE


class Damaged(LeakerTestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gostackdump-diff-")
        cls.addClassCleanup(folder.cleanup)
        cls.place = pathlib.Path(folder.name)
        program = Leaker()
        program("leak", 3)
        program.capture(cls.place / "good")
        program.end()

    def refuse(self, content, *said):
        path = self.directory / "bad"
        path.write_bytes(content)
        for pair in ((path, self.place / "good.jsonl"), (self.place / "good.jsonl", path)):
            result = run("diff", *pair, "--exe", leaker())
            self.assert_status(2, result)
            self.assertEqual(b"", result.out)
            self.assert_message(result, str(path), *said)

    def test_what_is_no_capture(self):
        self.refuse(b"", "it is empty")
        self.refuse(b"goroutine 1 [running]:\n", "byte 0: no capture begins like that", "raw, jsonl, pprof")
        self.refuse(b"\x7fELF", "byte 0")
        os.mkfifo(self.directory / "pipe")
        for path, said in ((self.directory / "nowhere", "No such file"), (self.directory, "it is no regular file"),
                           (self.directory / "pipe", "it is no regular file")):
            result = run("diff", path, self.place / "good.jsonl")
            self.assert_status(2, result)
            self.assert_message(result, str(path), said)

    def test_jsonl_that_is_wrong(self):
        good = lines(CAPTURE, GOROUTINE)
        for content, said in (
            (good[:-1], "line 2 is cut"),
            (good[:-9] + b"\n", "line 2:"),
            (lines(CAPTURE), "line 1 is the last one, with 0 of 1 goroutines"),
            (lines(CAPTURE, CAPTURE, GOROUTINE), "line 2: a second capture"),
            (lines({**CAPTURE, "schema": 2}, GOROUTINE), "line 1: it is of another schema than 1"),
            (lines(CAPTURE, {**GOROUTINE, "goid": "1"}), "line 2: a goroutine without its goid"),
            (lines(CAPTURE, {"type": "goroutine", "goid": 1}), "line 2: a goroutine without its frames"),
            (lines(CAPTURE, {**GOROUTINE, "frames": [{"line": 1}]}), "line 2: frame 0 has no function"),
            (lines(GOROUTINE), "line 1: a goroutine without the capture"),
            (lines({"type": "other"}), "no line of it is a capture"),
            (lines({"kind": "capture"}), "line 1: an object without a type"),
            (b"{\xff\n", "line 1:"),
            (b"{" + b"\"a\":[" * 5000 + b"\n", "line 1:"),
            (b"{" + b" " * (130 << 20), "line 1 is longer than any of a capture"),
            (b'{"a":[' + b"[]," * (1 << 21) + b"[]]}\n", "line 1 has more values than any of a capture"),
        ):
            with self.subTest(said=said):
                self.refuse(content, said)

    def test_profiles_that_would_take_much_more_room_or_time_than_they_have_bytes(self):
        name = field(6, b"x" * (1 << 20))
        locations = b"".join(field(4, field(1, i) + field(4, field(1, 1) + field(2, i))) for i in range(1, 1100))
        sample = field(2, field(1, b"".join(map(varint, range(1, 1100)))) + field(2, b"\x01"))
        for content, said in (
            (PROFILE + field(6, b"") * (1 << 24), "more strings than"),
            (PROFILE + field(5, b"") * (1 << 22), "more functions than"),
            (PROFILE + field(4, b"") * (1 << 22), "more locations than"),
            (PROFILE + field(2, b"") * (1 << 24), "more samples than"),
            (TYPE + STRINGS.replace(field(6, b"main.main"), name) + FUNCTION + locations + sample, "names are longer than"),
        ):
            with self.subTest(said=said):
                self.refuse(gzip.compress(content, 1), said)

    def test_profiles_that_are_wrong(self):
        inflated = gzip.compress(PROFILE)
        for content, said in (
            (inflated[:-1], "the file is not whole"),
            (inflated[:20], "the file is not whole"),
            (inflated[:-6] + b"\0\0\0\0" + inflated[-2:], "byte"),
            (gzip.compress(b""), "it is a profile, but not one of goroutines"),
            (gzip.compress(TYPE + STRINGS.replace(b"goroutine", b"space-use")), "not one of goroutines"),
            (gzip.compress(PROFILE[:-1]), "byte %d of the profile: no field" % (len(PROFILE) - len(SAMPLE))),
            (gzip.compress(PROFILE + b"\x07"), "byte %d of the profile: no field" % len(PROFILE)),
            (gzip.compress(PROFILE.replace(LOCATION, b"")), "a sample at a location that is not there"),
            (gzip.compress(PROFILE.replace(FUNCTION, b"")), "a line of a function that is not there"),
            (gzip.compress(PROFILE + field(2, field(1, b"\x80"))), "a malformed list of locations"),
            (gzip.compress(PROFILE + field(2, field(2, b"\x01\x01"))), "more values than there are types"),
            (gzip.compress(PROFILE + field(2, field(2, varint(2**64 - 3)))), "is it a difference?"),
            (gzip.compress(PROFILE + field(2, field(2, varint(2**63 - 1)))
                           + field(2, field(2, varint(2**63 - 1))) + field(2, field(2, varint(2**63 - 1)))), "more goroutines than can be counted"),
        ):
            with self.subTest(said=said):
                self.refuse(content, said)

    def test_a_small_file_that_unpacks_to_much_is_refused(self):
        zeros = gzip.compress(b"\x0a\x00" * (1 << 20))
        self.refuse(zeros, "more sample types")
        lines_of_one = field(4, field(1, 9) + field(4, field(1, 1)) * 1000)
        many = field(2, field(1, b"\x09" * (1 << 20)) + field(2, b"\x01"))
        self.refuse(gzip.compress(TYPE + STRINGS + FUNCTION + lines_of_one + many), "more frames than any stack has")

    def test_the_hand_made_ones_are_good_otherwise(self):
        for content in (gzip.compress(PROFILE), PROFILE, gzip.compress(PROFILE[:9]) + gzip.compress(PROFILE[9:])):
            path = self.directory / "good"
            path.write_bytes(content)
            other = self.directory / "good.jsonl"
            other.write_bytes(lines(CAPTURE, GOROUTINE))
            result = run("diff", other, path)
            self.assert_status(0, result)
            self.assertIn("+4 goroutines: 1 → 5", result.out.decode())

    def test_damaged_at_random_it_is_refused_or_compared(self):
        chance = random.Random(7)
        for ending in ENDINGS:
            good = (self.place / ("good" + ending)).read_bytes()
            unpacked = gzip.decompress(good) if ending.endswith(".gz") else good
            for _ in range(40):
                bad = bytearray(unpacked)
                for _ in range(chance.randint(1, 4)):
                    bad[chance.randrange(len(bad))] = chance.randrange(256)
                path = self.directory / ("bad" + ending)
                path.write_bytes(gzip.compress(bad) if ending.endswith(".gz") else bad)
                result = run("diff", self.place / "good.jsonl", path, "--exe", leaker())
                self.assertIn(result.status, (0, 2), result.err)
                if result.status == 2:
                    self.assertTrue(re.search(re.escape(str(path)), result.err) or "--exe" in result.err, result.err)
                self.assertNotIn(b"\x1b", result.out)
            for length in sorted(chance.sample(range(len(good)), 20)):
                path.write_bytes(good[:length])
                result = run("diff", self.place / "good.jsonl", path, "--exe", leaker())
                self.assert_status(2, result)
                self.assertIn(str(path), result.err)

    def test_the_program_of_a_raw_capture_is_asked_for(self):
        away = self.directory / "away.gsd"
        away.write_bytes((self.place / "good.gsd").read_bytes())
        moved = leaker().rename(leaker().with_name("moved"))
        try:
            result = run("diff", away, self.place / "good.jsonl")
            self.assert_status(2, result)
            self.assertIn("--exe", result.err)
        finally:
            moved.rename(moved.with_name("leaker"))


if __name__ == "__main__":
    main()
