#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Where the program of a saved capture is found, and where it is not: the right build, or none."""

import json
import os
import re
import shutil
import subprocess

from saved import NEW, OLD, Saved, SavedTestCase, main, parity, run


def build_id(path):
    """What `readelf -n` says: GNU's build id, else None."""
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Build ID: ([0-9a-f]+)", notes)
    return found and found.group(1)


class Files(SavedTestCase):
    def test_the_program_where_it_was(self):
        self.assert_loads(Saved(self))

    def test_a_moved_program_is_found_in_a_directory_by_build_id(self):
        # Up to Go 1.23 there is only Go's own build id.
        for go in (OLD, NEW):
            with self.subTest(go=go):
                saved = Saved(self, go)
                elsewhere = saved.move()
                os.rename(os.path.join(elsewhere, "parity"), os.path.join(elsewhere, "other-name"))
                self.assert_loads(saved, "--exe", os.path.dirname(elsewhere))

    def test_a_moved_program_is_given_as_a_file(self):
        saved = Saved(self)
        self.assert_loads(saved, "--exe", os.path.join(saved.move(), "parity"))

    def test_libraries_and_plugins_are_found_too(self):
        for kind in ("plugins", "c-shared-stripped", "cgo-pie-stripped"):
            with self.subTest(kind=kind):
                saved = Saved(self, kind=kind)
                self.assert_loads(saved, "--exe", saved.move())

    def test_the_program_may_have_been_stripped_meanwhile(self):
        saved = Saved(self, kind="cgo")
        program = os.path.join(saved.move(), "parity")
        before = os.path.getsize(program)
        subprocess.run(["strip", program], check=True)
        self.assertLess(os.path.getsize(program), before)
        self.assert_loads(saved, "--exe", program)

    def test_a_program_that_is_gone_is_named_with_its_build_id(self):
        saved = Saved(self)
        elsewhere = saved.move()
        known = build_id(os.path.join(elsewhere, "parity"))
        self.assertIsNotNone(known)
        self.assert_refused(saved.load(), saved.program, known, "--exe")
        # A directory without it is no help.
        self.assert_refused(saved.load("--exe", os.path.dirname(parity.program(OLD, "stripped"))), known)

    def test_another_build_of_the_same_name_is_refused(self):
        saved = Saved(self)
        saved.move()
        other = parity.program("go1.26", "stripped")
        self.assert_refused(saved.load("--exe", other), saved.program, build_id(other) and "--exe")
        os.mkdir(os.path.dirname(saved.program))
        shutil.copy(other, saved.program)
        self.assert_refused(saved.load(), saved.program, "another")

    def test_without_build_ids_the_function_table_tells(self):
        saved = Saved(self, kind="c-shared-noheaders")
        self.assert_loads(saved)
        elsewhere = saved.move()
        library = [name for name in os.listdir(elsewhere) if name.endswith(".so")][0]
        self.assert_loads(saved, "--exe", os.path.join(elsewhere, library))
        os.mkdir(os.path.dirname(saved.program))
        other = os.path.join(os.path.dirname(parity.program(OLD, "c-shared-noheaders")), library)
        shutil.copy(other, os.path.dirname(saved.program))
        self.assert_refused(saved.load(), library, "--exe")

    def test_addresses_need_no_program(self):
        """But for runtime.goexit, which is left out where the program says that it is that."""
        def frames(*arguments):
            result = saved.load("--no-symbolize", *arguments)
            self.assert_status(0, result)
            return {g["goid"]: [frame["pc"] for frame in g["frames"]] for g in map(json.loads, result.out.splitlines()[1:])}

        saved = Saved(self)
        named = {g["goid"]: [frame["pc"] for i, frame in enumerate(g["frames"]) if i == 0 or not g["frames"][i - 1]["inlined"]]
                 for g in map(json.loads, saved.live.splitlines()[1:]) if len(g["frames"]) > 1}
        there = frames()
        elsewhere = saved.move()
        gone = frames()
        self.assertEqual(there, frames("--exe", elsewhere))
        self.assertEqual(there.keys(), gone.keys())
        self.assertGreater(len(named), 100)
        for goid, addresses in there.items():
            self.assertLessEqual(set(named.get(goid, ())), set(addresses))
            self.assertEqual(addresses, gone[goid][: len(addresses)])
            self.assertLessEqual(len(gone[goid]), len(addresses) + 1)

    def test_from_a_pipe(self):
        saved = Saved(self)
        with open(saved.raw, "rb") as f:
            content = f.read()
        done = subprocess.run([os.environ["GOSTACKDUMP"], "--from", "-", "-f", "jsonl"], input=content, capture_output=True)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assert_live(saved, done.stdout)

    def test_files_are_named_after_the_moment_and_the_process_of_the_capture(self):
        saved = Saved(self)
        folder = os.path.join(saved.folder, "dumps") + "/"
        self.assert_status(0, run("--from", saved.raw, "-o", "jsonl:" + folder, "-o", saved.folder + "/%p.report"))
        header = json.loads(saved.live.split(b"\n")[0])
        stamp = re.sub(r"[-:]", "", header["time"])
        name, = os.listdir(folder)
        self.assertRegex(name, re.escape(stamp[:22]) + r"Z\.parity\.%d\.jsonl$" % saved.pid)
        self.assertTrue(os.path.exists(f"{saved.folder}/{saved.pid}.report"))

    def test_statistics_are_those_of_the_capture_and_say_so(self):
        saved = Saved(self)
        stats = os.path.join(saved.folder, "stats")
        self.assert_status(0, saved.load("--stats", stats))
        with open(stats) as f:
            loaded = json.load(f)
        header = json.loads(saved.live.split(b"\n")[0])
        self.assertEqual("raw", loaded["mode"])
        self.assertEqual("atomic", header["mode"])
        self.assertEqual((saved.pid, header["goroutines"], saved.program), tuple(loaded[k] for k in ("pid", "goroutines", "exe")))
        self.assertGreater(loaded["pause_ns"], 0)
        self.assertIn(loaded["allgs_source"], ("code", "scan"))

    def test_what_says_how_to_capture_is_wrong_usage(self):
        for options in (["--system"], ["--native"], ["--max-frames", "7"], ["--unwind", "fp"], ["--max-pause", "1s"], ["-p", "1"]):
            with self.subTest(options=options):
                result = run("--from", "x.gsd", *options)
                self.assert_status(64, result)
                self.assert_message(result, "--from", options[0])
        result = run("-p", "1", "--exe", "x")
        self.assert_status(64, result)
        self.assert_message(result, "--exe")


main()
