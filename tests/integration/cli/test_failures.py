# SPDX-License-Identifier: BSD-3-Clause
"""What cannot be looked at or written: the status, the message, and what is left behind."""

import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import threading

from support import (GOSTACKDUMP, ServerTestCase, Target, TestCase, build_directory, main, program_of_go,
                     program_of_old_go, run, sample_server, server)

NOBODY = 65534


def formats():
    """The names of what --help lists under "Formats"."""
    listed = run("--help").out.decode().split("\nFormats ")[1].split("\n\n")[0]
    names = re.findall(r"^  (\S+)", listed, re.MULTILINE)
    assert {"pprof", "report", "raw"} <= set(names), listed
    return names


def alive(pid):
    with open("/proc/%d/stat" % pid) as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] not in "ZXTt"


def maps_of(pid):
    with open("/proc/%d/maps" % pid) as maps:
        return maps.read()


def tiny_i386_program():
    """An ELF32 program that waits in pause(2): no compiler for it is needed."""
    code = bytes.fromhex("b81d000000cd80ebf7")  # mov eax, 29; int 0x80; jmp back
    base, headers = 0x08048000, 52 + 32
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + headers, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    header += struct.pack("<IIIIIIII", 1, 0, base, base, headers + len(code), headers + len(code), 5, 4096)
    path = build_directory() / "tiny-i386"
    path.write_bytes(header + code)
    path.chmod(0o755)
    return path


class NamedFiles(TestCase):
    """Files to read that are not there, not for this user, or something else: each error says what to do."""

    def assert_advice(self, *parts):
        """Every source of a capture that is read from PATH is refused with advice that has PARTS in it."""
        path, *parts = parts
        for command in (["--from", path], ["--core", path], ["diff", path, path]):
            with self.subTest(command=" ".join(map(str, command))):
                result = run(*command, "-o", self.directory / "out")
                self.assert_status(2, result)
                message, *hints = result.err.splitlines()
                self.assertIn(str(path), message)
                self.assertTrue(hints and all(hint.startswith("  ") for hint in hints), result.err)
                for part in parts:
                    self.assertIn(part, result.err)

    def test_no_such_file(self):
        self.assert_advice(self.directory / "none", "No such file or directory", "look whether it is written right")
        self.assert_message(run("--core", self.directory / "none"), "core_pattern", "coredumpctl dump")
        self.assert_advice(self.directory / "a" / ("n" * 300), "look whether it is written right")

    def test_links_that_lead_to_each_other(self):
        (self.directory / "loop").symlink_to("loop")
        self.assert_advice(self.directory / "loop", "name the file itself")

    def test_a_directory(self):
        self.assert_advice(self.directory)
        for option in ("--from", "--core"):
            self.assert_message(run(option, self.directory), "s a directory", "name one in it")

    def test_a_core_is_no_capture_and_a_capture_no_core(self):
        core, capture, lines = (self.directory / name for name in ("core", "capture", "lines"))
        core.write_bytes(b"\x7fELF" + bytes(100))
        capture.write_bytes(b"\x89GSD\r\n\x1a\n" + bytes(100))
        lines.write_text('{"type":"capture"}\n')
        self.assert_message(run("--from", core), "no capture", "--core")
        self.assert_message(run("--core", capture), "not a core", "--from")
        self.assert_message(run("--from", lines), "no capture", "-f raw")

    def test_a_core_that_lists_very_many_files_takes_time_by_their_number_only(self):
        def seconds(names, count=600000):
            entries = b"".join(struct.pack("<3Q", 0x2000 * i + 0x1000, 0x2000 * i + 0x2000, 0) for i in range(count))
            paths = b"".join(b"/%d\0" % (i % names) for i in range(count))
            files = struct.pack("<2Q", count, 4096) + entries + paths
            note = struct.pack("<III5s3x", 5, len(files), 0x46494c45, b"CORE") + files
            core = self.directory / "core"
            core.write_bytes(b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
                             + struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0, len(note), 0, 4)
                             + struct.pack("<IIQQQQQQ", 1, 6, 176, 0x400000, 0, 4096, 4096, 4096) + note)
            used = []
            for _ in range(3):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                self.assert_message(run("--core", core), "find the program /0")
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                used.append(after.ru_utime - before.ru_utime)
            return min(used)
        one, many = seconds(1), seconds(2000)
        self.assertLess(many, 4 * one + 0.2, "the time for 2,000 different names")

    def test_a_core_that_lists_a_file_of_terabytes_is_not_searched_for_hours(self):
        files = struct.pack("<5Q", 1, 4096, 0x400000, 1 << 46, 0) + os.fsencode(sample_server()) + b"\0"
        note = struct.pack("<III5s3x", 5, len(files), 0x46494c45, b"CORE") + files
        core = self.directory / "core"
        core.write_bytes(b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
                         + struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0, len(note), 0, 4)
                         + struct.pack("<IIQQQQQQ", 1, 6, 176, 1 << 46, 0, 8, 8, 4096) + note)
        self.assert_status(2, run("--core", core))

    def test_an_exe_that_is_none(self):
        text = self.directory / "text"
        text.write_text("text")
        core = self.directory / "core"  # of one segment
        core.write_bytes(b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
                         + struct.pack("<IIQQQQQQ", 1, 6, 120, 0x400000, 0, 8, 8, 4096) + bytes(8))
        result = run("--core", core, "--exe", text)
        self.assert_message(result, "text: it is no ELF file", "--exe takes the program")
        self.assertNotIn("--native", result.err)  # it says nothing of the process
        result = run("--core", core, "--exe", self.directory / "none")
        self.assert_message(result, "none: No such file", "look whether it is written right")


