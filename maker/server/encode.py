"""Run events to whatever wire the client speaks; pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from maker.chat.types import ReasoningDelta, Usage
from maker.pipeline.events import AnswerDelta, Event, RunFinished, RunStarted
from maker.pipeline.progress import line
from maker.pipeline.values import Outcome, StepOutcome
from maker.server.dialects import Stream


class EventEncoder:
    """Turns the events of one run into the bytes of its stream: the answer as content, progress as reasoning."""

    def __init__(self, stream: Stream) -> None:
        self.degraded: Mapping[str, str] = {}
        """What does not work at the moment; set it before the run's last event."""
        self._stream = stream

    def encode(self, event: Event) -> bytes:
        """What the client receives for the event; often nothing."""
        match event:
            case RunStarted():
                return self._stream.opening()
            case AnswerDelta():
                return self._stream.encode(event.delta)
            case RunFinished():
                told = maker_object(event.outcome, self.degraded)
                return self._stream.closing(usage=answer_usage(event.outcome), maker=told)
            case _:
                said = line(event)
                return self._stream.encode(ReasoningDelta(f"{said}\n")) if said else b""


def answer_usage(outcome: Outcome) -> Usage:
    """The tokens of the conversation and its answer, once; what all roles took stands in the `maker` object."""
    return outcome.completions[0].usage if outcome.completions else Usage()


def maker_object(outcome: Outcome, degraded: Mapping[str, str] | None = None) -> dict[str, Any]:
    """How the answer came about, for the clients that want to know."""
    steps = [_step(step) for step in outcome.steps]
    return {
        "run": outcome.task.run_id,
        "mode": outcome.task.mode,
        "steps": steps,
        "candidates": sum(step["candidates"] for step in steps),
        "flagged": sum(step["flagged"] for step in steps),
        "confidence": round(min((step["confidence"] for step in steps), default=0.0), 3),
        "overhead_ms": round(outcome.overhead_ms, 2),
        "usage": {role: asdict(usage) for role, usage in outcome.usage.items()},
        "notes": list(outcome.notes),
        "degraded": sorted(degraded or ()),
    }


def _step(step: StepOutcome) -> dict[str, Any]:
    verdict = step.verdict
    return {
        "title": step.step.title,
        "candidates": len(step.candidates),
        "flagged": sum(bool(candidate.flags) for candidate in step.candidates),
        "votes": sorted(step.vote.votes.values(), reverse=True),
        "margin": step.vote.margin,
        "converged": step.vote.converged,
        "confidence": round(step.vote.confidence, 3),
        "rounds": step.rounds,
        "verdict": None if verdict is None else "accepted" if verdict.accepted else "refused",
        "findings": [asdict(found) for found in verdict.findings] if verdict else [],
    }
