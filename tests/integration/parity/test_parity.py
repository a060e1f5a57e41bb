#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""parity.py finds what is wrong: it is run with a stand-in for gostackdump that is right, or wrong in one way."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# What the stand-in does wrong, and words of the message that must come of it.
FAULTS = {
    "": None,
    "function": "main.identicaX",
    "label": "workeX",
    "file": "lapels.go",
    "truncated": "compare|pprof",
    "permissions": "mode of the file is 644",
    "status": "exit status 1",
    "unreadable": "unreadable is 1",
    "ambiguous": "ambiguous is 1",
    "unwind_disagreements": "unwind_disagreements is 1",
    "pid": "pid is",
    "goroutines": "goroutines is",
    "paused": "pause_ns is 1, not 0",
    "missing-stat": "says nothing of unreadable",
    "source": "allgs_source is 'code', not 'symbol'",
    "accepts": "exit status 0, not 2",
    "unnamed": "does not name what is missing",
    "kill": "ended with status",
    "stop": "is stopped|said nothing|does not end",
    "traced": "still traced",
    "leftover": "left behind",
    "address": "text is debug=1: groups: .*",
    "columns": "text is debug=1: groups: .*",
    "order": "text is debug=1: groups: .*",
    "argument": "stacks is debug=2: goroutines: .*",
    "elided": "stacks is debug=2: goroutines: .*",
    "creator": "stacks is debug=2: goroutines: .*",
    "offset": "stacks is debug=2: goroutines: .*",
}
ON_STRIPPED = ("accepts", "unnamed")


def run(fault, *options):
    kind = "stripped" if fault in ON_STRIPPED else "default"
    env = dict(os.environ, GOSTACKDUMP=os.path.join(HERE, "stand_in.py"), STAND_IN_FAULT=fault, PARITY_COMMAND_SECONDS="5")
    done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "parity.py"), *options, "go1.22", kind, "all"], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def main():
    wrong = []
    for fault, message in FAULTS.items():
        status, output = run(fault, "--own-depth")
        told = message is None or re.search(rf"^FAILED.*({message})|^ .*({message})", output, re.M)
        good = status == (0 if message is None else 1) and told
        print(f"{'ok' if good else 'WRONG'}: {fault or 'a right tool'}: status {status}", flush=True)
        if not good:
            wrong.append(f"{fault or 'a right tool'}: status {status}, output\n{output}")
    status, output = run("")
    if status != 1 or "the deepest whole recursion" not in output:
        wrong.append(f"stacks that are cut where Go cuts: status {status}, output\n{output}")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
