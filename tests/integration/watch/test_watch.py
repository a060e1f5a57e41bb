# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump watch: when it captures, whom it follows, what it keeps, how it ends."""

import json
import os
import re
import shutil
import signal
import subprocess

from support import GOSTACKDUMP, TIMEOUT, TestCase, environment, main, run, sample_server, server
from support_watch import Watch, WatchTestCase


class Ticks(WatchTestCase):
    def test_the_first_capture_is_at_once_and_term_ends_it(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--every", "1h")
        event = watch.event("capture")
        self.assertEqual((target.pid, "sample-server", "tick"), (event["pid"], event["comm"], event["reason"]))
        self.assertEqual([str(self.dumps / name) for name in self.files()], [file["path"] for file in event["files"]])
        self.assertEqual(os.path.getsize(event["files"][0]["path"]), event["files"][0]["bytes"])
        watch.signal(signal.SIGTERM)
        self.assertEqual((0, ""), watch.end())

    def test_usr1_captures_now(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--every", "1h")
        watch.event("capture")
        watch.signal(signal.SIGUSR1)
        self.assertEqual("signal", watch.event("capture")["reason"])
        watch.signal(signal.SIGINT)
        self.assertEqual(0, watch.end()[0])
        self.assertEqual(2, len(self.files()))

    def test_each_format_is_of_the_same_moment(self):
        target = self.server()
        watch = Watch("-p", target.pid, "--once", "-o", self.dumps, "-o", "report:%s" % self.dumps)
        self.assertIn(" goroutines, paused ", watch.line())
        self.assertEqual(0, watch.end()[0])
        watch.close()
        names = self.files()
        self.assertEqual(2, len(names))
        self.assertEqual(names[0].removesuffix(".pb.gz"), names[1].removesuffix(".report"))

    def test_it_ends_with_the_process(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--every", "1h")
        watch.event("capture")
        target.end()
        self.assertEqual(target.pid, watch.event("ended")["pid"])
        self.assertEqual(0, watch.end()[0])

    def test_ticks_that_are_missed_are_skipped(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--every", "1us")
        self.assertRegex(watch.event("message")["text"], r"^skipped \d+ ticks?: capturing takes longer than --every")
        watch.event("capture")
        watch.signal(signal.SIGTERM)
        self.assertEqual(1, watch.end()[0])
        self.files()

    def test_what_captures_cost_is_added_to_a_file(self):
        target = self.server()
        stats = self.directory / "stats"
        for expected in (1, 2):
            result = run("watch", "-p", target.pid, "--once", "-v", "--stats", stats, "-o", self.dumps)
            self.assert_status(0, result)
            self.assertIn("  layouts from ", result.err)
            lines = [json.loads(line) for line in stats.read_text().splitlines()]
            self.assertEqual([(target.pid, "atomic")] * expected, [(line["pid"], line["mode"]) for line in lines])
        stats.unlink()
        stats.mkdir()
        result = run("watch", "-p", target.pid, "--once", "--stats", stats, "-o", self.dumps)
        self.assert_status(2, result)
        self.assertEqual(2, len(self.files()))

    def test_a_directory_that_cannot_be_written_is_said_at_once(self):
        target = self.server()
        readonly = self.directory / "readonly"
        readonly.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", readonly], check=True)
        self.addCleanup(subprocess.run, ["umount", readonly], check=True)
        (self.directory / "file").write_text("")
        for place, named in ((readonly, "write files into "), (readonly / "new/er", "make the directory "),
                             (self.directory / "file", "write files into "), ("/proc/x", "make the directory ")):
            with self.subTest(place=place):
                result = run("watch", "-p", target.pid, "--every", "1h", "--on", "goroutines>1000000", "-o", place)
                self.assert_status(2, result)
                self.assertIn("cannot %s%s: " % (named, place), result.err)
                self.assertEqual(2, len(result.err.splitlines()), result.err)

    def test_old_captures_that_cannot_be_removed_are_said_with_what_to_do(self):
        target = self.server()
        watch = Watch("-p", target.pid, "--every", "1h", "--keep", "1", "-o", self.dumps)
        self.addCleanup(watch.close)
        while " goroutines, paused " not in watch.line():
            pass
        self.dumps.rename(self.directory / "elsewhere")
        self.dumps.write_text("no directory any more")
        watch.signal(signal.SIGUSR1)
        while "cannot remove old captures from" not in (line := watch.line()):
            pass
        self.assertIn("Not a directory", line)
        self.assertIn("name a file in a directory", watch.line())
        self.dumps.unlink()

    def test_the_form_for_cron_is_silent(self):
        target = self.server()
        result = run("watch", "-p", target.pid, "--once", "-q", "-o", self.dumps)
        self.assertEqual((0, b"", ""), (result.status, result.out, result.err))
        self.assertEqual(1, len(self.files()))


class Targets(WatchTestCase):
    def test_a_name_is_followed_through_restarts(self):
        first = self.server("restarting")
        watch = self.watch("--name", "restarting", "--every", "20ms")
        self.assertEqual(first.pid, watch.event("capture")["pid"])
        first.end()
        self.assertEqual(first.pid, watch.event("ended")["pid"])
        second = self.server("restarting")
        self.assertEqual(second.pid, watch.event("capture")["pid"])
        watch.signal(signal.SIGTERM)
        watch.end()

    def test_a_name_longer_than_the_kernel_keeps(self):
        target = self.server("a-server-with-a-long-name")
        self.server("a-server-with-a-longer-name")
        watch = self.watch("--name", "a-server-with-a-long-name", "--once")
        self.assertEqual(target.pid, watch.event("capture")["pid"])
        self.assertEqual((0, ""), watch.end())

    def alone(self, script, *names):
        """Output and log of the script in a pid namespace of its own: --all would stop what other tests look at."""
        for name in names:
            shutil.copy(sample_server(), self.directory / name)
        done = subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script + "\nkill -KILL -1", GOSTACKDUMP],
            cwd=self.directory, env=environment(), stdout=subprocess.PIPE, timeout=TIMEOUT,
        )
        return done.stdout.decode(), [json.loads(line) for line in (self.directory / "log").read_text().splitlines()]

    def test_all_means_those_that_are_go(self):
        script = """
            for name in one two; do sleep 1000 | ./$name > $name.out & done
            for name in one two; do until grep -q ready $name.out; do :; done; done
            "$0" watch --all --once -o dumps --log-format json 2> log; echo $?"""
        out, events = self.alone(script, "one", "two")
        self.assertEqual("0\n", out)
        self.assertEqual([("capture", "one"), ("capture", "two")], sorted((event["event"], event["comm"]) for event in events))

    def test_all_with_more_processes_than_descriptors(self):
        """What is not Go takes none."""
        script = """
            i=0; while [ $i -lt 80 ]; do sleep 1000 & i=$((i + 1)); done
            sleep 1000 | ./one > one.out &
            until grep -q ready one.out; do :; done
            ulimit -n 64
            "$0" watch --all --once -o dumps --log-format json 2> log; echo $?"""
        out, events = self.alone(script, "one")
        self.assertEqual([("capture", "one")], [(event["event"], event["comm"]) for event in events], events)
        self.assertEqual("0\n", out)

    def test_all_sees_what_becomes_go_by_execve(self):
        script = """
            captures() { grep -c '"comm":"'$1'"' log; }
            mkfifo go
            sleep 1000 | ./one > one.out &
            sleep 1000 | sh -c 'read line < go; exec ./two' > two.out &
            until grep -q ready one.out; do :; done
            "$0" watch --all --every 200ms -o dumps --log-format json 2> log &
            until [ "$(captures one)" -ge 2 ]; do :; done
            echo > go
            until grep -q ready two.out; do :; done
            before=$(captures one)
            until [ "$(captures one)" -ge $((before + 3)) ]; do :; done
            captures two"""
        out, _ = self.alone(script, "one", "two")
        self.assertGreaterEqual(int(out), 1)

    def test_nobody_of_that_name(self):
        result = run("watch", "--name", "nobody-has-it", "--once", "-o", self.dumps)
        self.assert_status(2, result)
        self.assertRegex(result.err, "no Go process to capture was found: .* nobody-has-it\n")

    def test_a_process_that_does_not_exist(self):
        result = run("watch", "-p", 2**22 + 1, "--every", "1s", "-o", self.dumps)
        self.assert_status(2, result)
        self.assertIn("there is no such process", result.err)

    def test_a_process_that_is_not_go(self):
        other = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.addCleanup(other.wait)
        self.addCleanup(other.stdin.close)
        result = run("watch", "-p", other.pid, "--once", "-o", self.dumps)
        self.assert_status(2, result)
        self.assertIn("not a Go program", result.err)

    def test_one_watch_at_a_time(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--every", "1h")
        watch.event("capture")
        for arguments in (["-p", target.pid, "--once"], ["-p", target.pid, "--every", "1s"]):
            result = run("watch", *arguments, "-o", self.directory / "other")
            self.assert_status(2, result)
            self.assertIn("is watched already, by process %d" % watch.process.pid, result.err)
        self.assertFalse((self.directory / "other").exists())
        watch.process.kill()  # what holds the lock is the process, not a file
        watch.process.wait()
        self.assert_status(0, run("watch", "-p", target.pid, "--once", "-o", self.dumps))


class Limits(WatchTestCase):
    def test_only_so_many_are_kept(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--every", "10ms", "--keep", "3")
        for _ in range(8):
            last = watch.event("capture")
        watch.signal(signal.SIGTERM)
        watch.end()
        names = self.files()
        self.assertEqual(3, len(names))
        self.assertGreaterEqual(names[-1], os.path.basename(last["files"][0]["path"]))

    def test_files_of_each_format_are_kept_and_removed(self):
        """Each has its ending there, and the second capture takes the place of the first."""
        target = self.server()
        listed = run("--help").out.decode().split("\nFormats ")[1].split("\n\n")[0]
        endings = dict(re.findall(r"^  (\S+) \((\S+?)[ )]", listed, re.MULTILINE))
        self.assertGreaterEqual(len(endings), 8)
        for name, ending in endings.items():
            with self.subTest(format=name):
                directory = os.path.join(self.dumps, name)
                command = ["watch", "-q", "-p", target.pid, "--once", "--keep", "1", "-f", name, "-o", directory + "/"]
                kept = set()
                for _ in range(2):
                    self.assert_status(0, run(*command))
                    kept.add(tuple(os.listdir(directory)))
                self.assertEqual([1, 1], [len(names) for names in kept])
                for (file,) in kept:
                    self.assertRegex(file, r"^\d{8}T\d{6}\.\d{6}Z\.sample-server\.%d%s$" % (target.pid, re.escape(ending)))

    def test_addresses_are_enough(self):
        target = self.server()
        self.assert_status(0, run("watch", "-q", "-p", target.pid, "--once", "--no-symbolize", "-f", "folded", "-o", self.dumps))
        (file,) = os.listdir(self.dumps)
        with open(os.path.join(self.dumps, file)) as lines:
            self.assertRegex(lines.read(), r"^(0x[0-9a-f]+(;0x[0-9a-f]+)* \d+\n)+$")

    def test_a_full_disk_is_said_and_leaves_nothing_half(self):
        self.dumps.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", self.dumps], check=True)
        self.addCleanup(subprocess.run, ["umount", self.dumps], check=True)
        target = self.server()
        (self.dumps / "ballast").write_bytes(b"x" * 4096 * 3)
        watch = self.watch("-p", target.pid, "--every", "50ms", "-f", "jsonl")
        while "no space is left" not in (text := watch.event("message")["text"]):
            self.assertIn("skipped", text)  # a tick, on a busy machine
        self.assertEqual(["ballast"], os.listdir(self.dumps))
        watch.signal(signal.SIGTERM)
        self.assertEqual(2, watch.end()[0])


class Usage(TestCase):
    def test_wrong_usage(self):
        for arguments, named in (
            (["--every", "1s", "-o", "d"], "-p PID, --name COMM or --all"),
            (["-p", "1", "--all", "--once", "-o", "d"], "exclude each other"),
            (["-p", "1", "-o", "d"], "--every D or --once"),
            (["-p", "1", "--every", "1s", "--once", "-o", "d"], "--every D or --once"),
            (["-p", "1", "--once"], "-o DIR"),
            (["-p", "1", "--once", "-o", "-"], "into a directory"),
            (["-p", "1", "--every", "0s", "-o", "d"], "--every '0s'"),
            (["-p", "1", "--once", "-o", "d", "--keep", "0"], "--keep '0'"),
            (["-p", "1", "--once", "-o", "d", "--max-disk", "5X"], "--max-disk '5X'"),
            (["-p", "1", "--once", "-o", "d", "--keep-for", "7d"], "--keep-for '7d'"),
            (["-p", "1", "--once", "-o", "d", "--on", "threads>5"], "--on 'threads>5'"),
            (["-p", "1", "--once", "-o", "d", "--log-format", "xml"], "--log-format 'xml'"),
        ):
            with self.subTest(arguments=arguments):
                result = run("watch", *arguments)
                self.assert_status(64, result)
                self.assert_message(result, named)


if __name__ == "__main__":
    main()
