"""The direct path of what editors ask in passing: autocomplete, titles, summaries, edits; one model, true tokens.

No reasoning, no tools, no prose around code: editors put what comes straight into a file or a label.
"""

import re
from dataclasses import replace

from maker.chat.types import (
    ChatRequest,
    Collector,
    Completion,
    Delta,
    Finish,
    JsonObject,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from maker.config import Mode
from maker.errors import RequestError
from maker.models.model import Model
from maker.pipeline import prompts
from maker.pipeline.call import call
from maker.pipeline.events import AnswerDelta
from maker.pipeline.exact import Exact, Thoughtless, has_fence, is_open, unfenced
from maker.pipeline.purpose import APPLY, EDIT_END, STOP, Purpose, purpose
from maker.pipeline.work import Work

TEMPERATURE = 0.0
"""Where the client sends none: what is asked for has one right answer."""
EXACT: tuple[Purpose, ...] = ("edit", "apply", "prefill")
NO_EDITS = (
    "edits are off: the profile's coder was trained to write small functions, not to rewrite code, and would spoil the "
    "file; give [roles.coder] a model of your own, or run `maker init` with another profile"
)
FRAME = (
    *APPLY,
    "This is the prefix of the file:",
    "This is the suffix of the file:",
    "This is the code to rewrite:",
    "The user's request is:",
    "Please rewrite the entire code block above",
    "You are an expert programmer. You will rewrite the above code",
    EDIT_END,
)
"""How lines begin that clients put between the texts of an edit, each text in a fence of the client's."""
BETWEEN = re.compile("^(?:{})".format("|".join(map(re.escape, FRAME))), re.MULTILINE)


async def utility(work: Work) -> tuple[Completion, ...]:
    """The answer of the one model that suits, delta by delta.

    Raises:
        RequestError: a gap is to be filled, or code rewritten, and no model was trained on that.
    """
    asked = work.task.request
    wanted = purpose(asked)
    if wanted in ("edit", "apply") and not work.tools.edits:
        raise RequestError(NO_EDITS, code="edits_unsupported")
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
        if delta.choice not in self._choices:
            self._choices[delta.choice] = Thoughtless(), self._exact()
        thought, exact = self._choices[delta.choice]
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
        begun = _begun(self._request.messages[-1])
        if self._wanted == "prefill" and not is_open(begun):
            return None
        asked = prompts.text_of(self._request.messages)
        texts = _texts(asked, self._wanted)
        stop = STOP if STOP in asked else ""
        return Exact(begun, stop=stop, fences=any(map(has_fence, texts)), original=texts)


def _text(text: str, choice: int) -> list[Delta]:
    return [TextDelta(text, choice)] if text else []


def _begun(last: JsonObject) -> str:
    """What the client wrote of the answer itself."""
    return prompts.text_of([{**last, "role": "user"}]) if last.get("role") == "assistant" else ""


def _texts(asked: str, wanted: Purpose | None) -> list[str]:
    """What the client sent to be edited, without its own fences; all that it sent where it says nothing around it."""
    if wanted == "prefill" and not BETWEEN.search(asked):
        return [asked]
    return [unfenced(text) for text in BETWEEN.split(asked)]
