"""The judges of named streams are judged: each passes a good stream and names what is wrong with each broken one."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance_named import check_messages, check_responses, check_text

Events = list[dict[str, Any]]
Change = Callable[[Events], Any]


def render(events: Events) -> bytes:
    return b": keep-alive\n\n" + b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def numbered(events: Events) -> Events:
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def response(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "status": status, "output": [], **more}


def good_response() -> Events:
    message = {"id": "msg_0", "type": "message", "role": "assistant", "status": "completed"}
    said = {"type": "output_text", "text": "ab", "annotations": []}
    done = {**message, "content": [said]}
    call = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "read", "arguments": "{}"}
    at, second = {"item_id": "msg_0", "output_index": 0}, {"item_id": "fc_1", "output_index": 1}
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    return numbered(
        [
            {"type": "response.created", "response": response("in_progress")},
            {"type": "response.in_progress", "response": response("in_progress")},
            {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
            {"type": "response.content_part.added", **at, "part": {**said, "text": ""}},
            {"type": "response.output_text.delta", **at, "delta": "a"},
            {"type": "response.output_text.delta", **at, "delta": "b"},
            {"type": "response.output_text.done", **at, "text": "ab"},
            {"type": "response.content_part.done", **at, "part": said},
            {"type": "response.output_item.done", "output_index": 0, "item": done},
            {"type": "response.output_item.added", "output_index": 1, "item": {**call, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", **second, "delta": "{}"},
            {"type": "response.function_call_arguments.done", **second, "arguments": "{}"},
            {"type": "response.output_item.done", "output_index": 1, "item": call},
            {"type": "response.completed", "response": response("completed", output=[done, call], usage=usage)},
        ]
    )


def without(position: int) -> Change:
    return lambda events: numbered([*events[:position], *events[position + 1 :]])


def changed(position: int, **fields: Any) -> Change:
    return lambda events: numbered([*events[:position], {**events[position], **fields}, *events[position + 1 :]])


BROKEN_RESPONSES: list[tuple[str, Change]] = [
    ("sequence numbers", lambda events: [*events[:3], *events[4:]]),
    ("does not begin with created", without(1)),
    ("exactly one end", without(13)),
    ("exactly one end", lambda events: numbered([*events, events[-1]])),
    ("comes before its item", without(2)),
    ("not what its deltas add up to", changed(5, delta="c")),
    ("not what its deltas add up to", changed(6, text="x")),
    ("an item begins before", without(8)),
    ("an item is not done", without(12)),
    ("of another item", changed(5, output_index=1)),
    ("no place in message", changed(5, type="response.reasoning_summary_text.delta")),
    ("no place in message", changed(5, item_id="other")),
    ("id and empty arguments", changed(9, item={"id": "fc_1", "type": "function_call", "arguments": "{}"})),
    ("output is not what was streamed", changed(13, response=response("completed", usage={}))),
    ("usage is missing", changed(13, response=response("completed", usage={"total_tokens": 4}))),
    ("the end and its status differ", changed(13, type="response.incomplete")),
    ("does not say why", changed(13, type="response.incomplete", response=response("incomplete"))),
    ("a failure has no error", changed(13, type="response.failed", response=response("failed"))),
    ("the response changes", changed(13, response={**response("completed"), "id": "other"})),
]


def test_a_good_response_passes() -> None:
    assert check_responses(render(good_response()), reasoning_allowed=False) == []


@pytest.mark.parametrize(("violation", "change"), BROKEN_RESPONSES, ids=range(len(BROKEN_RESPONSES)))
def test_a_broken_response_is_found_out(violation: str, change: Change) -> None:
    found = check_responses(render(change(copy.deepcopy(good_response()))), reasoning_allowed=True)
    assert any(violation in line for line in found), found


def good_message() -> Events:
    begun = {"id": "msg_1", "role": "assistant", "content": [], "stop_reason": None}
    call = {"type": "tool_use", "id": "t", "name": "read", "input": {}}
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": call},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]


FAILED = {"type": "error", "error": {"type": "api_error", "message": "it broke"}}
BROKEN_MESSAGES: list[tuple[str, Change]] = [
    ("from message_start to message_stop", without(0)),
    ("from message_start to message_stop", without(7)),
    ("from message_start to message_stop", without(8)),
    ("does not begin empty", changed(0, message={"content": ["x"]})),
    ("unknown stop reason", changed(7, delta={"stop_reason": "tired"})),
    ("usage is missing", changed(7, usage={})),
    ("begins out of order", without(3)),
    ("begins out of order", changed(4, index=0)),
    ("outside its block", without(1)),
    ("outside its block", changed(2, index=1)),
    ("another kind than its block", changed(2, delta={"type": "input_json_delta", "partial_json": ""})),
    (
        "id, name and no input",
        changed(4, content_block={"type": "tool_use", "id": "t", "name": "r", "input": {"a": 1}}),
    ),
    ("no JSON object", changed(5, delta={"type": "input_json_delta", "partial_json": '{"a":'})),
    ("a block has no end", without(6)),
    ("no place here", changed(3, type="message_stop")),
    ("thoughts are not allowed", changed(1, content_block={"type": "thinking", "thinking": ""})),
    ("no Anthropic error object", lambda events: [*events[:4], {"type": "error", "error": "it broke"}]),
    ("has a stop reason", lambda events: [*events[:8], FAILED]),
]


def test_a_good_message_passes_and_one_that_fails_properly_too() -> None:
    assert check_messages(render(good_message()), thoughts_allowed=False) == []
    assert check_messages(render([*good_message()[:3], FAILED]), thoughts_allowed=False) == []


@pytest.mark.parametrize(("violation", "change"), BROKEN_MESSAGES, ids=range(len(BROKEN_MESSAGES)))
def test_a_broken_message_is_found_out(violation: str, change: Change) -> None:
    found = check_messages(render(change(copy.deepcopy(good_message()))), thoughts_allowed=False)
    assert any(violation in line for line in found), found


def test_events_without_their_names_are_found_out() -> None:
    raw = render(good_message()).replace(b"event: message_stop\n", b"")
    assert any("not an event with its name" in line for line in check_messages(raw, thoughts_allowed=False))
    assert "the stream ends within an event" in check_messages(raw[:-1], thoughts_allowed=False)
    assert "the stream is not UTF-8" in check_messages(b"\xff", thoughts_allowed=False)


def text_chunk(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    head = {"id": "c", "object": "text_completion", "created": 1, "model": "maker-low"}
    return {**head, "choices": [{"index": 0, "text": text, "finish_reason": finish}], **more}


USAGE = {**text_chunk(""), "choices": [], "usage": {"total_tokens": 2}}


def check_chunks(*chunks: Any, usage_asked: bool = True) -> list[str]:
    raw = "".join(
        f"data: {one if isinstance(one, str) else json.dumps(one, separators=(',', ':'))}\n\n" for one in chunks
    )
    return check_text(raw.encode(), usage_asked=usage_asked)


def test_streamed_text_is_judged_too() -> None:
    error = {"error": {"message": "it broke"}}
    assert check_chunks(text_chunk("a"), text_chunk("", "stop"), USAGE, "[DONE]") == []
    assert check_chunks(text_chunk("a"), error) == []
    assert check_chunks(text_chunk("a"), text_chunk("", "stop"), error) == ["a stream that failed has a finish"]
    assert check_chunks(text_chunk("a"), USAGE, "[DONE]") == ["a choice has no finish, or two"]
    assert check_chunks(text_chunk("a", "stop"), text_chunk("", "stop"), USAGE, "[DONE]") == [
        "a choice has no finish, or two"
    ]
    assert check_chunks(text_chunk("", "stop"), "[DONE]") == ["usage does not come once and last, or was not asked for"]
    assert check_chunks(text_chunk("a", "stop")) == ["the stream ends in neither [DONE] nor an error"]
    assert check_chunks(text_chunk("a", "stop", id="d"), text_chunk("b"), "[DONE]", usage_asked=False) == [
        "id, model or created changes"
    ]
    assert check_chunks(text_chunk("a", object="chat.completion.chunk"), "[DONE]") == ["a chunk is no text completion"]
