# SPDX-License-Identifier: BSD-3-Clause
"""watch where nobody looks: the units of docs/systemd under a systemd of their own, and the line of docs/watch.md
under cron. As they stand there, with the server of another user."""

import datetime
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from support import GOSTACKDUMP, ROOT, TestCase, environment, main, sample_server

HERE = pathlib.Path(__file__).resolve().parent
DUMPS = "/var/lib/gostackdump"
MINUTES = 150  # seconds in which something that happens every minute has happened, and some
NAME = re.compile(r"(\d{8}T\d{6}\.\d{6})Z\.server\.(\d+)\.pb\.gz")
CAPTURE = re.compile(r"server (\d+): (\d+) goroutines, paused \d+\.\d\d ms, took \d+ ms.*, wrote (\S+)$")

SERVER = """[Service]
User=daemon
SyslogIdentifier=server
RuntimeDirectory=server
ExecStartPre=mkfifo /run/server/input
ExecStart=/bin/sh -c 'exec /usr/local/bin/server <> /run/server/input'
"""

SENDMAIL = """#!/bin/sh
cat >> /var/lib/mails
"""


class Machine:
    """Another systemd, in namespaces and a control group of its own, over a copy of this machine's files."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("etc", "bin"):
            (directory / name).mkdir()
        for unit in (ROOT / "docs/systemd").iterdir():
            shutil.copy(unit, directory / "etc")
        (directory / "etc/server.service").write_text(SERVER)
        shutil.copy(GOSTACKDUMP, directory / "bin/gostackdump")
        shutil.copy(sample_server(), directory / "bin/server")
        (directory / "bin/sendmail").write_text(SENDMAIL)
        (directory / "bin/sendmail").chmod(0o755)

    def boot(self):
        with open("/proc/self/mounts") as mounts:
            root = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
        self.group = pathlib.Path(root) / ("gostackdump-test.%d" % os.getpid())
        self.group.mkdir()
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--net", "--cgroup",
             HERE / "machine", self.directory],
            stdin=subprocess.DEVNULL, preexec_fn=lambda: (self.group / "cgroup.procs").write_text("0"),
        )
        self.wait_for(lambda: self.pid() and self.do("systemctl", "is-system-running").stdout == "running\n")

    def pid(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as children:
            return children.read().strip()

    def do(self, *command):
        return subprocess.run(["nsenter", "--target", self.pid(), "--all", "--root", "--wd", *command],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(SYSTEMD_PAGER=""))

    def systemctl(self, *arguments):
        done = self.do("systemctl", *arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def show(self, unit, *properties):
        return self.systemctl("show", "--value", "-p", ",".join(properties), unit).split()

    def log(self, unit, identifier="gostackdump"):
        """What it has said."""
        lines = self.do("journalctl", "--unit", unit, "--identifier", identifier, "--output", "json").stdout
        return [json.loads(line)["MESSAGE"] for line in lines.splitlines()]

    def path(self, path):
        return pathlib.Path("/proc/%s/root" % self.pid()) / path.lstrip("/")

    def files(self):
        """The captures, all of them whole and nothing but captures: moment and pid of each."""
        found = []
        directory = self.path(DUMPS)
        for name in sorted(os.listdir(directory)) if directory.exists() else []:
            match = NAME.fullmatch(name)
            if match is None and name.endswith(".tmp"):
                continue  # being written
            assert match, name
            assert b"main.(*shop).orderWorker" in gzip.decompress((directory / name).read_bytes()), name
            found.append((datetime.datetime.strptime(match[1], "%Y%m%dT%H%M%S.%f"), int(match[2])))
        return found

    def wait_for(self, condition, seconds=MINUTES):
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, self.do("journalctl", "--lines", "15").stdout
            time.sleep(0.1)
        return result

    def wait_for_files(self, count):
        return self.wait_for(lambda: len(files := self.files()) >= count and files)

    def start_server(self):
        """Its pid, once its goroutines are there."""
        said = len(self.log("server", "server"))
        self.systemctl("restart", "server")
        self.wait_for(lambda: len(self.log("server", "server")) > said)
        return int(self.show("server", "MainPID")[0])

    def power_off(self):
        self.process.kill()
        self.process.wait()
        self.wait_for_no_one()
        subprocess.run(["find", self.group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], check=True)

    def wait_for_no_one(self):
        deadline = time.monotonic() + 60
        while "populated 1" in (self.group / "cgroup.events").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)


class UnitTestCase(TestCase):
    def setUp(self):
        super().setUp()
        self.machine = Machine(self.directory)
        self.addCleanup(lambda: self.machine.power_off())
        self.machine.boot()


class Systemd(UnitTestCase):
    def test_the_service(self):
        machine = self.machine
        first = machine.start_server()
        machine.systemctl("start", "gostackdump-watch")
        before, after = (moment for moment, _ in machine.wait_for_files(2))
        self.assertAlmostEqual(60, (after - before).total_seconds(), delta=2)

        second = machine.start_server()
        machine.systemctl("kill", "--signal", "USR1", "gostackdump-watch")
        self.assertEqual([first, first, second], [pid for _, pid in machine.wait_for_files(3)])
        said = machine.log("gostackdump-watch")
        self.assertTrue(any(line.endswith("server %d: it has ended" % first) for line in said), said)

        for _ in range(10):  # most of them while it captures or writes
            machine.systemctl("kill", "--signal", "USR1", "gostackdump-watch")
            machine.systemctl("stop", "gostackdump-watch")
            self.assertEqual(["success", "0"], machine.show("gostackdump-watch", "Result", "ExecMainStatus"))
            self.assertFalse([name for name in os.listdir(machine.path(DUMPS)) if not NAME.fullmatch(name)])
            machine.systemctl("start", "gostackdump-watch")
        machine.systemctl("stop", "gostackdump-watch")
        said = [match for line in machine.log("gostackdump-watch") if (match := CAPTURE.search(line))]
        self.assertEqual(sorted(pathlib.PurePath(match[3]).name for match in said), sorted(os.listdir(machine.path(DUMPS))))
        self.assertTrue(all(int(match[2]) > 100 for match in said))

    def test_the_timer(self):
        machine = self.machine
        machine.start_server()
        machine.systemctl("start", "gostackdump-once.timer")
        for moment, _ in machine.wait_for_files(2):
            self.assertLess(moment.second, 5)
        machine.systemctl("stop", "gostackdump-once.timer")
        machine.wait_for(lambda: machine.show("gostackdump-once", "ActiveState") == ["inactive"])
        self.assertEqual(["success", "0"], machine.show("gostackdump-once", "Result", "ExecMainStatus"))
        self.assertEqual([], machine.log("gostackdump-once"))
        machine.systemctl("stop", "server")
        self.assertNotEqual(0, machine.do("systemctl", "start", "gostackdump-once").returncode)
        self.assertIn("no Go process to capture was found", machine.log("gostackdump-once")[-1])


class Cron(UnitTestCase):
    def test_the_line(self):
        machine = self.machine
        text = (ROOT / "docs/watch.md").read_text().split("## cron")[1]
        line = re.search(r"```\n(.*\n)```", text)[1]
        machine.path("/etc/cron.d/gostackdump").write_text(line)
        machine.do("ln", "-sf", "/usr/local/bin/sendmail", "/usr/sbin/sendmail")
        machine.start_server()
        machine.systemctl("start", "cron")
        machine.wait_for_files(2)
        self.assertFalse(machine.path("/var/lib/mails").exists())
        machine.systemctl("stop", "server")
        mails = machine.wait_for(lambda: machine.path("/var/lib/mails").exists() and machine.path("/var/lib/mails").read_text())
        self.assertIn("no Go process to capture was found", mails)


if __name__ == "__main__":
    main()
