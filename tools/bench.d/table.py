# SPDX-License-Identifier: BSD-3-Clause
"""The result as text, at most 100 columns wide."""

from figures import Samples, targets


def digits(value):
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(ns):
    return "0" if ns == 0 else f"{ns / 1e9:,.1f} s" if ns >= 10e9 else f"{digits(ns / 1e6)} ms"


FORMS = {
    "ms": milliseconds,
    "MB": lambda value: f"{digits(value / 1e6)} MB",
    "ratio": digits,
    "part": lambda value: f"1/{1 / value:,.0f}",
}


def lay_out(head, lines, left=1):
    """Columns as wide as they must be; the first `left` ones begin at the left."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    text = []
    for line in (head, ["-" * width for width in widths], *lines):
        cells = [cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)


def table_of_targets(samples):
    lines = []
    for row in targets(samples):
        form, found = FORMS[row.form], row.figure
        met = "" if row.met is None else "yes" if row.met else "NO"
        lines.append([row.what, row.target, form(found.median), f"{form(found.low)} - {form(found.high)}",
                      str(len(found.values)), met])
    return lay_out(["figure", "target", "median", "range", "runs", "met"], lines, 2) if lines else ""


def count(value):
    return "" if value is None else f"{value:,.0f}"


def time_of(samples, case, measure, key):
    value = samples.median(case, measure, key)
    return "" if value is None else milliseconds(value)


def plain(ns):
    """In ms, without the unit."""
    return "" if ns is None else digits(ns / 1e6)


def table_of_captures(samples):
    """Medians of our captures, case by case."""
    lines = []
    for case in samples.cases():
        dumps = samples.of(case, "dump")
        if not dumps:
            continue
        fallbacks = sum(s["mode"] == "atomic-fallback" for s in dumps)  # everything was read in one stop
        pause = samples.figure(case, "dump", "pause_ns")
        numbers = [count(samples.median(case, "dump", key)) for key in ("stops", "read_at_stop", "one_step", "ambiguous")]
        gaps = [plain(samples.median(case, measure, "gap_ns")) for measure in ("dump", "rest")]
        costs = [plain(samples.median(case, "dump", key)) for key in ("wall_ns", "cpu_ns")]
        peak = samples.median(case, "dump", "peak_bytes") / 1e6
        lines.append([case, plain(pause.median), plain(pause.high), *gaps, *numbers, str(fallbacks), *costs, f"{peak:,.0f}"])
    head = ["capture, times in ms", "pause", "most", "seen", "rest", "stops", "read", "step", "ambig", "fell", "wall",
            "CPU", "MB"]
    return lay_out(head, lines) if lines else ""


def table_of_others(samples):
    """What else stops the same program, as its heartbeat saw it, and how long it takes."""
    lines = []
    for case in samples.cases():
        cells = [time_of(samples, case, "stack", "wall_ns")]
        for measure in ("debug0", "debug2", "delve", "gcore"):
            cells += [time_of(samples, case, measure, key) for key in ("gap_ns", "wall_ns")]
        if any(cells):
            lines.append([case, *cells])
    head = ["stop, wall", "Stack", "debug=0", "", "debug=2", "", "delve", "", "gcore", ""]
    return lay_out(head, lines) if lines else ""


def table_of_floors(samples):
    lines = []
    for case in samples.cases():
        if samples.of(case, "floor"):
            keys = ("bare_ns", "headers_ns", "look_ns", "copy_ns")
            lines.append([case, count(samples.median(case, "floor", "threads")),
                          *(time_of(samples, case, "floor", key) for key in keys)])
    head = ["floor", "threads", "bare stop", "headers", "a look", "stop, all copied"]
    return lay_out(head, lines) if lines else ""


def table_of_service(samples):
    lines = []
    for measure, name in (("served", "left alone"), ("served-dumped", "dumped each second")):
        for case in samples.cases():
            if samples.of(case, measure):
                lines.append([f"{case} {name}", count(samples.median(case, measure, "per_second")),
                              *(time_of(samples, case, measure, key) for key in ("p50_ns", "p99_ns"))])
    return lay_out(["server", "requests a second", "p50", "p99"], lines) if lines else ""


def render(result):
    samples = Samples(result["samples"])
    machine = result["machine"]
    heading = (f"{machine['system']}, {machine['processors']} processors ({machine['processor']}), "
               f"{machine['memory_bytes'] / 2**30:.0f} GiB")
    tables = (table_of_targets(samples), table_of_captures(samples), table_of_others(samples), table_of_floors(samples),
              table_of_service(samples))
    return "\n\n".join([heading, *(t for t in tables if t)])