class Targets(TestCase):
    def assert_nothing(self, pid, *parts, **how):
        """A dump of PID fails, says PARTS, and leaves an old file as it was and no new one."""
        old = self.directory / "old.pb.gz"
        old.write_bytes(b"old")
        result = run("-p", pid, "-o", old, "-o", self.directory / "new.report", "--stats", self.directory / "s", **how)
        self.assert_status(2, result)
        self.assert_message(result, "cannot ", *parts)
        self.assertEqual(b"old", old.read_bytes())
        self.assertEqual(["old.pb.gz"], os.listdir(self.directory))
        return result

    def test_no_such_process(self):
        self.assert_nothing(2**22 - 1, str(2**22 - 1))

    def test_a_process_that_ended_and_was_not_collected(self):
        target = Target(["true"])
        os.waitid(os.P_PID, target.pid, os.WEXITED | os.WNOWAIT)
        self.addCleanup(target.end)
        self.assert_nothing(target.pid, str(target.pid))

    def test_not_a_go_program(self):
        target = Target(["cat"])
        self.addCleanup(target.end)
        os.write(target.process.stdin.fileno(), b"ready\n")
        target.ready()
        self.assert_nothing(target.pid, str(target.pid), "not a Go program")
        self.assertTrue(alive(target.pid))

    def test_a_kernel_thread(self):
        """Process 2 is one where the kernel's are seen; in a container it may be missing or anything else."""
        try:
            kernel_thread = os.readlink("/proc/2/exe") == ""
        except OSError:
            kernel_thread = os.path.exists("/proc/2")
        pid = 2 if kernel_thread and os.getuid() == 0 else 2**22 - 1
        self.assert_nothing(pid, str(pid))

    def test_an_older_go(self):
        target = Target([program_of_old_go()])
        self.addCleanup(target.end)
        target.ready()
        result = self.assert_nothing(target.pid, "Go 1.17", "Go 1.18 is the oldest")
        self.assertRegex(result.err, r"\n  \S")
        self.assertTrue(alive(target.pid))

    def test_another_architecture(self):
        target = Target([tiny_i386_program()])
        self.addCleanup(target.end, kill=True)
        while "tiny-i386" not in maps_of(target.pid):  # exec is over before the program is mapped
            os.sched_yield()
        result = self.assert_nothing(target.pid, str(target.pid))
        self.assertRegex(result.err, "32-bit|i386")

    def test_a_go_program_for_another_architecture(self):
        for release in ("1.18.10", "1.27.3"):
            with self.subTest(release=release):
                target = Target([program_of_go(release, "386")])
                self.addCleanup(target.end)
                target.ready()
                self.assert_nothing(target.pid, str(target.pid), "its program is for 32-bit x86", "only 64-bit x86-64")
                self.assertTrue(alive(target.pid))

    def test_no_permission(self):
        """As root: a process of root, looked at by nobody. As anybody else: process 1."""
        pid, how, program = 1, {}, GOSTACKDUMP
        if os.getuid() == 0:
            target = server()
            self.addCleanup(target.end)
            pid, how = target.pid, {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            program = shutil.copy(GOSTACKDUMP, build_directory() / "gostackdump")
            os.chmod(self.directory, 0o777)
        result = subprocess.run([program, "-p", str(pid), "-o", self.directory / "new.pb.gz"], capture_output=True, text=True,
                                timeout=60, **how)
        self.assertEqual(2, result.returncode, result.stderr)
        self.assertRegex(result.stderr, r"^gostackdump: cannot .*%d.*\n  \S" % pid, "a message and a hint")
        self.assertRegex(result.stderr, "root|sudo|owner|user")
        self.assertEqual([], os.listdir(self.directory))

    def test_a_core_of_a_program_that_this_user_cannot_read(self):
        """It is at its path, and in a directory that was given: what is in the way is said."""
        folder = self.directory / "secret"
        folder.mkdir()
        program = shutil.copy(sample_server(), folder / "program")
        with open(program, "rb") as f:
            page = f.read(4096)  # its build id is there
        names = struct.pack("<5Q", 1, 4096, 0x400000, 0x401000, 0) + os.fsencode(program) + b"\0"
        note = struct.pack("<III5s3x", 5, len(names), 0x46494c45, b"CORE") + names
        core = self.directory / "core"
        core.write_bytes(b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
                         + struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0, len(note), 0, 4)
                         + struct.pack("<IIQQQQQQ", 1, 4, 176 + len(note), 0x400000, 0, 4096, 4096, 4096) + note + page)
        os.chmod(self.directory, 0o755)
        tool = shutil.copy(GOSTACKDUMP, build_directory() / "gostackdump")
        how = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        os.chmod(folder, 0)
        self.addCleanup(os.chmod, folder, 0o700)
        for options in ([], ["--exe", folder]):
            result = subprocess.run([tool, "--core", core, *options, "-f", "report"], capture_output=True, text=True, timeout=60,
                                    **how)
            self.assertEqual(2, result.returncode, result.stderr)
            self.assertIn("what is at its path here cannot be opened: Permission denied", result.stderr)
            self.assertIn("\n  this user must be able to read it", result.stderr)
            if options:
                self.assertIn("is it; 1 directory could not be read: Permission denied; ", result.stderr)

    def test_a_process_that_ends_while_we_look(self):
        """Killed a little later each time: a whole profile, or none and the reason."""
        statuses = set()
        for attempt in range(24):
            target = server()
            path = self.directory / ("%d.pb.gz" % attempt)
            killer = threading.Timer(attempt * 0.001, target.process.kill)
            killer.start()
            result = run("-q", "-p", target.pid, "-o", path)
            killer.join()
            target.end()
            statuses.add(result.status)
            self.assertIn(result.status, (0, 1, 2), result.err)
            self.assertEqual(result.status != 2, path.exists())
            if result.status == 2:
                self.assert_message(result, "cannot ", str(target.pid))
        self.assertIn(2, statuses)


