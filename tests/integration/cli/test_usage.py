# SPDX-License-Identifier: BSD-3-Clause
"""Arguments: what is wrong usage, and that the help, the manual and the parser agree. Needs no target."""

import os
import re
import subprocess

from support import GOSTACKDUMP, ROOT, TestCase, environment, main, run

# Arguments, and what the message must name. No process is looked at: wrong usage is found first.
WRONG = [
    ([], "-p"),
    (["-p"], "-p needs PID"),
    (["--pid"], "--pid needs PID"),
    (["-p", "0"], "-p '0'"),
    (["-p", "-1"], "-p '-1'"),
    (["-p", "12x"], "-p '12x'"),
    (["-p", "99999999999999999999"], "-p '99999999999999999999'"),
    (["-p", ""], "-p ''"),
    (["-p", "1", "-p", "1"], "-p 1 is given twice"),
    (["-p", "1", "-o"], "-o needs [FORMAT:]PATH"),
    (["-p", "1", "-o", ""], "-o ''"),
    (["-p", "1", "-o", "report:"], "-o 'report:'"),
    (["-p", "1", "-o", "-", "-o", "-"], "-o '-' is given twice"),
    (["-p", "1", "-o", "a.pb.gz", "-o", "report:a.pb.gz"], "-o 'a.pb.gz' is given twice"),
    (["-p", "1", "-o", "d/", "-o", "d/"], "-o 'd/' is given twice"),
    (["-p", "1", "-p", "2", "-o", "a.pb.gz"], "-o 'a.pb.gz'"),
    (["-p", "1", "-p", "2", "-o", "-"], "-o '-'"),
    (["-p", "1", "-p", "2"], "-o"),
    (["-p", "1", "-f", "nonsense"], "unknown format 'nonsense'"),
    (["-p", "1", "-f", "prof"], "did you mean pprof"),
    (["-p", "1", "-f", "reprot"], "did you mean report"),
    (["-p", "1", "-o", "nonsense:a"], "unknown format 'nonsense'"),
    (["-p", "1", "--unwind", "dwarf"], "--unwind 'dwarf'"),
    (["-p", "1", "--max-frames", "0"], "--max-frames '0'"),
    (["-p", "1", "--max-frames", "many"], "--max-frames 'many'"),
    (["-p", "1", "--max-frames=4294967295"], "--max-frames '4294967295'"),
    (["-p", "1", "--max-pause", "0s"], "--max-pause '0s'"),
    (["-p", "1", "--max-pause", "5"], "--max-pause '5'"),
    (["-p", "1", "--max-pause", "-1s"], "--max-pause '-1s'"),
    (["-p", "1", "--max-pause", "1d"], "--max-pause '1d'"),
    (["-p", "1", "--max-pause", ".s"], "--max-pause '.s'"),
    (["-p", "1", "--max-pause", "1s2"], "--max-pause '1s2'"),
    (["-p", "1", "--max-pause", "9999999999h"], "--max-pause '9999999999h'"),
    (["-p", "1", "--nonblocking=yes"], "--nonblocking takes no argument"),
    (["-p", "1", "--nonblocking", "--native"], "--native needs the registers of stopped threads"),
    (["-p", "1", "--stats", ""], "--stats"),
    (["-p", "1", "--no-symbolize", "-f", "stacks"], "stacks is made of names"),
    (["-p", "1", "--no-symbolize", "-o", "text:a"], "text is made of names"),
    (["-p", "1", "--no-symbolize", "--filter", "func~x"], "names"),
    (["-p", "1", "--limit", "0"], "--limit '0'"),
    (["-p", "1", "--limit", "5:"], "--limit '5:'"),
    (["-p", "1", "--limit", "5:x"], "--limit '5:x'"),
    (["-p", "1", "--limit", "99999999999999999999999999999999999"], "--limit '9999"),
    (["-p", "1", "--filter", ""], "a test is missing\n  \n  ^\n"),
    (["-p", "1", "--filter", "locked", "--filter", "é=1 "], "\n  é=1 \n  ^\n"),
    (["-p", "1", "--filter", "label.'é'=1 and foo"], "\n  label.'é'=1 and foo\n                  ^\n"),
    (["-p", "1", "--stats", "-"], "--stats '-'"),
    (["-p", "1", "--stats", "/dev/stdout", "-o", "-"], "--stats '/dev/stdout'"),
    (["-p", "1", "--outptu", "a"], "did you mean --output"),
    (["-p", "1", "--quiet=yes"], "--quiet takes no argument"),
    (["-p", "1", "-Z"], "-Z"),
    (["-p", "1", "-qZ"], "-Z"),
    (["-p", "1", "extra"], "'extra'"),
    (["-p", "1", "--", "extra"], "'extra'"),
    (["4242"], "-p 4242"),
    (["dmup", "-p", "1"], "'dmup'"),
]

