"""Statistics against values computed by hand."""

import math
from typing import Any

import pytest

from maker.eval.results import Result, Round, Tried, together
from maker.eval.worth import Verdicts, differences, worth


def result(key: str, right: bool, **more: Any) -> Result:
    return Result(key, key, right, **{"seconds": 1.0, "tokens": 100, **more})


def voted(key: str, right: bool, *rounds: Round, **more: Any) -> Result:
    return result(key, right, voted=True, rounds=rounds, **more)


def judged(right: bool, accepted: bool | None, *tried: bool) -> Round:
    return Round(right, accepted, tuple(Tried(one, False, str(one)) for one in tried))


def test_means_medians_and_shares() -> None:
    found = worth(
        "direct",
        [
            result("a", True, seconds=1.0, tokens=10),
            result("b", False, seconds=2.0, tokens=20),
            result("c", True, seconds=9.0, tokens=60),
            result("d", False, seconds=300.0, tokens=0, samples=0, error="model_timeout"),
        ],
        0,
        {"a": "name", "b": "name", "c": "para", "d": ""},
    )
    assert (found.answers, found.pass_at_1.mean, found.failed) == (4, 50, 25)
    assert found.errors == {"model_timeout": 1}
    assert (found.tokens, found.seconds, found.samples) == (30, 2.0, 1), "an error costs nothing, and saves nothing"
    assert found.splits == {"name": 50, "para": 100}
    assert (found.flagged, found.converged, found.accepted, found.verdicts) == (None, None, None, None)
    assert (found.margins, found.confidences) == ((), ())


def test_several_draws_of_an_exercise_count_by_their_share_and_cost_their_mean() -> None:
    drawn = [result("a", right, tokens=tokens) for right, tokens in ((True, 10), (False, 30), (False, 20), (False, 20))]
    often = [together(drawn), result("b", True, tokens=40)]
    found = worth("direct", often, 0, {"a": "name"})
    assert (found.pass_at_1.mean, found.tokens, found.samples, found.splits) == (62.5, 30, 1, {"name": 25})
    [against] = differences({"direct": often, "low": [result("a", True), result("b", True)]}, 0)
    assert against.points.mean == 37.5


def test_one_draw_is_itself_and_one_that_failed_is_the_result() -> None:
    one, failed = result("a", True), result("a", False, samples=0, error="model_timeout")
    assert together([one]) is one
    assert together([one, failed, one]) is failed


def test_the_interval_is_that_of_a_share_over_exercises() -> None:
    """For a share of .7 of 400 the normal approximation says 1.96 * sqrt(.7 * .3 / 400) = 4.49 points each way."""
    found = worth("low", [result(str(number), number % 10 < 7) for number in range(400)], 1, {}).pass_at_1
    half = 196 * math.sqrt(0.7 * 0.3 / 400)
    assert found.mean == pytest.approx(70)
    assert found.low == pytest.approx(70 - half, abs=0.5)
    assert found.high == pytest.approx(70 + half, abs=0.5)


def test_differences_are_paired_so_that_what_both_get_right_adds_no_noise() -> None:
    """Of 200, low gets 20 more right than direct and 4 less: +8 points, with a deviation of .3370 / sqrt(200)."""
    direct = [result(str(number), number < 120) for number in range(200)]
    low = [result(str(number), number < 140 and number >= 4) for number in range(200)]
    [found] = differences({"direct": direct, "low": low}, 0)
    half = 196 * math.sqrt((24 / 200 - 0.08**2) / 200)
    assert (found.mode, found.minus) == ("low", "direct")
    assert found.points.mean == pytest.approx(8)
    assert found.points.low == pytest.approx(8 - half, abs=0.5)
    assert found.points.high == pytest.approx(8 + half, abs=0.5)


def test_every_two_ways_are_compared_on_what_both_have() -> None:
    found = differences({"a": [result("1", True)], "b": [result("1", False), result("2", True)]}, 0)
    assert [(one.mode, one.minus, one.points.mean) for one in found] == [("b", "a", -100)]


def test_verdicts_are_counted_both_ways_over_all_rounds() -> None:
    results = [
        voted("a", True, judged(True, True)),
        voted("b", True, judged(False, False), judged(True, True)),
        voted("c", False, judged(False, True)),
        voted("d", True, judged(True, False), judged(True, None)),
        voted("e", False, judged(False, False), judged(False, False)),
    ]
    verdicts = worth("high", results, 0, {}).verdicts
    assert verdicts == Verdicts(accepted_right=2, accepted_wrong=1, refused_right=1, refused_wrong=3)
    assert verdicts.count == 7
    assert verdicts.correct == pytest.approx(100 * 5 / 7)
    assert verdicts.acceptance_precision == pytest.approx(100 * 2 / 3)
    assert verdicts.acceptance_recall == pytest.approx(100 * 2 / 3)
    assert verdicts.refusal_precision == pytest.approx(75)
    assert verdicts.refusal_recall == pytest.approx(75)


def test_a_validator_that_never_refuses_has_no_precision_of_refusal() -> None:
    verdicts = Verdicts(3, 1, 0, 0)
    assert (verdicts.refusal_precision, verdicts.refusal_recall) == (None, 0)


def test_margins_and_confidence_say_how_often_the_answer_is_right() -> None:
    results = [
        voted("a", True, margin=3, confidence=1.0, converged=True, accepted=True, samples=3),
        voted("b", True, margin=3, confidence=0.85, converged=True, accepted=True, samples=3),
        voted("c", False, margin=1, confidence=0.2, accepted=False, samples=5, flagged=2),
        voted("d", True, judged(False, True, False, True), margin=1, confidence=0.19, samples=5, flagged=2),
    ]
    found = worth("low", results, 0, {})
    assert [(one.label, one.answers, one.right) for one in found.margins] == [("1", 2, 50), ("3", 2, 100)]
    assert [(one.label, one.answers, one.right) for one in found.confidences] == [
        ("0.0 to 0.2", 1, 100),
        ("0.2 to 0.4", 1, 0),
        ("0.8 to 1.0", 2, 100),
    ]
    assert (found.converged, found.accepted, found.flagged, found.oracle) == (50, 50, 25, 100)


def test_what_runs_left_out_is_counted() -> None:
    results = [voted("a", True, notes=("not run", "no tests")), voted("b", True, notes=("not run",))]
    assert worth("low", results, 0, {}).notes == {"not run": 2, "no tests": 1}
