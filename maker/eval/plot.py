"""The figure of what each way is worth against what it costs, as SVG: readable on light and on dark pages."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from maker.eval.worth import Worth

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 110, 44, 56
LOG_FROM = 8.0
"""Costs that differ by more than this factor are shown on a logarithmic axis."""
LINE = 18
"""Pixels between two labels that would cover each other."""
STYLE = """\
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.tick { font-size: 12px; fill: #57606a; }
.axis { stroke: #57606a; }
.grid { stroke: #d0d7de; }
.c0 { stroke: #57606a; fill: #57606a; } .c1 { stroke: #8250df; fill: #8250df; }
.c2 { stroke: #0969da; fill: #0969da; } .c3 { stroke: #bc4c00; fill: #bc4c00; }
.bar { stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .tick { fill: #9198a1; }
  .axis { stroke: #9198a1; }
  .grid { stroke: #3d444d; }
  .c0 { stroke: #9198a1; fill: #9198a1; } .c1 { stroke: #ab7df8; fill: #ab7df8; }
  .c2 { stroke: #4493f8; fill: #4493f8; } .c3 { stroke: #f0883e; fill: #f0883e; }
}"""


class Scale:
    """The axis of costs: from tokens to pixels."""

    def __init__(self, tokens: Sequence[float]) -> None:
        least, most = max(1.0, min(tokens)), max(1.0, *tokens)
        self.log = most / least > LOG_FROM
        self._low = 10 ** math.floor(math.log10(least)) if self.log else 0.0
        self._high = most * (1.3 if self.log else 1.1)

    def x(self, tokens: float) -> float:
        """The pixel of a cost."""
        if self.log:
            share = math.log(max(tokens, self._low) / self._low) / math.log(self._high / self._low)
        else:
            share = tokens / self._high
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        """Costs that are marked."""
        if not self.log:
            return list(_round_steps(self._high))
        powers = range(round(math.log10(self._low)), math.floor(math.log10(self._high)) + 1)
        return [float(one * 10**power) for power in powers for one in (1, 2, 5) if one * 10**power <= self._high]


def draw(title: str, worths: Sequence[Worth]) -> str:
    """The figure: a point with its interval for each way, pass@1 upwards, tokens to the right."""
    scale = Scale([one.tokens for one in worths])
    axis = "tokens per task, prompt and answer" + (" (logarithmic)" if scale.log else "")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(_words(worths))}</desc>",
        f"<style>{STYLE}</style>",
        _text(LEFT, TOP - 20, title, "title"),
        *_grid(scale),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, axis, anchor="middle"),
        *_points(scale, worths),
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


def _grid(scale: Scale) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = []
    for percent in range(0, 101, 20):
        y = _y(percent)
        lines.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        lines.append(_text(LEFT - 8, y + 4, f"{percent} %", "tick", "end"))
    for tokens in scale.ticks():
        x = scale.x(tokens)
        lines.append(f'<line class="axis" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 5}"/>')
        lines.append(_text(x, bottom + 19, f"{tokens:,.0f}", "tick", "middle"))
    lines.append(f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>')
    lines.append(_text(LEFT, TOP - 2, "right", "tick"))
    return lines


def _points(scale: Scale, worths: Sequence[Worth]) -> list[str]:
    lines: list[str] = []
    taken: list[tuple[float, float]] = []
    for number, one in enumerate(worths):
        x, y = scale.x(one.tokens), _y(one.pass_at_1.mean)
        low, high = _y(one.pass_at_1.low), _y(one.pass_at_1.high)
        lines.append(f'<g class="c{number % 4}">')
        lines.append(f'<line class="bar" x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}"/>')
        lines += [
            f'<line class="bar" x1="{x - 5:.1f}" y1="{end:.1f}" x2="{x + 5:.1f}" y2="{end:.1f}"/>'
            for end in (low, high)
        ]
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/></g>')
        beside = _free(x, y, taken)
        taken.append((x, beside))
        lines.append(_text(x + 10, beside + 5, f"{one.mode} {one.pass_at_1.mean:.1f} %"))
    return lines


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> float:
    """The height for a label beside a point where no other label is."""
    near = sorted(other for at, other in taken if abs(at - x) < RIGHT)
    for offset in (step * sign * LINE for step in range(len(near) + 1) for sign in (1, -1)):
        if all(abs(y + offset - other) >= LINE for other in near):
            return y + offset
    return y


def _round_steps(high: float) -> Sequence[float]:
    """At most six round numbers from 0 up to `high`."""
    power = 10 ** math.floor(math.log10(high))
    step = next(power * part for part in (0.1, 0.2, 0.5, 1, 2) if high / (power * part) <= 6)
    return [step * number for number in range(int(high / step) + 1)]


def _y(percent: float) -> float:
    return HEIGHT - BOTTOM - percent / 100 * (HEIGHT - TOP - BOTTOM - 8)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{look} text-anchor="{anchor}">{escape(text)}</text>'
