# SPDX-License-Identifier: BSD-3-Clause
"""From measurements to figures: medians and ranges, ratios of what was measured in the same run, and the targets."""

import statistics
import typing

MS = 1e6
NS_PER_S = 1e9


class Figure(typing.NamedTuple):
    """Values of several runs."""

    values: tuple

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)


def figure(values):
    """None where there is nothing."""
    values = tuple(values)
    return Figure(values) if values else None


class Samples:
    """All measurements, to be asked for by case, measure and key."""

    def __init__(self, samples):
        self.samples = samples

    def cases(self):
        return list(dict.fromkeys(s["case"] for s in self.samples))

    def of(self, case, measure):
        return [s for s in self.samples if s["case"] == case and s["measure"] == measure]

    def figure(self, case, measure, key):
        return figure(s[key] for s in self.of(case, measure) if key in s)

    def median(self, case, measure, key):
        found = self.figure(case, measure, key)
        return found.median if found else None

    def ratio(self, case, above, below):
        """Of two (measure, key) in the same run; below what was not repeated stands for all runs."""
        divisors = {(s["session"], s["run"]): s[below[1]] for s in self.of(case, below[0])}
        if not divisors:
            return None
        common = statistics.median(divisors.values())
        return figure(s[above[1]] / divisors.get((s["session"], s["run"]), common) for s in self.of(case, above[0]))


class Row(typing.NamedTuple):
    """A line of the table of targets."""

    what: str
    target: str
    figure: Figure
    form: str  # how a value is written: see table.py
    met: bool


def pause_rows(samples):
    for count in (1_000, 10_000, 100_000, 1_000_000):
        found = samples.figure(f"parked/{count}", "dump", "pause_ns")
        if found:
            yield Row(f"pause, {count:,} parked", "<= 0.5 ms", found, "ms", found.median <= 0.5 * MS)
    for threads in (50, 500):
        found = samples.ratio(f"threads/{threads}", ("dump", "pause_ns"), ("floor", "bare_ns"))
        if found:
            yield Row(f"pause / bare stop, {threads} threads", "<= 1.5", found, "ratio", found.median <= 1.5)
    found = samples.figure("woken/10000", "dump", "pause_ns")
    if found:
        settled = not any(s["ambiguous"] for s in samples.of("woken/10000", "dump"))
        yield Row("pause, 10,000 of 100,000 woken a second, settled", "<= 2 ms", found, "ms", found.median <= 2 * MS and settled)
    for count in (10_000, 100_000):
        found = samples.ratio(f"spinning/{count}", ("dump", "pause_ns"), ("floor", "copy_ns"))
        if found:
            yield Row(f"pause / copying all, {count:,} always runnable", "<= 1.3", found, "ratio", found.median <= 1.3)


def rows_beside_others(samples):
    for measure, key, name, most in (("stack", "wall_ns", "runtime.Stack", 1_000), ("delve", "gap_ns", "delve", 50_000)):
        found = samples.ratio("parked/100000", ("dump", "pause_ns"), (measure, key))
        if found:
            yield Row(f"pause / pause of {name}, 100,000 parked", f"<= 1/{most:,}", found, "part", found.median <= 1 / most)
    for case, what in (("parked/100000", "100,000 parked"), ("shallow/100000", "100,000 shallow"),
                       ("labels/100000", "12,500 label sets"), ("parked/1000000", "1,000,000 parked")):
        found = samples.ratio(case, ("dump", "wall_ns"), ("debug0", "wall_ns"))
        if found:
            yield Row(f"wall / debug=0, {what}", "< 1", found, "ratio", found.median < 1)


def rows_of_cost(samples):
    for count in (100_000, 1_000_000):
        found = samples.ratio(f"parked/{count}", ("floor", "look_ns"), ("floor", "headers_ns"))
        if found:
            yield Row(f"header pass / its floor, {count:,}", "<= 1.3", found, "ratio", found.median <= 1.3)
    for measure in ("dump", "folded", "report"):
        found = samples.figure("parked/1000000", measure, "peak_bytes")
        if found:
            name = "pprof" if measure == "dump" else measure
            yield Row(f"peak memory, 1,000,000 to {name}", "<= 300 MB", found, "MB", found.median <= 300e6)
    small, large = (samples.figure(f"parked/{count}", "dump", "wall_ns") for count in (100_000, 1_000_000))
    if small and large:
        found = Figure(tuple(value / small.median / 10 for value in large.values))
        yield Row("wall a goroutine, 1,000,000 / 100,000", "<= 1.2", found, "ratio", found.median <= 1.2)
    found = samples.figure("large/1000", "dump", "prepare_ns")
    if found:
        yield Row("start-up, program of 100 MB", "<= 100 ms", found, "ms", found.median <= 100 * MS)


def rows_of_service(samples):
    case = "server/10000"
    found = samples.ratio(case, ("served-dumped", "per_second"), ("served", "per_second"))
    if found:
        yield Row("throughput at half load, dumped each second / not", ">= 0.99", found, "ratio", found.median >= 0.99)
    found = samples.ratio(case, ("served-dumped", "p99_ns"), ("served", "p99_ns"))
    if found:
        noise = samples.figure(case, "served", "p99_ns")
        within = samples.median(case, "served-dumped", "p99_ns") <= noise.high
        yield Row("p99 at half load, dumped each second / not", "in noise", found, "ratio", within)
    found = samples.figure(case, "served-dumped", "cpu_ns")
    if found:
        yield Row("CPU of a capture of that server", "", found, "ms", None)
    for case in samples.cases():
        found = samples.figure(case, "nonblocking", "pause_ns")
        if found:
            yield Row(f"pause with --nonblocking, {case}", "0", found, "ms", found.high == 0)


def targets(samples):
    """The table of targets: every row of which something was measured."""
    return [*pause_rows(samples), *rows_beside_others(samples), *rows_of_cost(samples), *rows_of_service(samples)]
