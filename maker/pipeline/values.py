"""What a run is given and what it ends in."""

from dataclasses import dataclass, field

from maker.chat.types import ChatRequest, Completion, Usage
from maker.config import ModeName


@dataclass(frozen=True, slots=True)
class Task:
    """What a user asks, and in which mode; `run_id` names the run everywhere."""

    run_id: str
    mode: ModeName
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run ended in: the answer and how it came about."""

    task: Task
    completions: tuple[Completion, ...]
    """One for each choice that was asked for."""
    usage: dict[str, Usage] = field(default_factory=dict)
    """Tokens per role."""
    overhead_ms: float = 0.0
    """Time that was maker's own: the run's length less the time it waited for models."""
