# SPDX-License-Identifier: BSD-3-Clause
"""What is measured of a target: our captures, their floors, and what others do. Each returns the figures of one run."""

import json
import os
import re
import shutil
import subprocess
import time

from processes import Failed, run

REST_SECONDS = 0.2
STATS = ("pause_ns", "pause_total_ns", "stops", "rounds", "one_step", "births", "ambiguous", "unreadable", "read_at_stop",
         "goroutines", "threads", "mode", "prepare_ns", "capture_ns", "total_ns", "bytes_read")


class Tools:
    """The programs that measure, and where they may write."""

    def __init__(self, gostackdump, delve, folder):
        self.gostackdump = gostackdump
        build = os.path.dirname(os.path.dirname(os.path.abspath(gostackdump)))
        self.floor = os.path.join(build, "tools", "bench.d", "bench_floor")
        self.delve = delve
        self.gcore = shutil.which("gcore")
        self.folder = folder
        self.help = subprocess.run([gostackdump, "--help"], check=True, capture_output=True, text=True).stdout
        self.formats = re.findall(r"^  ([a-z-]+) \(\.", self.help, re.M)

    def path(self, name):
        return os.path.join(self.folder, name)


def dump(tools, target, *options, output=None):
    """One whole run of gostackdump: what it says of itself, and what it cost from outside."""
    stats, errors = tools.path("stats"), tools.path("errors")
    if os.path.exists(stats):
        os.remove(stats)
    cost = run([tools.gostackdump, "-q", "-p", str(target.pid), "-o", output or tools.path("a.pb.gz"), "--stats", stats,
                *options], errors=errors)
    if cost.status not in (0, 1):
        with open(errors, errors="replace") as f:
            raise Failed(f"gostackdump: exit status {cost.status}: {f.read().strip()}")
    with open(stats) as lines:
        said = json.loads(lines.read())
    figures = {key: said[key] for key in STATS}
    return figures | {"status": cost.status, "wall_ns": cost.wall_ns, "cpu_ns": cost.cpu_ns,
                      "peak_bytes": said["rss_peak_bytes"]}


def measure_dump(tools, target):
    return dump(tools, target)


def measure_format(name):
    def measure(tools, target):
        return dump(tools, target, output=f"{name}:{tools.path('output')}")
    return measure


def measure_nonblocking(tools, target):
    return dump(tools, target, "--nonblocking")


def measure_rest(_tools, target):
    """Nothing happens: the heartbeat's own noise."""
    time.sleep(REST_SECONDS)
    return {}


def measure_floor(tools, target):
    done = subprocess.run([tools.floor, str(target.pid)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return json.loads(done.stdout)


def measure_stack(_tools, target):
    return {"wall_ns": target.ask("stack")}


def measure_debug(level):
    def measure(tools, target):
        return {"wall_ns": target.ask(f"debug{level}", tools.path("own"))}
    return measure


def measure_delve(tools, target):
    script = tools.path("script")
    with open(script, "w") as f:
        f.write("goroutines -t\nquit\n")
    said = tools.path("delve")
    cost = run(["sh", "-c", 'echo n | exec "$0" attach "$1" --allow-non-terminal-interactive=true --init "$2"',
                tools.delve, str(target.pid), script], output=said, errors=tools.path("errors"))
    with open(said, errors="replace") as f:
        count = sum(line.startswith(("  Goroutine ", "* Goroutine ")) for line in f)
    return {"wall_ns": cost.wall_ns, "cpu_ns": cost.cpu_ns, "status": cost.status, "goroutines": count}


def measure_gcore(tools, target):
    cost = run([tools.gcore, "-o", tools.path("core"), str(target.pid)], errors=tools.path("errors"))
    core = tools.path(f"core.{target.pid}")
    size = os.path.getsize(core) if os.path.exists(core) else 0
    if size:
        os.remove(core)
    return {"wall_ns": cost.wall_ns, "cpu_ns": cost.cpu_ns, "status": cost.status, "bytes": size}


MEASURES = {
    "rest": measure_rest, "dump": measure_dump, "nonblocking": measure_nonblocking, "floor": measure_floor,
    "stack": measure_stack, "debug0": measure_debug(0), "debug2": measure_debug(2), "delve": measure_delve,
    "gcore": measure_gcore, "folded": measure_format("folded"), "report": measure_format("report"),
}


def available(tools, measure):
    """Whether it can be had here."""
    return {"delve": bool(tools.delve), "gcore": bool(tools.gcore), "nonblocking": "--nonblocking" in tools.help,
            "folded": "folded" in tools.formats, "report": "report" in tools.formats}.get(measure, True)


def take(tools, target, measure):
    """One measurement, with what the heartbeat saw meanwhile."""
    target.ask("reset")
    begin = time.monotonic_ns()
    figures = MEASURES[measure](tools, target)
    seconds = (time.monotonic_ns() - begin) / 1e9
    figures["gap_ns"] = target.ask("gap")
    figures["wakeups_per_second"] = round(target.ask("wakeups") / seconds)
    return figures
