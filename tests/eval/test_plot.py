import re
from xml.etree import ElementTree

import pytest

from maker.eval.plot import HEIGHT, WIDTH, Scale, draw
from maker.eval.results import Result
from maker.eval.worth import Worth, worth

SVG = "{http://www.w3.org/2000/svg}"


def way(mode: str, tokens: int, right: int) -> Worth:
    return worth(mode, [Result(str(n), str(n), n < right, 1.0, tokens) for n in range(20)], 0, {})


WAYS = [way("direct", 100, 9), way("direct0", 100, 9), way("low", 1200, 14), way("high", 2400, 16)]


def test_the_figure_is_well_formed_and_has_a_point_with_an_interval_for_each_way() -> None:
    root = ElementTree.fromstring(draw("tiny: <right> & cost", WAYS))
    assert root.tag == f"{SVG}svg"
    title = root.find(f"{SVG}title")
    assert title is not None and title.text == "tiny: <right> & cost"
    groups = root.findall(f"{SVG}g")
    assert [len(group.findall(f"{SVG}circle")) for group in groups] == [1, 1, 1, 1]
    assert [len(group.findall(f"{SVG}line")) for group in groups] == [3, 3, 3, 3]
    labels = [text.text for text in root.findall(f"{SVG}text")]
    assert {"direct 45.0 %", "direct0 45.0 %", "low 70.0 %", "high 80.0 %"} <= set(labels)


def test_higher_is_better_dearer_is_to_the_right_and_all_of_it_is_on_the_page() -> None:
    points = [
        (float(one.attrib["cx"]), float(one.attrib["cy"]))
        for one in ElementTree.fromstring(draw("t", WAYS)).iter(f"{SVG}circle")
    ]
    (x1, y1), (_, _), (x2, y2), (x3, y3) = points
    assert x1 < x2 < x3 and y1 > y2 > y3
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in points)


def test_labels_of_points_in_one_place_do_not_cover_each_other() -> None:
    texts = ElementTree.fromstring(draw("t", WAYS)).findall(f"{SVG}text")
    heights = {one.text: float(one.attrib["y"]) for one in texts if (one.text or "").startswith("direct")}
    assert abs(heights["direct 45.0 %"] - heights["direct0 45.0 %"]) >= 14


def test_it_is_readable_on_dark_pages_and_loads_nothing() -> None:
    text = draw("t", WAYS)
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"(?:https?:)?//[^\"' <]+", text) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize(("tokens", "log"), [([100.0, 700.0], False), ([100.0, 5000.0], True), ([0.0], False)])
def test_costs_far_apart_are_shown_on_a_logarithmic_axis(tokens: list[float], log: bool) -> None:
    scale = Scale(tokens)
    assert scale.log is log
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 8 and ticks == sorted(ticks)
    assert all(0 < scale.x(one) <= WIDTH for one in [*ticks, *tokens])