# Promised by the contract for later: refused today, so that they never mean something else.
NOT_BUILT_COMMANDS = ["explain"]
NOT_BUILT_FORMATS = ["dot"]
NOT_BUILT_ENDINGS = [".dot"]


class Usage(TestCase):
    def assert_wrong(self, arguments, *named, env=None):
        result = run(*arguments, env=env)
        self.assert_status(64, result)
        self.assertEqual(b"", result.out)
        self.assert_message(result, *named)

    def test_wrong_usage_is_64_and_names_what_is_wrong(self):
        for arguments, named in WRONG:
            with self.subTest(arguments=arguments):
                self.assert_wrong(arguments, named)

    def test_what_is_not_built_yet_is_wrong_usage(self):
        for command in NOT_BUILT_COMMANDS:
            with self.subTest(command=command):
                self.assert_wrong([command, "-p", "1"], command)
        for name in NOT_BUILT_FORMATS:
            with self.subTest(format=name):
                self.assert_wrong(["-p", "1", "-f", name], name)
                self.assert_wrong(["-p", "1", "-o", name + ":file"], name)
        for ending in NOT_BUILT_ENDINGS:
            with self.subTest(ending=ending):
                self.assert_wrong(["-p", "1", "-o", "file" + ending], ending)
                self.assert_wrong(["-p", "1", "-f", "report", "-o", "file" + ending], ending)

    def test_sources_in_the_environment_are_checked(self):
        for text in ("allgs=", "allgs=nowhere", "layout=scan", "allgs=scan;layout=dwarf", "scan", "allgs=scan+"):
            with self.subTest(text=text):
                self.assert_wrong(["-p", "1"], "GOSTACKDUMP_SOURCES", env={"GOSTACKDUMP_SOURCES": text})

    def test_terminal_escapes_of_arguments_are_quoted(self):
        for text, shown in (("\x1b[2J", "\\x1b[2J"), ("a\nb", "a\\x0ab"), ("\u009b1m", "\\xc2\\x9b1m"), ("é", "é")):
            with self.subTest(text=text):
                result = run(text)
                self.assert_status(64, result)
                self.assert_message(result, "'%s'" % shown)


def commands():
    """The names of all commands, as the help lists them."""
    listed = re.search(r"^Commands.*:\n((?:  .*\n)+)", run("--help").out.decode(), re.M).group(1)
    return re.findall(r"^  (\w+) ", listed, re.M)


