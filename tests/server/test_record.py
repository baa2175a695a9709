"""What is kept of a run: how its answer came about, in bounded size, without the user's words."""

import json
from typing import Any

from maker.chat.types import ChatRequest, Completion
from maker.cli import runs
from maker.errors import ModelUnavailable, StoreError
from maker.pipeline.checkpoint import Checkpoint, Progress
from maker.pipeline.events import RunFinished
from maker.pipeline.values import Candidate, Finding, Outcome, Plan, Step, StepOutcome, Task, Verdict, Vote
from maker.sandbox.values import Call, Check, Evidence, Observation
from maker.server import record
from maker.server.record import Recorder
from maker.stores.memory import MemoryRunStore
from maker.stores.run_store import RunRecord
from maker.stores.run_store import render as render_record
from tests.models.support import in_loop
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, MINUS, PLAN, RAISES, TESTS, fenced
from tests.server.orchestra import coding
from tests.server.test_resume import Office

FINDING = {"severity": "low", "category": "security", "where": "add", "what": "trusts its input", "fix": "check it"}
REVIEW = {"accepted": True, "findings": [FINDING]}
SAYS: dict[str, Any] = {
    "preprocessor": [{"kind": "code"}],
    "planner": [PLAN],
    "gpt-oss": [TESTS],
    "coder": [fenced(RAISES), fenced(GOOD), fenced(MINUS), fenced(ALSO_GOOD), fenced(GOOD)],
    "reviewer": [REVIEW],
}


