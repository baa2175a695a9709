"""A request may ask for less than its mode gives, never for more."""

import pytest

from maker.config import Mode
from maker.errors import RequestError
from maker.pipeline.budget import LOWERABLE, lowered

MODE = Mode(k=3, max_candidates=6, max_rounds=2, max_tokens=1000, wall_clock_s=60)


@pytest.mark.parametrize("header", [None, "", "  "])
def test_without_a_header_the_mode_is_the_same(header: str | None) -> None:
    assert lowered(MODE, header) is MODE


@pytest.mark.parametrize(
    "header", ['{"k": 1, "max_candidates": 2}', "k=1, max_candidates=2", " k = 1 ; max_candidates = 2;"]
)
def test_limits_are_lowered_by_json_or_by_a_list(header: str) -> None:
    assert lowered(MODE, header) == MODE.model_copy(update={"k": 1, "max_candidates": 2})


def test_fewer_candidates_than_k_are_a_requests_own_choice() -> None:
    found = lowered(MODE, "max_candidates=1")
    assert (found.k, found.max_candidates) == (3, 1)


@pytest.mark.parametrize(
    "header", ["k=9", "max_tokens=99999999999999999999999", "wall_clock_s=60.5", '{"max_rounds": 3}']
)
def test_what_is_above_the_mode_is_the_modes_own(header: str) -> None:
    assert lowered(MODE, header) == MODE


def test_seconds_may_be_whole_or_not() -> None:
    assert lowered(MODE, "wall_clock_s=1.5").wall_clock_s == 1.5
    assert lowered(MODE, '{"wall_clock_s": 2}').wall_clock_s == 2


@pytest.mark.parametrize(
    "header",
    [
        "k",
        "k=",
        "k=x",
        "k=0",
        "k=1.5",
        '{"k": true}',
        '{"k": null}',
        "{",
        "[1]",
        '{"k": NaN}',
        "wall_clock_s=nan",
        "wall_clock_s=0",
        "temperature=0",
        "nonsense=1",
        '{"k": "1"}',
        "max_rounds=-1",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(header: str) -> None:
    with pytest.raises(RequestError) as refused:
        lowered(MODE, header)
    assert refused.value.param == "x-maker-budget"
    assert all(name in str(refused.value) for name in LOWERABLE)
