# SPDX-License-Identifier: BSD-3-Clause
"""Programs without Go: --native shows each of their threads, frame by frame as gdb does, in every format that has stacks."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

from support import TIMEOUT, Target, TestCase, build_directory, go_command, main, run

HERE = pathlib.Path(__file__).resolve().parent
THREADS = 4  # three workers and a reader, beside the first thread
KINDS = {
    "debug": ["-g", "-O1", "-fno-omit-frame-pointer"],
    "plain": ["-O2", "-fomit-frame-pointer"],
    "stripped": ["-O2", "-fomit-frame-pointer", "-s"],
    "static": ["-O2", "-fomit-frame-pointer", "-static"],
}
OF_THREADS = ("report", "pprof", "jsonl", "folded", "svg", "html", "raw")
OF_GOROUTINES = ("text", "stacks", "pprof-goroutines")

# pause(2) for ever, by the system calls of 32-bit x86.
PAUSE_32 = ".globl _start\n_start:\tmov $29, %eax\n\tint $0x80\n\tjmp _start\n"


def program(kind):
    path = build_directory() / kind
    if not path.exists():
        subprocess.run(["gcc", *KINDS[kind], HERE / "waits.c", "-o", path, "-pthread"], check=True)
    return path


def states(pid):
    """What the kernel says of each thread: S sleeps, T is stopped by a signal, t is stopped by a tracer."""
    found = {}
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, tid)) as file:
            found[int(tid)] = file.read().rsplit(")", 1)[1].split()[0]
    return found


def wait_until(pid, state, threads):
    end = time.monotonic() + TIMEOUT
    while sorted(states(pid).values()) != [state] * threads:
        assert time.monotonic() < end, states(pid)
        os.sched_yield()


def start(kind, threads=THREADS):
    target = Target([program(kind), threads]).ready()
    wait_until(target.pid, "S", threads + 1)
    return target


def plain(name):
    """libc has several names for one function: read, __libc_read, __GI___read."""
    return re.sub(r"^_*(GI_)?_*(libc_)?", "", name)


def aliases(path):
    """Sets of names that the program's symbol table has for one address."""
    names = {}
    for line in subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout.splitlines():
        address, _, name = line.rpartition(" ")
        names.setdefault(address[:16], set()).add(name)
    return list(names.values())


def ask_gdb(pid, directory):
    output = directory / "backtraces"
    subprocess.run(["gdb", "-batch", "-nx", "-p", str(pid), "-x", HERE / "backtraces.py"], check=True, timeout=TIMEOUT,
                   capture_output=True, env={**os.environ, "BACKTRACES": str(output), "CALLBACKS": "{}"})
    return {int(tid): frames for tid, frames in json.loads(output.read_text())["threads"].items()}


class ProgramTestCase(TestCase):
    def start(self, kind, threads=THREADS):
        target = start(kind, threads)
        self.addCleanup(target.end)
        return target

    def capture(self, pid, *options):
        result = run("-p", pid, "--native", "-q", "-f", "jsonl", *options)
        self.assertEqual((0, ""), (result.status, result.err))
        capture, *threads = map(json.loads, result.out.splitlines())
        return capture, threads


