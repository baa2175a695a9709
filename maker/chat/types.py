"""What is asked of a model and what comes back, in maker's own types; the same on both sides of the orchestrator.

Messages, tools and tool results are kept as the client sent them: what reaches a model is byte-identical.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model samples; `None` leaves a setting to the mode or to the server."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """Text to go on with, in place of a conversation: what stands before the gap and what behind it.

    Without a suffix there is no gap: the text just goes on. `files` are (name, text) of others, for context.
    """

    prefix: str
    suffix: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    rendered: str | None = None
    """All of it in a model's own markers, where its server cannot do that."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat request: the conversation, the tools on offer and how to sample."""

    messages: tuple[JsonObject, ...]
    model: str | None = None
    tools: tuple[JsonObject, ...] = ()
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    grammar: str | None = None
    """What the answer has to look like, in llama.cpp's GBNF; maker's own, never a client's."""
    sampling: Sampling = Sampling()
    stream: bool = False
    include_usage: bool = False
    fill: Fill | None = None
    """Where no conversation is asked for but text to fill in; `messages` then has the prefix, as the user's."""
    thinking: bool = True
    """Whether a model that can think before it answers may."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer; `choice` numbers the candidates of one request.

    `logprobs` has one entry per token, as the wire's `logprobs.content` has them, where they were asked for.
    """

    text: str
    choice: int = 0
    logprobs: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of what the model thought, or of maker's progress; never part of the answer."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of tool call number `index`: the first has id, name and empty arguments; later ones only arguments."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of one choice and why it ended."""

    reason: FinishReason
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, or the sum over several; `cached_tokens` of the prompt were not evaluated again."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


Delta = TextDelta | ReasoningDelta | ToolCallDelta | Finish | Usage
"""One streamed piece. A complete stream has one Finish per choice and at most one Usage, which comes last."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole tool call; `arguments` is the JSON text the model wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: what a stream of deltas adds up to for one choice."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    logprobs: tuple[JsonObject, ...] = ()


@dataclass(slots=True)
class _Parts:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)
    finish: FinishReason | None = None
    logprobs: list[JsonObject] = field(default_factory=list)


class Collector:
    """Adds deltas up; the one place where a stream becomes completions."""

    def __init__(self) -> None:
        self._choices: dict[int, _Parts] = {}
        self._usage = Usage()

    def add(self, delta: Delta) -> None:
        """Take one delta in."""
        if isinstance(delta, Usage):
            self._usage = self._usage + delta
            return
        parts = self._choices.setdefault(delta.choice, _Parts())
        if isinstance(delta, TextDelta):
            parts.text.append(delta.text)
            parts.logprobs.extend(delta.logprobs)
        elif isinstance(delta, ReasoningDelta):
            parts.reasoning.append(delta.text)
        elif isinstance(delta, ToolCallDelta):
            call = parts.calls.setdefault(delta.index, ["", "", ""])
            call[0] = delta.id or call[0]
            call[1] = delta.name or call[1]
            call[2] += delta.arguments
        else:
            parts.finish = delta.reason

    def completions(self) -> tuple[Completion, ...]:
        """The completions so far, in the order of their choices; the usage of the request stands on each."""
        return tuple(self._completion(self._choices[number]) for number in sorted(self._choices))

    def completion(self) -> Completion:
        """The only, or first, completion; an empty one if nothing came."""
        return next(iter(self.completions()), Completion(usage=self._usage))

    def _completion(self, parts: _Parts) -> Completion:
        calls = tuple(ToolCall(*parts.calls[index]) for index in sorted(parts.calls))
        reason = parts.finish or "stop"
        logprobs = tuple(parts.logprobs)
        return Completion("".join(parts.text), "".join(parts.reasoning), calls, reason, self._usage, logprobs)


def deltas_of(completion: Completion, choice: int = 0) -> list[Delta]:
    """The stream that adds up to the completion, without its usage: text line by line, then call by call."""
    said: list[Delta] = [ReasoningDelta(completion.reasoning, choice)] if completion.reasoning else []
    said += [TextDelta(line, choice) for line in completion.text.splitlines(keepends=True)]
    for index, call in enumerate(completion.tool_calls):
        said.append(ToolCallDelta(index, call.id, call.name, choice=choice))
        said.append(ToolCallDelta(index, arguments=call.arguments, choice=choice))
    return [*said, Finish(completion.finish_reason, choice)]


async def collect(deltas: AsyncIterator[Delta]) -> tuple[Completion, ...]:
    """Drain a stream into one completion per choice."""
    collector = Collector()
    async for delta in deltas:
        collector.add(delta)
    return collector.completions()
