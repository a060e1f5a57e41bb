# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump run: streams, statuses, signals, and that nothing of the tree is left, whoever dies."""

import ctypes
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from support import GOSTACKDUMP, build_directory, environment, main, sample_server
from support_run import RunTestCase

READY = "echo ready; "
STUBBORN = "trap '' TERM; (setsid sleep 1000 &) ; " + READY + "sleep 1000 & wait; wait"


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as children:
        return [int(child) for child in children.read().split()]


def hopper():
    """A program of which one process is always there, and none for long."""
    path = build_directory() / "hopper"
    if not path.exists():
        source = "#include <time.h>\n#include <unistd.h>\nint main(void) { for (time_t end = time(0) + 60; time(0) < end;) if (fork() > 0) _exit(0); }\n"
        subprocess.run(["cc", "-O1", "-x", "c", "-o", path, "-"], input=source.encode(), check=True)
    return path


def switches(pid):
    """How often it has gone to sleep; 1 << 60 when it has ended."""
    try:
        with open("/proc/%d/status" % pid) as status:
            return int(next(line.split()[1] for line in status if line.startswith("voluntary_ctxt_switches")))
    except (FileNotFoundError, ProcessLookupError):
        return 1 << 60


class Statuses(RunTestCase):
    def test_the_status_is_that_of_the_command(self):
        for script, expected in (("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)):
            with self.subTest(script=script):
                self.assertEqual((expected, b"", ""), self.done("--", "sh", "-c", script))

    def test_what_cannot_be_started(self):
        self.assertEqual(127, self.done("--", "/no/such/command")[0])
        status, _, err = self.done("--", "no-such-command")
        self.assertEqual(127, status)
        self.assertIn("cannot start no-such-command: No such file", err)
        self.assertEqual(126, self.done("--", "/etc")[0])

    def test_streams_are_untouched(self):
        run = self.run_command("--timeout", "1h", "--", "sh", "-c", "cat; echo to stderr >&2", stdin=subprocess.PIPE)
        run.process.stdin.write(b"through\0and\xff")
        run.process.stdin.close()
        run.process.stdin = None
        self.assertEqual((0, b"through\0and\xff", "to stderr\n"), run.end())

    def test_the_command_has_the_dispositions_and_masks_of_its_caller(self):
        plain = subprocess.run(["grep", "^Sig", "/proc/self/status"], stdout=subprocess.PIPE, check=True).stdout
        _, out, _ = self.done("--", "grep", "^Sig", "/proc/self/status")

        def fields(text):
            return {line.split()[0]: line.split()[1] for line in text.splitlines() if not line.startswith(b"SigQ")}

        self.assertEqual(fields(plain), fields(out))

        def ignore():
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN)

        how = {"preexec_fn": ignore, "restore_signals": False}  # as systemd starts services
        plain = subprocess.run(["grep", "^Sig", "/proc/self/status"], stdout=subprocess.PIPE, check=False, **how).stdout
        _, out, _ = self.done("--", "grep", "^Sig", "/proc/self/status", **how)
        self.assertEqual(fields(plain), fields(out))

    def test_the_status_is_not_lost_when_the_caller_ignores_the_end_of_children(self):
        def ignore():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

        self.assertEqual(7, self.done("--timeout", "60s", "--", "sh", "-c", "exit 7", preexec_fn=ignore)[0])
        self.assertEqual(124, self.done("--timeout", "200ms", "--", "sleep", "1000", preexec_fn=ignore)[0])

    def test_a_command_has_a_terminal_as_without_run(self):
        controller, terminal = pty.openpty()
        script = "test -t 0 && test -t 1 && echo yes; ps -o stat= -p $$"
        process = subprocess.Popen(
            ["setsid", "-c", GOSTACKDUMP, "run", "--", "sh", "-c", script],
            stdin=terminal, stdout=terminal, stderr=terminal, env=environment(),
        )
        os.close(terminal)
        out = b""
        try:
            while part := os.read(controller, 4096):
                out += part
        except OSError:
            pass
        os.close(controller)
        self.assertEqual(0, process.wait())
        lines = out.decode().split()
        self.assertEqual("yes", lines[0])
        self.assertIn("+", lines[1])  # in the foreground of its terminal


class Signals(RunTestCase):
    def test_signals_are_handed_on(self):
        for number, name in ((signal.SIGTERM, "TERM"), (signal.SIGINT, "INT"), (signal.SIGHUP, "HUP"),
                             (signal.SIGQUIT, "QUIT"), (signal.SIGUSR2, "USR2")):
            with self.subTest(signal=name):
                run = self.ready("--", "sh", "-c", "trap 'echo got %s; exit 9' %s; %swhile :; do sleep 0.01; done"
                                 % (name, name, READY))
                run.process.send_signal(number)
                self.assertEqual((9, b"got %s\n" % name.encode(), ""), run.end())

    def test_usr1_reports_and_nothing_else(self):
        self.dumps_after(lambda run: run.process.send_signal(signal.SIGUSR1))

    def test_usr1_from_the_command_to_its_parent_reports(self):
        self.dumps_after(lambda run: os.kill(self.keeper(run), signal.SIGUSR1))

    def test_usr1_to_the_group_reports_once(self):
        self.dumps_after(lambda run: os.killpg(run.pid, signal.SIGUSR1))

    @staticmethod
    def keeper(run):
        return int(pathlib.Path("/proc/%d/task/%d/children" % (run.pid, run.pid)).read_text())

    def dumps_after(self, ask):
        """Asks once; what else came of it would be done before the keeper is asked by itself."""
        run = self.ready("-o", self.directory / "dumps", "--", sample_server(), stdin=subprocess.PIPE, process_group=0)
        ask(run)
        self.assertIn(b"main.(*shop).orderWorker", self.until_written(run))
        self.assertEqual(1, len(os.listdir(self.directory / "dumps")))
        os.kill(self.keeper(run), signal.SIGUSR1)
        self.until_written(run)
        run.process.stdin.close()
        run.process.stdin = None
        status, _, err = run.end()
        self.assertEqual((0, ""), (status, err))
        self.assertEqual(2, len(os.listdir(self.directory / "dumps")))

    @staticmethod
    def until_written(run):
        err = b""
        while b"wrote " not in err or not err.endswith(b"\n"):
            err += os.read(run.process.stderr.fileno(), 65536)
        return err

    def ready(self, *arguments, **how):
        run = self.run_command(*arguments, **how)
        line = run.process.stdout.readline()
        self.assertTrue(line.startswith(b"ready"), line)
        return run


class TimeUp(RunTestCase):
    def open_input(self):
        """A standard input that does not end before the test."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        self.addCleanup(os.close, reading)
        return reading

    def test_the_server_that_never_ends_is_reported(self):
        dumps = self.directory / "dumps"
        status, _, err = self.done("--timeout", "2s", "-o", dumps, "-o", "stacks:%s" % dumps, "--", sample_server(),
                                   stdin=self.open_input())
        self.assertEqual(124, status)
        self.assertIn("time is up: ", err)
        self.assertIn("main.(*shop).orderWorker", err)
        self.assertRegex(err, r"sample-server \(pid \d+\): its main goroutine: ")
        names = sorted(os.listdir(dumps))
        self.assertEqual([".pb.gz", ".txt"], sorted(name[name.index(".sample-server.") + 15:].lstrip("0123456789") for name in names))

    def test_what_the_captures_cost_is_added_to_a_file(self):
        stats = self.directory / "stats"
        stats.write_text("{}\n")
        status, _, err = self.done("--timeout", "2s", "-v", "--stats", stats, "--", sample_server(), stdin=self.open_input())
        self.assertEqual(124, status)
        self.assertIn("  layouts from ", err)
        self.assertEqual(["{}", '{"schema":1'], [line.split(",")[0] for line in stats.read_text().splitlines()])

    def test_a_directory_that_cannot_be_written_is_said_before_the_command_is_started(self):
        (self.directory / "file").write_text("")
        for place in (self.directory / "file", self.directory / "file/new"):
            status, out, err = self.done("-o", place, "--", "echo", "started")
            self.assertEqual((125, b""), (status, out))
            self.assertIn(str(place), err)
            self.assertEqual(2, len(err.splitlines()), err)
        status, out, err = self.done("--stats", self.directory, "--", "echo", "started")
        self.assertEqual((125, b""), (status, out))

    def test_a_stop_by_this_process_itself_where_only_ancestors_may(self):
        """As under Yama's ptrace_scope 1; what the keeper does then is done here because the environment says so."""
        status, _, err = self.done("--timeout", "2s", "--", sample_server(), stdin=self.open_input(),
                                   env={"GOSTACKDUMP_TRACER": "thread"})
        self.assertEqual(124, status)
        self.assertIn("main.(*shop).orderWorker", err)

    def test_what_is_not_go_is_named_and_ended(self):
        status, _, err = self.done("--timeout", "300ms", "--", "sh", "-c", "sleep 1000; true")
        self.assertEqual(124, status)
        self.assertRegex(err, r"sleep \(pid \d+\): not a Go program: sleep 1000")

    def test_those_that_ignore_the_polite_signal_are_killed(self):
        run = self.run_command("--timeout", "1s", "--grace", "200ms", "--", "sh", "-c", STUBBORN)
        status, _, err = run.end()
        self.assertEqual(124, status)
        self.assertRegex(err, r"\d processes did not end on signal 15 and were killed")

    def test_the_signal_can_be_chosen(self):
        script = "trap 'echo polite; exit' INT; while :; do sleep 0.01; done"
        status, out, _ = self.done("--timeout", "500ms", "--signal", "INT", "--", "sh", "-c", script)
        self.assertEqual((124, b"polite\n"), (status, out))

    def test_idle_is_when_nothing_uses_the_processor(self):
        status, _, err = self.done("--idle", "2s", "--", "sleep", "1000")
        self.assertEqual(124, status)
        self.assertIn("nothing has moved", err)
        script = "i=0; while [ $i -lt 50 ]; do sleep 0.1; j=0; while [ $j -lt 90000 ]; do j=$((j+1)); done; i=$((i+1)); done"
        self.assertEqual(0, self.done("--idle", "2s", "--", "sh", "-c", script)[0])

    def test_the_shortest_idle_comes_true(self):
        self.assertEqual(124, self.done("--idle", "1ns", "--", "sleep", "1000")[0])

    def test_a_pause_by_the_person_is_not_idleness(self):
        """^Z stops run as well; after fg the tree has as much time as it had before."""
        run = self.run_command("--idle", "2s", "--", "sh", "-c", "echo ready; read line", stdin=subprocess.PIPE)
        self.assertEqual(b"ready\n", run.process.stdout.readline())
        keeper = children_of(run.pid)[0]
        group = [run.pid, keeper, children_of(keeper)[0]]
        for pid in group:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        before = switches(keeper)
        for pid in group[:2]:
            os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + 60
        while switches(keeper) < before + 3 and time.monotonic() < deadline:  # it has looked, and waits again
            os.sched_yield()
        os.kill(group[2], signal.SIGCONT)
        run.process.stdin.write(b"\n")
        run.process.stdin.close()
        run.process.stdin = None
        self.assertEqual((0, b"", ""), run.end())

    def test_work_in_children_that_come_and_go_is_work(self):
        script = "i=0; while [ $i -lt 50 ]; do sh -c 'j=0; while [ $j -lt 90000 ]; do j=$((j+1)); done'; sleep 0.05; i=$((i+1)); done"
        self.assertEqual(0, self.done("--idle", "2s", "--", "sh", "-c", script)[0])


class NothingIsLeft(RunTestCase):
    def test_what_the_command_leaves_behind_is_ended(self):
        status, _, err = self.done("--", "sh", "-c", "(setsid sleep 1000 &) ; sleep 1000 & exit 3")
        self.assertEqual(3, status)
        self.assertIn("has ended and left 2 processes running", err)

    def test_what_starts_another_and_ends_at_once_is_ended(self):
        """No list of processes has it: when all of the list has been read it is another one."""
        for arguments in ((), ("--timeout", "1s", "--grace", "200ms")):
            for script in ("exec %s", "%s; sleep 0.1"):
                with self.subTest(arguments=arguments, script=script):
                    _, _, err = self.done(*arguments, "--", "sh", "-c", script % hopper())
                    self.assertIn("the command has ended and left", err)

    def test_what_has_another_users_rights_is_named_and_not_waited_for(self):
        """sudo and the like: kill(2) is refused."""
        self.directory.chmod(0o755)
        become = build_directory() / "become-root"
        source = self.directory / "become.c"
        source.write_text("#include <unistd.h>\nint main(int n, char **v) { return n < 2 || setuid(0) || execvp(v[1], v + 1); }")
        subprocess.run(["cc", "-o", become, source], check=True)
        become.chmod(0o4755)
        program = self.directory / "gostackdump"
        shutil.copy(GOSTACKDUMP, program)
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        errors = open(self.directory / "errors", "w+")  # a pipe would not end before the one that goes on
        self.addCleanup(errors.close)
        begin = time.monotonic()
        process = subprocess.run(
            [*user, program, "run", "--timeout", "1s", "--grace", "1s", "--", "sh", "-c", "%s sleep 4711 & sleep 1000" % become],
            stderr=errors, stdout=subprocess.DEVNULL, env=environment(), timeout=60,
        )
        took = time.monotonic() - begin
        errors.seek(0)
        err = errors.read()
        for left in subprocess.run(["pgrep", "-u", "0", "-fx", "sleep 4711"], stdout=subprocess.PIPE).stdout.split():
            os.kill(int(left), signal.SIGKILL)
        found = re.search(r"sleep \(pid (\d+), of user 0\) goes on: this user may not end it: sleep 4711\n", err)
        self.assertTrue(found, err)
        self.assertEqual(124, process.returncode)
        self.assertIn("cannot open the program of process %s" % found[1], err)
        self.assertNotIn("killed", err)
        self.assertLess(took, 6)

    def stubborn(self):
        run = self.run_command("--grace", "200ms", "--", "sh", "-c", STUBBORN)
        self.assertEqual(b"ready\n", run.process.stdout.readline())
        deadline = time.monotonic() + 60
        while len(run.tree()) < 5 and time.monotonic() < deadline:  # what was put into the background starts when it does
            os.sched_yield()
        self.assertEqual(5, len(run.tree()))
        return run

    def test_what_does_not_end_by_sigkill_is_named(self):
        """The first process of a pid namespace ends after all others of it: not while a tracer keeps one of them."""
        run = self.run_command("--timeout", "500ms", "--grace", "200ms", "--", "unshare", "--pid", "--fork", "sh", "-c",
                               "sleep 1000 & " + READY + "wait")
        self.assertEqual(b"ready\n", run.process.stdout.readline())
        (kept,) = [pid for pid, command in run.tree().items() if command.startswith(("sleep", "sh -c sleep")) and
                   not children_of(pid)]
        ptrace_seize = 0x4206  # linux/ptrace.h
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(0, libc.ptrace(ptrace_seize, kept, None, None), ctypes.get_errno())
        status, _, err = run.end()
        os.waitpid(kept, 0x40000000)  # __WALL: let it go
        self.assertEqual(124, status)
        self.assertRegex(err, r"sh \(pid \d+, of user 0\) goes on: it waits in the kernel, and SIGKILL has not ended it\n")

    def test_when_the_keeper_is_killed_the_tree_ends(self):
        run = self.stubborn()
        os.kill(children_of(run.pid)[0], signal.SIGKILL)
        status, _, err = run.end()
        self.assertEqual(125, status)
        self.assertIn("was killed by signal 9: everything was ended", err)

    def test_when_the_first_guard_is_killed_the_tree_ends(self):
        run = self.stubborn()
        keeper = children_of(run.pid)[0]
        end = os.pidfd_open(keeper)
        run.process.kill()
        run.process.wait()
        select.select([end], [], [], 60)
        os.close(end)
        run.end()

    def test_when_the_first_guard_is_killed_at_once_the_tree_ends(self):
        """As soon as there is a keeper, which has not begun to watch over anything then."""
        for _ in range(40):
            run = self.run_command("--grace", "100ms", "--", "sleep", "1000")
            while not (keepers := children_of(run.pid)):
                pass
            try:
                end = os.pidfd_open(keepers[0])
            except ProcessLookupError:
                end = None
            run.process.kill()
            run.process.wait()
            if end is not None:
                ended = select.select([end], [], [], 20)[0]
                os.close(end)
                for pid in [] if ended else run.tree():
                    os.kill(pid, signal.SIGKILL)
                self.assertTrue(ended, "the keeper goes on alone")
            run.end()

    def test_as_the_first_process_of_a_container(self):
        for script, expected in (("exit 5", 5), (STUBBORN, 124)):
            with self.subTest(script=script):
                status, _, err = self.done("--timeout", "1s", "--grace", "200ms", "--", "sh", "-c", script,
                                           prefix=["unshare", "--pid", "--fork", "--mount-proc"])
                self.assertEqual(expected, status, err)

    def test_the_first_process_of_a_container_buries_orphans_of_others(self):
        """What docker exec has started and left: its parent is then the first process, which knows nothing of it."""
        run = self.run_command("--", "sh", "-c", "echo ready; read line", stdin=subprocess.PIPE,
                               prefix=["unshare", "--pid", "--fork", "--mount-proc"])
        self.assertEqual(b"ready\n", run.process.stdout.readline())
        (first,) = children_of(run.pid)
        subprocess.run(["nsenter", "--target", str(first), "--pid", "sh", "-c", "sleep 0.2 &"], check=True)
        self.assertEqual(2, len(children_of(first)))
        deadline = time.monotonic() + 60
        while len(children_of(first)) > 1 and time.monotonic() < deadline:
            os.sched_yield()
        self.assertEqual(1, len(children_of(first)))
        run.process.stdin.write(b"\n")
        run.process.stdin.close()
        run.process.stdin = None
        self.assertEqual((0, b"", ""), run.end())


class Usage(RunTestCase):
    def test_wrong_usage(self):
        for arguments, named in (
            ([], "which command?"),
            (["--timeout", "9m"], "which command?"),
            (["--timeout", "0s", "--", "true"], "--timeout '0s'"),
            (["--idle", "soon", "--", "true"], "--idle 'soon'"),
            (["--grace", "1d", "--", "true"], "--grace '1d'"),
            (["--signal", "NONE", "--", "true"], "--signal 'NONE'"),
            (["-o", "-", "--", "true"], "into a directory"),
            (["-p", "1", "--", "true"], "--pid does not belong"),
            (["--stats", "-", "--", "true"], "--stats -"),
        ):
            with self.subTest(arguments=arguments):
                status, out, err = self.done(*arguments)
                self.assertEqual((64, b""), (status, out))
                self.assertIn(named, err)


if __name__ == "__main__":
    main()
