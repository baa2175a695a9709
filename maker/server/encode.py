"""Run events to the chat-completions wire; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, assert_never

from maker.chat.encode import ChunkEncoder
from maker.chat.sse import DONE, frame
from maker.chat.types import ReasoningDelta, Usage
from maker.pipeline.events import (
    AnswerDelta,
    CallFinished,
    CallStarted,
    Event,
    RoleWaited,
    RunFailed,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
)
from maker.pipeline.values import Outcome


class EventEncoder:
    """Turns the events of one run into the bytes of its stream."""

    def __init__(self, chunks: ChunkEncoder) -> None:
        self._chunks = chunks

    def encode(self, event: Event) -> bytes:
        """What the client receives for the event; often nothing."""
        match event:
            case RunStarted():
                return _frames(self._chunks.opening())
            case RoleWaited():
                waited = ReasoningDelta(f"waiting for the {event.role} to load ({event.seconds:.0f} s)\n")
                return _frames(self._chunks.encode(waited))
            case AnswerDelta():
                return _frames(self._chunks.encode(event.delta))
            case RunFinished():
                outcome = event.outcome
                return _frames(self._chunks.closing(usage=total_usage(outcome), maker=maker_object(outcome))) + DONE
            case StageStarted() | StageFinished() | CallStarted() | CallFinished() | RunFailed():
                return b""
            case _:
                assert_never(event)


def _frames(chunks: Iterable[object]) -> bytes:
    return b"".join(map(frame, chunks))


def total_usage(outcome: Outcome) -> Usage:
    """The tokens of all roles together: what the answer cost."""
    return sum(outcome.usage.values(), Usage())


def maker_object(outcome: Outcome, degraded: Mapping[str, str] | None = None) -> dict[str, Any]:
    """How the answer came about, as the clients that want to know it read it."""
    return {
        "run": outcome.task.run_id,
        "mode": outcome.task.mode,
        "overhead_ms": round(outcome.overhead_ms, 2),
        "usage": {role: asdict(usage) for role, usage in outcome.usage.items()},
        "degraded": sorted(degraded or ()),
    }
