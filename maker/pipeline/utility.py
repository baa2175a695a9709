"""The direct path of what editors ask in passing: autocomplete, titles, summaries, edits; one model, true tokens.

No reasoning, no tools, no prose around code: editors put what comes straight into a file or a label.
"""

from dataclasses import replace

from maker.chat.types import (
    ChatRequest,
    Collector,
    Completion,
    Delta,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from maker.config import Mode
from maker.models.model import Model
from maker.pipeline import prompts
from maker.pipeline.call import call
from maker.pipeline.events import AnswerDelta
from maker.pipeline.exact import FENCE, Exact, Thoughtless
from maker.pipeline.purpose import STOP, Purpose, purpose
from maker.pipeline.work import Work

TEMPERATURE = 0.0
"""Where the client sends none: what is asked for has one right answer."""
EXACT: tuple[Purpose, ...] = ("edit", "apply", "prefill")


async def utility(work: Work) -> tuple[Completion, ...]:
    """The answer of the one model that suits, delta by delta.

    Raises:
        RequestError: a gap is to be filled, and no model was trained on that.
    """
    asked = work.task.request
    wanted = purpose(asked)
    async with work.stage("answer"):
        model = await _model(work, wanted)
        request = cheap(asked, work.mode)
        if request.fill is not None and request.fill.suffix is not None:
            request = replace(request, fill=work.tools.fill.asked(model, request.fill))
        cleaned = Cleaned(asked, wanted)
        collector = Collector()
        async with call(model, request, stage="answer", ledger=work.ledger, emit=work.emit) as reply:
            async for delta in reply:
                for kept in cleaned.feed(delta):
                    collector.add(kept)
                    await work.emit(AnswerDelta(kept))
                if cleaned.done:
                    break
        collector.add(reply.usage)
    return collector.completions()


async def _model(work: Work, wanted: Purpose | None) -> Model:
    models = work.tools.models
    if work.task.request.fill is not None and work.task.request.fill.suffix is not None:
        return await work.tools.fill.choose(models)
    voter = models.get("voter")
    if wanted == "title" and voter is not None and await voter.state() == "ready":
        return voter
    return await work.ready("coder")


def cheap(request: ChatRequest, mode: Mode) -> ChatRequest:
    """The request within the mode's limits, without tools and without thinking."""
    sampling = request.sampling
    return replace(
        request,
        tools=(),
        tool_choice=None,
        parallel_tool_calls=None,
        thinking=False,
        sampling=replace(
            sampling,
            temperature=TEMPERATURE if sampling.temperature is None else sampling.temperature,
            max_tokens=min(sampling.max_tokens or mode.max_tokens, mode.max_tokens),
        ),
    )


class Cleaned:
    """The deltas of an answer without thoughts and, of an edit, without what stands around the code."""

    def __init__(self, request: ChatRequest, wanted: Purpose | None) -> None:
        self._request, self._wanted = request, wanted
        self._choices: dict[int, tuple[Thoughtless, Exact | None]] = {}
        self._open = request.sampling.n

    @property
    def done(self) -> bool:
        """Whether nothing that still comes is wanted."""
        return self._open == 0

    def feed(self, delta: Delta) -> list[Delta]:
        """What the client gets for the delta; an edit that is over ends here, whatever the model still says."""
        if isinstance(delta, ReasoningDelta | ToolCallDelta | Usage):
            return []
        thought, exact = self._choices.setdefault(delta.choice, (Thoughtless(), self._exact()))
        if exact is not None and exact.done:
            return []
        if isinstance(delta, Finish):
            rest = thought.end()
            rest = rest if exact is None else exact.feed(rest) + exact.end()
            return [*_text(rest, delta.choice), delta]
        if exact is None:
            text = thought.feed(delta.text)
            return [replace(delta, text=text)] if text else []
        said = _text(exact.feed(thought.feed(delta.text)), delta.choice)
        if not exact.done:
            return said
        self._open -= 1
        return [*said, Finish("stop", delta.choice)]

    def _exact(self) -> Exact | None:
        if self._wanted not in EXACT or self._request.response_format:
            return None
        last = self._request.messages[-1]
        begun = str(last.get("content") or "") if last.get("role") == "assistant" else ""
        asked = prompts.text_of(self._request.messages)
        if self._wanted == "prefill" and not any(FENCE.match(line) for line in begun.splitlines()):
            return None
        return Exact(begun, stop=STOP if STOP in asked else "", fences=_has_fences(asked, self._wanted))


def _text(text: str, choice: int) -> list[Delta]:
    return [TextDelta(text, choice)] if text else []


def _has_fences(asked: str, wanted: Purpose | None) -> bool:
    """Whether the code to edit has fences of its own, beside those that the client puts around what it sends."""
    own = 4 if wanted == "apply" else 2 if STOP in asked else 6 if wanted == "edit" else 0
    return sum(bool(FENCE.match(line)) for line in asked.splitlines()) > own
