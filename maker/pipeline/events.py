"""What a run can report while it works. Past tense for what happened, a delta for a piece of the answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from maker.chat.types import ChatRequest, Completion, Delta
from maker.pipeline.repository import Excerpt
from maker.pipeline.values import Candidate, Kind, Outcome, Plan, Task, Verdict, Vote
from maker.sandbox.values import Evidence


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began."""

    task: Task


@dataclass(frozen=True, slots=True)
class RunResumed:
    """The run goes on where an interrupted one stopped: after these stages, in words."""

    after: tuple[str, ...]


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
class KindDecided:
    """What kind of request this is; `by` is rules, preprocessor, words where that was down, or checkpoint."""

    kind: Kind
    by: str


@dataclass(frozen=True, slots=True)
class ExcerptsSought:
    """The repository is being searched for what the request is about."""

    workspace: str
    query: str


@dataclass(frozen=True, slots=True)
class ExcerptsFound:
    """What every role will read of the repository; `error` says why it could not be searched."""

    excerpts: tuple[Excerpt, ...]
    left_out: int
    """Found, but there was no room for them."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PlanMade:
    """The task is decomposed."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class InputsWritten:
    """What a step's candidates will be run on."""

    step: int
    calls: int
    checks: int
    own: int = 0
    """Checks among them that are a trusted repository's own tests."""


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A candidate begins to run in the sandbox."""

    step: int
    candidate: int


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A candidate was run; `error` says why it was not, where the sandbox failed."""

    step: int
    candidate: int
    evidence: Evidence | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CandidateJudged:
    """A candidate is there, and was flagged or counted; `of` candidates there may be at most."""

    step: int
    candidate: Candidate
    of: int
    checks: int
    votes: Mapping[str, int]
    """Ballots per signature, this one included."""


@dataclass(frozen=True, slots=True)
class StepDecided:
    """The vote on a step is over."""

    step: int
    chosen: Candidate
    vote: Vote
    k: int
    """The lead that decides a vote."""


@dataclass(frozen=True, slots=True)
class VerdictGiven:
    """The validator judged a step; None where its answer could not be had."""

    step: int
    role: str
    verdict: Verdict | None
    round: int


@dataclass(frozen=True, slots=True)
class Noted:
    """Something was left out or could not be had; one sentence."""

    text: str


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
    | RunResumed
    | StageStarted
    | StageFinished
    | RoleWaited
    | CallStarted
    | CallFinished
    | KindDecided
    | ExcerptsSought
    | ExcerptsFound
    | PlanMade
    | InputsWritten
    | TrialStarted
    | TrialFinished
    | CandidateJudged
    | StepDecided
    | VerdictGiven
    | Noted
    | AnswerDelta
    | RunFinished
    | RunFailed
)
Emit = Callable[[Event], Awaitable[None]]


async def ignore(event: Event) -> None:
    """The listener that nobody needs: a run that is not observed."""