async def kept(says: dict[str, Any], body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The record of one run, as the orchestrator gives it."""
    office = Office(MemoryRunStore(), says)
    await office.ask(body=body)
    [brief] = await (await office.client.get("/api/runs")).get_json()
    found: dict[str, Any] = await (await office.client.get(f"/api/runs/{brief['run_id']}")).get_json()
    return found


@in_loop
async def test_a_run_is_kept_with_its_plan_candidates_vote_verdict_and_cost() -> None:
    found = await kept(SAYS | {"coder": [*SAYS["coder"], fenced(GOOD)]})
    assert (found["kind"], found["status"], found["shortened"]) == ("code", "complete", False)
    assert found["plan"]["summary"] == PLAN["summary"]
    assert found["seconds"] > 0
    assert {"planner", "coder", "reviewer"} <= found["usage"].keys()
    [step] = found["steps"]
    assert (step["number"], step["title"], step["finished"]) == (1, "Write add(a, b)", True)
    assert (step["votes"], step["margin"], step["converged"], step["rounds"]) == ([3, 1], 2, True, 1)
    assert step["confidence"] > 0.5
    assert (step["verdict"], step["findings"]) == ("accepted", [FINDING])
    assert (step["made"], step["flagged"], step["chosen"]) == (5, 1, 2)
    assert step["inputs"][0] == {"call": "add(1, 2)"}
    first, second, *_ = step["candidates"]
    assert [one["number"] for one in step["candidates"]] == [1, 2, 3, 4, 5]
    assert first["flags"] == ["raises on every input"]
    assert (second["code"], second["language"]) == (GOOD, "python")
    assert (second["passed"], second["checks"]) == (2, 2)
    assert second["results"][0] == "returned:3"
    assert second["signature"] == step["candidates"][3]["signature"] != step["candidates"][2]["signature"]


@in_loop
async def test_what_is_kept_is_what_the_command_line_shows() -> None:
    lines = runs.lines(await kept(SAYS | {"coder": [*SAYS["coder"], fenced(GOOD)]}))
    assert "  candidate 1: discarded (raises on every input)" in lines
    assert any(line.startswith("  candidate 2: 2 of 2 checks, behaviour ") for line in lines)
    assert any(line.startswith("  vote 3:1, margin 2, confidence ") for line in lines)
    assert "    low security: add: trusts its input" in lines
    assert "    def add(a, b):" in lines


@in_loop
async def test_a_list_of_runs_is_without_what_is_bulky() -> None:
    office = Office(MemoryRunStore(), SAYS | {"coder": [*SAYS["coder"], fenced(GOOD)]})
    await office.ask()
    [brief] = await (await office.client.get("/api/runs")).get_json()
    assert brief["plan"] is None
    assert not {"inputs", "candidates", "findings"} & brief["steps"][0].keys()
    assert (brief["steps"][0]["made"], brief["steps"][0]["verdict"]) == (5, "accepted")


@in_loop
async def test_a_run_that_failed_is_kept_as_far_as_it_came() -> None:
    gone = ModelUnavailable("the reviewer went away", role="reviewer")
    found = await kept(SAYS | {"coder": [fenced(GOOD), fenced(GOOD)], "reviewer": [gone, gone]})
    assert (found["status"], found["error"], found["kind"]) == ("failed", "model_unavailable", "code")
    [step] = found["steps"]
    assert (step["finished"], step["verdict"], step["made"]) == (False, None, 2)
    assert found["usage"]["coder"]["completion_tokens"] == 40


@in_loop
async def test_the_users_words_and_examples_are_not_kept() -> None:
    asked = "Write add(a, b) for the zebra farm.\n>>> add(1000, 2000)\n3000\n"
    found = await kept(SAYS | {"coder": [fenced(GOOD), fenced(GOOD)], "reviewer": [ACCEPTED]}, coding(asked))
    text = json.dumps(found)
    assert "zebra" not in text
    assert "add(1000" not in text
    assert {"check": "(stands in the request)"} in found["steps"][0]["inputs"]
    assert {"call": "(stands in the request)"} in found["steps"][0]["inputs"]


@in_loop
async def test_an_answer_that_one_model_gave_has_a_kind_and_no_steps() -> None:
    found = await kept({"preprocessor": [{"kind": "question"}], "coder": ["because"]}, coding("Why is that?"))
    assert (found["kind"], found["steps"], found["plan"], found["finish_reason"]) == ("question", [], None, "stop")


def huge(number: int) -> StepOutcome:
    """A step of which everything is too long."""
    seen = tuple(Observation("returned", "v" * 60_000) for _ in range(300))
    candidates = tuple(
        Candidate(one, "", "c" * 90_000, "python", "p" * 9000, evidence=Evidence(True, seen), signature="s")
        for one in range(1, 70)
    )
    inputs = (*(Call("f(" + "1" * 5000 + ")") for _ in range(150)), *(Check("assert f()" * 999) for _ in range(150)))
    findings = tuple(Finding("low", "bug", "w" * 9000, "x" * 9000) for _ in range(999))
    step = Step(number, "t" * 9000, "d" * 9000, ("f" * 9000,) * 300, ("a" * 9000,) * 300)
    vote = Vote({"s": 69}, 69, True, 1.0)
    return StepOutcome(step, candidates[-1], candidates, inputs, vote, Verdict(True, findings), 1)


@in_loop
async def test_a_record_is_bounded_and_says_that_it_was_shortened() -> None:
    store = MemoryRunStore()
    steps = {number: huge(number) for number in range(1, 11)}
    plan = Plan("s" * 9000, tuple(step.step for step in steps.values()))
    checkpoint = Checkpoint()
    checkpoint.resume(Progress(plan=plan, finished=steps, notes=("n" * 9000,) * 999))
    task = Task("run-1", "high", ChatRequest(({"role": "user", "content": "hi"},)))
    await Recorder(task, store, checkpoint).listener(RunFinished(Outcome(task, (Completion("x"),))))
    found = await store.load("run-1")
    assert found is not None
    assert found.shortened
    assert len(render_record(found)) < 2 * (record.KEPT_STEPS + record.KEPT_PLAN)
    assert found.plan is not None
    assert found.plan["steps"]
    for step in found.steps:
        chosen = next(one for one in step["candidates"] if one["number"] == 69)
        assert len(chosen["code"]) > 0.8 * record.KEPT_CODE


class Broken(MemoryRunStore):
    """A store that does not answer."""

    async def save(self, record: RunRecord) -> None:
        raise StoreError("redis did not answer")


@in_loop
async def test_a_store_that_fails_costs_the_run_only_its_record() -> None:
    says = SAYS | {"coder": [fenced(GOOD), fenced(GOOD)], "reviewer": [ACCEPTED]}
    assert (await Office(Broken(), says).ask()).status_code == 200
