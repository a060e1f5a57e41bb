#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the functions of the public header say of each goroutine is what -f jsonl says of it, field by field.

    api.py WALK GO KIND PROGRAM [MODE]      WALK: the program made of walk.c; MODE native: with C frames
"""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "states"))
from support import Target, fixture, need  # noqa: E402


def flat(value, path, out):
    """The leaves of what jsonl says, by path; of an empty object or list nothing is told."""
    if isinstance(value, dict):
        for key, inner in value.items():
            flat(inner, f"{path}.{key}", out)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            flat(inner, f"{path}.{i}", out)
    else:
        out[path] = value


def told(goroutines):
    """What jsonl says, as walk.c tells it: labels in order."""
    out = {}
    for n, goroutine in enumerate(goroutines):
        del goroutine["type"]
        labels = goroutine.get("labels")
        if labels is not None:
            del goroutine["labels"]
            goroutine["label"] = [{"key": key, "value": value} for key, value in labels.items()]
        flat(goroutine, str(n), out)
    return out


def value_of(text):
    if text[0] == "s":
        return bytes.fromhex(text[1:]).decode("utf-8", errors="replace")
    return {"n": lambda: None, "b": lambda: text == "b1", "i": lambda: int(text[1:])}[text[0]]()


def main():
    walk, go, kind, program, *mode = sys.argv[1:]
    native = ["native"] if mode == ["native"] else []
    mode = mode if not native else []
    with tempfile.TemporaryDirectory(prefix="api.") as folder:
        arguments = mode or ["-out=" + folder]
        with Target([fixture(go, kind, program), *arguments], folder, GODEBUG="tracebackancestors=10") as target:
            path = os.path.join(folder, "told")
            done = subprocess.run([walk, str(target.pid), path, *native], capture_output=True, timeout=120)
            need(done.returncode == 0, f"exit status {done.returncode}: {done.stderr.decode()}")
        expected = told([json.loads(line) for line in done.stdout.decode().splitlines()[1:]])
        with open(path) as f:
            found = {name: value_of(text) for name, text in (line.rstrip("\n").split(" ", 1) for line in f)}
    wrong = [f"{name}: {found.get(name, 'nothing')!r}, not {expected.get(name, 'nothing')!r}"
             for name in {**expected, **found} if name not in found or name not in expected or found[name] != expected[name]]
    for text in wrong[:20]:
        print(f"FAILED {go} {kind} {program}:", text)
    print(f"{go} {kind} {program}: {len(expected)} fields, {len(wrong)} differ")
    threads = sum(name.endswith(".tid") and ".thread." not in name for name in found)
    need((threads > 0) == bool(native), f"{threads} threads without a goroutine")
    need(len(expected) > 500, "too few fields for this to mean anything")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
