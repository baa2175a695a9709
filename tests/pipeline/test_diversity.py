"""Later waves that another model writes."""

from typing import Any

import pytest

from maker.chat.types import Delta, Finish, TextDelta
from maker.errors import ModelUnavailable
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, MINUS, TESTS, TIMES, Play, fenced


def other_wave(*codes: str) -> list[Delta]:
    return [delta for n, code in enumerate(codes) for delta in (TextDelta(fenced(code), n), Finish("stop", n))]


def play(*coder: str, tester: Any, **changes: Any) -> Any:
    settings = {"k": 2, "diversity": 0.5, **changes.pop("settings", {})}
    replies = [fenced(code) for code in coder]
    return Play(replies, tester=[TESTS, *tester], reviewer=[ACCEPTED], settings=settings, **changes).run()


def test_every_second_of_the_later_waves_is_gpt_osss_at_one_half() -> None:
    # The coder writes waves 0 and 1, gpt-oss wave 2.
    other = other_wave(ALSO_GOOD, GOOD)
    played = play(MINUS, TIMES, MINUS, GOOD, tester=[other], settings={"max_candidates": 6})
    (step,) = played.done.steps
    assert step.vote.votes[step.chosen.signature] == 3 and not step.vote.converged
    assert step.chosen.code == GOOD
    assert [len(played.models[role].calls) for role in ("coder", "gpt-oss")] == [2, 2]


def test_the_first_wave_is_the_coders_alone_and_without_diversity_all_are() -> None:
    assert len(play(GOOD, ALSO_GOOD, tester=[], settings={"diversity": 1}).models["gpt-oss"].calls) == 1
    played = play(MINUS, GOOD, GOOD, ALSO_GOOD, tester=[], settings={"diversity": 0})
    assert len(played.models["gpt-oss"].calls) == 1 and played.done.steps[0].chosen.code == GOOD


def test_a_gpt_oss_that_goes_away_costs_its_wave_only() -> None:
    gone = ModelUnavailable("gone", role="gpt-oss")
    played = play(MINUS, GOOD, TIMES, GOOD, GOOD, ALSO_GOOD, tester=[gone])
    assert played.done.steps[0].chosen.code == GOOD
    assert "candidates were lost: gone" in played.done.notes


@pytest.mark.parametrize("state", ["down", "loading"])
def test_one_that_is_not_ready_is_not_waited_for(state: str) -> None:
    changes: dict[str, Any] = {"planner": [Play().planner[0], TESTS], "states": {"gpt-oss": state}}
    played = Play(
        [fenced(code) for code in (MINUS, GOOD, GOOD, ALSO_GOOD)],
        tester=[],
        reviewer=[ACCEPTED],
        settings={"k": 2, "diversity": 1},
        **changes,
    ).run()
    assert played.done.steps[0].chosen.code == GOOD