class Help(TestCase):
    def help(self, *command):
        result = run(*command, "--help")
        self.assert_status(0, result)
        self.assertEqual("", result.err)
        return result.out.decode()

    def test_help_fits_eighty_columns(self):
        self.assertIn("watch", commands())
        for command in commands():
            for line in self.help(command).splitlines():
                with self.subTest(command=command, line=line):
                    self.assertLessEqual(len(line), 80)
                    self.assertEqual(line.rstrip(), line)

    def test_help_is_the_same_however_it_is_asked_for(self):
        for arguments in (["-h"], ["dump", "--help"], ["dump", "-h"], ["-p", "1", "--help", "--nonsense"]):
            self.assertEqual(self.help().encode(), run(*arguments).out)

    def test_help_has_exit_statuses_and_examples(self):
        text = self.help()
        for part in ("Exit status:", "\n  64 ", "Examples:", "gostackdump -p 4242"):
            self.assertIn(part, text)

    def test_wrong_usage_points_to_the_help_of_its_command(self):
        for command in commands():
            with self.subTest(command=command):
                named = "" if command == "dump" else " " + command
                self.assert_message(run(command, "--nonsense"), "unknown option '--nonsense'",
                                    "  'gostackdump%s --help' lists the options" % named)

    def test_the_help_of_watch_and_run_says_that_they_write_into_directories(self):
        for command in ("watch", "run"):
            self.assertIn("[FORMAT:]DIR", self.help(command))
            self.assert_message(run(command, "-o", "-", *(["-p", "1", "--once"] if command == "watch" else ["--", "true"])),
                                "into a directory")

    def test_every_option_in_the_help_is_understood(self):
        options = re.findall(r"(--[a-z-]+)", "\n".join(re.findall(r"^  (?:-.,|   ) --\S+", self.help(), re.M)))
        self.assertGreater(len(options), 10)
        for option in options:
            with self.subTest(option=option):
                self.assertNotIn("unknown option", run(option).err)

    def test_what_is_not_built_yet_is_not_in_the_help(self):
        text = self.help()
        for name in NOT_BUILT_ENDINGS:
            self.assertNotRegex(text, re.escape(name) + r"\b")
        for command in NOT_BUILT_COMMANDS:
            self.assertNotRegex(text, r"gostackdump %s\b" % command)

    def test_version(self):
        for option in ("-V", "--version"):
            result = run(option)
            self.assert_status(0, result)
            self.assertRegex(result.out.decode(), r"^gostackdump \d+\.\d+\.\d+\n$")

    def test_help_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "wb") as full:
            result = run("--help", stdout=full)
        self.assert_status(2, result)
        self.assert_message(result, "standard output", os.strerror(28))


class Manual(TestCase):
    def manual(self):
        return (ROOT / "docs/gostackdump.1").read_text()

    def test_manual_has_the_options_of_the_program(self):
        """docs/HACKING.md says how to write that part anew."""
        part = re.search(r'^\.\\" begin --help-manual\n(.*)^\.\\" end --help-manual$', self.manual(), re.M | re.S)
        self.assertEqual(run("--help-manual").out.decode(), part.group(1))

    def test_manual_has_the_synopsis_of_each_command_and_source(self):
        synopsis = re.search(r"^\.SH SYNOPSIS\n(.*?)^\.SH", self.manual(), re.M | re.S).group(1)
        synopsis = re.sub(r"^\.[A-Z]+|\s+|\"", "", synopsis.replace("\\-", "-"), flags=re.M)
        for command in commands():
            usage = re.search(r"^Usage: gostackdump (.*?)\n\n", run(command, "--help").out.decode(), re.M | re.S).group(1)
            ways = usage.removesuffix("[options]").removeprefix("[dump]").split(" | ") if command == "dump" else [usage]
            for way in ways:
                with self.subTest(command=command, way=way):
                    self.assertIn("gostackdump" + "[dump]" * (command == "dump") + re.sub(r"\s+", "", way), synopsis)

    def test_manual_names_the_version(self):
        self.assertIn(run("--version").out.decode().strip(), self.manual().splitlines()[1])

    def test_manual_names_each_key_of_the_statistics(self):
        from test_dump import INTEGERS, STRINGS

        words = set(re.findall(r"\w+", self.manual()))
        self.assertEqual(set(), set(INTEGERS + STRINGS) - words)


class Environment(TestCase):
    def test_closed_standard_descriptors_are_no_trap(self):
        """A file that is opened must not become standard output."""
        result = subprocess.run(
            ["sh", "-c", 'exec "$0" -V >&-', GOSTACKDUMP], stderr=subprocess.PIPE, env=environment(), timeout=60
        )
        self.assertEqual(2, result.returncode)
        self.assertIn(b"standard output", result.stderr)


if __name__ == "__main__":
    main()
