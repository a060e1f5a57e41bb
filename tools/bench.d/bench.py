# SPDX-License-Identifier: BSD-3-Clause
"""Measure gostackdump beside its floors and beside what else there is: see tools/bench --help."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import uuid

import cases
import measures
import picture
import table
from processes import Failed, end_all, guard


def arguments():
    parser = argparse.ArgumentParser(prog="tools/bench", description="""Measures gostackdump side by side with its floors,
        with Go's own profiles and with other tools, on programs made for it, and prints a table.""")
    parser.add_argument("--runs", type=int, metavar="N", help="measure everything N times, interleaved (default 5)")
    parser.add_argument("--quick", action="store_true", help="small programs, two runs: about a minute")
    parser.add_argument("--only", action="append", default=[], metavar="REGEX",
                        help="only what matches CASE.MEASURE, such as '^parked/1000\\.' or 'delve'; repeatable")
    parser.add_argument("--list", action="store_true", help="print the cases and measures, and end")
    parser.add_argument("--json", metavar="FILE", help="write every measurement there")
    parser.add_argument("--merge", action="append", default=[], metavar="FILE",
                        help="take in what --json wrote before; repeatable. With --runs 0 nothing new is measured")
    parser.add_argument("--svg", metavar="FILE", help="draw pause and wall time against the number of goroutines")
    options = parser.parse_args()
    if options.runs is None:
        options.runs = 2 if options.quick else 5
    return options


def first_line(path, name):
    with open(path) as lines:
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")


def machine():
    """What was measured on: no names of hosts."""
    return {"system": f"{platform.system()} {platform.release().split('-')[0]}", "processors": len(os.sched_getaffinity(0)),
            "processor": first_line("/proc/cpuinfo", "model name"),
            "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")}


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def measure(options, samples):
    """Adds what is measured to the samples."""
    session = uuid.uuid4().hex[:8]
    with tempfile.TemporaryDirectory(prefix="gostackdump-bench.") as folder:
        tools = measures.Tools(os.environ["GOSTACKDUMP"], os.environ.get("BENCH_DELVE"), folder)
        programs = {name: os.environ[key] for name, key in (("target", "BENCH_TARGET"), ("large", "BENCH_LARGE"))
                    if os.environ.get(key)}
        plan = cases.Plan(options.runs, options.quick, tuple(options.only), programs, progress)
        for case, number, measure_name, figures in cases.measure_all(plan, tools):
            samples.append({"session": session, "load": round(os.getloadavg()[0], 2), "case": case, "run": number,
                            "measure": measure_name, **figures})
    progress("")


def merge(paths):
    samples = []
    for path in paths:
        with open(path) as f:
            read = json.load(f)
        if read.get("schema") != 1:
            raise Failed(f"{path}: not a file that --json wrote")
        samples += read["samples"]
    return samples


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def main():
    options = arguments()
    if options.list:
        for case in cases.CASES:
            print(f"{case.name:20} {' '.join(case.measured)}")
        return 0
    guard()
    samples = merge(options.merge)
    try:
        if options.runs > 0:
            measure(options, samples)
    finally:
        end_all()
        result = {"schema": 1, "machine": machine(), "date": time.strftime("%Y-%m-%d"), "samples": samples}
        if options.json and samples:
            write(options.json, json.dumps(result, indent=1) + "\n")
    print(table.render(result))
    if options.svg:
        write(options.svg, picture.draw(samples))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench: {failure}")
