# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of graphs share: targets, and one capture in several formats."""

import collections
import json
import os
import socket
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import parity  # noqa: E402
from support import TestCase, main, run, server  # noqa: E402, F401

NEWEST = "go1.27"


class ParityTestCase(TestCase):
    """Tests that look at one parity fixture: hundreds of goroutines with everything that a stack can hold."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gostackdump-graphs-")
        cls.addClassCleanup(folder.cleanup)
        cls.fixture = parity.Fixture(NEWEST, "default", "all", folder.name)
        cls.addClassCleanup(cls.fixture.close)


class Listener:
    """The HTTP listener of a program."""

    def __init__(self, pid):
        sockets = {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        with open(f"/proc/{pid}/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        ports = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
        assert len(ports) == 1, ports
        self.port = ports[0]

    def connect(self):
        """An idle connection, which has been answered once: a goroutine of the program waits on it."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        answer = b""
        while not answer.endswith(b"404 page not found\n"):
            part = connection.recv(4096)
            assert part, answer
            answer += part
        return connection


def dump(test, pid, *outputs):
    """Writes one capture to the outputs, all in the directory of the test; returns what jsonl says of it."""
    jsonl = str(test.directory / "goroutines.jsonl")
    test.assert_status(0, run("-p", pid, "-o", jsonl, *(word for output in outputs for word in ("-o", output))))
    with open(jsonl, encoding="utf-8") as lines:
        objects = [json.loads(line) for line in lines]
    return objects[0], [thing for thing in objects[1:] if thing["type"] == "goroutine"]


def counted(goroutines, key):
    return collections.Counter(key(goroutine) for goroutine in goroutines)
