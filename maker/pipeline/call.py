"""Asking a model from within a run: reported as events, counted and timed; what is left is maker's own time."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from maker.chat.types import (
    ChatRequest,
    Collector,
    Completion,
    Delta,
    JsonObject,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from maker.errors import MakerError
from maker.models.model import Model
from maker.pipeline.events import CallFinished, CallStarted, Emit


@dataclass
class Ledger:
    """What one run has asked of models so far."""

    usage: dict[str, Usage] = field(default_factory=dict)
    waited_s: float = 0.0
    """Seconds spent waiting for models; calls side by side count each second once for each."""
    prompts: dict[tuple[str, int], tuple[Sequence[JsonObject], int]] = field(default_factory=dict)
    """By role and identity of the messages: those messages, and how many tokens they are."""
    samples: dict[str, int] = field(default_factory=dict)
    """How many choices each role was asked for."""
    numbers: "count[int]" = field(default_factory=count)

    def answered(self, role: str, parts: int = 1) -> Usage:
        """The tokens as if the role had answered once: its shortest prompt, and for each part a sample of mean length.

        Clients measure by it how full the conversation's context is; all that was spent would look many times as full.
        """
        spent = self.usage.get(role, Usage())
        prompts = [tokens for (asked, _), (_, tokens) in self.prompts.items() if asked == role]
        prompt = min(prompts, default=spent.prompt_tokens)
        written = round(parts * spent.completion_tokens / max(1, self.samples.get(role, 1)))
        return Usage(prompt, written, min(prompt, spent.cached_tokens))

    def charge(self, role: str, messages: Sequence[JsonObject], usage: Usage) -> None:
        """Add the tokens of one call.

        A call that was left reports none of its prompt: an earlier one with the same messages may have.
        """
        key = role, id(messages)
        if usage.prompt_tokens:
            self.prompts[key] = messages, usage.prompt_tokens
        elif key in self.prompts:
            usage = replace(usage, prompt_tokens=self.prompts[key][1])
        self.usage[role] = self.usage.get(role, Usage()) + usage


class Reply:
    """A model's answer while it comes: iterate for its deltas, then read `completions`."""

    def __init__(self, deltas: AsyncIterator[Delta], ledger: Ledger) -> None:
        self._deltas, self._ledger = deltas, ledger
        self._collector = Collector()
        self._pieces = 0

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self

    async def __anext__(self) -> Delta:
        begun = time.monotonic()
        try:
            delta = await anext(self._deltas)
        finally:
            self._ledger.waited_s += time.monotonic() - begun
        self._collector.add(delta)
        self._pieces += isinstance(delta, TextDelta | ReasoningDelta | ToolCallDelta)
        return delta

    @property
    def completions(self) -> tuple[Completion, ...]:
        """What has come so far, one completion per choice."""
        return self._collector.completions()

    @property
    def usage(self) -> Usage:
        """The tokens so far: as reported, or, where the call was left before it reported any, one a piece."""
        reported = next((completion.usage for completion in self.completions), Usage())
        return reported if reported != Usage() else Usage(completion_tokens=self._pieces)


@asynccontextmanager
async def call(model: Model, request: ChatRequest, *, stage: str, ledger: Ledger, emit: Emit) -> AsyncIterator[Reply]:
    """Ask the model; leaving the context early cancels it. Reports the start and the one end of the call."""
    number = next(ledger.numbers)
    await emit(CallStarted(number, stage, model.role, model.name, request))
    reply: Reply | None = None
    error: str | None = "cancelled"
    begun = time.monotonic()
    try:
        async with model.stream(request) as deltas:
            ledger.waited_s += time.monotonic() - begun
            reply = Reply(deltas, ledger)
            yield reply
        error = None
    except MakerError as failure:
        error = failure.code
        raise
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException:
        error = "internal_error"
        raise
    finally:
        completions = reply.completions if reply else ()
        if reply:
            ledger.samples[model.role] = ledger.samples.get(model.role, 0) + request.sampling.n
            ledger.charge(model.role, request.messages, reply.usage)
        await emit(CallFinished(number, model.role, completions, error))
