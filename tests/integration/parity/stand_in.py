#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Stands in for gostackdump in the test of parity.py: it copies the profile that the fixture wrote itself, and can be told
by STAND_IN_FAULT to do one thing wrong."""

import argparse
import ctypes
import gzip
import json
import os
import signal
import sys

PTRACE_SEIZE = 0x4206
FAULT = os.environ.get("STAND_IN_FAULT", "")


def refuse(text):
    print(f"stand-in: {text}", file=sys.stderr)
    sys.exit(2)


def replace(profile, old, new):
    """Replace a string of the same length in the profile's string table."""
    if profile.count(old) == 0 or len(old) != len(new):
        sys.exit(f"{old} is not in the profile")
    return profile.replace(old, new)


def trace(pid):
    """Leave a tracer behind, which goes when the target does."""
    if os.fork() != 0:
        return
    for stream in range(3):
        os.close(stream)
    traced = ctypes.CDLL(None).ptrace(PTRACE_SEIZE, pid, None, None) == 0
    while traced:
        status = os.waitpid(pid, 0)[1]
        traced = not os.WIFEXITED(status) and not os.WIFSIGNALED(status)
    os._exit(0)


# What is wrong in one of the texts: the debug level, what is replaced once, and by what.
TEXT_FAULTS = {
    "address": (1, b"@ 0x4", b"@ 0x5"),
    "columns": (1, b"\t\t/", b"\t/"),
    "order": (1, b"\n1 @", b"\n2 @"),
    "argument": (2, b"(0x", b"(0x1"),
    "elided": (2, b" frames elided", b" frames hidden"),
    "creator": (2, b"created by main.start", b"created by main.stert"),
    "offset": (2, b" +0x", b" +0x1"),
}


def write_text(folder, level, path):
    with open(os.path.join(folder, f"own.debug{level}"), "rb") as f:
        text = f.read()
    wrong, old, new = TEXT_FAULTS.get(FAULT, (0, b"", b""))
    if wrong == level:
        at = text.rindex(old)
        text = text[:at] + new + text[at + len(old):]
    with open(path, "wb") as f:
        f.write(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-p", type=int)
    parser.add_argument("-o", action="append")
    parser.add_argument("--stats")
    parser.add_argument("--max-frames")
    parser.add_argument("--unwind")
    parser.add_argument("--nonblocking", action="store_true")
    options = parser.parse_args()
    with open(f"/proc/{options.p}/cmdline") as f:
        words = f.read().split("\0")
    folder = next(w for w in words if w.startswith("-out="))[len("-out="):]
    stripped = any(kind in words[0] for kind in ("/stripped/", "/nosym/", "/pie-stripped/"))
    sources = dict(s.split("=") for s in os.environ.get("GOSTACKDUMP_SOURCES", "").split(",") if s)
    for key, name in sources.items():
        if stripped and name in ("symbol", "dwarf") and FAULT != "accepts":
            refuse({"symbol": "no symbol runtime.allgs", "dwarf": "no debug information"}[name] if FAULT != "unnamed" else "no")

    with gzip.open(os.path.join(folder, "again.pb.gz")) as f:
        profile = f.read()
    if FAULT == "function":
        profile = replace(profile, b"main.identical", b"main.identicaX")
    elif FAULT == "label":
        profile = replace(profile, b"worker", b"workeX")
    elif FAULT == "file":
        profile = replace(profile, b"labels.go", b"lapels.go")
    for output in options.o[1:]:
        write_text(folder, 1 if output.startswith("text:") else 2, output.removeprefix("text:"))
    options.o = options.o[0]
    with gzip.open(options.o, "wb") as f:
        f.write(profile if FAULT != "truncated" else profile[:-10])
    os.chmod(options.o, 0o644 if FAULT == "permissions" else 0o600)

    with open(os.path.join(folder, "own.debug1")) as f:
        goroutines = int(f.readline().split()[-1])
    stats = {"schema": 1, "pid": options.p, "unreadable": 0, "ambiguous": 0, "unwind_disagreements": 0, "mode": "atomic",
             "pause_ns": 1, "stops": 1, "threads": 1, "goroutines": goroutines,
             "allgs_source": sources.get("allgs", "code"), "layout_source": sources.get("layout", "types")}
    if options.nonblocking:
        stats.update(mode="nonblocking", pause_ns=0, stops=0, threads=0)
    if FAULT == "source":
        stats["allgs_source"] = "code"
    elif FAULT == "missing-stat":
        del stats["unreadable"]
    elif FAULT == "paused":
        stats["pause_ns"] = 1
    elif FAULT in stats:
        stats[FAULT] += 1
    with open(options.stats, "w") as f:
        f.write(json.dumps(stats) + "\n")

    if FAULT == "kill":
        os.kill(options.p, signal.SIGKILL)
    elif FAULT == "stop":
        os.kill(options.p, signal.SIGSTOP)
    elif FAULT == "traced":
        trace(options.p)
    elif FAULT == "leftover":
        open(options.o + ".tmp", "w").close()
    sys.exit(1 if FAULT == "status" else 0)


if __name__ == "__main__":
    main()
