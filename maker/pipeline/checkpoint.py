"""How far a run has come, kept after every finished stage, so that a retry of an interrupted run goes on from there.

Keeping it never ends a run: what cannot be written or read is a line in the log, and the retry begins anew.
"""

import logging
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from maker.chat.types import Completion, Usage
from maker.errors import StoreError
from maker.pipeline.values import Candidate, Kind, Plan, StepOutcome
from maker.sandbox.values import Evidence, Input, Observation
from maker.stores.run_store import ProgressStore

log = logging.getLogger(__name__)

KEPT_VALUE = 2000
"""Characters of one observed value that are kept; what compares behaviours is the signature, which is kept whole."""


@dataclass(frozen=True, slots=True)
class Begun:
    """How far the step at work has come."""

    step: int
    inputs: tuple[Input, ...]
    rounds: int = 0
    """Finished ones."""
    best: StepOutcome | None = None
    """Of the finished rounds."""
    voted: StepOutcome | None = None
    """The vote of the round at work, to be validated."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run has finished so far; JSON-serialisable, and nothing of the request is in it."""

    run_id: str = ""
    body: str = ""
    """Digest of the request's body."""
    kind: Kind | None = None
    plan: Plan | None = None
    finished: dict[int, StepOutcome] = field(default_factory=dict)
    """Steps by their numbers; one for which the coder wrote nothing is not among them."""
    begun: Begun | None = None
    usage: dict[str, Usage] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    answer: tuple[Completion, ...] | None = None
    """Of a run that is complete."""
    overhead_ms: float = 0.0

    @property
    def after(self) -> tuple[str, ...]:
        """The finished stages in words."""
        words = ["plan"] if self.plan else ["classification"] if self.kind else []
        words += [f"step {number}" for number in self.finished]
        if self.begun:
            round = self.begun.rounds
            stage = "vote on" if self.begun.voted else f"round {round} of" if round else "tests of"
            words.append(f"{stage} step {self.begun.step}")
        return tuple(words)


PROGRESS = TypeAdapter(Progress)


def render(progress: Progress) -> str:
    """The progress as JSON, with long observed values cut.

    Raises:
        ValueError: it holds text that is not Unicode.
    """
    begun = progress.begun
    if begun is not None:
        begun = replace(
            begun,
            best=begun.best and _shortened(begun.best),
            voted=begun.voted and _shortened(begun.voted),
        )
    finished = {number: _shortened(outcome) for number, outcome in progress.finished.items()}
    return PROGRESS.dump_json(replace(progress, finished=finished, begun=begun)).decode()


def parse(text: str) -> Progress:
    """The progress from its JSON.

    Raises:
        ValueError: another version of maker wrote it.
    """
    return PROGRESS.validate_json(text)


def _shortened(outcome: StepOutcome) -> StepOutcome:
    return replace(outcome, chosen=_short(outcome.chosen), candidates=tuple(map(_short, outcome.candidates)))


def _short(candidate: Candidate) -> Candidate:
    """Without the prose around its code, which nothing reads again."""
    text = "" if candidate.code else candidate.text
    if candidate.evidence is None:
        return replace(candidate, text=text)
    seen = tuple(map(_cut, candidate.evidence.observations))
    evidence = Evidence(candidate.evidence.loads, seen, candidate.evidence.load_error[:KEPT_VALUE])
    return replace(candidate, text=text, evidence=evidence)


def _cut(seen: Observation) -> Observation:
    return replace(
        seen, text=seen.text[:KEPT_VALUE], message=seen.message[:KEPT_VALUE], stdout=seen.stdout[:KEPT_VALUE]
    )


class Checkpoints:
    """Progress by key; a store that fails costs only the chance to resume."""

    def __init__(self, store: ProgressStore) -> None:
        self._store = store

    async def load(self, key: str) -> Progress | None:
        """What was kept under the key; None where that is nothing, or nothing that can be read."""
        try:
            text = await self._store.load_progress(key)
            return parse(text) if text else None
        except (StoreError, ValueError) as error:
            log.info("a checkpoint could not be read: %s", error)
            return None

    async def save(self, key: str, progress: Progress) -> None:
        """Keep it for an hour, in place of what was there."""
        try:
            await self._store.save_progress(key, render(progress))
        except (StoreError, ValueError) as error:
            log.info("the checkpoint of %s was not kept: %s", progress.run_id, error)

    async def drop(self, key: str) -> None:
        """Forget it: nothing resumes from there."""
        try:
            await self._store.drop_progress(key)
        except StoreError as error:
            log.info("a checkpoint was not dropped: %s", error)


class Checkpoint:
    """One run's own: what it resumes from, and where it keeps how far it has come. Without `store` it keeps nothing."""

    def __init__(
        self, store: Checkpoints | None = None, key: str = "", body: str = "", *, answers: bool = False
    ) -> None:
        self.key = key
        self.progress = Progress(body=body)
        self._store = store
        self._answers = answers
        """Whether the answer of a complete run is kept too; else nothing of it is."""
        self._kept = False

    def resume(self, progress: Progress) -> None:
        """Go on from what was kept before."""
        self.progress, self._kept = progress, True

    async def reach(self, **finished: Any) -> None:
        """Add what a stage came to, and keep it; see Progress for the names."""
        progress = replace(self.progress, **finished)
        if progress.answer is not None and not self._answers:
            await self.drop()
        elif self._store is not None:
            self._kept = True
            await self._store.save(self.key, progress)
        self.progress = progress

    async def drop(self) -> None:
        """Forget what was kept, if anything was."""
        if self._store is not None and self._kept:
            self._kept = False
            await self._store.drop(self.key)
