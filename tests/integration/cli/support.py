# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the command line share: the program, targets for it, and one way to run it."""

import atexit
import collections
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOSTACKDUMP = os.environ.get("GOSTACKDUMP", str(ROOT / "build/release/src/gostackdump"))
TIMEOUT = 60

Result = collections.namedtuple("Result", "status out err")


def environment(**changes):
    """The environment of the program: nothing of the tester's terminal."""
    values = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR", "GOSTACKDUMP_SOURCES")}
    return {**values, "TERM": "xterm", "LC_ALL": "C.UTF-8", **changes}


def run(*arguments, env=None, **how):
    """Runs gostackdump with its output into pipes; out is bytes, err is text."""
    how.setdefault("stdout", subprocess.PIPE)
    how.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(
        [GOSTACKDUMP, *map(str, arguments)], stderr=subprocess.PIPE, timeout=TIMEOUT, env=environment(**(env or {})), **how
    )
    return Result(done.returncode, done.stdout, done.stderr.decode("utf-8", "surrogateescape"))


def read_terminal(controller):
    """All that is written to the terminal, until its last writer is gone. Closes the controller."""
    out = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # EIO: the last writer is gone
            break
        if not part:
            break
        out += part
    os.close(controller)
    return out


def run_on_terminal(*arguments, env=None):
    """Runs gostackdump with standard output on a terminal of its own; out is what the terminal got."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [GOSTACKDUMP, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
        env=environment(**(env or {})),
    )
    os.close(terminal)
    out = read_terminal(controller)
    err = process.stderr.read().decode("utf-8", "surrogateescape")
    process.stderr.close()
    return Result(process.wait(TIMEOUT), out, err)


def go_command():
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


_build = None


def build_directory():
    """A directory for what these tests build; it goes when they end."""
    global _build
    if _build is None:
        _build = tempfile.mkdtemp(prefix="gostackdump-cli-")
        os.chmod(_build, 0o755)
        atexit.register(shutil.rmtree, _build, ignore_errors=True)
    return pathlib.Path(_build)


def sample_server():
    """The program of tools/sample-server, built once."""
    path = build_directory() / "sample-server"
    if not path.exists():
        go_env = {key: value for key, value in os.environ.items() if key != "GOFLAGS"}
        go_env.update(CGO_ENABLED="0", GOFLAGS="-buildvcs=false")
        subprocess.run(
            [go_command(), "build", "-o", str(path), "."], cwd=ROOT / "tools/sample-server", env=go_env, check=True
        )
    return path


WAITING_PROGRAM = """package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
"""


def program_of_go(release, architecture="amd64"):
    """A program of another Go release or for another architecture, built once."""
    path = build_directory() / ("go%s-%s" % (release, architecture)) / "program"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "main.go").write_text(WAITING_PROGRAM)
        (path.parent / "go.mod").write_text("module program\n\ngo 1.17\n")
        go_env = {key: value for key, value in os.environ.items() if key not in ("GOFLAGS", "GOENV")}
        # Settings of the user may name flags that the old go does not know; the proxy is the default one then.
        proxy = subprocess.run([go_command(), "env", "GOPROXY"], capture_output=True, text=True, check=True).stdout.strip()
        go_env.update(CGO_ENABLED="0", GOENV="off", GOTOOLCHAIN="go" + release, GOPROXY=proxy, GOARCH=architecture)
        subprocess.run([go_command(), "build", "-o", str(path), "."], cwd=path.parent, env=go_env, check=True)
    return path


def program_of_old_go():
    """A program of Go 1.17: the newest one that is not supported."""
    return program_of_go("1.17.13")


class Target:
    """A process to look at; it ends with its standard input, and so with this test at the latest."""

    def __init__(self, command, **how):
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **how)
        self.pid = self.process.pid

    def ready(self):
        """Waits for the line that the target prints when it is what the test wants to see."""
        self.line = self.process.stdout.readline()
        assert self.line.startswith(b"ready"), self.line
        return self

    def end(self, kill=False):
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(TIMEOUT)


def server(path=None, *arguments):
    return Target([path or sample_server(), *arguments]).ready()


class TestCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="gostackdump-cli-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def assert_status(self, expected, result):
        self.assertEqual(expected, result.status, result.err)

    def assert_message(self, result, *parts):
        """Standard error begins as every message does and contains PARTS."""
        self.assertTrue(result.err.startswith("gostackdump: "), result.err)
        for part in parts:
            self.assertIn(part, result.err)


class ServerTestCase(TestCase):
    """Tests that look at one sample server."""

    @classmethod
    def setUpClass(cls):
        cls.server = server()
        cls.addClassCleanup(cls.server.end)
        cls.pid = cls.server.pid


def main():
    """Runs the tests of the calling file. A skipped test fails the run: prerequisites are installed, not skipped."""
    program = unittest.main(exit=False, verbosity=2)
    if program.result.skipped or program.result.testsRun == 0:
        sys.exit("a test was skipped, or none ran")
    sys.exit(not program.result.wasSuccessful())
