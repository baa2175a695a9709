"""What is kept of a run, and the store's verbs; Redis and the in-process twin obey the same contract."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Protocol

RunStatus = Literal["complete", "failed", "cancelled"]

KEPT_S = 7 * 24 * 3600
"""Seconds for which a run is kept."""
PROGRESS_KEPT_S = 3600
"""Seconds for which an interrupted run can be resumed."""
BULKY = ("inputs", "candidates", "findings", "other_rounds")
"""Keys of a step that a list of runs does without."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A past run: how its answer came about, with the code that was written; no prompt is part of it."""

    run_id: str
    mode: str
    started: float
    """Seconds since the epoch."""
    seconds: float
    status: RunStatus
    error: str | None = None
    finish_reason: str | None = None
    overhead_ms: float | None = None
    usage: dict[str, dict[str, int]] = field(default_factory=dict)
    """Tokens per role."""
    kind: str | None = None
    plan: dict[str, Any] | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    """One object a step, the last one perhaps unfinished; see `server/record.py`."""
    notes: list[str] = field(default_factory=list)
    resumed_after: list[str] = field(default_factory=list)
    """Stages that an interrupted run before this one had finished."""
    shortened: bool = False
    """Whether something was too long to be kept whole."""

    def as_json(self) -> dict[str, Any]:
        """The record as plain values."""
        return asdict(self)

    def brief(self) -> "RunRecord":
        """The record as a list of runs has it: without the plan, and without what is bulky of its steps."""
        slim = [{key: value for key, value in step.items() if key not in BULKY} for step in self.steps]
        return replace(self, plan=None, steps=slim)


def render(record: RunRecord) -> str:
    """The record as one line of JSON."""
    return json.dumps(record.as_json(), separators=(",", ":"))


def parse(text: str | bytes) -> RunRecord | None:
    """The record from its line, which another version of maker may have written: what only that one knows is left out,
    and there is none where what this one needs is missing."""
    known = {each.name for each in fields(RunRecord)}
    try:
        return RunRecord(**{name: value for name, value in json.loads(text).items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return None


class ProgressStore(Protocol):
    """Remembers for an hour how far runs have come. Every verb may raise StoreError, within half a second."""

    async def save_progress(self, key: str, text: str) -> None:
        """Remember the text under the key, in place of what was there."""

    async def load_progress(self, key: str) -> str | None:
        """The text of that key."""

    async def drop_progress(self, key: str) -> None:
        """Forget the key, known or not."""


class RunStore(ProgressStore, Protocol):
    """Remembers runs for a week. Every verb may raise StoreError, within half a second."""

    async def save(self, record: RunRecord) -> None:
        """Remember the run; the same id replaces what was there."""

    async def load(self, run_id: str) -> RunRecord | None:
        """The run of that id, if there is one that this version of maker can read."""

    async def recent(self, limit: int) -> list[RunRecord]:
        """The newest runs in brief, newest first, without those that this version of maker cannot read."""

    async def aclose(self) -> None:
        """Let go of connections."""
