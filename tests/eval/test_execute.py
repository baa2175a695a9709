import asyncio
import json
from pathlib import Path

import pytest

from maker.errors import ServiceError
from maker.eval.cache import Record
from maker.eval.execute import Job, execute, prepare, record
from maker.eval.problems import Problem
from maker.sandbox.values import Call, Check, Evidence, Kind, Observation
from tests.eval.recorded import BROKEN, CONSTANT, PROBLEMS, RAISES, RIGHT, WRONG, TrustedSandbox, problem


def jobs() -> list[Job]:
    return [prepare(Problem.model_validate_json(json.dumps(one))) for one in PROBLEMS]


def executed(jobs: list[Job], sandbox: TrustedSandbox, cache: Path) -> list[list[Record]]:
    return asyncio.run(execute(jobs, sandbox, cache, lambda done, total: None))


def test_a_problem_is_taken_apart() -> None:
    job = jobs()[0]
    assert job.samples == (RIGHT, WRONG, CONSTANT, RAISES, BROKEN)
    assert job.inputs == ("add(1, 2)", "add(5, 5)", "add(0, 7)", "add(1, 1)", "add(4, 3)", "add(2, 2)")
    assert job.replies == ((0, 1, 2), (3, 4), (5,))
    assert job.calls == ((0,), (1,), (2,), (3,), (4,), (5,))
    assert job.tests[4] == "assert add(4, 3) == 1"
    assert job.literals == ("3", "10", "7", "2", "1", None)
    assert [item for item in job.trial("").inputs[7:] if isinstance(item, Check)] == [Check(job.tests[5])]


def test_of_a_long_reply_the_first_five_assertions_count() -> None:
    reply = "\nassert ".join(f"add({number}, 0) == {number}" for number in range(9))
    job = prepare(Problem.model_validate_json(json.dumps(problem("Sum/9", [], [reply]))))
    assert len(job.tests) == len(job.inputs) == 5


def test_each_different_sample_runs_once_on_everything(tmp_path: Path) -> None:
    sandbox = TrustedSandbox()
    records = executed(jobs(), sandbox, tmp_path)
    assert len(sandbox.trials) == 5 + 3 + 4 + 4
    right, wrong, constant, raises, broken = records[0]
    assert right.passed == (True, True, True, True, False, True)
    assert wrong.passed == (False, False, False, False, True, True)
    assert [one.right for one in records[0]] == [True, False, False, False, False]
    assert len({right.results, wrong.results, constant.results}) == 3
    assert len(set(constant.results)) == 1
    assert None not in right.results
    assert raises.results == broken.results == (None,) * 6


def test_what_was_run_is_kept(tmp_path: Path) -> None:
    first = executed(jobs(), TrustedSandbox(), tmp_path)
    sandbox, seen = TrustedSandbox(), []
    again = asyncio.run(execute(jobs(), sandbox, tmp_path, lambda done, total: seen.append((done, total))))
    assert again == first
    assert sandbox.trials == []
    assert seen == [(16, 16)]


def test_only_what_is_new_runs(tmp_path: Path) -> None:
    executed(jobs(), TrustedSandbox(), tmp_path)
    more = dict(PROBLEMS[0], samples=[RIGHT, "    return b + a\n"])
    other = dict(PROBLEMS[1], test="def check(candidate):\n    assert candidate(2, 2) == 0\n")
    changed = [prepare(Problem.model_validate_json(json.dumps(one))) for one in (more, other)]
    sandbox = TrustedSandbox()
    records = executed(changed, sandbox, tmp_path)
    assert len(sandbox.trials) == 1 + 3
    assert [one.right for one in records[1]] == [False, True, False]


def test_a_sandbox_that_breaks_ends_it_and_what_was_run_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="the sandbox broke; mend it"):
        executed(jobs(), TrustedSandbox(works_for=3), tmp_path)
    sandbox = TrustedSandbox()
    executed(jobs(), sandbox, tmp_path)
    assert len(sandbox.trials) == 16 - 3


def test_a_damaged_cache_is_run_again(tmp_path: Path) -> None:
    first = executed(jobs()[:1], TrustedSandbox(), tmp_path)
    (kept,) = tmp_path.iterdir()
    for damage in ("", "[]", '{"a": 1}', '{"a": [[], 1, true]}', "\xff"):
        kept.write_bytes(damage.encode("latin-1"))
        sandbox = TrustedSandbox()
        assert executed(jobs()[:1], sandbox, tmp_path) == first
        assert len(sandbox.trials) == 5


@pytest.mark.parametrize(
    ("kind", "text", "literal", "passed"),
    [
        ("returned", "[1, 2]", "[1, 2]", True),
        ("returned", "1.0", "1", True),
        ("returned", "True", "1", True),
        ("returned", "{2, 1}", "{1, 2}", True),
        ("returned", "set()", "set()", True),
        ("returned", "{'b': 1, 'a': 2}", "{'a': 2, 'b': 1}", True),
        ("returned", "None", "None", True),
        ("returned", "(1, 2)", "[1, 2]", False),
        ("returned", "'1'", "1", False),
        ("returned", "iterator[1, 2]", "[1, 2]", False),
        ("returned", "<function f>", "None", False),
        ("returned", "nan", "None", False),
        ("returned", "(" * 4000, "None", False),
        ("raised", "1", "1", False),
        ("too long", "", "''", False),
    ],
)
def test_a_result_decides_a_test_that_says_what_it_equals(kind: Kind, text: str, literal: str, passed: bool) -> None:
    line = problem("Sum/9", [RIGHT], [f"add(1, 2) == {literal}"])
    job = prepare(Problem.model_validate_json(json.dumps(line)))
    assert job.trial(RIGHT).inputs[1:] == (Call("add(1, 2)"),)
    seen = Evidence(True, (Observation("failed"), Observation(kind, text)))
    assert record(job, seen).passed == (passed,)
