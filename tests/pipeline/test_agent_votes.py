"""Voting on agents' turns pays: counted over whole runs with fixed seeds, on a coder that is wrong one time in five."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from benchmarks import agent_votes
from benchmarks.agent_votes import BAR, CASES, Measured, measure, passes

TURNS = 300


def measured(case: str, k: int, turns: int = TURNS) -> Measured:
    return asyncio.run(measure(case, k, turns))


@pytest.mark.parametrize("case", ["varied", "valid"])
def test_at_a_lead_of_two_at_most_a_quarter_of_the_wrong_calls_is_released(case: str) -> None:
    found = measured(case, 2)
    assert found.left <= BAR
    assert 2 < found.samples < 3.5
    assert found.nothing_released == 0


def test_without_a_vote_only_malformed_calls_are_kept_back() -> None:
    found = measured("varied", 1)
    assert 0.4 < found.left < 0.8
    assert found.samples < 1.3


def test_the_worst_case_is_what_the_formula_says() -> None:
    found = measured("same", 2)
    assert found.by_formula == pytest.approx(1 - 16 / 17)
    assert abs(found.wrong_released - found.by_formula) < 4 * (found.by_formula / TURNS) ** 0.5


def test_a_vote_that_did_not_pay_would_be_told() -> None:
    good = Measured("valid", 2, 1, 0.0, 0.0, BAR, 2.0, None)
    assert passes([good])
    assert not passes([good, Measured("varied", 2, 1, 0.06, 0.0, BAR + 0.05, 2.0, None)])


def test_the_measurement_comes_out_as_json() -> None:
    done = CliRunner().invoke(agent_votes.main, ["--turns", "2", "--json"], catch_exceptions=False)
    found = json.loads(done.output)
    assert [(one["case"], one["k"]) for one in found] == [(case, k) for case in CASES for k in (1, 2, 3)]
    assert done.exit_code == (not passes([Measured(**one) for one in found]))
