# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of watch share: a watch that runs, and the files that it has written."""

import gzip
import json
import os
import re
import shutil
import subprocess
import threading

from support import GOSTACKDUMP, TIMEOUT, TestCase, environment, sample_server, server

NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z\.[\w-]+\.\d+(\.\d+)?(\.pb\.gz|\.report|\.jsonl)")


class Watch:
    """A watch that runs, and its log line by line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [GOSTACKDUMP, "watch", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )

    def line(self):
        return self.process.stderr.readline()

    def event(self, wanted):
        """The next event of that kind (with --log-format json). A watch that does not tell it is ended."""
        deadline = threading.Timer(TIMEOUT, self.process.kill)
        deadline.start()
        try:
            for text in self.process.stderr:
                event = json.loads(text)
                if event["event"] == wanted:
                    return event
        finally:
            deadline.cancel()
        raise AssertionError("watch ended without the event " + wanted)

    def signal(self, number):
        self.process.send_signal(number)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def end(self):
        rest = self.process.stderr.read()
        return self.process.wait(TIMEOUT), rest


class WatchTestCase(TestCase):
    def setUp(self):
        super().setUp()
        self.dumps = self.directory / "dumps"

    def server(self, name=None):
        path = sample_server()
        if name:
            path = self.directory / name
            if not path.exists():
                shutil.copy(sample_server(), path)
        target = server(path)
        self.addCleanup(lambda: target.process.poll() is not None or target.end())
        return target

    def watch(self, *arguments):
        watch = Watch(*arguments, "-o", self.dumps, "--log-format", "json")
        self.addCleanup(watch.close)
        return watch

    def files(self):
        """The files in the directory: every one is named as a capture and whole."""
        names = sorted(os.listdir(self.dumps)) if self.dumps.exists() else []
        for name in names:
            self.assertRegex(name, NAME)
            if name.endswith(".gz"):
                gzip.decompress((self.dumps / name).read_bytes())
        return names
