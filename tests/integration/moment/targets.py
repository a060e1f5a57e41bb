# SPDX-License-Identifier: BSD-3-Clause
"""What is looked at: a fixture that is never still, or the Go compiler while it compiles the standard library."""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))

# How often one compiler is looked at: there are hundreds, each at its own work.
LOOKS_AT_A_COMPILER = 4


def process_words(pid):
    """The words of /proc/PID/stat from the state on, None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as f:
            return f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def seconds_worked(pid):
    """Seconds of a processor that a process has had, 0 when it is gone."""
    words = process_words(pid)
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK") if words else 0


def ended(pid):
    words = process_words(pid)
    return words is None or words[0] in "ZX"


def ends(pid):
    """Whether a process that has begun to exit is gone in the end: on a busy machine that takes a while."""
    limit = time.monotonic() + 60
    while not ended(pid):
        if time.monotonic() > limit:
            return False
        time.sleep(0.002)
    return True


class Fixture:
    """One process, always the same."""

    def __init__(self, go, name, *arguments):
        kind = "cgo" if name == "callbacks" else "default"
        self.exe = os.path.join(FIXTURES, go, kind, name)
        self.process = subprocess.Popen([self.exe, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        ready = select.select([self.process.stdout], [], [], 60)[0] and self.process.stdout.readline()
        if ready != f"ready {self.process.pid}\n":
            self.process.kill()
            sys.exit(f"moment: {self.exe} did not get ready")

    def next(self):
        return self.process.pid

    def may_end(self):
        return False

    def problems(self):
        if self.process.poll() is not None:
            return [f"the program ended: {self.process.returncode}"]
        with open(f"/proc/{self.process.pid}/status") as f:
            return [] if "TracerPid:\t0\n" in f.read() else ["the program is still traced"]

    def close(self):
        self.process.kill()
        self.process.wait()


class Compilers:
    """The compilers that `go build -a std` runs: each lives for a moment."""

    def __init__(self, go):
        with open(os.path.join(ROOT, "tests", "fixtures", "matrix")) as f:
            release = next(line.split()[0] for line in f if line.startswith(go[2:] + "."))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
        self.env.update(GOTOOLCHAIN="go" + release, GOFLAGS="", GOWORK="off", CGO_ENABLED="0")
        root = subprocess.run(["go", "env", "GOROOT"], env=self.env, cwd="/", capture_output=True, text=True, check=True)
        self.go = os.path.join(root.stdout.strip(), "bin", "go")
        self.exe = os.path.join(root.stdout.strip(), "pkg", "tool", "linux_amd64", "compile")
        self.folder = tempfile.mkdtemp(prefix="moment.")
        self.build = None
        self.looks = {}
        self.builds = 0
        self.failures = 0

    def _start(self):
        shutil.rmtree(os.path.join(self.folder, "cache"), ignore_errors=True)
        os.makedirs(os.path.join(self.folder, "cache"))
        env = dict(self.env, GOTOOLCHAIN="local", GOCACHE=os.path.join(self.folder, "cache"))
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.build = subprocess.Popen([self.go, "build", "-a", "std"], env=env, cwd=self.folder, start_new_session=True,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.builds += 1

    def _compilers(self):
        for name in os.listdir("/proc"):
            words = process_words(name) if name.isdigit() else None
            if words is None or int(words[1]) != self.build.pid:
                continue
            try:
                if os.readlink(f"/proc/{name}/exe") == self.exe:
                    yield int(name), words[19]  # the time of its start: numbers of processes come again
            except OSError:
                continue

    def next(self):
        """A compiler that runs now and was not looked at too often."""
        limit = time.monotonic() + 300
        while time.monotonic() < limit:
            if self.build is None or self.build.poll() is not None:
                if self.build is not None and self.build.returncode != 0:
                    self.failures += 1
                self._start()
            found = [key for key in self._compilers() if self.looks.get(key, 0) < LOOKS_AT_A_COMPILER]
            if found:
                key = random.choice(found)
                self.looks[key] = self.looks.get(key, 0) + 1
                return key[0]
            time.sleep(0.002)  # until the next one is started: not synchronisation, a look around
        sys.exit("moment: no compiler was seen for five minutes")

    def may_end(self):
        return True

    def problems(self):
        if self.failures == 0:
            return []
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            return [f"the build failed: {f.read()[-1000:]}"]

    def close(self):
        if self.build is not None and self.build.poll() is None:
            os.killpg(self.build.pid, signal.SIGKILL)
        if self.build is not None:
            self.build.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def target(go, name, *arguments):
    return Compilers(go) if name == "compile" else Fixture(go, name, *arguments)
