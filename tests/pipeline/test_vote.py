import math
import random
from collections.abc import Callable, Iterator
from itertools import count
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maker.errors import RequestError
from maker.pipeline import vote
from maker.pipeline.vote import Race

MILLION = 2**20 - 1
FIGURE_6B = {  # share of wrong steps -> k that the paper prints for 1,048,575 steps and a target of 0.95
    0.3571: 29,
    0.0040: 4,
    0.0022: 3,
    0.0018: 3,
    0.1839: 12,
    0.0358: 6,
    0.2342: 15,
    0.0569: 6,
    0.0393: 6,
}


@pytest.mark.parametrize(("wrong", "k"), FIGURE_6B.items())
def test_k_min_is_what_figure_6b_prints(wrong: float, k: int) -> None:
    assert vote.k_min(1 - wrong, MILLION, 0.95) == k


@pytest.mark.parametrize(("wrong", "k"), FIGURE_6B.items())
def test_k_min_is_the_smallest_k_that_reaches_the_target(wrong: float, k: int) -> None:
    assert vote.p_full(1 - wrong, k, MILLION) >= 0.95 > vote.p_full(1 - wrong, k - 1, MILLION)


@pytest.mark.parametrize(
    ("p", "ks"), [(0.7, [4, 6, 8, 9]), (0.8, [3, 4, 5, 6]), (0.9, [2, 3, 3, 4]), (1.0, [1, 1, 1, 1])]
)
def test_k_min_for_tasks_of_a_few_steps(p: float, ks: list[int]) -> None:
    assert [vote.k_min(p, steps, 0.95) for steps in (1, 5, 20, 100)] == ks


def test_a_sample_of_several_steps_has_fewer_votes_to_win() -> None:
    assert vote.k_min(0.9978, MILLION, 0.95, m=1000) < vote.k_min(0.9978, MILLION, 0.95)
    assert vote.p_full(0.99, 3, 1000, m=10) == pytest.approx(vote.p_sub(0.99, 3) ** 100)


@given(p=st.floats(0.51, 0.999), steps=st.integers(1, 10**7), target=st.floats(0.01, 0.999))
def test_k_min_is_minimal_everywhere(p: float, steps: int, target: float) -> None:
    k = vote.k_min(p, steps, target)
    assert vote.p_full(p, k, steps) >= target * (1 - 1e-9)
    assert k == 1 or vote.p_full(p, k - 1, steps) <= target * (1 + 1e-9)


def test_the_papers_run_expects_a_hundredth_of_a_wrong_step() -> None:
    assert MILLION * (1 - vote.p_sub(0.9978, 3)) == pytest.approx(0.0112, abs=5e-5)
    assert vote.expected_samples(0.9978, 3) == pytest.approx(3.0133, abs=5e-5)


def test_expected_cost_is_samples_times_steps_over_the_valid_share() -> None:
    assert vote.expected_cost(0.8, 3, 10) == pytest.approx(10 * vote.expected_samples(0.8, 3))
    assert vote.expected_cost(0.8, 3, 10, valid=0.5, unit=2) == pytest.approx(40 * vote.expected_samples(0.8, 3))
    # Equation 19 keeps the leading term only; for a large k the two are one.
    assert vote.expected_cost(0.8, 30, 10, valid=0.9) == pytest.approx(10 * 30 / (0.9 * 0.6), rel=1e-9)


def ballots(rng: random.Random, p: float, wrong: int = 1, valid: float = 1.0) -> Iterator[int | None]:
    """Ballots of a model that is right (0) with probability p, else one of `wrong` answers; None is a red flag."""
    while True:
        if rng.random() >= valid:
            yield None
        else:
            yield 0 if rng.random() < p else 1 + rng.randrange(wrong)


def race(k: int, drawn: Iterator[int | None]) -> tuple[int, int]:
    """Who wins, and after how many samples, flagged ones included."""
    running = Race[int](k)
    for taken in count(1):
        ballot = next(drawn)
        if ballot is not None and (winner := running.cast(ballot)) is not None:
            return winner, taken
    raise AssertionError


def within_three_standard_errors(values: list[float], expected: float) -> bool:
    return abs(fmean(values) - expected) <= 3 * stdev(values) / math.sqrt(len(values))


@pytest.mark.parametrize(("p", "k"), [(0.6, 3), (0.7, 3), (0.8, 2), (0.8, 5), (0.9, 3)])
def test_simulated_success_and_cost_are_within_three_standard_errors_of_the_formulas(p: float, k: int) -> None:
    drawn = ballots(random.Random(2511), p)
    outcomes = [race(k, drawn) for _ in range(20_000)]
    assert within_three_standard_errors([float(winner == 0) for winner, _ in outcomes], vote.p_sub(p, k))
    assert within_three_standard_errors([float(taken) for _, taken in outcomes], vote.expected_samples(p, k))


def test_simulated_cost_with_red_flags_is_within_three_standard_errors_of_the_formula() -> None:
    drawn = ballots(random.Random(9030), 0.8, valid=0.6)
    taken = [float(race(3, drawn)[1]) for _ in range(20_000)]
    assert within_three_standard_errors(taken, vote.expected_cost(0.8, 3, 1, valid=0.6))


