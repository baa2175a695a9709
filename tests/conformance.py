"""Whether a streamed chat response keeps every promise that clients depend on; written apart from the encoder."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter"}
KINDS = ("content", "reasoning_content", "tool_calls")


def check_stream(raw: bytes, *, usage_asked: bool, reasoning_allowed: bool) -> list[str]:
    """Every violation in the raw body of a response to `stream: true`; an empty list if it conforms."""
    found: list[str] = []
    events = _events(raw, found)
    if not events:
        return [*found, "the stream has no events"]
    values = [_json(event, found) for event in events[:-1]]
    last = None if events[-1] == "[DONE]" else _json(events[-1], found)
    _check_end(values, events[-1], last, found)
    chunks = [value for value in [*values, last] if isinstance(value, dict) and "error" not in value]
    failed = last is not None and "error" in last
    _check_heads(chunks, found)
    _check_usage(chunks, usage_asked, failed, found)
    choices = _Choices(found, reasoning_allowed)
    for chunk in chunks:
        for choice in chunk.get("choices", ()):
            choices.take(choice)
    choices.end(failed)
    return found


def _events(raw: bytes, found: list[str]) -> list[str]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        found.append("the stream is not UTF-8")
        return []
    if not re.search(r"(\r\n\r\n|\n\n|\r\r)\Z", text):
        found.append("the stream ends within an event")
    events: list[str] = []
    data: list[str] = []
    for line in re.split(r"\r\n|\r|\n", text):
        if line.startswith(":"):
            if line.removeprefix(":").strip().startswith("ping"):
                found.append("a comment says ping")
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif line:
            found.append(f"a line is neither data nor comment: {line[:40]!r}")
        elif data:
            events.append("\n".join(data))
            data = []
    return events


def _json(event: str, found: list[str]) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    if event == "[DONE]":
        found.append("[DONE] is not the last event, or comes twice")
        return None
    try:
        value = json.loads(event, parse_constant=refuse)
    except ValueError:
        found.append(f"an event is not JSON: {event[:40]!r}")
        return None
    if not isinstance(value, dict):
        found.append("an event is not a JSON object")
        return None
    return value


def _check_end(values: list[Any], end: str, last: Any, found: list[str]) -> None:
    if any(isinstance(value, dict) and "error" in value for value in values):
        found.append("something follows an error")
    if end == "[DONE]":
        return
    if not isinstance(last, dict) or "error" not in last:
        found.append("the stream ends in neither [DONE] nor an error")
        return
    error = last["error"]
    if not isinstance(error, dict) or not {"message", "type", "code"} <= set(error):
        found.append("the error is no OpenAI error object")
    elif error["type"] in {"server_error", "rate_limit_exceeded"}:
        found.append("the error's type makes clients retry")


def _check_heads(chunks: list[dict[str, Any]], found: list[str]) -> None:
    if any(chunk.get("object") != "chat.completion.chunk" for chunk in chunks):
        found.append("a chunk has the wrong object")
    for name, kind in (("id", str), ("created", int), ("model", str)):
        seen = {repr(chunk.get(name)) for chunk in chunks}
        if len(seen) > 1 or any(not isinstance(chunk.get(name), kind) for chunk in chunks):
            found.append(f"{name} is missing or changes")
    if any("maker" in chunk for chunk in chunks[:-1]):
        found.append("maker is not in the last chunk")


def _check_usage(chunks: list[dict[str, Any]], asked: bool, failed: bool, found: list[str]) -> None:
    with_usage = [chunk for chunk in chunks if chunk.get("usage")]
    if not asked and with_usage:
        found.append("usage was not asked for")
    if not asked and any(not chunk.get("choices") for chunk in chunks):
        found.append("a chunk has no choices")
    if asked and not failed:
        if len(with_usage) != 1:
            found.append(f"usage comes {len(with_usage)} times")
        elif with_usage[0] is not chunks[-1] or with_usage[0].get("choices") != []:
            found.append("usage is not alone in the last chunk")
    for chunk in with_usage:
        usage = chunk["usage"]
        if usage.get("total_tokens") != usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0):
            found.append("usage does not add up")


@dataclass
class _Choice:
    opened: bool = False
    finished: bool = False
    calls: list[str] = field(default_factory=list)


class _Choices:
    def __init__(self, found: list[str], reasoning_allowed: bool) -> None:
        self._found, self._reasoning_allowed = found, reasoning_allowed
        self._states: dict[int, _Choice] = {}

    def take(self, choice: dict[str, Any]) -> None:
        delta, index = choice.get("delta"), choice.get("index")
        if not isinstance(delta, dict) or not isinstance(index, int):
            self._found.append("a choice has no delta or no index")
            return
        if index > len(self._states):
            self._found.append("a choice begins before the one before it")
        state = self._states.setdefault(index, _Choice())
        if state.finished:
            self._found.append("a choice goes on after its end")
        self._role(delta, state)
        self._kinds(delta)
        for call in delta.get("tool_calls") or ():
            self._call(call, state)
        reason = choice.get("finish_reason")
        if reason is not None:
            if reason not in FINISH_REASONS:
                self._found.append(f"unknown finish reason {reason!r}")
            if delta:
                self._found.append("the finish chunk has a delta")
            state.finished = True

    def end(self, failed: bool) -> None:
        finished = [state.finished for state in self._states.values()]
        if failed and any(finished):
            self._found.append("a stream that failed has a finish")
        if not failed and (not finished or not all(finished)):
            self._found.append("a choice has no finish")

    def _role(self, delta: dict[str, Any], state: _Choice) -> None:
        if not state.opened and delta.get("role") != "assistant":
            self._found.append("the first delta of a choice has no role")
        if state.opened and "role" in delta:
            self._found.append("the role comes twice")
        state.opened = True

    def _kinds(self, delta: dict[str, Any]) -> None:
        if sum(bool(delta.get(kind)) for kind in KINDS) > 1:
            self._found.append("a delta has several kinds")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if not self._reasoning_allowed and (thought or "<think>" in (delta.get("content") or "")):
            self._found.append("reasoning is not allowed here")

    def _call(self, call: dict[str, Any], state: _Choice) -> None:
        index, function = call.get("index"), call.get("function") or {}
        arguments = function.get("arguments", "")
        if index == len(state.calls):
            if not call.get("id") or not function.get("name") or arguments != "":
                self._found.append("a tool call does not open with id, name and empty arguments")
            state.calls.append("")
        elif index != len(state.calls) - 1:
            self._found.append("tool calls are mixed")
            return
        elif "id" in call or "name" in function:
            self._found.append("a tool call opens twice")
        if arguments and _is_json(state.calls[-1]):
            self._found.append("arguments go on after they were whole")
        state.calls[-1] += arguments


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
