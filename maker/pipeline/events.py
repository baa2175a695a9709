"""What a run can report while it works. Past tense for what happened, a delta for a piece of the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from maker.chat.types import ChatRequest, Completion, Delta
from maker.pipeline.values import Outcome, Task


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began."""

    task: Task


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of the run began."""

    stage: str


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended; `error` is the failure's code where it failed."""

    stage: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RoleWaited:
    """A role is still loading; the run has waited `seconds` for it."""

    role: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A model was asked; `call` pairs it with its end."""

    call: int
    stage: str
    role: str
    model: str
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A model's answer is complete, or failed with `error` (a code), or was cancelled (error `cancelled`)."""

    call: int
    role: str
    completions: tuple[Completion, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """A piece of the answer the user reads."""

    delta: Delta


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over and this is what came of it."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run ended without an outcome; `error` is the failure's code, or `cancelled`."""

    error: str


Event = (
    RunStarted
    | StageStarted
    | StageFinished
    | RoleWaited
    | CallStarted
    | CallFinished
    | AnswerDelta
    | RunFinished
    | RunFailed
)
Emit = Callable[[Event], Awaitable[None]]


async def ignore(event: Event) -> None:
    """The listener that nobody needs: a run that is not observed."""
