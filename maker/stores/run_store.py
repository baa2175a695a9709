"""What is kept of a run, and the store's verbs; Redis and the in-process twin obey the same contract."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

RunStatus = Literal["complete", "failed", "cancelled"]

KEPT_S = 7 * 24 * 3600
"""Seconds for which a run is kept."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A past run; no prompt and no answer is part of it."""

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

    def as_json(self) -> dict[str, Any]:
        """The record as plain values."""
        return asdict(self)


def render(record: RunRecord) -> str:
    """The record as one line of JSON."""
    return json.dumps(record.as_json(), separators=(",", ":"))


def parse(text: str | bytes) -> RunRecord:
    """The record from its line."""
    return RunRecord(**json.loads(text))


class RunStore(Protocol):
    """Remembers runs for a week. Every verb may raise StoreError, within half a second."""

    async def save(self, record: RunRecord) -> None:
        """Remember the run; the same id replaces what was there."""

    async def load(self, run_id: str) -> RunRecord | None:
        """The run of that id."""

    async def recent(self, limit: int) -> list[RunRecord]:
        """The newest runs, newest first."""

    async def aclose(self) -> None:
        """Let go of connections."""
