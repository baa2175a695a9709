"""Live runs for those who judge them: real models, the real pipeline, the real sandbox."""

import json
import random
from itertools import islice
from pathlib import Path

import pytest

from maker.catalog import tiny
from tests.support import free_ports
from training import live, written
from training.conversation import opened
from training.evidence import load, observe
from training.inputs import arguments
from training.review import kept
from training.roles import FAMILIES, Real, samples
from training.tasks import tasks
from training.written import read

SEED, COUNT = 5, 6


@pytest.mark.processes
def test_a_live_run_keeps_what_was_chosen_with_its_evidence_and_whether_it_is_right(tmp_path: Path) -> None:
    for family in FAMILIES:
        (tmp_path / f"{family}-q8_0.gguf").write_bytes((tiny.WEIGHTS / f"{family}.gguf").read_bytes())
    live.make(tmp_path, COUNT, SEED, tmp_path / "live.jsonl", free_ports(3))
    found = kept(tmp_path / "live.jsonl")
    assert COUNT / 2 <= len(found) <= COUNT
    assert sum("candidates did the same, margin " in one.judged.report for one in found) >= COUNT / 2
    asked = {
        json.dumps(opened(random.Random(f"live {SEED} {number}"), one.request)): one
        for number, one in enumerate(islice(tasks(SEED), COUNT))
    }
    for one in found:
        task, judged = asked[json.dumps(one.said)], one.judged
        assert (judged.culprit == "") == judged.right
        if judged.right:
            drawn = arguments(task.kinds, task.constants, random.Random(1))
            ours, reference = load(judged.source, task.name), load(task.sources[0], task.name)
            assert observe(ours, drawn) == observe(reference, drawn)


def test_judges_are_shown_live_runs_where_there_are_any(tmp_path: Path) -> None:
    line = {
        "said": [{"role": "user", "content": "Write a function f(x) that doubles x."}],
        "judged": {"right": False, "source": "def f(x): ...", "report": "It says", "failures": "", "culprit": "f(2)"},
    }
    (tmp_path / "live.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    real = Real(kept(tmp_path / "live.jsonl"))
    drawn = list(islice(samples("helper", 1, real=real), 600))
    judging = [one for one in drawn if one.role in ("reviewer", "reflection")]
    shown = [one for one in judging if "It says" in one.messages[-1]["content"]]
    assert 0.25 < len(shown) / len(judging) < 0.55
    assert 0.6 < len(judging) / len(drawn) < 0.8
    assert all("f(2) is wrong" in one.answer for one in shown)


def test_judges_are_shown_what_the_tester_writes_where_that_is_known() -> None:
    task = next(tasks(1))
    known = read(task.name, json.dumps({"calls": [f"{task.name}(0)"], "checks": [f"assert {task.name}(1) == 'x'"]}))
    assert known is not None
    drawn = list(islice(samples("helper", 1, real=Real(tests=((task, known),))), 60))
    judging = [one for one in drawn if one.role in ("reviewer", "reflection")]
    executed = [one for one in judging if "It was not executed" not in one.messages[-1]["content"]]
    assert len(executed) > len(judging) / 2
    assert all(f"assert {task.name}(1) == 'x' -> failed" in one.messages[-1]["content"] for one in executed)


@pytest.mark.processes
def test_the_trained_tester_writes_tests_that_can_be_read(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    written.make(tiny.WEIGHTS / "tester.gguf", COUNT, SEED, tmp_path / "written.jsonl", port)
    found = written.kept(tmp_path / "written.jsonl", SEED)
    assert len(found) >= COUNT / 2
    assert all(call.startswith(task.name) for task, one in found for call in one.calls)
