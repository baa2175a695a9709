"""Where things stand in a figure, so that nothing covers anything: points side by side, labels in free places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "middle"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def covers(self, other: "Box") -> bool:
        """Whether the two have more than an edge in common."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: "Box") -> bool:
        """Whether the other lies wholly within this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom

    def away_from(self, other: "Box") -> float:
        """How many pixels are between the two; 0 where they touch."""
        across = max(self.left - other.right, other.left - self.right, 0)
        down = max(self.top - other.bottom, other.top - self.bottom, 0)
        return math.hypot(across, down)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a label is, and how far from its mark it stands."""

    width: float
    height: float
    gap: float


def side_by_side(xs: Sequence[float], gap: float) -> tuple[list[float], list[Side]]:
    """The positions moved apart until neighbours are `gap` apart, and on which side of its group each then stands.

    Their order stays, what is given first being to the left among equals; a group stays where its middle was.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(xs)), key=lambda index: (xs[index], index)):
        groups.append([index])
        while len(groups) > 1 and _span(xs, groups[-2], gap)[1] + gap > _span(xs, groups[-1], gap)[0]:
            last = groups.pop()
            groups[-1] += last
    moved: list[float] = list(xs)
    sides: list[Side] = ["right"] * len(xs)
    for group in groups:
        begin = _span(xs, group, gap)[0]
        for number, index in enumerate(group):
            moved[index] = begin + number * gap
            if number < len(group) - 1:
                sides[index] = "middle" if number else "left"
    return moved, sides


def _span(xs: Sequence[float], group: Sequence[int], gap: float) -> tuple[float, float]:
    middle, half = sum(xs[index] for index in group) / len(group), (len(group) - 1) * gap / 2
    return middle - half, middle + half


def labels(frame: Box, marks: Sequence[Box], heights: Sequence[float], sides: Sequence[Side], size: Size) -> list[Box]:
    """A place for each mark's label in the frame: beside the mark at its height, if it can be, on its side of a group.

    No label covers a mark or another label, as long as there is room for that at all. Those within a group come last:
    they have the least choice, and what stands at its ends leaves them what is above and below.
    """
    placed: dict[int, Box] = {}
    for index in sorted(range(len(marks)), key=lambda index: sides[index] == "middle"):
        near = _near(marks[index], heights[index], sides[index], size)
        places = [place for place in (*near, *_far(frame, marks, index, size)) if frame.holds(place)]
        free = (one for one in places if not any(one.covers(other) for other in (*marks, *placed.values())))
        placed[index] = next(free, near[0])
    return [placed[index] for index in range(len(marks))]


def _near(mark: Box, height: float, side: Side, size: Size) -> list[Box]:
    """The places beside, above and below the mark, the best first."""
    right, left = mark.right + size.gap, mark.left - size.gap - size.width
    middle = (mark.left + mark.right - size.width) / 2
    level = height - size.height / 2
    upright = [(middle, mark.top - size.gap - size.height), (middle, mark.bottom + size.gap)]
    beside = [(left, level), (right, level)] if side == "left" else [(right, level), (left, level)]
    places = [*upright, *beside] if side == "middle" else [*beside, *upright]
    return [_box(x, y, size) for x, y in places]


def _far(frame: Box, marks: Sequence[Box], index: int, size: Size) -> list[Box]:
    """Places all over the frame, in line with some mark, the nearest first."""
    own = marks[index]
    rows = int((frame.bottom - frame.top) / size.height)
    across = {x for mark in marks for x in (mark.right + size.gap, mark.left - size.gap - size.width)}
    across.add((own.left + own.right - size.width) / 2)
    places = [_box(x, frame.top + row * size.height, size) for x in sorted(across) for row in range(rows)]
    return sorted(places, key=lambda place: place.away_from(own))


def _box(x: float, y: float, size: Size) -> Box:
    return Box(x, y, x + size.width, y + size.height)
