# SPDX-License-Identifier: BSD-3-Clause
"""How far long work has come, on standard error when that is a terminal: what is drawn, when, and that it goes again."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from support import GOSTACKDUMP, TIMEOUT, Target, TestCase, build_directory, environment, go_command, main, read_terminal, run, server

MANY = 150000
MANY_PROGRAM = """package main

import (
	"fmt"
	"io"
	"os"
	"sync"
)

func main() {
	var begun sync.WaitGroup
	never := make(chan bool)
	for i := 0; i < %d; i++ {
		begun.Add(1)
		go func() {
			begun.Done()
			<-never
		}()
	}
	begun.Wait()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
""" % MANY

DRAWING = re.compile(r"\r([^\r\n]*?) *\r")
BAR = re.compile(r"^(\S.*?) +\[([#.]+)\] +(\d+)% of (\d+)$")


def program_of_many():
    path = build_directory() / "many/program"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "main.go").write_text(MANY_PROGRAM)
        (path.parent / "go.mod").write_text("module program\n\ngo 1.18\n")
        go_env = {key: value for key, value in os.environ.items() if key != "GOFLAGS"}
        subprocess.run([go_command(), "build", "-o", str(path), "."], cwd=path.parent, check=True,
                       env={**go_env, "CGO_ENABLED": "0"})
    return path


def run_on_terminal(*arguments, columns=80, stdout=None, env=None):
    """Standard error is a terminal of so many COLUMNS, and standard output too unless STDOUT says otherwise."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([GOSTACKDUMP, *map(str, arguments)], stdin=subprocess.DEVNULL,
                               stdout=terminal if stdout is None else stdout, stderr=terminal, env=environment(**(env or {})))
    os.close(terminal)
    out = read_terminal(controller)
    return process.wait(TIMEOUT), out.decode().replace("\r\n", "\n")


def screen_of(text):
    """What a terminal shows of TEXT in the end: a carriage return goes back, and what follows overwrites."""
    lines = []
    for line in text.split("\n"):
        shown, column = [], 0
        for character in line:
            if character == "\r":
                column = 0
                continue
            shown[column:column + 1] = character
            column += 1
        lines.append("".join(shown).rstrip(" "))
    return "\n".join(lines)


def formats():
    """What --help lists under "Formats", but what is not for a terminal."""
    listed = run("--help").out.decode().split("\nFormats ")[1].split("\n\n")[0]
    names = [name for name in re.findall(r"^  (\S+)", listed, re.MULTILINE) if not name.startswith("pprof") and name != "raw"]
    assert {"report", "jsonl", "html"} <= set(names), listed
    return names


def phases_of(drawings):
    """The phases in the order in which they were first drawn."""
    names = [BAR.match(drawing).group(1) if BAR.match(drawing) else drawing for drawing in drawings if drawing]
    return list(dict.fromkeys(names))


