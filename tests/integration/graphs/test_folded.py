# SPDX-License-Identifier: BSD-3-Clause
"""`-f folded`, split as flamegraph.pl splits it; the stacks must be those of jsonl in the same capture."""

import collections
import re

from captures import ParityTestCase, dump, main

# flamegraph.pl: what stands behind the last space is the count; a second number there would be that of another profile.
LINE = re.compile(r"^(.*)\s+?(\d+(?:\.\d*)?)$")


def folded_name(name):
    return name.replace(";", ":")


class Folded(ParityTestCase):
    def setUp(self):
        super().setUp()
        path = self.directory / "a.folded"
        _, self.goroutines = dump(self, self.fixture.pid, path)
        self.lines = path.read_text(encoding="utf-8").split("\n")

    def test_every_stack_is_a_line_with_its_count(self):
        self.assertEqual("", self.lines.pop())
        found = collections.Counter()
        for line in self.lines:
            stack, count = LINE.match(line).groups()
            self.assertIsNone(LINE.match(stack), line)
            self.assertNotIn(stack, found)
            found[stack] = int(count)
        expected = collections.Counter(
            ";".join(folded_name(frame["function"]) for frame in reversed(goroutine["frames"])) for goroutine in self.goroutines
        )
        self.assertEqual(expected, found)
        self.assertTrue(any("[" in stack for stack in found), "no generic function in the fixture")

    def test_another_capture_gives_the_same_file(self):
        again = self.directory / "b.folded"
        dump(self, self.fixture.pid, again)
        self.assertEqual(self.lines, again.read_text(encoding="utf-8").split("\n"))


if __name__ == "__main__":
    main()
