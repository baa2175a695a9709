"""The wire between maker and its model servers: the body that is sent, and the decoding of what is streamed back.

Only the fields named here are ever sent. llama-server takes more, some of them dangerous (`chat_parser`, `n_discard`,
`id_slot`), and a client must not reach those through us; nor `grammar`, which only maker itself sets.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NoReturn

from maker.chat.parse import OPTIONAL_STRINGS
from maker.chat.sse import Decoder
from maker.chat.types import (
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    JsonObject,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from maker.chat.upstream_fill import as_chat_chunk
from maker.errors import ContextOverflow, ModelReplyError

Json = dict[str, Any]

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def request_body(request: ChatRequest, model: str | None = None) -> Json:
    """The body for `POST /chat/completions` of a model server; it always streams and always asks for usage."""
    sampling = request.sampling
    fields: Json = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": request.tool_choice if request.tools else None,
        "parallel_tool_calls": request.parallel_tool_calls if request.tools else None,
        "response_format": request.response_format,
        "grammar": request.grammar,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
        "n": sampling.n if sampling.n > 1 else None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
        "chat_template_kwargs": None if request.thinking else {"enable_thinking": False},
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return {name: value for name, value in fields.items() if value is not None}


def _message(message: JsonObject) -> JsonObject:
    """The message as the client sent it, but for what model servers refuse: nulls, and a role that templates lack."""
    changed = _without_nulls(message, OPTIONAL_STRINGS)
    return {**changed, "role": "system"} if changed.get("role") == "developer" else changed


def _tool(tool: JsonObject) -> JsonObject:
    function = _without_nulls(tool["function"], ("description", "parameters"))
    return tool if function is tool["function"] else {**tool, "function": function}


def _without_nulls(value: JsonObject, names: tuple[str, ...]) -> JsonObject:
    nulls = [name for name in names if name in value and value[name] is None]
    return {name: item for name, item in value.items() if name not in nulls} if nulls else value


@dataclass(slots=True)
class _Choice:
    ids: list[str] = field(default_factory=list)
    """Of its tool calls so far; the last one is open."""
    number: int = 0
    """The server's own number for the open call."""
    finished: bool = False


