# SPDX-License-Identifier: BSD-3-Clause
"""What a dump writes, where, and in which format; its statistics and messages. Looks at tools/sample-server."""

import gzip
import json
import os
import re
import shutil
import stat
import subprocess
import unittest

from support import GOSTACKDUMP, ServerTestCase, build_directory, environment, go_command, main, run, run_on_terminal
from support import sample_server, server

# The keys of the manual (STATISTICS), in the order in which they are written.
INTEGERS = (
    "schema pid goroutines system_goroutines unreadable ambiguous unsettled unread_running refused_pause_ns threads pause_ns pause_total_ns stops read_at_stop "
    "one_step births rounds prepare_ns capture_ns total_ns cpu_ns bytes_read missing_bytes rss_peak_bytes frames unwind_table "
    "unwind_fp unwind_disagreements"
).split()
STRINGS = "exe go_version mode layout_source allgs_source".split()

PPROF = "pprof"
REPORT = "report"
SGR = re.compile(rb"\x1b\[[0-9;]*m")
WORKER = b"main.(*shop).orderWorker"


def format_of(data):
    if data.startswith(b"\x1f\x8b"):
        assert WORKER in gzip.decompress(data)
        return PPROF
    assert WORKER in data, data[:200]
    return REPORT


class Outputs(ServerTestCase):
    def dump(self, *arguments, status=0, **how):
        result = run("-p", self.pid, *arguments, cwd=self.directory, **how)
        self.assert_status(status, result)
        return result

    def read(self, name):
        return (self.directory / name).read_bytes()

    def test_the_ending_chooses_the_format(self):
        names = {"a.pb.gz": PPROF, "a.pprof": PPROF, "a.report": REPORT, "a": PPROF, "a.other": PPROF}
        self.dump(*[word for name in names for word in ("-o", name)])
        self.assertEqual(names, {name: format_of(self.read(name)) for name in names})

    def test_f_is_for_endings_that_say_nothing(self):
        self.dump("-f", "report", "-o", "a.pb.gz", "-o", "b.other", "-o", "c")
        self.assertEqual([PPROF, REPORT, REPORT], [format_of(self.read(name)) for name in ("a.pb.gz", "b.other", "c")])

    def test_a_format_before_the_path_beats_its_ending(self):
        self.dump("-f", "pprof", "-o", "report:a.pb.gz", "-o", "pprof:b.txt", "-o", "report:c:d", "-o", "./report:e")
        self.assertEqual(
            [REPORT, PPROF, REPORT, PPROF], [format_of(self.read(name)) for name in ("a.pb.gz", "b.txt", "c:d", "report:e")]
        )

    def test_a_pipe_gets_pprof(self):
        self.assertEqual(PPROF, format_of(self.dump().out))
        self.assertEqual(PPROF, format_of(self.dump("-o", "-").out))

    def test_a_redirected_file_gets_pprof(self):
        with open(self.directory / "out", "wb") as out:
            self.dump(stdout=out)
        self.assertEqual(PPROF, format_of(self.read("out")))

    def test_f_chooses_for_standard_output(self):
        for arguments in (["-f", "report"], ["-f", "report", "-o", "-"], ["-o", "report:-"], ["-o", "report:/dev/stdout"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(REPORT, format_of(self.dump(*arguments).out))

    def test_the_names_of_descriptors_are_written_into_not_replaced(self):
        reader, writer = os.pipe()
        self.dump("-f", "report", "-o", "/dev/fd/%d" % writer, pass_fds=[writer])
        os.close(writer)
        with open(reader, "rb") as stream:
            self.assertEqual(REPORT, format_of(stream.read()))
        self.assertTrue(os.path.islink("/dev/stdout"))

    def test_long_options_take_an_equals_sign(self):
        self.dump("--output=a.other", "--format=report", "--unwind=table", "--max-pause=900ms", "--max-frames=go")
        self.assertEqual(REPORT, format_of(self.read("a.other")))

    def test_dump_is_the_default_command(self):
        result = run("dump", "-p", self.pid)
        self.assert_status(0, result)
        self.assertEqual(PPROF, format_of(result.out))

    def test_files_are_for_the_owner_only(self):
        self.dump("-o", "a.pb.gz", "--stats", "s.json", umask=0)
        for name in ("a.pb.gz", "s.json"):
            self.assertEqual(0o600, stat.S_IMODE(os.stat(self.directory / name).st_mode))
        self.assertEqual(["a.pb.gz", "s.json"], sorted(os.listdir(self.directory)))

    def test_an_old_file_is_replaced(self):
        (self.directory / "a.pb.gz").write_bytes(b"old")
        self.dump("-o", "a.pb.gz")
        self.assertEqual(PPROF, format_of(self.read("a.pb.gz")))

    def test_a_pid_in_the_path(self):
        self.dump("-o", "x%p.pb.gz", "-o", "d%p/")
        self.assertEqual(PPROF, format_of(self.read("x%d.pb.gz" % self.pid)))
        self.assertEqual(1, len(os.listdir(self.directory / ("d%d" % self.pid))))

    def assert_name(self, name, ending):
        self.assertRegex(name, r"^\d{8}T\d{6}\.\d{6}Z\.sample-server\.%d%s$" % (self.pid, re.escape(ending)))

    def test_a_directory_gets_files_named_after_time_process_and_pid(self):
        (self.directory / "there").mkdir()
        for where, form, ending in (("new/", [], ".pb.gz"), ("deep/er/", [], ".pb.gz"), ("there", [], ".pb.gz"),
                                    ("as-f/", ["-f", "report"], ".report")):
            with self.subTest(where=where):
                self.dump("-o", where, *form)
                names = os.listdir(self.directory / where)
                self.assertEqual(1, len(names))
                self.assert_name(names[0], ending)

    def test_files_of_a_directory_never_collide_and_sort_by_time(self):
        written = []
        for _ in range(3):
            self.dump("-o", "d/")
            names = set(os.listdir(self.directory / "d"))
            self.assertEqual(len(written) + 1, len(names))
            written += sorted(names - set(written))
        self.assertEqual(sorted(written), written)

    def test_both_formats_of_one_moment_have_one_name(self):
        self.dump("-o", "d/", "-o", "report:d/")
        a, b = sorted(os.listdir(self.directory / "d"))
        self.assertEqual(a[: -len(".pb.gz")], b[: -len(".report")])

    def test_go_tool_pprof_reads_the_profile(self):
        self.dump("-o", "a.pb.gz")
        done = subprocess.run([go_command(), "tool", "pprof", "-top", "a.pb.gz"], cwd=self.directory, capture_output=True,
                              env=environment(PPROF_TMPDIR=str(self.directory)), timeout=300)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, rb"Type: goroutine")
        self.assertRegex(done.stdout, rb"runtime.gopark")


class Terminal(ServerTestCase):
    def test_a_terminal_gets_the_report(self):
        result = run_on_terminal("-p", self.pid)
        self.assert_status(0, result)
        self.assertEqual(REPORT, format_of(result.out))

    def test_binary_is_not_written_to_a_terminal(self):
        result = run_on_terminal("-p", self.pid, "-f", "pprof")
        self.assert_status(64, result)
        self.assertEqual(b"", result.out)
        self.assert_message(result, "-f pprof", "terminal")

    def test_binary_is_written_to_a_terminal_that_is_named(self):
        result = run_on_terminal("-p", self.pid, "-o", "-")
        self.assert_status(0, result)
        self.assertTrue(result.out.startswith(b"\x1f\x8b"))

    def test_colour_is_for_terminals_that_want_it(self):
        self.assertRegex(run_on_terminal("-p", self.pid).out, SGR)
        self.assertNotRegex(run_on_terminal("-p", self.pid, env={"NO_COLOR": "1"}).out, SGR)
        self.assertNotRegex(run_on_terminal("-p", self.pid, env={"TERM": "dumb"}).out, SGR)
        self.assertNotRegex(run("-p", self.pid, "-f", "report").out, SGR)

    def test_columns_set_the_width_of_the_report(self):
        def widest(columns):
            out = SGR.sub(b"", run_on_terminal("-p", self.pid, env={"COLUMNS": columns}).out)
            return max(len(line) for line in out.decode().splitlines())

        self.assertLessEqual(widest("80"), 80)
        self.assertGreater(widest("160"), 80)
        self.assertLessEqual(widest("160"), 160)


    def test_a_report_fits_the_screen_unless_it_is_to_be_whole(self):
        def report(*arguments, **env):
            return SGR.sub(b"", run_on_terminal("-p", self.pid, *arguments, env=env).out).decode().splitlines()

        whole, short = report(LINES="10000"), report(LINES="24")
        self.assertGreater(len(whole), 60)
        self.assertLessEqual(len(short), 21)
        self.assertRegex(short[-1], r"^and \d+ goroutines in \d+ more groups; --full shows every whole stack$")
        self.assertEqual(whole[1:], report("--full", LINES="24")[1:])
        result = run("-p", self.pid, "-f", "report", env={"LINES": "24"})
        self.assertEqual(whole[1:], result.out.decode().splitlines()[1:])

    def test_frames_of_the_runtime_are_shown_on_demand(self):
        self.assertNotIn(b"runtime.gopark", run("-p", self.pid, "-f", "report").out)
        self.assertIn(b"runtime.gopark", run("-p", self.pid, "-f", "report", "--runtime-frames").out)


class Several(ServerTestCase):
    def setUp(self):
        super().setUp()
        self.other = server()
        self.addCleanup(self.other.end)

    def test_several_processes_into_a_directory_or_by_pid(self):
        result = run("-p", self.pid, "-p", self.other.pid, "-o", "d/", "-o", "%p.pb.gz", "--stats", "s", cwd=self.directory)
        self.assert_status(0, result)
        names = os.listdir(self.directory / "d")
        for pid in (self.pid, self.other.pid):
            self.assertEqual(PPROF, format_of((self.directory / ("%d.pb.gz" % pid)).read_bytes()))
            self.assertEqual(1, len([name for name in names if ".%d." % pid in name]))
        lines = (self.directory / "s").read_text().splitlines()
        self.assertEqual([self.pid, self.other.pid], [json.loads(line)["pid"] for line in lines])

    def test_a_process_that_is_missing_makes_it_partial(self):
        result = run("-p", self.pid, "-p", 2**22 - 1, "-o", "d/", cwd=self.directory)
        self.assert_status(1, result)
        self.assertEqual(1, len(os.listdir(self.directory / "d")))
        self.assertIn(str(2**22 - 1), result.err)

    def test_several_reports_on_standard_output(self):
        result = run("-p", self.pid, "-p", self.other.pid, "-f", "report")
        self.assert_status(0, result)
        self.assertIn(str(self.pid).encode(), result.out)
        self.assertIn(str(self.other.pid).encode(), result.out)


class Statistics(ServerTestCase):
    def stats(self, *arguments, env=None):
        result = run("-p", self.pid, "-o", "a.pb.gz", "--stats", "-", *arguments, cwd=self.directory, env=env)
        self.assert_status(0, result)
        self.assertEqual(1, result.out.count(b"\n"))
        return json.loads(result.out, object_pairs_hook=lambda pairs: dict(pairs, keys=[key for key, _ in pairs]))

    def test_the_peak_of_memory_is_not_that_of_who_started_it(self):
        ours = b"x" * (400 << 20)
        self.assertLess(self.stats()["rss_peak_bytes"], len(ours) / 2)

    def test_keys_and_types_are_those_of_the_contract(self):
        stats = self.stats()
        self.assertEqual(INTEGERS + STRINGS, stats["keys"])
        for key in INTEGERS:
            self.assertIs(int, type(stats[key]), key)
            self.assertGreaterEqual(stats[key], 0)
        for key in STRINGS:
            self.assertIs(str, type(stats[key]), key)

    def test_values_are_plausible(self):
        stats = self.stats()
        self.assertEqual((1, self.pid, "atomic"), (stats["schema"], stats["pid"], stats["mode"]))
        self.assertEqual(os.readlink("/proc/%d/exe" % self.pid), stats["exe"])
        self.assertRegex(stats["go_version"], r"^go1\.\d+")
        self.assertGreater(stats["goroutines"], 250)
        self.assertEqual((0, 0), (stats["unreadable"], stats["ambiguous"]))
        for key in ("threads", "pause_ns", "stops", "rounds", "prepare_ns", "bytes_read", "rss_peak_bytes", "frames"):
            self.assertGreater(stats[key], 0, key)
        self.assertLessEqual(stats["pause_ns"], stats["pause_total_ns"])
        self.assertLess(stats["pause_total_ns"], stats["total_ns"])

    def test_the_sources_can_be_forced(self):
        for source in ("symbol", "code", "dwarf", "scan"):
            with self.subTest(allgs=source):
                self.assertEqual(source, self.stats(env={"GOSTACKDUMP_SOURCES": "allgs=" + source})["allgs_source"])
        for source in ("types", "dwarf"):
            with self.subTest(layout=source):
                self.assertEqual(source, self.stats(env={"GOSTACKDUMP_SOURCES": "layout=" + source})["layout_source"])
        both = self.stats(env={"GOSTACKDUMP_SOURCES": "allgs=code+scan,layout=dwarf"})
        self.assertIn(both["allgs_source"], ("code", "scan"))
        self.assertEqual("dwarf", both["layout_source"])

    def test_system_goroutines_are_there_on_demand(self):
        without, with_them = self.stats(), self.stats("--system")
        self.assertGreater(without["system_goroutines"], 0)
        self.assertEqual(without["goroutines"] + with_them["system_goroutines"], with_them["goroutines"])

    def test_the_ways_to_unwind(self):
        self.assertEqual(0, self.stats("--unwind=fp")["unwind_table"])
        self.assertEqual(0, self.stats("--unwind=table")["unwind_fp"])
        self.assertEqual(0, self.stats("--unwind=auto")["unwind_disagreements"])

    def test_a_name_that_is_not_utf8_is_still_json(self):
        path = build_directory() / os.fsdecode(b"s\xff\xe9\"\\ \x1b[2J")
        shutil.copy(sample_server(), path)
        odd = server(path)
        self.addCleanup(odd.end)
        result = run("-p", odd.pid, "-o", "d/", "--stats", "s", cwd=self.directory)
        self.assert_status(0, result)
        exe = json.loads((self.directory / "s").read_text("utf-8"))["exe"]
        self.assertEqual("s\ufffd\ufffd\"\\ \x1b[2J", os.path.basename(exe))
        self.assertNotIn("\x1b", result.err)
        self.assertIn("s\\xff\\xe9", result.err)
        self.assertRegex(os.listdir(self.directory / "d")[0], r"Z\.s______[_]?2J\.\d+\.pb\.gz$")


class Messages(ServerTestCase):
    def test_the_summary_is_one_line(self):
        result = run("-p", self.pid, "-o", "a.pb.gz", "-o", "b.report", cwd=self.directory)
        self.assertRegex(
            result.err,
            r"^gostackdump: \d+ goroutines of sample-server \(pid %d, go1\.[\w.]+\), \d+ threads paused [\d.]+ ms"
            r"( \(\d+ times, [\d.]+ ms in all\))?, "
            r"wrote a\.pb\.gz b\.report\n$" % self.pid,
        )

    def test_quiet_says_nothing(self):
        self.assertEqual("", run("-q", "-p", self.pid, "-o", "a.pb.gz", cwd=self.directory).err)

    def test_verbose_says_how(self):
        err = run("-v", "-p", self.pid, "-o", "a.pb.gz", cwd=self.directory).err
        self.assertIn("layouts from types", err)

    def test_deep_stacks_are_cut_in_the_middle(self):
        result = run("-p", self.pid, "--max-frames", "6")
        self.assert_status(0, result)
        profile = gzip.decompress(result.out)
        self.assertIn(b"gostackdump.elided", profile)
        self.assertNotIn(b"gostackdump.elided", gzip.decompress(run("-p", self.pid).out))


if __name__ == "__main__":
    main()