def test_simulated_cost_of_samples_of_several_steps_is_within_three_standard_errors_of_the_formula() -> None:
    rng, p, m = random.Random(7), 0.9, 3
    valid = p ** (m - 1)  # in the paper's model a sample votes only if its first m - 1 steps are right
    costs = [m * float(race(3, ballots(rng, p, valid=valid))[1]) for _ in range(20_000)]
    assert within_three_standard_errors(costs, vote.expected_cost(p, 3, steps=m, m=m))


def first_to(needed: int) -> Callable[[Iterator[int | None]], int]:
    """The rule of old: whoever has `needed` ballots first."""

    def elect(drawn: Iterator[int | None]) -> int:
        seen: dict[int | None, int] = {}
        while True:
            ballot = next(drawn)
            seen[ballot] = seen.get(ballot, 0) + 1
            if ballot is not None and seen[ballot] == needed:
                return ballot

    return elect


def test_ahead_by_3_beats_first_to_3_of_5() -> None:
    drawn = ballots(random.Random(35), 0.7)
    ahead = [float(race(3, drawn)[0] == 0) for _ in range(20_000)]
    first = [float(first_to(3)(drawn) == 0) for _ in range(20_000)]
    assert vote.p_sub(0.7, 3) == pytest.approx(0.927, abs=5e-4)
    assert within_three_standard_errors(ahead, 0.927)
    assert within_three_standard_errors(first, 0.837)


def test_wrong_answers_that_differ_from_each_other_lose_sooner_than_the_formula_says() -> None:
    drawn = ballots(random.Random(4), 0.45, wrong=4)
    assert fmean(float(race(3, drawn)[0] == 0) for _ in range(5_000)) > 0.92


@pytest.mark.parametrize(
    ("votes", "k", "expected"),
    [
        ({}, 1, None),
        ({"a": 1}, 1, "a"),
        ({"a": 2}, 3, None),
        ({"a": 3}, 3, "a"),
        ({"a": 3, "b": 1}, 3, None),
        ({"a": 4, "b": 1, "c": 1}, 3, "a"),
        ({"a": 4, "b": 2, "c": 1}, 3, None),
        ({"a": 2, "b": 2}, 1, None),
        ({"a": 0}, 1, None),
    ],
)
def test_the_leader_is_ahead_of_every_other_by_k(votes: dict[str, int], k: int, expected: str | None) -> None:
    assert vote.leader(votes, k) == expected


def test_a_race_that_nobody_ever_leads_never_ends() -> None:
    running = Race[str](2)
    for _ in range(1000):
        assert running.cast("a") is None
        assert running.cast("b") is None
    assert (running.margin, running.needed, running.leader) == (0, 2, None)


def test_ballots_that_all_differ_leave_the_margin_at_nothing() -> None:
    running = Race[int](2)
    assert [running.cast(ballot) for ballot in range(50)] == [None] * 50
    assert (running.margin, running.needed, running.front) == (0, 2, 0)


def test_the_first_that_is_ahead_by_k_has_won_for_good() -> None:
    running = Race[str](2)
    assert [running.cast(ballot) for ballot in "aabbbbb"] == [None, *"aaaaaa"]
    assert running.votes == {"a": 2}


def test_needed_counts_down_to_the_decision() -> None:
    running = Race[str](3)
    seen = [running.needed]
    for ballot in "abbbb":
        running.cast(ballot)
        seen.append(running.needed)
    assert seen == [3, 2, 3, 2, 1, 0]
    assert running.leader == "b"


@given(ballots=st.lists(st.sampled_from("abcd"), max_size=60), k=st.integers(1, 6))
def test_a_race_agrees_with_the_count_of_its_ballots(ballots: list[str], k: int) -> None:
    running = Race[str](k)
    for ballot in ballots:
        running.cast(ballot)
        assert running.leader == vote.leader(running.votes, k)
        assert running.margin == vote.margin(running.votes)
        assert running.votes[running.front or ""] == max(running.votes.values())


@pytest.mark.parametrize("p", [0.5, 0.3, 0.0, 1.01, float("nan")])
def test_an_accuracy_that_voting_cannot_help_is_refused(p: float) -> None:
    for formula in (
        lambda: vote.k_min(p, 10, 0.95),
        lambda: vote.p_sub(p, 3),
        lambda: vote.p_full(p, 3, 10),
        lambda: vote.expected_samples(p, 3),
    ):
        with pytest.raises(RequestError, match=r"above 0\.5") as refused:
            formula()
        assert refused.value.param == "p"


@pytest.mark.parametrize(
    ("refused", "param"),
    [
        (lambda: vote.k_min(0.8, 0, 0.95), "steps"),
        (lambda: vote.k_min(0.8, 10, 1.0), "target"),
        (lambda: vote.k_min(0.8, 10, 0.0), "target"),
        (lambda: vote.k_min(0.8, 10, 0.9, m=11), "m"),
        (lambda: vote.p_full(0.8, 0, 10), "k"),
        (lambda: vote.expected_cost(0.8, 3, 10, valid=0), "valid"),
        (lambda: vote.leader({}, 0), "k"),
        (lambda: Race(0), "k"),
    ],
)
def test_other_values_without_a_meaning_are_refused(refused: Callable[[], object], param: str) -> None:
    with pytest.raises(RequestError) as error:
        refused()
    assert error.value.param == param
