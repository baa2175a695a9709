"""maker's own types to the events and the object of OpenAI's Responses API.

The events of one output item never stand among those of another, and each has the next sequence number. A call of a
function in a namespace has the function's own name and, beside it, `namespace`: so have OpenAI's library
(`ResponseFunctionToolCall.namespace`) and Codex's router of calls (openai/codex: codex-rs/core/src/tools/router.rs).
"""

from collections.abc import Mapping
from typing import Any

from maker.chat.parse_responses import flat_names
from maker.chat.types import (
    Completion,
    Delta,
    Finish,
    JsonObject,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    deltas_of,
)

Json = dict[str, Any]

ECHOED = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "reasoning",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
)
"""Fields of a request that its response repeats."""
DEFAULTS: Mapping[str, Any] = {"metadata": {}, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}


class ResponseEncoder:
    """Encodes one streamed response; `opening` first, `encode` each delta, `closing`, or `failing` at the end."""

    def __init__(self, *, id: str, created: int, model: str, asked: JsonObject, reasoning: bool = True) -> None:
        self._id, self._reasoning = id, reasoning
        self._head = {"id": id, "object": "response", "created_at": created, "model": model}
        self._head |= {name: DEFAULTS.get(name) if asked.get(name) is None else asked[name] for name in ECHOED}
        self._called = {flat: called for called, flat in flat_names(asked).items()}
        self._number = 0
        self._items: list[Json] = []
        self._text: list[str] = []
        self._finish = Finish("stop")

    def opening(self) -> list[Json]:
        """The response begins, with nothing in it."""
        begun = self._response("in_progress")
        return [self._event("response.created", response=begun), self._event("response.in_progress", response=begun)]

    def encode(self, delta: Delta) -> list[Json]:
        """The events for one delta."""
        match delta:
            case TextDelta() if delta.text:
                events = self._open("message")
                self._text.append(delta.text)
                return [*events, self._part("response.output_text.delta", delta=delta.text, logprobs=[])]
            case ReasoningDelta() if delta.text and self._reasoning:
                events = self._open("reasoning")
                self._text.append(delta.text)
                return [*events, self._part("response.reasoning_summary_text.delta", delta=delta.text)]
            case ToolCallDelta():
                return self._call(delta)
            case Finish():
                self._finish = delta
        return []

    def closing(self, *, usage: Usage, maker: JsonObject | None = None) -> list[Json]:
        """The end of the open item and of the response."""
        events = self._close()
        cut = self._finish.reason == "length"
        whole = self._response("incomplete" if cut else "completed", usage, maker)
        return [*events, self._event(f"response.{whole['status']}", response=whole)]

    def failing(self, code: str, message: str) -> list[Json]:
        """The end of a response that failed; items that were begun stay open."""
        failed = {**self._response("failed"), "error": {"code": code, "message": message}}
        return [self._event("response.failed", response=failed)]

    def _response(self, status: str, usage: Usage | None = None, maker: JsonObject | None = None) -> Json:
        incomplete = {"reason": "max_output_tokens"} if status == "incomplete" else None
        output = [item for item in self._items if item.get("status", "completed") == "completed"]
        return {
            **self._head,
            "status": status,
            "error": None,
            "incomplete_details": incomplete,
            "output": output,
            "previous_response_id": None,
            "store": False,
            "truncation": "disabled",
            "usage": usage and usage_body(usage),
            **({"maker": dict(maker)} if maker is not None else {}),
        }

    def _call(self, delta: ToolCallDelta) -> list[Json]:
        events: list[Json] = []
        if delta.name is not None:
            namespace, name = self._called.get(delta.name, (None, delta.name))
            spaced = {} if namespace is None else {"namespace": namespace}
            events += self._open("function_call", call_id=delta.id, name=name, **spaced)
        if delta.arguments:
            self._text.append(delta.arguments)
            events.append(self._part("response.function_call_arguments.delta", delta=delta.arguments))
        return events

    def _open(self, kind: str, **more: Any) -> list[Json]:
        """Begin an item, unless it is one of text and of this kind that is open already."""
        last = self._items[-1] if self._items and self._items[-1]["status"] == "in_progress" else None
        if last and last["type"] == kind != "function_call":
            return []
        events = self._close()
        item = _item(kind, f"{self._id.removeprefix('resp_')}_{len(self._items)}", **more)
        self._items.append(item)
        events.append(self._event("response.output_item.added", output_index=len(self._items) - 1, item=dict(item)))
        if kind == "message":
            events.append(self._part("response.content_part.added", part=_output_text("")))
        elif kind == "reasoning":
            events.append(self._part("response.reasoning_summary_part.added", part=_summary("")))
        return events

    def _close(self) -> list[Json]:
        """End the item that is open, if one is."""
        if not self._items or self._items[-1]["status"] != "in_progress":
            return []
        item, text = self._items[-1], "".join(self._text)
        self._text.clear()
        item["status"] = "completed"
        if item["type"] == "message":
            item["content"] = [_output_text(text)]
            events = [
                self._part("response.output_text.done", text=text, logprobs=[]),
                self._part("response.content_part.done", part=item["content"][0]),
            ]
        elif item["type"] == "reasoning":
            item["summary"] = [_summary(text)]
            events = [
                self._part("response.reasoning_summary_text.done", text=text),
                self._part("response.reasoning_summary_part.done", part=item["summary"][0]),
            ]
        else:
            item["arguments"] = text or "{}"
            done = "response.function_call_arguments.done"
            events = [self._part(done, name=item["name"], arguments=item["arguments"])]
        return [*events, self._event("response.output_item.done", output_index=len(self._items) - 1, item=dict(item))]

    def _part(self, kind: str, **fields: Any) -> Json:
        """An event about the open item."""
        item = self._items[-1]
        where = {"message": {"content_index": 0}, "reasoning": {"summary_index": 0}}.get(item["type"], {})
        return self._event(kind, item_id=item["id"], output_index=len(self._items) - 1, **where, **fields)

    def _event(self, kind: str, **fields: Any) -> Json:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **fields}


def response_body(encoder: ResponseEncoder, completion: Completion, *, usage: Usage, maker: JsonObject) -> Json:
    """The object of a response that is not streamed: what the events of one would add up to."""
    encoder.opening()
    for delta in deltas_of(completion):
        encoder.encode(delta)
    whole: Json = encoder.closing(usage=usage, maker=maker)[-1]["response"]
    return whole


def usage_body(usage: Usage) -> Json:
    """Tokens as this wire counts them."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _item(kind: str, id: str, **more: Any) -> Json:
    if kind == "message":
        return {"id": f"msg_{id}", "type": kind, "status": "in_progress", "role": "assistant", "content": []}
    if kind == "reasoning":
        return {"id": f"rs_{id}", "type": kind, "status": "in_progress", "summary": []}
    return {"id": f"fc_{id}", "type": kind, "status": "in_progress", "arguments": "", **more}


def _output_text(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}
