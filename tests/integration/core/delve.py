# SPDX-License-Identifier: BSD-3-Clause
"""What delve sees in a core, by its own interface (JSON-RPC, service/rpc2/server.go)."""

import json
import os
import socket
import subprocess

from support import FIXTURES, PATIENCE, need

DELVE = os.path.join(FIXTURES, "dlv")
DEPTH = 1000  # innermost frames: more take it minutes


class Delve:
    """delve over one core, while this is entered."""

    def __init__(self, program, core, folder):
        self.address = os.path.join(folder, "delve.socket")
        self.command = [DELVE, "core", program, core, "--headless", "--api-version=2", "--check-go-version=false",
                        "--listen=unix:" + self.address]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        said = self.process.stdout.readline()
        need("listening at" in said, f"{' '.join(self.command)}: {said!r}")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(self.address)
        self.stream = self.socket.makefile("rw")
        self.asked = 0
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def ask(self, method, **words):
        self.asked += 1
        self.stream.write(json.dumps({"method": "RPCServer." + method, "params": [words], "id": self.asked}))
        self.stream.flush()
        answer = json.loads(self.stream.readline())
        need(answer["error"] is None and answer["id"] == self.asked, f"delve: {method}: {answer}")
        return answer["result"]

    def goroutines(self):
        """The frames of each by goid, innermost first: (function, file, line, pc). The runtime's own are among them."""
        listed = self.ask("ListGoroutines", Start=0, Count=0)["Goroutines"]
        return {g["id"]: self.frames(g["id"]) for g in listed}

    def frames(self, goid):
        found = self.ask("Stacktrace", Id=goid, Depth=DEPTH, Full=False, Defers=False, Opts=0)["Locations"]
        return [(frame["function"]["name"] if frame.get("function") else None, frame["file"], frame["line"], frame["pc"])
                for frame in found]

    def threads(self):
        """The pc of each, by its id."""
        return {thread["id"]: thread["pc"] for thread in self.ask("ListThreads")["Threads"]}
