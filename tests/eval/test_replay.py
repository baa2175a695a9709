"""The replay of recorded samples through the live stack (`benchmarks/replay.py`)."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.replay import Draw, Replayer, draws_of, find, main
from maker.config import Home
from maker.eval.execute import Job, prepare
from maker.eval.measure import drawn, generator
from maker.eval.problems import Problem
from maker.pipeline.redflag import extract
from tests.eval.recorded import CONSTANT, PROBLEMS, RIGHT, TESTS, WRONG, problem, write
from tests.llama_wire import Behaviour


def job(number: int = 0) -> Job:
    return prepare(Problem.model_validate_json(json.dumps(PROBLEMS[number])))


def by_name(draws: list[Draw]) -> dict[tuple[str, int], Draw]:
    return {(one.problem.task_id, one.number): one for one in draws}


def said(server: Replayer, one: Draw, form: str = "") -> str:
    body = {"messages": [{"role": "user", "content": f"{one.request}\n\nYou are the coder."}]}
    if form:
        body["response_format"] = {"json_schema": {"name": form}}  # type: ignore[assignment]
    [piece] = server._reply(body, Behaviour()).pieces
    return str(piece["content"])


def test_draws_are_those_of_eval_select() -> None:
    rng = generator("Sum/0", 7)
    for one in draws_of(job(), 3, 4, 7):
        rows, replies = drawn(6, 3, 3, rng)
        assert one.samples[:3] == tuple(job().problem.samples[int(row)] for row in rows)
        assert Counter(one.samples) == Counter(job().problem.samples)
        assert Counter(one.checks) == Counter(job().tests[test] for reply in replies for test in job().replies[reply])
        assert set(one.calls) == {"add(1, 2)", "add(5, 5)", "add(0, 7)", "add(1, 1)", "add(4, 3)", "add(2, 2)"}


def test_the_coder_says_its_samples_in_the_order_of_the_draw_and_again_in_the_next_run() -> None:
    [first, second] = draws_of(job(), 3, 2, 0)
    server = Replayer(by_name([first, second]), Counter())
    for one in (first, second, first):
        assert json.loads(said(server, one, "PlanReply"))["steps"] == [{"title": "Write add"}]
        for sample in one.samples:
            code = extract(said(server, one))
            assert code is not None and code.text.startswith(f"{one.problem.prompt}{sample}")


def test_the_tester_says_the_drawn_tests_and_validators_accept() -> None:
    [one] = draws_of(job(), 3, 1, 0)
    server = Replayer(by_name([one]), Counter())
    assert json.loads(said(server, one, "TestsReply")) == {"calls": list(one.calls), "checks": list(one.checks)}
    assert json.loads(said(server, one, "ReflectionReply")) == {"accepted": True, "missing": []}
    assert json.loads(said(server, one, "KindReply")) == {"kind": "code"}


def test_a_draw_is_found_by_its_name_or_by_the_problem_s_own_prompt() -> None:
    draws = by_name([*draws_of(job(0), 2, 2, 0), *draws_of(job(1), 2, 1, 0)])
    assert find(draws, "Problem Sum/0, draw 1: write").number == 1
    assert find(draws, f"Implement this:\n\n```python\n{job(1).problem.prompt}```").problem.entry_point == "add"


@pytest.mark.processes
@pytest.mark.slow
def test_the_live_stack_chooses_what_the_rule_chooses(home: Home, tmp_path: Path) -> None:
    problems = [
        problem("Sum/0", [RIGHT, RIGHT, RIGHT, WRONG], TESTS),
        problem("Sum/1", [WRONG, WRONG, WRONG, CONSTANT], TESTS),
    ]
    home.run.mkdir(mode=0o700)
    result = CliRunner().invoke(main, ["--data", str(write(tmp_path / "p.jsonl", problems)), "--n", "3", "--bar", "0"])
    assert result.exit_code == 0, (result.output, result.exception)
    shown = json.loads(result.stdout)
    assert (shown["live"], shown["select"]["maker"], shown["differ"]) == (50, 50, {})
    assert (shown["mode"]["samples"], shown["mode"]["accepted"], shown["mode"]["failed"]) == (3, 100, 0)
    assert not [note for note in shown["mode"]["notes"] if "not run" in note]
    assert "live low mode 50.0 %, eval select 50.0 % on the same 2 draws" in result.stderr
    assert np.isclose(shown["live_minus_select"], 0)