class StacksTest(ProgramTestCase):
    def assert_same_name(self, theirs, ours, path):
        if plain(theirs) != plain(ours) and not any({theirs, ours} <= names for names in aliases(path)):
            self.fail("%s, and gdb says %s" % (ours, theirs))

    def compare(self, ours, theirs, path):
        theirs = [frame for frame in theirs if not frame["jumped"]]
        self.assertEqual(len(theirs), len(ours), (ours, theirs))
        for i, (our, their) in enumerate(zip(ours, theirs)):
            call = any(not frame["inlined"] for frame in theirs[:i])
            self.assertEqual(hex(their["pc"] - call), our["pc"], (our, their))
            if their["name"] is not None and not our["function"].startswith("0x"):
                self.assert_same_name(their["name"], our["function"], path)
            if their["name"] is not None and their["line"] is not None:
                self.assertEqual(their["line"], our["line"], (our, their))

    def check(self, kind):
        target = self.start(kind)
        capture, threads = self.capture(target.pid)
        self.assertEqual((None, 0, "atomic"), (capture["go_version"], capture["goroutines"], capture["mode"]))
        self.assertEqual(set(states(target.pid)), {thread["tid"] for thread in threads})
        theirs = ask_gdb(target.pid, self.directory)
        for thread in threads:
            self.compare(thread["frames"], theirs[thread["tid"]], program(kind))
        return target, {thread["tid"]: [frame["function"] for frame in thread["frames"]] for thread in threads}

    def check_named(self, kind):
        target, stacks = self.check(kind)
        peer = stacks[target.pid]
        self.assertEqual(peer.index("wait_for_peer") + 1, peer.index("main"))
        workers = [names for names in stacks.values() if "worker" in names]
        self.assertEqual(3, len(workers))
        for names in workers:
            self.assertIn("pthread_cond_wait", [re.sub("@.*", "", plain(name)) for name in names])
        self.assertEqual(1, sum("reader" in names for names in stacks.values()))

    def test_of_a_program_with_debug_information(self):
        self.check_named("debug")

    def test_of_one_with_symbols_alone(self):
        self.check_named("plain")

    def test_of_one_that_is_linked_statically(self):
        self.check_named("static")

    def test_of_a_stripped_one(self):
        target, stacks = self.check("stripped")
        self.assertTrue(any(name.startswith("0x") for name in stacks[target.pid]), stacks)


    def test_of_which_the_ends_are_kept_when_that_is_asked_for(self):
        target = self.start("debug", 2)
        _, whole = self.capture(target.pid)
        for most in (1, 2, 3):
            _, cut = self.capture(target.pid, "--max-frames", most)
            for before, after in zip(whole, cut):
                pcs = [frame["pc"] for frame in after["frames"]]
                place = pcs.index(None)
                self.assertEqual("gostackdump.elided", after["frames"][place]["function"])
                logical = [frame["pc"] for frame in before["frames"]]
                self.assertEqual(pcs[:place], logical[:place])
                self.assertEqual(pcs[place + 1:], logical[place + 1 - len(pcs):])
                physical = len(set(pcs)) - 1
                self.assertEqual(max(most, 2), physical, after)


class FormatsTest(ProgramTestCase):
    @classmethod
    def setUpClass(cls):
        cls.target = start("debug")
        cls.addClassCleanup(cls.target.end)
        cls.pid = cls.target.pid

    def write(self, *formats, source=None, status=0):
        options = [word for name in formats for word in ("-o", "%s:%s" % (name, self.directory / name))]
        result = run(*(source or ("-p", self.pid, "--native")), *options)
        self.assert_status(status, result)
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}, result.err

    def test_it_needs_native_and_the_error_says_so(self):
        result = run("-p", self.pid, "-f", "report")
        self.assert_status(2, result)
        self.assert_message(result, "it is not a Go program", "--native shows where its threads are")

    def test_the_summary_counts_threads(self):
        _, err = self.write("report")
        self.assertRegex(err, r"^gostackdump: 5 threads of debug \(pid %d, not a Go program\), paused \d+\.\d\d ms, wrote " % self.pid)

    def test_a_report_groups_them_and_leaves_out_what_calls_main(self):
        written, _ = self.write("report")
        report = written["report"].decode()
        self.assertIn("debug, pid %d, not Go, " % self.pid, report)
        self.assertIn("\n5 threads, 3 distinct stacks\n", report)
        self.assertRegex(report, r"\n3 threads\n(    .*\n)+    worker ")
        self.assertRegex(report, r"\n1 thread \(%d\)\n(    .*\n)+    wait_for_peer .*\n    main +\S+/waits\.c:\d+\n" % self.pid)
        self.assertNotIn("goroutine", report)
        self.assertNotIn("_start\n", report)
        self.assertIn("_start ", run("-p", self.pid, "--native", "--runtime-frames", "-f", "report").out.decode())

    def test_of_code_without_lines_a_report_says_the_library(self):
        target = self.start("stripped", 0)
        result = run("-p", target.pid, "--native", "-f", "report")
        self.assertRegex(result.out.decode(), r"\n    0x[0-9a-f]+ +stripped\n")

    def test_folded_stacks(self):
        written, _ = self.write("folded")
        lines = written["folded"].decode().splitlines()
        self.assertEqual([1, 1, 3], sorted(int(line.rsplit(" ", 1)[1]) for line in lines))
        self.assertTrue(any("main;wait_for_peer" in line for line in lines), lines)

    def test_a_profile_has_them_as_threads(self):
        self.write("pprof")
        top = subprocess.run([go_command(), "tool", "pprof", "-top", "-cum", self.directory / "pprof"], check=True,
                             capture_output=True, text=True).stdout
        self.assertIn("Type: thread\n", top)
        self.assertRegex(top, r"\n +0 +0% +\S+ +3 60\.00% +worker\n")

    def test_pictures_and_pages_count_threads(self):
        written, _ = self.write("svg", "html")
        self.assertIn(b"5 threads, pid %d, not Go" % self.pid, written["svg"])
        self.assertIn(b'"noun":"thread"', written["html"])
        self.assertNotIn(b"goroutine", written["svg"])

    def test_raw_gives_the_same_bytes_later(self):
        written, _ = self.write(*OF_THREADS)
        saved = self.directory / "saved"
        saved.write_bytes(written.pop("raw"))
        for name in written:
            (self.directory / name).unlink()
        again, _ = self.write(*written, source=("--from", saved))
        again.pop("saved")
        mode = (b'"mode":"atomic"', b'"mode":"raw"')
        for name in written:
            self.assertTrue(written[name] == again[name].replace(mode[1], mode[0]), name)

    def test_formats_of_goroutines_alone_are_refused_and_the_others_written(self):
        written, err = self.write("report", *OF_GOROUTINES, status=1)
        self.assertEqual(["report"], list(written))
        for name in OF_GOROUTINES:
            self.assertIn("cannot write %s of " % name, err)
        self.assertIn("its threads can be written as " + ", ".join(OF_THREADS[:-1]) + " and raw", err)

    def test_there_is_nothing_to_select(self):
        result = run("-p", self.pid, "--native", "--filter", "state=syscall", "-f", "report")
        self.assert_status(2, result)
        self.assert_message(result, "cannot select goroutines of ", "it is not a Go program and has none")

    def test_there_is_nothing_for_diff(self):
        self.write("raw", "jsonl", "pprof")
        for name in ("raw", "jsonl", "pprof"):
            result = run("diff", self.directory / name, self.directory / name)
            self.assert_status(2, result)
            self.assert_message(result, "it is of a program without Go")

    def test_statistics_say_null_for_what_only_go_has(self):
        result = run("-p", self.pid, "--native", "-q", "-f", "report", "--stats", self.directory / "stats")
        self.assert_status(0, result)
        stats = json.loads((self.directory / "stats").read_text())
        self.assertEqual((None, None, None, 0, 5, 1), tuple(stats[key] for key in (
            "go_version", "layout_source", "allgs_source", "goroutines", "threads", "stops")))

    def test_watch_captures_go_alone(self):
        result = run("watch", "-p", self.pid, "--native", "--once", "-o", self.directory)
        self.assert_status(2, result)
        self.assertIn("it is not a Go program", result.err)
        self.assertEqual([], list(self.directory.iterdir()))

    def test_a_core(self):
        core = self.directory / "core"
        subprocess.run(["gcore", "-o", core, str(self.pid)], check=True, capture_output=True, timeout=TIMEOUT)
        _, live = self.capture(self.pid)
        result = run("--core", "%s.%d" % (core, self.pid), "--native", "-q", "-f", "jsonl")
        self.assertEqual((0, ""), (result.status, result.err))
        dead = [json.loads(line) for line in result.out.splitlines()][1:]
        frames = lambda threads: sorted([(f["function"], f["line"]) for f in thread["frames"]] for thread in threads)
        self.assertEqual(frames(live), frames(dead))


