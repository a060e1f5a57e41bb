# SPDX-License-Identifier: BSD-3-Clause
"""docs/jsonl.schema.json describes what -f jsonl writes, of programs of every Go version."""

import json
import os
import pathlib
import subprocess

import jsonschema

from support import ROOT, TestCase, main, run

FIXTURES = pathlib.Path(os.environ.get("GSD_FIXTURES_DIR") or ROOT / "build/fixtures")


class Schema(TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads((ROOT / "docs/jsonl.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.defs = schema["$defs"]
        # A line is checked against what its type says, so that an error names the key that is wrong.
        cls.validators = {
            name: jsonschema.Draft202012Validator({**schema["$defs"][part], "$defs": cls.defs})
            for name, part in (("capture", "capture"), ("goroutine", "goroutine"), ("thread", "thread_line"))
        }
        cls.whole = jsonschema.Draft202012Validator(schema)

    def assert_described(self, out):
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual("capture", lines[0]["type"])
        for line in lines:
            error = jsonschema.exceptions.best_match(self.validators[line["type"]].iter_errors(line))
            self.assertIsNone(error, error)
        self.whole.validate(lines[0])
        self.whole.validate(lines[-1])
        return lines

    def test_every_version(self):
        programs = sorted(FIXTURES.glob("go1.*/default/parity"))
        self.assertGreaterEqual(len(programs), 10)
        for program in programs:
            with self.subTest(program=program.parts[-3]):
                process = subprocess.Popen([program, "-out", self.directory], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                try:
                    self.assertTrue(process.stdout.readline().startswith(b"ready"))
                    for arguments in ([], ["--system", "--native"], ["--no-symbolize", "--limit", "5:3", "--filter", "goid>0"]):
                        result = run("-p", process.pid, "-f", "jsonl", "--max-frames=40", *arguments)
                        self.assert_status(0, result)
                        self.assertGreater(len(self.assert_described(result.out)), 5)
                finally:
                    process.kill()
                    process.communicate()

    def test_what_is_wrong_is_found(self):
        header = {"type": "capture", "schema": 1, "time": None, "pid": 1, "exe": "x", "go_version": "go1.20",
                  "mode": "atomic", "goroutines": 0, "selection": None}
        self.whole.validate(header)
        for change in ({"pid": "1"}, {"mode": "odd"}, {"more": 1}, {"time": "today"}):
            with self.assertRaises(jsonschema.ValidationError):
                self.whole.validate({**header, **change})


if __name__ == "__main__":
    main()