class ReplyDecoder:
    """Takes the bytes of one streamed reply of `role`'s server and gives deltas; usage comes from `end`.

    Raises ModelReplyError for what is no reply: not SSE, not JSON, an error sent at HTTP 200, choices that go on after
    their end. After an error it is of no further use.
    """

    def __init__(self, role: str, choices: int = 1) -> None:
        self._role, self._expected = role, choices
        self._events = Decoder()
        self._choices: dict[int, _Choice] = {}
        self._made_ids = count()
        self._done = False
        self._running: Usage | None = None
        self._usage: Usage | None = None
        self._predicted = 0

    @property
    def done(self) -> bool:
        """Whether the server said that nothing more comes."""
        return self._done

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas that this piece of the body completes.

        Raises:
            ModelReplyError: it is no reply.
            ContextOverflow: the server found out late that the prompt does not fit.
        """
        try:
            events = self._events.feed(data)
        except ValueError as error:
            raise ModelReplyError(f"what the {self._role} streams is not an answer: {error}", role=self._role) from None
        deltas: list[Delta] = []
        for event in events:
            if event == "[DONE]":
                self._done = True
            if self._done:
                break
            deltas += self._chunk(_parse(event))
        return deltas

    def end(self) -> list[Delta]:
        """What remains once the body has ended: the usage, if the server told it.

        Raises:
            ModelReplyError: the body ended before the answer did.
        """
        begun = len(self._choices)
        whole = all(number in self._choices and self._choices[number].finished for number in range(begun))
        if not begun or not whole or not (self._done or begun == self._expected):
            self._refuse("was cut short")
        usage = self._usage or self._running
        if usage is None:
            return []
        # llama-server sends the usage of each choice; one that sends only one choice's still has timings for each.
        completion = max(usage.completion_tokens, self._predicted)
        return [Usage(usage.prompt_tokens, completion, usage.cached_tokens)]

    def _chunk(self, chunk: object) -> list[Delta]:
        if not isinstance(chunk, dict):
            self._refuse("is not JSON as it should be")
        # Errors come at HTTP 200, sometimes beside choices: they go first.
        if error := chunk.get("error"):
            self._in_band(error)
        chunk = as_chat_chunk(chunk)
        deltas: list[Delta] = []
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            self._refuse("has choices that are no list")
        for choice in choices:
            deltas += self._choice(choice)
        self._count(chunk, last=not choices)
        return deltas

    def _choice(self, choice: object) -> list[Delta]:
        if not isinstance(choice, dict):
            self._refuse("has a choice that is no object")
        index = choice.get("index", 0)
        delta = choice.get("delta") or {}
        if type(index) is not int or not 0 <= index < self._expected or not isinstance(delta, dict):
            self._refuse("has a choice that was not asked for")
        state = self._choices.setdefault(index, _Choice())
        deltas: list[Delta] = self._pieces(choice, delta, index, state)
        reason = choice.get("finish_reason")
        if state.finished and (deltas or reason):
            self._refuse("went on after its end")
        if reason:
            if not isinstance(reason, str) or reason not in _FINISH:
                self._refuse("ended for an unknown reason")
            state.finished = True
            deltas.append(Finish(_FINISH[reason], index))
        return deltas

    def _pieces(self, choice: Json, delta: Json, index: int, state: _Choice) -> list[Delta]:
        deltas: list[Delta] = []
        if thought := self._text(delta, "reasoning_content") or self._text(delta, "reasoning"):
            deltas.append(ReasoningDelta(thought, index))
        if text := self._text(delta, "content"):
            deltas.append(TextDelta(text, index, _logprobs(choice)))
        calls = delta.get("tool_calls") or []
        if not isinstance(calls, list):
            self._refuse("has tool calls that are no list")
        for call in calls:
            deltas += self._call(call, index, state)
        return deltas

    def _call(self, call: object, choice: int, state: _Choice) -> list[Delta]:
        """The deltas for one piece of a tool call; calls come one after the other, and are numbered from 0 here.

        Servers number them in their own ways, or all 0 (ollama/ollama#15457), or not at all (ollama/ollama#7881): a new
        id beside a name begins the next call too.
        """
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict):
            self._refuse("has a tool call without a function")
        number, id = call.get("index"), self._text(call, "id")
        name, arguments = self._text(function, "name"), self._text(function, "arguments")
        if number is not None and type(number) is not int:
            self._refuse("numbers its tool calls strangely")
        deltas: list[Delta] = []
        if name and _begins(state, number, id):
            state.ids.append(id or f"call_{choice}_{next(self._made_ids)}")
            state.number = len(state.ids) - 1 if number is None else number
            deltas.append(ToolCallDelta(len(state.ids) - 1, id=state.ids[-1], name=name, choice=choice))
        elif not _goes_on(state, number, id):
            self._refuse("mixes its tool calls")
        if arguments:
            deltas.append(ToolCallDelta(len(state.ids) - 1, arguments=arguments, choice=choice))
        return deltas

    def _count(self, chunk: Json, *, last: bool) -> None:
        """Take in usage and timings. With choices beside it, usage is a running total; without, one choice's."""
        timings, usage = chunk.get("timings"), chunk.get("usage")
        timings = timings if isinstance(timings, dict) else {}
        self._predicted += _number(timings, "predicted_n")
        if not isinstance(usage, dict):
            return
        details = usage.get("prompt_tokens_details")
        cached = _number(details, "cached_tokens") if isinstance(details, dict) else _number(timings, "cache_n")
        found = Usage(_number(usage, "prompt_tokens"), _number(usage, "completion_tokens"), cached)
        if not last:
            self._running = found
        elif self._usage is None:
            self._usage = found
        else:
            # The prompt was evaluated once for all choices.
            self._usage = self._usage + Usage(0, found.completion_tokens, 0)

    def _text(self, value: Json, name: str) -> str:
        text = value.get(name)
        if text is not None and not isinstance(text, str):
            self._refuse(f"has {name} that is no text")
        return text or ""

    def _in_band(self, error: object) -> NoReturn:
        kind = error.get("type") if isinstance(error, dict) else None
        if kind == "exceed_context_size_error":
            raise context_overflow(error)
        # Only a plain word is repeated: the message of a foreign server may hold paths or the prompt.
        word = f" ({kind})" if isinstance(kind, str) and re.fullmatch(r"[a-z_]{1,40}", kind) else ""
        raise ModelReplyError(f"the {self._role} broke off its answer with an error{word}", role=self._role)

    def _refuse(self, what: str) -> NoReturn:
        raise ModelReplyError(f"the answer of the {self._role} {what}", role=self._role)


def _begins(state: _Choice, number: int | None, id: str) -> bool:
    """Whether a piece with a name begins the next call; some servers repeat the name in each piece of one."""
    return not state.ids or (id != "" and id not in state.ids) or (number is not None and number > state.number)


def _goes_on(state: _Choice, number: int | None, id: str) -> bool:
    """Whether a piece is one more of the open call."""
    is_open = bool(state.ids) and number in (None, state.number)
    return is_open and (id == state.ids[-1] or id not in state.ids)


def context_overflow(error: object) -> ContextOverflow:
    """The failure for llama-server's `exceed_context_size_error`, with its figures.

    The sentence says "maximum context length" because clients recognise that and do not retry.
    """
    fields = error if isinstance(error, dict) else {}
    limit, tokens = _number(fields, "n_ctx"), _number(fields, "n_prompt_tokens")
    figures = f" of {limit} tokens: it has {tokens}" if limit and tokens else ""
    return ContextOverflow(
        f"the prompt is longer than this model's maximum context length{figures}; send less", param="messages"
    )


def _parse(event: str) -> object:
    try:
        return json.loads(event, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _logprobs(choice: Json) -> tuple[JsonObject, ...]:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return tuple(item for item in content if isinstance(item, dict)) if isinstance(content, list) else ()


def _number(value: Json, name: str) -> int:
    number = value.get(name)
    return number if type(number) is int and number >= 0 else 0
