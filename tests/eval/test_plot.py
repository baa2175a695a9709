import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maker.eval.measure import Share
from maker.eval.plot import FRAME, HEIGHT, PLOT, WIDTH, Costs, Shares, draw, points
from maker.eval.results import Result
from maker.eval.worth import Worth, worth

SVG = "{http://www.w3.org/2000/svg}"
MODES = ("direct", "direct0", "low", "high")


def way(mode: str, tokens: int, right: int) -> Worth:
    return worth(mode, [Result(str(n), str(n), n < right, 1.0, tokens) for n in range(20)], 0, {})


WAYS = [way("direct", 100, 9), way("direct0", 100, 9), way("low", 1200, 14), way("high", 2400, 16)]
TWINS = [way("direct", 105, 14), way("direct0", 105, 15), way("low", 1300, 18), way("high", 1300, 18)]


def drawn(ways: list[Worth], title: str = "t", note: str = "n") -> ElementTree.Element:
    return ElementTree.fromstring(draw(title, note, ways))


def said(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


def test_the_figure_is_well_formed_and_has_a_point_with_an_interval_for_each_way() -> None:
    root = drawn(WAYS, "tiny: <right> & cost", "k = 3 & more")
    assert root.tag == f"{SVG}svg"
    title = root.find(f"{SVG}title")
    assert title is not None and title.text == "tiny: <right> & cost"
    groups = root.findall(f"{SVG}g")
    assert [len(group.findall(f"{SVG}circle")) for group in groups] == [1, 1, 1, 1]
    assert [len(group.findall(f"{SVG}line")) for group in groups] == [3, 3, 3, 3]
    assert [said(group) for group in groups] == ["direct 45.0 %", "direct0 45.0 %", "low 70.0 %", "high 80.0 %"]
    texts = [said(text) for text in root.findall(f"{SVG}text")]
    assert {"tiny: <right> & cost", "k = 3 & more", "right answers, % of tasks"} <= set(texts)
    assert any(text.startswith("tokens per task") for text in texts)


def test_higher_is_better_dearer_is_to_the_right_and_all_of_it_is_on_the_page() -> None:
    found = [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in drawn(WAYS).iter(f"{SVG}circle")]
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = found
    assert x1 < x2 < x3 < x4 and y1 == y2 > y3 > y4
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in found)


def test_a_way_has_its_colour_whatever_else_is_shown() -> None:
    def colours(ways: list[Worth]) -> dict[str, str]:
        return {said(group).split()[0]: group.attrib["class"] for group in drawn(ways).findall(f"{SVG}g")}

    assert len(set(colours(WAYS).values())) == 4
    assert colours(WAYS[2:]).items() < colours(WAYS).items()


def test_points_of_one_cost_stand_side_by_side_with_a_label_on_each_side() -> None:
    direct, direct0, low, high = points(TWINS)
    assert direct.mark.right < direct0.mark.left and low.mark.right < high.mark.left
    assert direct.label.right < direct.mark.left and direct0.label.left > direct0.mark.right
    assert (direct.x + direct0.x) / 2 == pytest.approx(Costs([105, 1300]).x(105))
    # Both at the height of their point: no label was pushed away.
    assert all((one.label.top + one.label.bottom) / 2 == pytest.approx(one.y) for one in points(TWINS))
    assert any("stand side by side" in said(text) for text in drawn(TWINS).findall(f"{SVG}text"))
    assert not any("side by side" in said(text) for text in drawn(WAYS[1:]).findall(f"{SVG}text"))


def covered(ways: list[Worth]) -> list[tuple[str, str]]:
    """The pairs of things of which one covers the other."""
    placed = points(ways)
    things = [(f"label of {one.worth.mode}", one.label) for one in placed]
    things += [(f"mark of {one.worth.mode}", one.mark) for one in placed]
    return [
        (name, other)
        for number, (name, box) in enumerate(things)
        for other, second in things[number + 1 :]
        if box.covers(second)
    ]


@st.composite
def some_ways(draw_one: st.DrawFn) -> list[Worth]:
    """One to four ways, often of one cost and with the same share."""
    made = []
    costs = st.sampled_from([105.0, 110.0, 1296.0, 1301.0, 1300.0]) | st.floats(1, 200_000)
    means = st.sampled_from([0.0, 77.0, 78.0, 100.0]) | st.floats(0, 100)
    for mode in MODES[: draw_one(st.integers(1, 4))]:
        mean, around = draw_one(means), draw_one(st.floats(0, 25))
        right = Share(mean, max(0.0, mean - around), min(100.0, mean + around))
        made.append(replace(WAYS[0], mode=mode, pass_at_1=right, tokens=draw_one(costs)))
    return made


@given(some_ways())
def test_no_label_covers_a_point_an_interval_or_another_label(ways: list[Worth]) -> None:
    assert covered(ways) == []
    assert all(FRAME.holds(one.label) for one in points(ways))


def test_what_covers_is_found() -> None:
    first, second = points(WAYS[:2])
    assert first.mark.covers(first.mark) and not first.mark.covers(second.mark)
    assert not first.label.covers(first.mark) and not PLOT.holds(FRAME)


@given(some_ways())
def test_a_label_is_not_far_from_its_own_point(ways: list[Worth]) -> None:
    assert all(one.label.away_from(one.mark) < HEIGHT / 4 for one in points(ways))


def test_it_is_readable_on_dark_pages_and_loads_nothing() -> None:
    text = draw("t", "n", WAYS)
    assert "prefers-color-scheme: dark" in text and 'class="card"' in text
    assert re.findall(r"(?:https?:)?//[^\"' <]+", text) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize(
    ("tokens", "log"),
    [([100.0, 700.0], False), ([100.0, 5000.0], True), ([0.0], False), ([1.0, 90.0], True), ([105.0, 2e5], True)],
)
def test_costs_far_apart_are_shown_on_a_logarithmic_axis(tokens: list[float], log: bool) -> None:
    costs = Costs(tokens)
    assert costs.log is log
    ticks = [costs.x(one) for one in costs.ticks()]
    assert 2 <= len(ticks) <= 14 and ticks == sorted(ticks)
    assert all(PLOT.left <= x <= PLOT.right for x in [*ticks, *map(costs.x, tokens)])
    assert all(later - one >= 40 for one, later in zip(ticks, ticks[1:], strict=False))


@pytest.mark.parametrize(
    ("right", "low", "high"), [([9, 18], 20, 100), ([18, 18], 60, 100), ([0], 0, 40), ([20], 60, 100)]
)
def test_the_axis_of_right_answers_shows_the_intervals_and_forty_points_at_least(
    right: list[int], low: int, high: int
) -> None:
    ways = [way("low", 100, count) for count in right]
    shares = Shares(ways)
    assert (shares.low, shares.high) == (low, high)
    assert all(low <= one.pass_at_1.low <= one.pass_at_1.high <= high for one in ways)
    assert [shares.y(low), shares.y(high)] == [PLOT.bottom, PLOT.top]
