"""An interrupted run goes on after its last finished stage; each script is used up, so no stage is done twice."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from maker.chat.types import Usage
from maker.errors import ModelError, ModelTimeout, ModelUnavailable, PipelineError, StoreError
from maker.pipeline.checkpoint import KEPT_VALUE, Checkpoint, Checkpoints, Progress, parse, render
from maker.pipeline.events import PlanMade, RunResumed
from maker.pipeline.progress import line
from maker.pipeline.values import Candidate, Plan, Step, StepOutcome, Vote
from maker.sandbox.values import Call, Evidence, Observation
from maker.stores.memory import MemoryRunStore
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, MINUS, PLAN, TESTS, Play, Played, fenced

TWO_STEPS = {"summary": "Two functions", "steps": [{"title": "Write double(x)"}, {"title": "Write quadruple(x)"}]}
DOUBLE = "def double(x):\n    return 2 * x\n"
QUADRUPLE = "def quadruple(x):\n    return double(double(x))\n"
DOUBLE_TESTS = {"calls": ["double(2)"], "checks": ["assert double(3) == 6"]}
QUADRUPLE_TESTS = {"calls": ["quadruple(3)"], "checks": []}
REFUSED = {
    "accepted": False,
    "findings": [{"severity": "high", "category": "bug", "where": "", "what": "no", "fix": ""}],
}


def gone(role: str) -> ModelUnavailable:
    return ModelUnavailable(f"the {role} went away", role=role)


class Kept:
    """A store, and the checkpoints of one key in it: each as another process would find it."""

    def __init__(self, *, answers: bool = False) -> None:
        self.store = MemoryRunStore()
        self._answers = answers

    def checkpoint(self) -> Checkpoint:
        checkpoint = Checkpoint(Checkpoints(self.store), "key", "digest", answers=self._answers)
        if progress := self.progress:
            checkpoint.resume(progress)
        return checkpoint

    @property
    def progress(self) -> Progress | None:
        return asyncio.run(Checkpoints(self.store).load("key"))

    def interrupted(self, *coder: str | ModelError, **scripts: Any) -> Played:
        played = Play(_fenced(coder), checkpoint=self.checkpoint(), **scripts).run()
        assert isinstance(played.error, ModelUnavailable)
        return played

    def resumed(self, *coder: str, **scripts: Any) -> Played:
        """Whatever is not scripted must not be asked."""
        silent: dict[str, Any] = {"planner": (), "tester": (), "reviewer": ()}
        return Play(_fenced(coder), checkpoint=self.checkpoint(), **(silent | scripts)).run()


def _fenced(coder: Sequence[str | ModelError]) -> list[str | ModelError]:
    return [fenced(reply) if isinstance(reply, str) else reply for reply in coder]


def after(played: Played) -> list[tuple[str, ...]]:
    return [event.after for event in played.events if isinstance(event, RunResumed)]


def test_after_the_plan_nothing_of_the_plan_is_asked_again() -> None:
    kept = Kept()
    kept.interrupted(gone("coder"))
    played = kept.resumed(GOOD, ALSO_GOOD, reviewer=[ACCEPTED])
    assert after(played) == [("plan", "tests of step 1")]
    assert GOOD in played.text
    assert played.done.steps[0].inputs[0] == Call("add(1, 2)")
    assert any(isinstance(event, PlanMade) for event in played.events)


def test_after_the_vote_only_the_verdict_is_still_asked_for() -> None:
    kept = Kept()
    kept.interrupted(GOOD, MINUS, GOOD, ALSO_GOOD, reviewer=[gone("reviewer"), gone("reviewer")])
    played = kept.resumed(reviewer=[ACCEPTED])
    assert after(played) == [("plan", "vote on step 1")]
    [step] = played.done.steps
    assert (step.chosen.code, len(step.candidates), sorted(step.vote.votes.values())) == (GOOD, 4, [1, 3])
    assert "assert add(2, 2) == 4 -> passed" in played.said_to("reviewer")


def test_after_the_first_of_two_steps_its_text_is_sent_again_first() -> None:
    kept = Kept()
    first = kept.interrupted(
        DOUBLE,
        DOUBLE,
        gone("coder"),
        planner=[TWO_STEPS],
        tester=[DOUBLE_TESTS, QUADRUPLE_TESTS],
        reviewer=[ACCEPTED],
    )
    assert DOUBLE in first.text
    played = kept.resumed(QUADRUPLE, QUADRUPLE, reviewer=[ACCEPTED])
    assert [line(event) for event in played.events if isinstance(event, RunResumed)] == [
        "resumed after: plan, step 1, tests of step 2"
    ]
    assert played.text.startswith(first.text)
    assert played.text.index(DOUBLE) < played.text.index(QUADRUPLE)
    assert DOUBLE in played.said_to("coder")
    assert [step.step.number for step in played.done.steps] == [1, 2]


def test_after_a_refused_round_the_next_one_goes_on_with_its_findings() -> None:
    kept = Kept()
    kept.interrupted(MINUS, MINUS, gone("coder"), reviewer=[REFUSED])
    played = kept.resumed(GOOD, GOOD, reviewer=[ACCEPTED])
    assert after(played) == [("plan", "round 1 of step 1")]
    assert MINUS in played.said_to("coder")
    assert "assert add(2, 2) == 4 -> failed" in played.said_to("coder")
    assert (played.done.steps[0].rounds, played.done.steps[0].chosen.code) == (2, GOOD)


def test_the_kind_is_decided_once() -> None:
    kept = Kept()
    kept.interrupted(kind=None, preprocessor=[{"kind": "code"}], planner=[gone("planner"), gone("planner")], tester=())
    played = kept.resumed(GOOD, GOOD, kind=None, planner=[PLAN], tester=[TESTS], reviewer=[ACCEPTED])
    assert after(played) == [("classification",)]
    assert played.done.steps


def test_a_step_for_which_the_coder_wrote_nothing_is_tried_again() -> None:
    kept = Kept()
    with pytest.raises(PipelineError):
        Play([ModelTimeout("silent", role="coder")] * 2, checkpoint=kept.checkpoint()).run()
    assert GOOD in kept.resumed(GOOD, GOOD, reviewer=[ACCEPTED]).text


def test_tokens_and_notes_of_both_runs_are_counted() -> None:
    kept = Kept()
    review = [gone("reviewer"), gone("reviewer")]
    kept.interrupted(GOOD, GOOD, planner=["no plan", "no plan"], reviewer=review)
    played = kept.resumed(reviewer=[ACCEPTED])
    assert played.done.usage["coder"] == Usage(10, 40)
    assert any("done in one step" in note for note in played.done.notes)


def test_a_complete_run_leaves_nothing_to_resume_unless_its_answer_is_to_be_kept() -> None:
    for answers in (False, True):
        kept = Kept(answers=answers)
        played = Play([fenced(GOOD), fenced(GOOD)], reviewer=[ACCEPTED], checkpoint=kept.checkpoint()).run()
        progress = kept.progress
        assert (progress is not None) == answers
        if progress is not None:
            assert progress.answer == played.done.completions
            assert progress.run_id == played.done.task.run_id


def test_progress_is_the_same_after_it_was_written_and_read() -> None:
    kept = Kept()
    kept.interrupted(GOOD, MINUS, GOOD, ALSO_GOOD, reviewer=[gone("reviewer"), gone("reviewer")])
    progress = kept.progress
    assert progress is not None
    assert progress.begun is not None
    assert parse(render(progress)) == progress
    assert json.loads(render(progress))["plan"]["summary"] == PLAN["summary"]


def test_long_values_are_cut_and_still_compare_by_their_signature() -> None:
    seen = Observation("returned", "x" * 99_999, "m" * 99_999, "o" * 99_999)
    candidate = Candidate(1, "prose " * 9999, GOOD, evidence=Evidence(True, (seen,)), signature="abc")
    step = StepOutcome(Step(1, "t"), candidate, (candidate,), (Call("f()"),), Vote({"abc": 2}, 2, True, 1.0), None, 1)
    text = render(Progress(plan=Plan("", (step.step,)), finished={1: step}))
    assert len(text) < 8 * KEPT_VALUE
    found = parse(text).finished[1].chosen
    assert (found.code, found.signature) == (GOOD, "abc")


class Broken(MemoryRunStore):
    """A store that does nothing it is asked."""

    async def save_progress(self, key: str, text: str) -> None:
        raise StoreError("redis did not answer")

    async def drop_progress(self, key: str) -> None:
        raise StoreError("redis did not answer")


def test_a_store_that_fails_costs_a_run_nothing_and_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    checkpoint = Checkpoint(Checkpoints(Broken()), "key")
    assert GOOD in Play([fenced(GOOD), fenced(GOOD)], reviewer=[ACCEPTED], checkpoint=checkpoint).run().text
    assert "the checkpoint of run-1 was not kept: redis did not answer" in caplog.text


def test_text_that_is_no_unicode_is_not_kept_and_costs_nothing() -> None:
    async def scenario() -> Progress | None:
        checkpoints = Checkpoints(MemoryRunStore())
        await checkpoints.save("key", Progress(notes=("half of a pair: \ud800",)))
        return await checkpoints.load("key")

    assert asyncio.run(scenario()) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plan": 7}'])
def test_what_another_version_kept_is_no_progress(text: str) -> None:
    async def scenario() -> Progress | None:
        store = MemoryRunStore()
        await store.save_progress("key", text)
        return await Checkpoints(store).load("key")

    assert asyncio.run(scenario()) is None


def test_with_fewer_rounds_allowed_than_before_the_best_so_far_is_delivered() -> None:
    kept = Kept()
    kept.interrupted(MINUS, MINUS, gone("coder"), reviewer=[REFUSED])
    played = kept.resumed(settings={"max_rounds": 0})
    assert "Not resolved:" in played.text
    assert played.done.steps[0].chosen.code == MINUS
