#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""One capture of a fixture in every format; what --from makes of the raw one, once the program has ended, are the same bytes.

    same_bytes.py GO KIND MODE      e.g. same_bytes.py go1.22 stripped all
"""

import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
from parity import Fixture, need, run  # noqa: E402

TOOL = os.environ["GOSTACKDUMP"]
# Options that change what a capture holds.
WAYS = {"plain": (), "more": ("--system", "--native"), "go": ("--max-frames", "go"),
        "some": ("--filter", "state='chan receive' or state=select", "--limit", "20:7")}


def formats():
    """Every format that the tool writes: it names them when one is unknown."""
    listed = re.search(r"formats: ([\w, -]+)", run([TOOL, "-p", "1", "-f", "no-such-format"]).stderr)
    need(listed, "the tool does not list its formats")
    names = [name for name in listed.group(1).split(", ") if name != "dot"]
    need({"pprof", "report", "jsonl", "raw"} <= set(names), f"formats are missing: {names}")
    return names


def write(source, folder, names, *options):
    """One run that writes every format into a folder."""
    os.mkdir(folder)
    outputs = [word for name in names for word in ("-o", f"{name}:{folder}/{name}")]
    stats = os.path.join(folder, "stats")
    done = run([TOOL, *source, *options, "--stats", stats, *outputs])
    need(done.returncode in (0, 1), f"exit status {done.returncode}: {done.stderr.strip()}")
    return done.returncode


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def main():
    go, kind, mode = sys.argv[1:]
    names = formats()
    folder = tempfile.mkdtemp(prefix="raw.")
    fixture = Fixture(go, kind, mode, folder)
    statuses = {}
    try:
        for way, options in WAYS.items():
            statuses[way] = write(("-p", str(fixture.pid)), f"{folder}/live.{way}", names, *options)
    finally:
        fixture.close()  # from here on the program does not run
    wrong = []
    for way in WAYS:
        live, saved = f"{folder}/live.{way}", f"{folder}/saved.{way}"
        status = write(("--from", f"{live}/raw"), saved, names)
        if status != statuses[way]:
            wrong.append(f"{way}: status {status}, live {statuses[way]}")
        wrong += [f"{way}: {name} differs" for name in names if content(live, name) != content(saved, name)]
    print(f"{go} {kind} {mode}: {len(WAYS)} captures in {len(names)} formats; {len(wrong)} differ {wrong}")
    if wrong and os.environ.get("GSD_KEEP"):
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
