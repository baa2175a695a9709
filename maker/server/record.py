"""Remembers each run in the store; a store that fails costs the run nothing but its record.

A record has what the models made of the task, not the user's words: an input that stands in the request is left out.
It is bounded: what is too long is cut, and `shortened` says so.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, TypeVar

from maker.errors import StoreError
from maker.pipeline.calls import calls_of, written
from maker.pipeline.checkpoint import Checkpoint, Progress
from maker.pipeline.events import Event, KindDecided, Noted, RunFailed, RunFinished, RunResumed
from maker.pipeline.examples import examples
from maker.pipeline.prompts import text_of
from maker.pipeline.values import Candidate, Plan, StepOutcome, Task
from maker.sandbox.values import Call, Check, Input
from maker.server.rounds import Round, Rounds
from maker.stores.run_store import RunRecord, RunStatus, RunStore

log = logging.getLogger(__name__)

KEPT_STEPS = 300_000
"""Characters of all steps of one record together; each has an equal share."""
KEPT_PLAN = 100_000
"""Characters of its notes and its plan."""
KEPT_CODE = 20_000
KEPT_TEXT = 300
KEPT_ITEMS = 128
ITEM_COST = 20
"""Characters that an item of a list counts as, beside its text."""

T = TypeVar("T")
Json = dict[str, Any]


class Recorder:
    """The listener that saves one run when it ends."""

    def __init__(self, task: Task, store: RunStore, checkpoint: Checkpoint) -> None:
        self._task, self._store, self._checkpoint = task, store, checkpoint
        self._started, self._begun = time.time(), time.monotonic()
        self._kind: str | None = task.kind
        self._notes = list(checkpoint.progress.notes)
        self._resumed_after: tuple[str, ...] = ()
        self._rounds = Rounds()

    async def listener(self, event: Event) -> None:
        """Take in what the checkpoint does not know; save on the event that ends the run."""
        self._rounds.take(event)
        match event:
            case RunResumed():
                self._resumed_after = event.after
            case KindDecided():
                self._kind = event.kind
            case Noted():
                self._notes.append(event.text)
            case RunFinished():
                await self._save(self._record("complete", finished=event))
            case RunFailed():
                await self._save(self._record("cancelled" if event.error == "cancelled" else "failed", event.error))
            case _:
                pass

    def _record(self, status: RunStatus, error: str | None = None, finished: RunFinished | None = None) -> RunRecord:
        outcome, progress = finished.outcome if finished else None, self._checkpoint.progress
        usage = outcome.usage if outcome else progress.usage
        summary = Summary(text_of(self._task.request.messages), KEPT_PLAN)
        notes = [summary.text(note) for note in summary.some(self._notes)]
        steps = summary.steps(progress, self._rounds)
        return RunRecord(
            run_id=self._task.run_id,
            mode=self._task.mode,
            started=self._started,
            seconds=time.monotonic() - self._begun,
            status=status,
            error=error,
            finish_reason=outcome.completions[0].finish_reason if outcome and outcome.completions else None,
            overhead_ms=outcome.overhead_ms if outcome else None,
            usage={role: asdict(tokens) for role, tokens in usage.items()},
            kind=self._kind,
            plan=summary.plan(progress.plan) if progress.plan else None,
            steps=steps,
            notes=notes,
            resumed_after=list(self._resumed_after),
            shortened=summary.shortened,
        )

    async def _save(self, record: RunRecord) -> None:
        try:
            await self._store.save(record)
        except StoreError as error:
            log.debug("run %s was not remembered: %s", record.run_id, error)


class Summary:
    """Turns what a run made into plain values of at most `room` characters; `request` must not be kept."""

    def __init__(self, request: str, room: int) -> None:
        self.shortened = False
        self._request = request
        self._left = room

    @cached_property
    def _examples(self) -> frozenset[str]:
        """Looked for only where a step has inputs: most runs have none."""
        return frozenset((*examples(self._request), *examples(self._request, "javascript")))

    def plan(self, plan: Plan) -> Json:
        """The plan."""
        steps = [
            {
                "number": step.number,
                "title": self.text(step.title),
                "detail": self.text(step.detail),
                "files": [self.text(name) for name in self.some(step.files)],
                "acceptance": [self.text(point) for point in self.some(step.acceptance)],
            }
            for step in self.some(plan.steps)
        ]
        return {"summary": self.text(plan.summary), "steps": steps}

    def steps(self, progress: Progress, rounds: Rounds) -> list[Json]:
        """The finished steps, and the one that was begun where its vote is over; each in a room of its own."""
        begun = progress.begun and (progress.begun.voted or progress.begun.best)
        steps = [*progress.finished.values(), *([begun] if begun else [])]
        rooms = [Summary(self._request, KEPT_STEPS // len(steps)) for _ in steps]
        made = [room._step(step, finished=step is not begun) for room, step in zip(rooms, steps, strict=True)]
        for room, step, shown in zip(rooms, steps, made, strict=True):
            others = room.some(rounds.others(step.step.number, step.candidates))
            shown["other_rounds"] = [room._round(one, step.inputs) for one in others]
        self.shortened = self.shortened or any(room.shortened for room in rooms)
        return made

    def _step(self, step: StepOutcome, *, finished: bool) -> Json:
        verdict, chosen = step.verdict, step.chosen
        # The chosen code comes first, so that it is the last to be cut.
        first = self._candidate(chosen, step.inputs)
        others = [
            self._candidate(one, step.inputs) for one in self.some(step.candidates) if one.number != chosen.number
        ]
        return {
            "number": step.step.number,
            "title": self.text(step.step.title),
            "finished": finished,
            "made": len(step.candidates),
            "flagged": sum(bool(candidate.flags) for candidate in step.candidates),
            "inputs": [self._input(item) for item in self.some(step.inputs)],
            "candidates": sorted([first, *others], key=lambda one: int(one["number"])),
            "chosen": chosen.number,
            "votes": sorted(step.vote.votes.values(), reverse=True),
            "margin": step.vote.margin,
            "converged": step.vote.converged,
            "confidence": round(step.vote.confidence, 3),
            "rounds": step.rounds,
            "verdict": None if verdict is None else "accepted" if verdict.accepted else "refused",
            "findings": [
                {key: self.text(value) for key, value in asdict(found).items()}
                for found in self.some(verdict.findings if verdict else ())
            ],
        }

    def _round(self, voted: Round, inputs: Sequence[Input]) -> Json:
        """A round before or after the one that the step shows."""
        verdict = voted.verdict
        return {
            "candidates": [self._candidate(one, inputs) for one in self.some(voted.candidates)],
            "chosen": voted.chosen.number,
            "margin": voted.vote.margin,
            "converged": voted.vote.converged,
            "confidence": round(voted.vote.confidence, 3),
            "verdict": None if verdict is None else "accepted" if verdict.accepted else "refused",
        }

    def _candidate(self, candidate: Candidate, inputs: Sequence[Input]) -> Json:
        evidence = candidate.evidence
        return {
            "number": candidate.number,
            "flags": [self.text(flag) for flag in self.some(candidate.flags)],
            "language": self.text(candidate.language),
            "path": self.text(candidate.path),
            "action": self.text(candidate.action),
            "code": self.text(candidate.code or "\n".join(map(written, calls_of(candidate))), KEPT_CODE),
            "signature": candidate.signature,
            "executed": evidence is not None,
            "passed": evidence.passed if evidence else None,
            "checks": sum(isinstance(item, Check) for item in inputs) if evidence else None,
            "results": [self.text(seen.signature) for seen in self.some(evidence.observations if evidence else ())],
        }

    def _input(self, item: Input) -> Json:
        kind, text = ("call", item.expression) if isinstance(item, Call) else ("check", item.code)
        own = text in self._examples or text in self._request
        return {kind: "(stands in the request)" if own else self.text(text)}

    def text(self, text: str, most: int = KEPT_TEXT) -> str:
        """The text, or as much of it as there is room for."""
        kept = text[: min(most, self._left)]
        self.shortened = self.shortened or len(kept) < len(text)
        self._left -= len(kept)
        return kept

    def some(self, items: Sequence[T]) -> Sequence[T]:
        """The items, or as many of them as there is room for."""
        kept = items[: min(KEPT_ITEMS, self._left // ITEM_COST)]
        self.shortened = self.shortened or len(kept) < len(items)
        self._left -= len(kept) * ITEM_COST
        return kept