class SafetyTest(ProgramTestCase):
    def test_the_program_goes_on_as_before(self):
        target = self.start("plain")
        for _ in range(20):
            self.capture(target.pid)
        wait_until(target.pid, "S", THREADS + 1)
        target.process.stdin.close()
        self.assertEqual(0, target.process.wait(TIMEOUT))

    def test_one_that_was_stopped_stays_so(self):
        target = self.start("plain")
        os.kill(target.pid, signal.SIGSTOP)
        wait_until(target.pid, "T", THREADS + 1)
        _, threads = self.capture(target.pid)
        self.assertEqual(THREADS + 1, len(threads))
        wait_until(target.pid, "T", THREADS + 1)
        os.kill(target.pid, signal.SIGCONT)

    def test_one_of_another_architecture_is_refused_by_its_name(self):
        source, thing = self.directory / "pause.s", self.directory / "pause32"
        source.write_text(PAUSE_32)
        subprocess.run(["as", "--32", source, "-o", self.directory / "pause.o"], check=True)
        subprocess.run(["ld", "-m", "elf_i386", self.directory / "pause.o", "-o", thing], check=True)
        target = Target([thing])  # a kernel that does not run it has no such process to look at
        self.addCleanup(target.end, kill=True)
        result = run("-p", target.pid, "--native", "-f", "report")
        self.assert_status(2, result)
        self.assert_message(result, "its program is for 32-bit x86, and only 64-bit x86-64 is supported")

    def test_a_process_that_ends_meanwhile_is_said_to_have_ended(self):
        target = self.start("plain", 0)
        target.end()
        result = run("-p", target.pid, "--native", "-f", "report")
        self.assert_status(2, result)


if __name__ == "__main__":
    main()
