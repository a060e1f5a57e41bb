# SPDX-License-Identifier: BSD-3-Clause
"""The picture of the docs: pause and wall time against the number of goroutines, both logarithmic."""

import math
import typing
from xml.sax.saxutils import escape

from figures import Samples

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
WIDTH, HEIGHT = 1000, 500
PANEL_WIDTH, PANEL_HEIGHT = 300, 360
PANELS_LEFT, PANEL_TOP = (70, 560), 86
LABEL_SPACE = 17

OUR_COLOUR = "#d6336c"
GRID, AXIS, TEXT, QUIET = "#e9ecef", "#868e96", "#212529", "#495057"

STYLE = f"""
text {{ font: 13px system-ui, "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif; fill: {TEXT} }}
.title {{ font-size: 17px; font-weight: 600 }}
.tick, .note {{ font-size: 12px; fill: {QUIET} }}
.line {{ fill: none; stroke-width: 1.8; stroke-linejoin: round }}
.ours {{ stroke-width: 3.2 }}
.our-label {{ font-weight: 700 }}
"""


class Series(typing.NamedTuple):
    name: str
    colour: str
    measure: str
    pause: str  # the key of its pause; "": not drawn there


SERIES = (
    Series("delve", "#7048e8", "delve", "gap_ns"),
    Series("gcore", "#2f9e44", "gcore", "gap_ns"),
    Series("debug=2", "#e8590c", "debug2", "gap_ns"),
    Series("runtime.Stack", "#1971c2", "stack", "wall_ns"),
    Series("debug=0", "#0c8599", "debug0", "gap_ns"),
    Series("gostackdump", OUR_COLOUR, "dump", "pause_ns"),
)


def time_label(exponent):
    """Of 10^exponent ns."""
    unit, power = ("s", 9) if exponent >= 9 else ("ms", 6) if exponent >= 6 else ("µs", 3)
    return f"{10 ** (exponent - power):,} {unit}"


def points_of(samples, measure, key):
    """(count, low, median, high) of what was measured; a stop of nothing has no place on this axis."""
    found = [(count, samples.figure(f"parked/{count}", measure, key)) for count in COUNTS]
    return [(count, f.low, f.median, f.high) for count, f in found if f and f.low > 0]


class Panel:
    """One plot: from goroutines and ns to places in the picture."""

    def __init__(self, left, title, curves):
        self.left, self.title, self.curves = left, title, curves
        values = [value for _, points in curves for point in points for value in point[1:]]
        self.bottom = math.floor(math.log10(min(values)))
        self.top = math.ceil(math.log10(max(values)))

    def x(self, count):
        return self.left + PANEL_WIDTH * math.log10(count / COUNTS[0]) / math.log10(COUNTS[-1] / COUNTS[0])

    def y(self, ns):
        return PANEL_TOP + PANEL_HEIGHT * (self.top - math.log10(ns)) / (self.top - self.bottom)

    def axes(self):
        right, low = self.left + PANEL_WIDTH, PANEL_TOP + PANEL_HEIGHT
        yield f'<text class="title" x="{self.left}" y="{PANEL_TOP - 18}">{escape(self.title)}</text>'
        for exponent in range(self.bottom, self.top + 1):
            y = self.y(10 ** exponent)
            yield f'<path d="M{self.left} {y:.1f}H{right}" stroke="{GRID}"/>'
            yield f'<text class="tick" x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end">{time_label(exponent)}</text>'
        for count in COUNTS:
            x = self.x(count)
            yield f'<path d="M{x:.1f} {PANEL_TOP}V{low}" stroke="{GRID}"/>'
            yield f'<text class="tick" x="{x:.1f}" y="{low + 20}" text-anchor="middle">{count:,}</text>'
        yield f'<path d="M{self.left} {low}H{right}" stroke="{AXIS}"/>'
        yield f'<text class="tick" x="{self.left + PANEL_WIDTH / 2}" y="{low + 40}" text-anchor="middle">goroutines</text>'

    def curve(self, series, points):
        ours = series.measure == "dump"
        path = "M" + "L".join(f"{self.x(n):.1f} {self.y(median):.1f}" for n, _, median, _ in points)
        yield f'<path class="line{" ours" if ours else ""}" stroke="{series.colour}" d="{path}"/>'
        for n, low, median, high in points:
            x = self.x(n)
            yield f'<path stroke="{series.colour}" stroke-opacity=".5" d="M{x:.1f} {self.y(low):.1f}V{self.y(high):.1f}"/>'
            yield f'<circle cx="{x:.1f}" cy="{self.y(median):.1f}" r="{4.5 if ours else 3}" fill="{series.colour}"/>'

    def labels(self):
        """Names beside the ends of the curves, not on top of each other."""
        ends = [(self.x(points[-1][0]), self.y(points[-1][2]), series) for series, points in self.curves]
        placed = {}
        for x, y, series in sorted(ends, key=lambda end: end[1]):
            y = max(y, placed.get(x, -math.inf) + LABEL_SPACE)
            placed[x] = y
            ours = ' class="our-label"' if series.measure == "dump" else ""
            yield f'<text{ours} x="{x + 10:.1f}" y="{y + 4:.1f}" style="fill:{series.colour}">{series.name}</text>'

    def draw(self):
        yield from self.axes()
        for series, points in self.curves:
            yield from self.curve(series, points)
        yield from self.labels()


def panel(samples, left, title, key_of):
    curves = [(s, points_of(samples, s.measure, key_of(s))) for s in SERIES]
    curves = [(s, points) for s, points in curves if points]
    return Panel(left, title, curves).draw() if curves else ()


def draw(all_samples):
    samples = Samples(all_samples)
    body = [*panel(samples, PANELS_LEFT[0], "How long the program stands still", lambda s: s.pause),
            *panel(samples, PANELS_LEFT[1], "How long the whole dump takes", lambda s: "wall_ns")]
    heading = "All goroutines of one Go program: medians, bars from the shortest to the longest run; both axes logarithmic"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f"<title>Pause and wall time of a dump against the number of goroutines</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fff"/>',
        f'<text class="note" x="{PANELS_LEFT[0]}" y="30">{heading}</text>', *body, "</svg>", ""])
