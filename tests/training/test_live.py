"""Live runs for those who judge them: real models, the real pipeline, the real sandbox."""

import json
import random
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maker.catalog import tiny
from tests.fake_llama import FakeLlama
from tests.llama_wire import Behaviour, Reply
from tests.models.support import in_loop
from tests.support import free_ports
from training import live
from training.conversation import opened
from training.evidence import load, observe
from training.inputs import arguments
from training.review import kept
from training.roles import samples
from training.tasks import tasks

SEED, COUNT = 5, 6


@pytest.mark.processes
def test_a_live_run_keeps_what_was_chosen_with_its_evidence_and_whether_it_is_right(tmp_path: Path) -> None:
    for family in ("coder", "helper"):
        (tmp_path / f"{family}-q8_0.gguf").write_bytes((tiny.WEIGHTS / f"{family}.gguf").read_bytes())
    first, second = free_ports(2)
    live.make(tmp_path, COUNT, SEED, tmp_path / "live.jsonl", (first, second))
    found = {json.dumps(one.said): one for one in kept(tmp_path / "live.jsonl")}  # it gives wrong programs twice
    assert COUNT / 2 <= len(found) <= COUNT
    assert sum("candidates did the same, margin " in one.judged.report for one in found.values()) >= COUNT / 2
    asked = {
        json.dumps(opened(random.Random(f"live {SEED} {number}"), one.request)): one
        for number, one in enumerate(islice(tasks(SEED), COUNT))
    }
    for said, one in found.items():
        task, judged = asked[said], one.judged
        assert (judged.culprit == "") == judged.right
        if judged.right:
            drawn = arguments(task.kinds, task.constants, random.Random(0))  # one of those it was judged by
            ours, reference = load(judged.source, task.name), load(task.sources[0], task.name)
            assert observe(ours, drawn) == observe(reference, drawn)


class Rambling(FakeLlama):
    """Plays every role of a planner that makes two steps of each task."""

    def _reply(self, body: Any, how: Behaviour) -> Reply:
        form = ((body.get("response_format") or {}).get("json_schema") or {}).get("name", "")
        steps = [{"title": "One"}, {"title": "Two"}]
        said = {"PlanReply": {"summary": "", "steps": steps}, "TestsReply": {"calls": ["f(1)"], "checks": []}}
        return Reply(
            [{"content": json.dumps(said[form]) if form in said else "```python\ndef f(x):\n    return x\n```"}]
        )


@pytest.mark.processes
@in_loop
async def test_a_plan_of_more_steps_than_one_ends_no_run(tmp_path: Path) -> None:
    async with Rambling(key="parity") as server:
        there = SimpleNamespace(url=server.url.removesuffix("/v1"), key="parity")
        servers: Any = dict.fromkeys(("coder", "planner", "gpt-oss", "voter"), there)
        await live.produce(2, SEED, servers, tmp_path / "live.jsonl")
    assert server.requests > 8
    assert kept(tmp_path / "live.jsonl") == ()


def test_judges_are_shown_live_runs_where_there_are_any(tmp_path: Path) -> None:
    line = {
        "said": [{"role": "user", "content": "Write a function f(x) that doubles x."}],
        "judged": {"right": False, "source": "def f(x): ...", "report": "It says", "failures": "", "culprit": "f(2)"},
    }
    (tmp_path / "live.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    drawn = list(islice(samples("helper", 1, live=kept(tmp_path / "live.jsonl")), 300))
    judging = [one for one in drawn if one.role in ("reviewer", "reflection")]
    shown = [one for one in judging if "It says" in one.messages[-1]["content"]]
    assert 0.6 < len(shown) / len(judging) < 1
    assert all("f(2) is wrong" in one.answer for one in shown)
