import asyncio
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from maker.errors import RequestError, ServiceError
from maker.eval.execute import execute, prepare
from maker.eval.measure import Drawing, Sheet, choices, draw, lay_out, measure, resamples, share
from maker.eval.problems import Problem
from maker.eval.selection import check, compare
from maker.pipeline.select import NOTHING
from maker.sandbox.values import Unavailable
from tests.eval.recorded import PROBLEMS, TrustedSandbox


def problems() -> list[Problem]:
    return [Problem.model_validate_json(json.dumps(one)) for one in PROBLEMS]


@pytest.fixture
def sheets(tmp_path: Path) -> list[Sheet]:
    jobs = [prepare(problem) for problem in problems()]
    records = asyncio.run(execute(jobs, TrustedSandbox(), tmp_path, lambda done, total: None))
    return [lay_out(*pair) for pair in zip(jobs, records, strict=True)]


def nobody(done: int, total: int) -> None:
    pass


def test_a_sheet_has_a_row_for_each_different_sample(sheets: list[Sheet]) -> None:
    sheet = sheets[0]
    assert sheet.drawn.tolist() == [0, 0, 1, 2, 3, 4]
    assert sheet.right.tolist() == [True, False, False, False, False]
    assert sheet.every.results.shape == (5, 6)
    assert (sheet.every.results[3:] == NOTHING).all()
    assert len(set(sheet.every.results[2].tolist())) == 1


def test_a_draw_has_n_samples_and_what_n_replies_say(sheets: list[Sheet]) -> None:
    rng = np.random.default_rng(1)
    seen: Counter[int] = Counter()
    for _ in range(50):
        matrix, right = draw(sheets[0], 1, rng)
        assert len(matrix) == len(right) == 1
        assert matrix.results.shape == matrix.passed.shape
        seen[matrix.passed.shape[1]] += 1
    # The replies have 3, 2 and 1 assertions; the one without any is never drawn.
    assert set(seen) == {1, 2, 3}


def test_samples_are_drawn_without_putting_back_and_replies_run_out(sheets: list[Sheet]) -> None:
    matrix, right = draw(sheets[0], 6, np.random.default_rng(1))
    assert right.sum() == 2
    assert matrix.counts.tolist() == [1] * 6


def test_a_problem_without_tests_is_drawn_all_the_same(sheets: list[Sheet]) -> None:
    matrix, right = draw(sheets[3], 5, np.random.default_rng(1))
    assert matrix.results.shape == matrix.passed.shape == (5, 0)
    chosen = choices(matrix, right)
    assert chosen["random"] == chosen["codet"] == chosen["cluster"] == pytest.approx(right.mean())
    assert chosen["oracle"] == 1


def test_every_rule_chooses_from_the_same_draw(sheets: list[Sheet]) -> None:
    rng = np.random.default_rng(1)
    assert choices(*draw(sheets[0], 6, rng)) == {
        "random": 1 / 3, "text": 1, "cluster": 1, "codet": 1, "maker": 1, "oracle": 1
    }  # fmt: skip
    few = choices(*draw(sheets[1], 6, rng))
    assert (few["random"], few["text"], few["cluster"], few["codet"], few["oracle"]) == (1 / 6, 0, 0, 1, 1)
    none = choices(*draw(sheets[2], 6, rng))
    assert set(none.values()) == {0}


def test_the_same_seed_gives_the_same_result_and_another_another(sheets: list[Sheet]) -> None:
    one, same, other = (measure(sheets, Drawing(3, 20, seed), nobody) for seed in (7, 7, 8))
    assert one == same
    assert one.rules["random"] != other.rules["random"]


def test_what_else_is_in_the_file_does_not_change_the_draws_of_a_problem(sheets: list[Sheet]) -> None:
    alone = measure(sheets[1:2], Drawing(2, 10, 0), nobody)
    twice = measure([sheets[1], sheets[1]], Drawing(2, 10, 0), nobody)
    assert alone.rules["maker"].mean == twice.rules["maker"].mean


def test_means_are_over_problems_and_lie_within_their_intervals(sheets: list[Sheet]) -> None:
    measured = measure(sheets, Drawing(6, 3, 0), nobody)
    assert list(measured.rules) == ["random", "text", "cluster", "codet", "maker", "oracle"]
    # Drawing all six: one in three, one in six, none and one in two are right.
    assert measured.rules["random"].mean == pytest.approx(25)
    assert measured.rules["oracle"].mean == pytest.approx(75)
    for one in measured.rules.values():
        assert 0 <= one.low <= one.mean <= one.high <= 100
    difference = measured.rules["maker"].mean - measured.rules["codet"].mean
    assert measured.maker_minus_codet.mean == pytest.approx(difference)


def test_more_samples_than_there_are_cannot_be_drawn() -> None:
    check(problems(), 6)
    with pytest.raises(RequestError, match="Sum/0 has 6 samples, so 7 cannot be drawn") as refused:
        check(problems(), 7)
    assert refused.value.param == "n"


def test_a_comparison_reports_what_it_does(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    work = compare(problems(), TrustedSandbox(), Drawing(2, 2, 0), cache=tmp_path, report=lambda *now: seen.append(now))
    asyncio.run(work)
    assert seen[0] == ("running samples", 0, 16)
    assert seen[16] == ("running samples", 16, 16)
    assert seen[-1] == ("drawing", 4, 4)


def test_a_machine_that_cannot_run_python_is_refused_before_anything_runs(tmp_path: Path) -> None:
    sandbox = TrustedSandbox(Unavailable("no bubblewrap", "install it"))
    with pytest.raises(ServiceError, match="no bubblewrap; install it"):
        asyncio.run(compare(problems(), sandbox, Drawing(2, 2, 0), cache=tmp_path, report=lambda *now: None))
    assert sandbox.trials == []


@pytest.mark.parametrize(
    ("values", "least", "low", "high"),
    [([1] * 10, 0.0, 72.2, 100), ([0] * 10, 0.0, 0, 27.8), ([0] * 10, -1.0, -27.8, 27.8), ([1] * 200, 0.0, 98.1, 100)],
)
def test_where_all_are_alike_the_interval_says_how_few_they_are(
    values: list[int], least: float, low: float, high: float
) -> None:
    found = share(np.array(values, np.float64), resamples(len(values), 0), least)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.1), pytest.approx(high, abs=0.1))
