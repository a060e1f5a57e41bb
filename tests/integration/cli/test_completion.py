# SPDX-License-Identifier: BSD-3-Clause
"""Completion in bash, zsh and fish: what the shells themselves make of the scripts."""

import os
import pty
import re
import select
import shlex
import subprocess
import time

from support import GOSTACKDUMP, ServerTestCase, TestCase, environment, main, run

SHELLS = ("bash", "zsh", "fish")


def shown_options(command):
    """The long options in the help of a command."""
    out = run(command, "--help").out.decode()
    return set(re.findall(r"^  (?:-\w, |    )(--[\w-]+)", out, re.MULTILINE))


def commands():
    out = run("--help").out.decode()
    part = out[out.index("\nCommands ") :]
    return re.findall(r"^  (\w+) ", part[: part.index("\n\n")], re.MULTILINE)


class Scripts(TestCase):
    def setUp(self):
        TestCase.setUp(self)
        for shell in SHELLS:
            result = run("--completion", shell)
            self.assert_status(0, result)
            (self.directory / ("_gostackdump" if shell == "zsh" else shell)).write_bytes(result.out)
        os.symlink(GOSTACKDUMP, self.directory / "gostackdump")
        self.env = environment(PATH="%s:%s" % (self.directory, os.environ["PATH"]), HOME=str(self.directory))

    def shell(self, *command):
        done = subprocess.run(command, env=self.env, cwd=self.directory, capture_output=True, text=True, timeout=60)
        self.assertEqual("", done.stderr)
        return done.stdout.split("\n")

    def bash(self, *words):
        """What bash offers for the last of WORDS."""
        script = "source ./bash; COMP_WORDS=(gostackdump %s); COMP_CWORD=%d; _gostackdump; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
            shlex.join(words), len(words))
        return set(filter(None, self.shell("bash", "--norc", "-c", script)))

    def fish(self, line):
        out = self.shell("fish", "--no-config", "-c", "source ./fish; complete -C %s" % shlex.quote("gostackdump " + line))
        return {text.split("\t")[0] for text in out if text}

    def zsh(self, line):
        """The screen after LINE and a Tab in an interactive zsh."""
        (self.directory / ".zshrc").write_text(
            "PROMPT='> '; LISTMAX=10000; fpath=(%s $fpath); autoload -U compinit; compinit -u -D\n"
            "zstyle ':completion:*' menu no; unsetopt zle_bracketed_paste; print ready\n" % self.directory)
        controller, terminal = pty.openpty()
        process = subprocess.Popen(["zsh", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, cwd=self.directory,
                                   env={**self.env, "TERM": "dumb", "COLUMNS": "200", "LINES": "200"}, start_new_session=True)
        os.close(terminal)
        try:
            seen = self.until(controller, b"ready\r\n")
            os.write(controller, b"gostackdump %s\t" % line.encode())
            seen = self.until(controller, None)
        finally:
            process.kill()
            process.wait()
            os.close(controller)
        return seen.decode("utf-8", "replace")

    def until(self, controller, wanted):
        """Reads up to WANTED, or until the shell has been silent for a while after it has said something."""
        seen = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            quiet = not select.select([controller], [], [], 2 if wanted is None and seen.count(b"\n") else 20)[0]
            if quiet:
                break
            seen += os.read(controller, 65536)
            if wanted is not None and wanted in seen:
                break
        return seen

    def test_an_option_that_commands_mean_differently(self):
        everywhere = {"report", "html"}
        for shell in (lambda command: self.bash(command, "-f", ""), lambda command: self.fish(command + " -f ")):
            self.assertEqual(everywhere, shell("diff"))
            self.assertLess(everywhere, shell("dump"))
        self.assertEqual(everywhere, self.bash("diff", "--format", ""))
        self.assertIn("jsonl", self.bash("-f", ""))

    def test_commands(self):
        self.assertEqual(set(commands()), self.bash(""))
        self.assertEqual(set(commands()), self.fish(""))
        self.assertEqual({"watch"}, self.bash("w"))

    def test_each_command_has_its_options_and_no_other(self):
        for command in commands():
            with self.subTest(command=command):
                self.assertEqual(shown_options(command), self.bash(command, "--"))
                self.assertEqual(shown_options(command), {word for word in self.fish(command + " --") if word.startswith("--")})
        self.assertEqual(shown_options("dump"), self.bash("--"))

    def test_values(self):
        formats = self.bash("-f", "")
        self.assertIn("pprof-goroutines", formats)
        self.assertNotIn("dot", formats)
        self.assertEqual(formats, self.fish("-f "))
        self.assertEqual({"auto", "fp", "table"}, self.bash("--unwind", ""))
        self.assertEqual({"plain", "json"}, self.bash("watch", "--log-format", ""))
        self.assertIn("TERM", self.bash("run", "--signal", "T"))
        self.assertEqual({"go"}, self.bash("--max-frames", ""))
        (self.directory / "a file.gsd").touch()
        self.assertEqual({"a file.gsd"}, self.bash("--from", "a"))

    def test_after_two_hyphens_comes_a_command(self):
        self.assertIn("true", self.bash("run", "--", "tru"))

    def test_zsh(self):
        self.assertIn("--max-disk", self.zsh("watch --max-d"))
        screen = self.zsh("run --")
        self.assertIn("--timeout", screen)
        self.assertNotIn("--max-disk", screen)

    def test_another_shell_is_wrong_usage(self):
        result = run("--completion", "tcsh")
        self.assert_status(64, result)
        self.assert_message(result, "--completion 'tcsh'")


class Processes(ServerTestCase):
    setUp, shell, bash, fish = Scripts.setUp, Scripts.shell, Scripts.bash, Scripts.fish

    def test_pids_are_those_of_go_processes(self):
        self.assertIn(str(self.pid), self.bash("-p", ""))
        self.assertIn(str(self.pid), self.fish("-p "))
        self.assertIn("sample-server", self.bash("watch", "--name", "sample"))


if __name__ == "__main__":
    main()
