# SPDX-License-Identifier: BSD-3-Clause
"""--no-symbolize: addresses instead of names, that others can name. Looks at tools/sample-server, which is not stripped."""

import gzip
import json
import re
import subprocess

from support import ServerTestCase, environment, go_command, main, run, sample_server
from test_select import WORKER, formats

MADE_OF_NAMES = {"text", "stacks"}


class NoSymbolize(ServerTestCase):
    def dump(self, *arguments):
        result = run("-p", self.pid, *arguments)
        self.assert_status(0, result)
        return result.out

    def pprof(self, *arguments):
        done = subprocess.run(
            [go_command(), "tool", "pprof", *map(str, arguments)], capture_output=True, text=True, timeout=300,
            env=environment(PPROF_TMPDIR=str(self.directory)),
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_no_format_has_names(self):
        for form in formats():
            if form in MADE_OF_NAMES:
                continue
            with self.subTest(format=form):
                out = self.dump("--no-symbolize", "-f", form)
                out = gzip.decompress(out) if out.startswith(b"\x1f\x8b") else out
                self.assertNotIn(WORKER, out)
                self.assertNotIn(b"main.spawn", out)

    def test_addresses_stand_where_names_would(self):
        self.assertRegex(self.dump("--no-symbolize", "-f", "report"), rb"\n    0x[0-9a-f]+\n")
        lines = [json.loads(line) for line in self.dump("--no-symbolize", "-f", "jsonl").splitlines()[1:]]
        for g in lines:
            self.assertRegex(g["start"]["function"], "^0x[0-9a-f]+$")
            for frame in g["frames"]:
                self.assertEqual(frame["pc"], frame["function"])
                self.assertEqual((None, None, False), (frame["file"], frame["line"], frame["native"]))

    def test_physical_frames_have_the_addresses_that_they_have_with_names(self):
        """All but those whose names would make them be left out."""
        def addresses(*arguments):
            lines = [json.loads(line) for line in self.dump("-f", "jsonl", *arguments).splitlines()[1:]]
            return {g["goid"]: physical(g["frames"]) for g in lines if g["status"] == "waiting"}

        def physical(frames):
            """Of calls inlined into one place the innermost one, whose address is that of the frame."""
            return [frame["pc"] for i, frame in enumerate(frames) if i == 0 or not frames[i - 1]["inlined"]]

        named, bare = addresses(), addresses("--no-symbolize")
        self.assertEqual(named.keys(), bare.keys())
        for goid, frames in named.items():
            self.assertLessEqual(set(frames), set(bare[goid]))

    def test_pprof_names_what_we_would_have_named(self):
        """go tool pprof itself knows nothing of inlined calls: all other functions must be there."""
        bare, named = self.directory / "bare.pb.gz", self.directory / "named.jsonl"
        self.dump("--no-symbolize", "-o", bare)
        self.dump("-o", named)
        raw = self.pprof("-raw", "-symbolize=none", bare)
        mappings = raw[raw.index("Mappings"):]
        self.assertIn("sample-server", mappings)
        self.assertNotIn("[FN]", mappings)
        self.assertNotIn("main.", raw[raw.index("Locations"):raw.index("Mappings")])
        lines = [json.loads(line) for line in named.read_bytes().splitlines()[1:]]
        wanted = {frame["function"] for g in lines for frame in g["frames"] if not frame["inlined"]}
        self.assertGreater(len(wanted), 30)
        top = self.pprof("-top", "-nodecount=100000", "-nodefraction=0", "-symbolize=local", sample_server(), bare)
        found = {line.split()[5] for line in top.splitlines() if re.match(r"^ +\d+ +[\d.]+% ", line)}
        self.assertEqual(set(), wanted - found)


if __name__ == "__main__":
    main()
