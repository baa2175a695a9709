"""The figure of what each way is worth against what it costs, as SVG: readable on light and on dark pages.

It stands on a card of its own: a page shows it through an image element, which follows the system's colours and not
the page's own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from maker.eval.layout import Box, Size, labels, side_by_side
from maker.eval.ways import NAMES
from maker.eval.worth import Worth

WIDTH, HEIGHT = 800, 460
MARGIN = 24
PLOT = Box(left=72, top=122, right=WIDTH - MARGIN, bottom=HEIGHT - 68)
LOG_FROM = 8.0
"""Costs that differ by more than this factor are shown on a logarithmic axis."""
ROOM = 140
"""Pixels beside the outermost points of a logarithmic axis, for their labels."""
APART = 20
"""Pixels between points of one cost."""
CAP, DOT = 6, 5.5
FRAME = Box(PLOT.left, PLOT.top - 9, PLOT.right, PLOT.bottom)
"""Where labels may stand: that of the highest point reaches above the plot by half."""
CLOSE = 56
"""Pixels between two costs on the axis at least."""
LABEL = Size(width=108, height=18, gap=6)
"""What the longest name with its share takes, in the widest of the usual fonts."""
STYLE = """\
text { font: 14px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: #1f2328; }
.card { fill: #ffffff; stroke: #d1d9e0; }
.title { font-size: 18px; font-weight: 600; }
.note, .tick, .name { font-size: 13px; fill: #59636e; }
.axis { stroke: #818b98; }
.grid { stroke: #e4e8ec; }
.label { stroke: #ffffff; stroke-width: 4; paint-order: stroke; }
.mode { font-weight: 600; }
.bar { stroke-width: 2; }
.dot { stroke: #ffffff; stroke-width: 1.5; }
.c0 line { stroke: #59636e; } .c0 circle, .c0 text { fill: #59636e; }
.c1 line { stroke: #8250df; } .c1 circle, .c1 text { fill: #8250df; }
.c2 line { stroke: #0969da; } .c2 circle, .c2 text { fill: #0969da; }
.c3 line { stroke: #bc4c00; } .c3 circle, .c3 text { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .card { fill: #0d1117; stroke: #3d444d; }
  .note, .tick, .name { fill: #9198a1; }
  .axis { stroke: #656c76; }
  .grid { stroke: #262c36; }
  .dot, .label { stroke: #0d1117; }
  .c0 line { stroke: #9198a1; } .c0 circle, .c0 text { fill: #9198a1; }
  .c1 line { stroke: #ab7df8; } .c1 circle, .c1 text { fill: #ab7df8; }
  .c2 line { stroke: #4493f8; } .c2 circle, .c2 text { fill: #4493f8; }
  .c3 line { stroke: #f0883e; } .c3 circle, .c3 text { fill: #f0883e; }
}"""


class Costs:
    """The axis of costs: from tokens to pixels."""

    def __init__(self, tokens: Sequence[float]) -> None:
        self._least, self._most = max(1.0, min(tokens)), max(1.0, *tokens)
        self.log = self._most / self._least > LOG_FROM
        self._high = self._most * 1.35
        self._decade = (PLOT.right - PLOT.left - 2 * ROOM) / math.log10(self._most / self._least) if self.log else 0.0

    def x(self, tokens: float) -> float:
        """The pixel of a cost."""
        if self.log:
            return PLOT.left + ROOM + self._decade * math.log10(max(tokens, 1.0) / self._least)
        return PLOT.left + tokens / self._high * (PLOT.right - PLOT.left)

    def ticks(self) -> list[float]:
        """Costs that are marked."""
        if not self.log:
            return _round_steps(0.0, self._high)
        powers = range(max(0, math.floor(math.log10(self._least)) - 1), math.ceil(math.log10(self._most)) + 1)
        close = self._decade * math.log10(2) < CLOSE
        marked = [float(part * 10**power) for power in powers for part in ((1,) if close else (1, 2, 5))]
        return [one for one in marked if PLOT.left <= self.x(one) <= PLOT.right - MARGIN]


class Shares:
    """The axis of right answers: from percent to pixels; as much of it as the intervals need, and not too little."""

    def __init__(self, worths: Sequence[Worth]) -> None:
        self.low = max(0, 10 * math.floor(min(one.pass_at_1.low for one in worths) / 10 - 0.2))
        self.high = min(100, max(self.low + 40, 10 * math.ceil(max(one.pass_at_1.high for one in worths) / 10 + 0.2)))
        self.low = max(0, min(self.low, self.high - 40))

    def y(self, percent: float) -> float:
        """The pixel of a share."""
        return PLOT.bottom - (percent - self.low) / (self.high - self.low) * (PLOT.bottom - PLOT.top)

    def ticks(self) -> list[float]:
        """Shares that are marked."""
        return _round_steps(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Point:
    """Where one way stands; pixels."""

    worth: Worth
    x: float
    y: float
    low: float
    high: float
    """The ends of its interval; `high` is the smaller number, as y grows downwards."""
    mark: Box
    """All that is drawn of it but the label."""
    label: Box


def points(worths: Sequence[Worth]) -> list[Point]:
    """Every way's point and its label: those of one cost stand side by side, and no label covers anything."""
    costs, shares = Costs([one.tokens for one in worths]), Shares(worths)
    xs, sides = side_by_side([costs.x(one.tokens) for one in worths], APART)
    ys = [tuple(map(shares.y, (one.pass_at_1.mean, one.pass_at_1.low, one.pass_at_1.high))) for one in worths]
    marks = [
        Box(x - CAP, min(high, y - CAP), x + CAP, max(low, y + CAP)) for x, (y, low, high) in zip(xs, ys, strict=True)
    ]
    places = labels(FRAME, marks, [y for y, _, _ in ys], sides, LABEL)
    return [
        Point(one, x, y, low, high, mark, place)
        for one, x, (y, low, high), mark, place in zip(worths, xs, ys, marks, places, strict=True)
    ]


def draw(title: str, note: str, worths: Sequence[Worth]) -> str:
    """The figure: a point with its interval for each way, pass@1 upwards, tokens to the right."""
    costs, placed = Costs([one.tokens for one in worths]), points(worths)
    moved = any(abs(costs.x(one.worth.tokens) - one.x) > 1 for one in placed)
    beside = "; points of nearly the same cost stand side by side" if moved else ""
    axis = "tokens per task, prompts and answers of all roles" + (" (logarithmic)" if costs.log else "")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(_words(worths))}</desc>",
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        _text(MARGIN, 38, title, "title"),
        _text(MARGIN, 62, note, "note"),
        _text(MARGIN, 81, f"bars: 95 % intervals{beside}", "note"),
        _text(MARGIN, PLOT.top - 12, "right answers, % of tasks", "name"),
        *_grid(costs, Shares(worths)),
        _text((PLOT.left + PLOT.right) / 2, HEIGHT - 20, axis, "name", "middle"),
        *map(_point, placed),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _words(worths: Sequence[Worth]) -> str:
    """The figure for who cannot see it."""
    said = (
        f"{one.mode}: {one.pass_at_1.mean:.1f} % right ({one.pass_at_1.low:.1f} to {one.pass_at_1.high:.1f}), "
        f"{one.tokens:.0f} tokens"
        for one in worths
    )
    return "; ".join(said)


def _grid(costs: Costs, shares: Shares) -> list[str]:
    lines = []
    for percent in shares.ticks():
        y = shares.y(percent)
        lines.append(_line("grid", PLOT.left, y, PLOT.right, y))
        lines.append(_text(PLOT.left - 10, y + 4.5, f"{percent:.0f}", "tick", "end"))
    for tokens in costs.ticks():
        x = costs.x(tokens)
        lines.append(_line("axis", x, PLOT.bottom, x, PLOT.bottom + 5))
        lines.append(_text(x, PLOT.bottom + 20, f"{tokens:,.0f}", "tick", "middle"))
    return [*lines, _line("axis", PLOT.left, PLOT.bottom, PLOT.right, PLOT.bottom)]


def _point(point: Point) -> str:
    """The interval, the dot and the label of a way."""
    x, y, mark, label = point.x, point.y, point.mark, point.label
    low, high = point.low, point.high
    anchor = "start" if label.left >= mark.right else "end" if label.right <= mark.left else "middle"
    at = {"start": label.left, "end": label.right, "middle": (label.left + label.right) / 2}[anchor]
    share = f'<tspan class="mode">{escape(point.worth.mode)}</tspan> {point.worth.pass_at_1.mean:.1f} %'
    parts = (
        _line("bar", x, low, x, high),
        *(_line("bar", x - CAP, end, x + CAP, end) for end in (low, high)),
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{DOT}"/>',
        f'<text class="label" x="{at:.1f}" y="{label.bottom - 4:.1f}" text-anchor="{anchor}">{share}</text>',
    )
    return f'<g class="c{NAMES.index(point.worth.mode)}">{"".join(parts)}</g>'


def _round_steps(low: float, high: float) -> list[float]:
    """Some round numbers from `low`, which is one, up to `high`."""
    power = 10 ** math.floor(math.log10(high - low))
    step = next(power * part for part in (0.1, 0.2, 0.5, 1, 2) if (high - low) / (power * part) <= 6)
    return [low + step * number for number in range(int((high - low) / step) + 1)]


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
