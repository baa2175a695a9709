"""An agent's turn that was interrupted goes on after its vote; what was voted on is not sampled again."""

import asyncio
from collections.abc import Sequence
from typing import Any

from maker.errors import ModelUnavailable
from maker.pipeline.checkpoint import Checkpoint, Checkpoints, Progress
from maker.pipeline.events import RunResumed
from maker.stores.memory import MemoryRunStore
from tests.pipeline.agent_support import ACCEPTED, REFUSED, Agent, Reply, Turn, reads, writes

GONE = ModelUnavailable("the reviewer went away", role="reviewer")
CODER_GONE = ModelUnavailable("the coder went away", role="coder")


class Kept:
    """A store, and the checkpoint of one key in it, as another process would find it."""

    def __init__(self, *, answers: bool = False) -> None:
        self.store, self._answers = MemoryRunStore(), answers

    @property
    def progress(self) -> Progress | None:
        return asyncio.run(Checkpoints(self.store).load("key"))

    def turn(self, coder: Sequence[Reply], **script: Any) -> Turn:
        checkpoint = Checkpoint(Checkpoints(self.store), "key", "digest", answers=self._answers)
        if progress := self.progress:
            checkpoint.resume(progress)
        return Agent(coder, checkpoint=checkpoint, **script).turn()


def after(turn: Turn) -> list[tuple[str, ...]]:
    return [event.after for event in turn.events if isinstance(event, RunResumed)]


def test_after_the_vote_only_the_verdict_is_still_asked_for() -> None:
    kept = Kept()
    first = kept.turn([writes(), writes()], reviewer=[GONE, GONE])
    assert first.error is not None
    turn = kept.turn([], reviewer=[ACCEPTED])
    assert after(turn) == [("vote on step 1",)]
    assert turn.calls == [("write_file", {"path": "a.py", "content": "x = 1\n"})]
    assert len(turn.step.candidates) == 2


def test_after_a_refusal_the_revision_is_all_that_is_missing() -> None:
    kept = Kept()
    assert kept.turn([writes("b.py"), writes("b.py"), CODER_GONE], reviewer=[REFUSED]).error is not None
    turn = kept.turn([writes("c.py"), writes("c.py")], reviewer=[ACCEPTED])
    assert after(turn) == [("round 1 of step 1",)]
    assert "a test is missing" in turn.said_to("coder")
    assert turn.calls[0][1]["path"] == "c.py"
    assert turn.step.rounds == 2


def test_text_before_the_calls_is_kept_over_an_interruption() -> None:
    kept = Kept()
    kept.turn([writes(text="I write."), writes()], reviewer=[GONE, GONE])
    assert kept.turn([], reviewer=[ACCEPTED]).completion.text == "I write."


def test_a_complete_turn_is_kept_only_under_a_key_of_its_own() -> None:
    kept = Kept()
    kept.turn([reads()])
    assert kept.progress is None
    keyed = Kept(answers=True)
    turn = keyed.turn([reads()])
    assert keyed.progress is not None
    assert keyed.progress.answer == (turn.completion,)
    assert keyed.progress.finished[1].chosen.turn == turn.step.chosen.turn
