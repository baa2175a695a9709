"""What a run is given, what its stages make, and what it ends in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from maker.chat.types import ChatRequest, Completion, Usage
from maker.config import ModeName
from maker.sandbox.values import Evidence, Input

Kind = Literal["code", "question", "agent", "utility"]
"""Only `code` takes the full pipeline."""
Severity = Literal["high", "medium", "low"]
Category = Literal["bug", "security", "performance", "incomplete"]


@dataclass(frozen=True, slots=True)
class Task:
    """What a user asks, and in which mode; `run_id` names the run everywhere."""

    run_id: str
    mode: ModeName
    request: ChatRequest
    kind: Kind | None = None
    """Where the caller already knows; None to find out."""
    workspace: str | None = None
    """The repository it is about, a registered root; None where the request names none: then nothing is retrieved."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a plan: small enough to be coded, voted on and validated on its own."""

    number: int
    title: str
    detail: str = ""
    files: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """How the task is decomposed."""

    summary: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One coder's answer to a step: what it wrote, the code in it, and what that did when run."""

    number: int
    text: str
    code: str = ""
    language: str = ""
    path: str = ""
    flags: tuple[str, ...] = ()
    """Why it was discarded before counting; empty if it was not."""
    evidence: Evidence | None = None
    """None where it was not run."""
    signature: str = ""
    """What voting compares: behaviour where it was run, else the code's canonical form."""
    action: str = ""
    """Of an agent's turn: what it does, in a few words; empty for code."""
    turn: Completion | None = None
    """Of an agent's turn: what the client would receive, its tool calls parsed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a validator found."""

    severity: Severity
    category: Category
    where: str
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A validator's answer. An accepted answer may have findings too: suggestions."""

    accepted: bool
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Vote:
    """How the candidates of one round were decided."""

    votes: Mapping[str, int]
    """Ballots per signature."""
    margin: int
    converged: bool
    """One signature was ahead of every other by k; else the best score was chosen."""
    confidence: float


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a step came to; the last round's candidates stand here, the chosen one among them."""

    step: Step
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    inputs: tuple[Input, ...]
    vote: Vote
    verdict: Verdict | None
    """None where the validator's answer could not be had."""
    rounds: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run ended in: the answer and how it came about."""

    task: Task
    completions: tuple[Completion, ...]
    """One for each choice that was asked for."""
    usage: dict[str, Usage] = field(default_factory=dict)
    """Tokens per role."""
    overhead_ms: float = 0.0
    """Time that was maker's own: the run's length less the time it waited for models and candidates."""
    steps: tuple[StepOutcome, ...] = ()
    """Empty where a model answered directly."""
    notes: tuple[str, ...] = ()
    """What was left out or could not be had, a sentence each."""
