# SPDX-License-Identifier: BSD-3-Clause
"""The programs that are looked at, what is measured of each, and the order in which that is done."""

import json
import re
import threading
import time
import typing

import measures
from processes import Failed, Target, run

BUDGET_NS = 40_000_000_000  # what has taken so long in a case is not repeated in it
MOST_FOR_DELVE = 100_000  # goroutines; more take it many minutes
MOST_FOR_GCORE = 100_000  # ... and it a large part of the disk
SERVED_GOROUTINES = 10_000
SERVED_SECONDS = 6
QUICK_SERVED_SECONDS = 2

OURS = ("rest", "dump")
INSIDE = ("stack", "debug0", "debug2")


class Case(typing.NamedTuple):
    name: str
    arguments: tuple
    measured: tuple
    quick: bool = False  # also with --quick
    program: str = "target"


def parked(count):
    measured = (*OURS, "floor", "nonblocking", *INSIDE)
    measured += ("delve",) if count <= MOST_FOR_DELVE else ()
    measured += ("gcore",) if count <= MOST_FOR_GCORE else ()
    measured += ("report", "folded") if count == 1_000_000 else ()
    return Case(f"parked/{count}", (f"-goroutines={count}",), measured, quick=count <= 10_000)


def woken(count, among, rate, quick=False):
    name = f"woken/{rate}" if among == 0 else f"woken-few/{rate}"
    return Case(name, (f"-goroutines={count}", f"-wakeups={rate}", f"-among={among}"), OURS, quick)


CASES = (
    *(parked(count) for count in (1_000, 10_000, 100_000, 1_000_000)),
    Case("shallow/100000", ("-goroutines=100000", "-depth=1"), (*OURS, "debug0")),
    Case("labels/100000", ("-goroutines=100000", "-labels=12500"), (*OURS, "debug0")),
    *(Case(f"threads/{n}", ("-goroutines=1000", f"-threads={n}"), (*OURS, "floor"), n < 500) for n in (5, 50, 500)),
    *(woken(100_000, 0, rate) for rate in (100, 1_000, 10_000, 100_000)),
    *(woken(100_000, 1_000, rate) for rate in (10_000, 100_000)),
    Case("requests/5000", ("-goroutines=10000", "-requests=5000"), OURS, True),
    Case("collecting/100000", ("-goroutines=100000", "-collecting"), OURS),
    Case("spinning/10000", ("-spinning=10000",), (*OURS, "floor"), True),
    Case("spinning/100000", ("-spinning=100000",), (*OURS, "floor")),
    Case("large/1000", ("-goroutines=1000",), OURS, program="large"),
    Case("server/10000", ("-serve", f"-goroutines={SERVED_GOROUTINES}"), ("served", "served-dumped"), True),
)


class Plan(typing.NamedTuple):
    """What the person asked for."""

    runs: int
    quick: bool
    only: tuple  # of regular expressions over CASE.MEASURE; none: all
    programs: dict  # name: path
    say: typing.Callable

    def chosen(self, case, tools):
        """The measures of a case that are wanted and can be had."""
        if (self.quick and not case.quick) or case.program not in self.programs:
            return []
        slow = ("delve", "gcore") if self.quick else ()
        return [m for m in case.measured if m not in slow and measures.available(tools, m)
                and (not self.only or any(re.search(p, f"{case.name}.{m}") for p in self.only))]


def measure_case(plan, case, chosen, tools):
    """Runs interleaved: each measure once, then all again."""
    spent = dict.fromkeys(chosen, 0)
    with Target(plan.programs[case.program], case.arguments) as target:
        for number in range(plan.runs):
            for measure in chosen:
                if spent[measure] > BUDGET_NS:
                    continue
                plan.say(f"{case.name} {measure} {number + 1}/{plan.runs}")
                begin = time.monotonic_ns()
                yield number, measure, measures.take(tools, target, measure)
                spent[measure] += time.monotonic_ns() - begin


# ---- a server under load ----


def load(program, target, tools, seconds, rate):
    said = tools.path("load")
    cost = run([program, f"-load={target.address}", f"-rate={rate}", f"-for={seconds}s"], output=said)
    if cost.status != 0:
        raise Failed(f"the load generator ended with status {cost.status}")
    with open(said) as f:
        return json.load(f)


def dumps_each_second(tools, target, seconds):
    """Dump until the time is over; the first one after half a second."""
    begin = time.monotonic()
    dumps = []
    for n in range(int(seconds)):
        time.sleep(max(0, begin + n + 0.5 - time.monotonic()))
        dumps.append(measures.dump(tools, target))
    return dumps


def serve_for(plan, program, target, tools, rate, dumped):
    """One period at a given load, with or without dumps."""
    seconds = QUICK_SERVED_SECONDS if plan.quick else SERVED_SECONDS
    dumps = []
    dumper = threading.Thread(target=lambda: dumps.extend(dumps_each_second(tools, target, seconds)),
                              daemon=True)
    if dumped:
        dumper.start()
    figures = load(program, target, tools, seconds, rate)
    if dumped:
        dumper.join()
        if len(dumps) < int(seconds):
            raise Failed("a dump of the server failed")
        for key in ("cpu_ns", "wall_ns", "pause_ns", "read_at_stop"):
            figures[key] = sorted(d[key] for d in dumps)[len(dumps) // 2]
    return figures


def measure_server(plan, case, chosen, tools):
    """Periods with and without dumps in turn, at half of what the server does at most."""
    program = plan.programs[case.program]
    with Target(program, case.arguments) as target:
        most = load(program, target, tools, 2, 0)["per_second"]
        for number in range(plan.runs):
            order = chosen if number % 2 == 0 else list(reversed(chosen))
            for measure in order:
                plan.say(f"{case.name} {measure} {number + 1}/{plan.runs}")
                figures = serve_for(plan, program, target, tools, int(most / 2), measure == "served-dumped")
                yield number, measure, {**figures, "most_per_second": most}


def measure_all(plan, tools):
    """Yields case, run, measure and figures."""
    for case in CASES:
        chosen = plan.chosen(case, tools)
        if not chosen:
            continue
        how = measure_server if "served" in case.measured else measure_case
        for number, measure, figures in how(plan, case, chosen, tools):
            yield case.name, number, measure, figures
