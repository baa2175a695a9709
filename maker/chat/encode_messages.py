"""maker's own types to the events and the object of Anthropic's Messages API.

Which stop sequence ended an answer is not known here, so that such an end is `end_turn`.
"""

import json
from collections.abc import Mapping
from typing import Any

from maker.chat.types import (
    Completion,
    Delta,
    Finish,
    FinishReason,
    JsonObject,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

Json = dict[str, Any]

STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
ERROR_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
}


class MessageEncoder:
    """Encodes one streamed message; `opening` first, `encode` each delta, `closing` only if all went well.

    Thoughts are left out unless `thoughts`: a client that did not ask for them has no place for them.
    """

    def __init__(self, *, id: str, model: str, thoughts: bool = False) -> None:
        self._head = {"id": id, "type": "message", "role": "assistant", "model": model}
        self._thoughts = thoughts
        self._blocks = 0
        self._open: str | None = None
        self._finish = Finish("stop")

    def opening(self) -> list[Json]:
        """The message begins, with nothing in it."""
        empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage_body(Usage())}
        return [{"type": "message_start", "message": {**self._head, **empty}}]

    def encode(self, delta: Delta) -> list[Json]:
        """The events for one delta."""
        match delta:
            case TextDelta() if delta.text:
                begun = self._begin("text", {"type": "text", "text": ""})
                return [*begun, self._delta("text_delta", text=delta.text)]
            case ReasoningDelta() if delta.text and self._thoughts:
                begun = self._begin("thinking", {"type": "thinking", "thinking": "", "signature": ""})
                return [*begun, self._delta("thinking_delta", thinking=delta.text)]
            case ToolCallDelta():
                return self._call(delta)
            case Finish():
                self._finish = delta
        return []

    def closing(self, *, usage: Usage, maker: JsonObject | None = None) -> list[Json]:
        """The end of the open block and of the message."""
        ended = {"stop_reason": STOP_REASONS[self._finish.reason], "stop_sequence": None}
        events = [*self._end(), {"type": "message_delta", "delta": ended, "usage": usage_body(usage)}]
        last: Json = {"type": "message_stop"}
        if maker is not None:
            last["maker"] = dict(maker)
        return [*events, last]

    def _call(self, delta: ToolCallDelta) -> list[Json]:
        events: list[Json] = []
        if delta.name is not None:
            block: Json = {"type": "tool_use", "id": delta.id, "name": delta.name, "input": {}}
            events += [*self._end(), *self._begin("tool_use", block)]
        if delta.arguments:
            events.append(self._delta("input_json_delta", partial_json=delta.arguments))
        return events

    def _begin(self, kind: str, block: Json) -> list[Json]:
        if self._open == kind:
            return []
        events = self._end()
        self._open = kind
        self._blocks += 1
        return [*events, {"type": "content_block_start", "index": self._blocks - 1, "content_block": block}]

    def _delta(self, kind: str, **fields: str) -> Json:
        return {"type": "content_block_delta", "index": self._blocks - 1, "delta": {"type": kind, **fields}}

    def _end(self) -> list[Json]:
        if self._open is None:
            return []
        self._open = None
        return [{"type": "content_block_stop", "index": self._blocks - 1}]


def message_body(
    completion: Completion, *, id: str, model: str, usage: Usage, maker: JsonObject, thoughts: bool = False
) -> Json:
    """The body of a message that is not streamed."""
    content: list[Json] = []
    if completion.reasoning and thoughts:
        content.append({"type": "thinking", "thinking": completion.reasoning, "signature": ""})
    if completion.text:
        content.append({"type": "text", "text": completion.text})
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)}
        for call in completion.tool_calls
    ]
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": STOP_REASONS[completion.finish_reason],
        "stop_sequence": None,
        "usage": usage_body(usage),
        "maker": dict(maker),
    }


def _input(arguments: str) -> object:
    """The arguments as an object; as the model wrote them, in one, where they are none."""
    try:
        found = json.loads(arguments or "{}")
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"arguments": arguments}


def usage_body(usage: Usage) -> Json:
    """Tokens as this wire counts them: those of the prompt that were cached stand apart."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }


def message_error(message: str, status: int) -> Json:
    """The one shape of every error here, as a body or as the last event of a stream that failed."""
    return {"type": "error", "error": {"type": ERROR_TYPES.get(status, "api_error"), "message": message}}