class Files(ServerTestCase):
    def assert_not_written(self, *arguments, parts=(), status=2, **how):
        result = run("-p", self.pid, *arguments, **how)
        self.assert_status(status, result)
        self.assert_message(result, *parts)
        self.assertTrue(alive(self.pid))
        return result

    def test_a_directory_that_does_not_exist(self):
        path = self.directory / "no/a.pb.gz"
        self.assert_not_written("-o", path, parts=[str(path), "No such file or directory", "create it first"])

    def test_a_file_where_a_directory_should_be(self):
        (self.directory / "file").write_text("old")
        self.assert_not_written("-o", self.directory / "file/a.pb.gz", parts=["Not a directory", "name a file in a directory"])
        self.assert_not_written("-o", str(self.directory / "file/d/"), parts=["Not a directory", "name a file in a directory"])
        self.assertEqual("old", (self.directory / "file").read_text())

    def test_a_directory_that_may_not_be_written(self):
        """/proc takes no files from anybody, root included."""
        result = self.assert_not_written("-o", "/proc/a.pb.gz", parts=["/proc/a.pb.gz: no file can be made", "choose another place"])
        self.assertNotIn("goroutines of", result.err)
        self.assertNotIn("create", result.err)
        self.assert_not_written("-o", "/proc/self/a.pb.gz", parts=["/proc/self/a.pb.gz", "choose another place"])
        self.assert_not_written("-o", "/proc/d/", parts=["cannot make the directory /proc/d/", "choose another place"])

    def test_links_that_lead_to_each_other(self):
        (self.directory / "loop").symlink_to("loop")
        self.assert_not_written("-o", self.directory / "loop/a.pb.gz", parts=["symbolic links", "name a file in a directory"])

    def test_a_name_that_is_too_long(self):
        self.assert_not_written("-o", self.directory / ("a" * 256 + ".pb.gz"), parts=["too long", "choose a shorter one"])

    def test_a_standard_output_that_is_not_open(self):
        result = self.assert_not_written("-o", "-", preexec_fn=lambda: os.close(1), parts=["standard output", "redirect it"])
        self.assertNotIn("goroutines of", result.err)

    def test_a_file_that_something_is_mounted_on(self):
        """As files that a container gets by themselves are."""
        if os.getuid() != 0:
            return  # who may not mount has the other errors
        for name in ("outside", "a.pb.gz"):
            (self.directory / name).write_text("old")
        subprocess.run(["mount", "--bind", self.directory / "outside", self.directory / "a.pb.gz"], check=True)
        self.addCleanup(subprocess.run, ["umount", self.directory / "a.pb.gz"], check=True)
        self.assert_not_written("-o", self.directory / "a.pb.gz", parts=["something is mounted on it", "mount its directory instead"])
        self.assertEqual("old", (self.directory / "a.pb.gz").read_text())
        self.assertEqual(["a.pb.gz", "outside"], sorted(os.listdir(self.directory)))

    def test_a_file_system_that_is_read_only(self):
        if os.getuid() != 0:
            return  # who may not mount has the other errors
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", self.directory], check=True)
        self.addCleanup(subprocess.run, ["umount", self.directory], check=True)
        self.assert_not_written("-o", self.directory / "a.pb.gz", parts=["Read-only file system", "choose a place on another file system"])

    def test_a_full_device(self):
        self.assert_not_written("-o", "/dev/full", parts=["/dev/full: No space left on device"])
        self.assertTrue(os.path.exists("/dev/full") and not os.path.isfile("/dev/full"))
        with open("/dev/full", "wb") as full:
            self.assert_not_written(stdout=full, parts=["standard output: No space left on device"])

    def test_a_full_disk_leaves_the_old_file(self):
        """Stood in for by a limit on the size of files, which fails the same write."""
        old = self.directory / "a.pb.gz"
        old.write_bytes(b"old")
        result = self.assert_not_written(
            "-o", old, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16)), parts=[str(old), "larger"]
        )
        self.assertNotIn("goroutines of", result.err)
        self.assertEqual(b"old", old.read_bytes())
        self.assertEqual(["a.pb.gz"], os.listdir(self.directory))

    def test_a_full_disk_leaves_nothing_of_any_format(self):
        """A file system of one page, which is taken. Who may not mount one has /dev/full tested alone."""
        if os.getuid() == 0:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", self.directory], check=True)
            self.addCleanup(subprocess.run, ["umount", self.directory], check=True)
            (self.directory / "all").write_bytes(bytes(4096))
        for form in formats():
            with self.subTest(form=form):
                self.assert_not_written("-o", form + ":/dev/full", parts=["/dev/full: No space left on device"])
                if os.getuid() == 0:
                    path = self.directory / "new"
                    self.assert_not_written("-o", "%s:%s" % (form, path), parts=["cannot write %s: no space is left" % path])
                    self.assertEqual(["all"], os.listdir(self.directory))

    def test_one_of_two_outputs_that_fails_makes_it_partial(self):
        path = self.directory / "a.pb.gz"
        self.assert_not_written("-o", "/dev/full", "-o", path, status=1, parts=["No space left on device"])
        self.assertTrue(path.exists())

    def test_statistics_that_cannot_be_written_make_it_partial(self):
        path = self.directory / "a.pb.gz"
        self.assert_not_written("-q", "-o", path, "--stats", "/dev/full", status=1, parts=["/dev/full", "No space left"])
        self.assert_not_written("-q", "-o", path, "--stats", self.directory / "no/s", status=1,
                                parts=["no/s", "does not exist: create it first"])
        result = self.assert_not_written("-q", "-o", path, "--stats", "/proc/s", status=1, parts=["/proc/s", "choose another place"])
        self.assertNotIn("create", result.err)

    def test_a_symbolic_link_is_replaced_not_followed(self):
        victim = self.directory / "victim"
        victim.write_text("old")
        (self.directory / "a.pb.gz").symlink_to(victim)
        self.assert_status(0, run("-p", self.pid, "-o", self.directory / "a.pb.gz"))
        self.assertEqual("old", victim.read_text())
        self.assertFalse((self.directory / "a.pb.gz").is_symlink())

    def test_a_reader_that_left_is_no_message_and_no_signal(self):
        for form in formats():
            with self.subTest(form=form):
                reader, writer = os.pipe()
                os.close(reader)
                result = run("-p", self.pid, "-f", form, stdout=writer)
                os.close(writer)
                self.assert_status(2, result)
                self.assertEqual("", result.err)
        self.assertTrue(alive(self.pid))

    def test_a_reader_that_takes_one_byte(self):
        done = subprocess.run(
            ["bash", "-c", '"$0" -q -p "$1" | head -c1; exit "${PIPESTATUS[0]}"', GOSTACKDUMP, str(self.pid)],
            capture_output=True, timeout=60,
        )
        self.assertEqual((b"\x1f", b""), (done.stdout, done.stderr))
        self.assertIn(done.returncode, (0, 2))

    def test_a_pause_that_is_not_allowed(self):
        """A thousand threads cannot be stopped in the fifth of a millisecond that a few take: nobody is."""
        crowd = server(sample_server(), "-scales=1000")
        self.addCleanup(crowd.end)
        path, stats = self.directory / "a.jsonl", self.directory / "stats"
        result = run("-p", crowd.pid, "--max-pause=200us", "-o", path, "--stats", stats)
        self.assert_status(1, result)
        self.assert_message(result, "are not settled to be of one moment", "--max-pause", "not paused")
        figures = json.loads(stats.read_text())
        self.assertEqual((0, 0, "nonblocking"), (figures["stops"], figures["pause_ns"], figures["mode"]))
        self.assertGreater(figures["refused_pause_ns"], 200_000)
        goroutines = [json.loads(line) for line in path.read_text().splitlines()][1:]
        self.assertEqual(figures["unsettled"], sum(goroutine["ambiguous"] for goroutine in goroutines))
        self.assertGreaterEqual(len(goroutines), 1000)
        # C frames are nowhere but in a stop.
        native = run("-p", crowd.pid, "--max-pause=200us", "--native", "-o", self.directory / "b.jsonl")
        self.assert_status(2, native)
        self.assert_message(native, "cannot stop process %d" % crowd.pid, "--max-pause", "--native")
        self.assertFalse((self.directory / "b.jsonl").exists())
        self.assertTrue(alive(crowd.pid))
        self.assert_status(0, run("-p", crowd.pid, "-o", path))

    def test_a_stopped_process_is_dumped_and_stays_stopped(self):
        target = server()
        self.addCleanup(target.end)
        self.addCleanup(os.kill, target.pid, signal.SIGCONT)
        os.kill(target.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        self.assert_status(0, run("-p", target.pid, "-o", self.directory / "a.pb.gz"))
        with open("/proc/%d/stat" % target.pid) as stat:
            self.assertEqual("T", stat.read().rsplit(")", 1)[1].split()[0])


if __name__ == "__main__":
    main()