class Progress(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.few = server()
        cls.addClassCleanup(cls.few.end)
        cls.many = Target([program_of_many()]).ready()
        cls.addClassCleanup(cls.many.end)

    def dump(self, target, *arguments, **how):
        status, text = run_on_terminal("-p", target.pid, *arguments, **how)
        self.assertEqual(0, status, text)
        return text

    def assert_summary_only(self, text):
        """Whatever was drawn was wiped out before one line came, which is left."""
        self.assertRegex(text, r"\r +\rgostackdump: [^\r]*$")
        self.assertRegex(screen_of(text), r"^gostackdump: (\d+ of )?\d+ goroutines? of [^\n]*\n$")

    def test_phases_are_shown_and_go_away(self):
        text = self.dump(self.many, "--progress", "-o", self.directory / "a.jsonl", "-o", self.directory / "a.pb.gz")
        phases = phases_of(DRAWING.findall(text))
        self.assertEqual(["finding the Go runtime", "looking at goroutines", "reading labels", "naming functions", "writing",
                          "finding equal stacks"], phases)
        self.assert_summary_only(text)

    def test_a_selection_tells_how_far_it_has_come(self):
        text = self.dump(self.many, "--progress", "--filter", "goid>100 and func=main.main.func1", "-o", self.directory / "a.pb.gz")
        bars = [BAR.match(drawing) for drawing in DRAWING.findall(text)]
        selecting = [bar for bar in bars if bar and bar.group(1) == "selecting goroutines"]
        self.assertGreater(len(selecting), 0)
        for bar in selecting:
            self.assertGreaterEqual(int(bar.group(4)), MANY)
        self.assert_summary_only(text)

    def test_a_part_is_that_of_its_total_and_grows(self):
        text = self.dump(self.many, "--progress", "-o", self.directory / "a.jsonl")
        bars = [BAR.match(drawing) for drawing in DRAWING.findall(text)]
        writing = [bar for bar in bars if bar and bar.group(1) == "writing"]
        self.assertGreater(len(writing), 2)
        percents = [int(bar.group(3)) for bar in writing]
        self.assertEqual(sorted(percents), percents)
        self.assertEqual(0, percents[0])
        self.assertGreater(percents[-1], 50)
        for bar in writing:
            self.assertGreaterEqual(int(bar.group(4)), MANY)
            self.assertAlmostEqual(int(bar.group(3)) * len(bar.group(2)) / 100, bar.group(2).count("#"), delta=1)
            self.assertRegex(bar.group(2), r"^#*\.*$")

    def test_a_line_fits_the_terminal(self):
        for columns in (80, 200, 40, 10):
            with self.subTest(columns=columns):
                text = self.dump(self.many, "--progress", "-o", self.directory / "a.report", columns=columns)
                drawings = DRAWING.findall(text)
                self.assertGreater(len(drawings), 3)
                self.assertLess(max(map(len, drawings)), min(columns, 80))
                self.assert_summary_only(text)

    def test_long_work_shows_it_unasked(self):
        text = self.dump(self.many, "-o", self.directory / "a.jsonl", "-o", self.directory / "b.jsonl", "-o",
                         self.directory / "c.jsonl")
        self.assertIn("writing", phases_of(DRAWING.findall(text)))
        self.assert_summary_only(text)

    def test_short_work_does_not(self):
        self.assertNotIn("\r", self.dump(self.few, "-o", self.directory / "a.pb.gz"))

    def test_who_does_not_want_it_does_not_get_it(self):
        for option in ("--no-progress", "-q"):
            with self.subTest(option=option):
                text = self.dump(self.many, option, "-o", self.directory / "a.jsonl", "-o", self.directory / "b.jsonl")
                self.assertNotIn("\r", text)

    def test_what_is_no_terminal_gets_none(self):
        result = run("-p", self.many.pid, "--progress", "-o", self.directory / "a.jsonl")
        self.assert_status(0, result)
        self.assertNotIn("\r", result.err)
        self.assertEqual(1, result.err.count("\n"), result.err)

    def test_a_report_on_the_same_terminal_stands_alone(self):
        """Nothing is drawn once it is written: what stands on the screen is what it is without progress."""
        reports = []
        for option in ("--progress", "--no-progress"):
            screen = screen_of(self.dump(self.few, option))
            reports.append(re.sub(r"\d", "0", screen[:screen.index("gostackdump: ")]))
        self.assertEqual(reports[1], reports[0])
        self.assertIn("goroutines", reports[0])

    def test_nothing_is_drawn_into_what_is_written(self):
        for name in formats():
            with self.subTest(format=name):
                text = self.dump(self.few, "--progress", "-f", name, "-o", "-")
                drawn, _, written = text.rpartition("\r")
                self.assertGreater(len(DRAWING.findall(drawn)), 2)
                self.assertNotIn("\n", drawn)
                self.assertGreater(len(written), 200)

    def test_a_reader_in_a_pipe_has_the_terminal_to_itself(self):
        """Such as less: from its first byte on nothing is drawn."""
        pipe, end = os.pipe()
        with open(pipe, "rb") as reader:
            status, text = run_on_terminal("-p", self.few.pid, "--progress", "-f", "report", stdout=end)
            os.close(end)
            self.assertIn(b"goroutines", reader.read())
        self.assertEqual(0, status, text)
        self.assertNotIn("writing", phases_of(DRAWING.findall(text)))
        self.assert_summary_only(text)

    def test_a_message_stands_in_a_line_of_its_own(self):
        status, text = run_on_terminal("-p", self.few.pid, "--progress", "-o", "jsonl:/dev/full")
        self.assertEqual(2, status)
        self.assertGreater(len(DRAWING.findall(text)), 2)
        self.assertTrue(screen_of(text).startswith("gostackdump: cannot write to /dev/full: No space left on device\n  free "), text)

    def test_a_saved_capture_tells_too(self):
        saved = self.directory / "a.gsd"
        self.dump(self.few, "--progress", "-o", saved)
        status, text = run_on_terminal("--from", saved, "--progress", "-o", self.directory / "a.html")
        self.assertEqual(0, status, text)
        self.assertEqual(["loading the capture", "naming functions", "finding equal stacks", "writing"],
                         phases_of(DRAWING.findall(text)))
        self.assert_summary_only(text)


if __name__ == "__main__":
    main()
