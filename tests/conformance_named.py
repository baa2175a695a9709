"""Whether streams of named events keep their promises: OpenAI's Responses and Anthropic's Messages; and legacy text.

Written apart from the encoders, by what the clients' own libraries add up and stumble over.
"""

import json
import re
from typing import Any

Event = dict[str, Any]

PARTS = {
    "message": ("response.content_part", "response.output_text", "text"),
    "reasoning": ("response.reasoning_summary_part", "response.reasoning_summary_text", "text"),
    "function_call": (None, "response.function_call_arguments", "arguments"),
}
ENDS = {"response.completed", "response.incomplete", "response.failed"}
STOP_REASONS = {"end_turn", "max_tokens", "tool_use", "refusal", "stop_sequence"}
DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}
PIECES = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def check_responses(raw: bytes, *, reasoning_allowed: bool) -> list[str]:
    """Every violation in the raw body of a streamed response of `/v1/responses`."""
    found: list[str] = []
    events = named_events(raw, found)
    if [event.get("sequence_number") for event in events] != list(range(len(events))):
        found.append("the sequence numbers are not 0, 1, 2, ...")
    kinds = [event["type"] for event in events]
    if kinds[:2] != ["response.created", "response.in_progress"]:
        found.append("the stream does not begin with created and in_progress")
    if not kinds or kinds[-1] not in ENDS or any(kind in ENDS for kind in kinds[:-1]):
        return [*found, "the stream does not end in exactly one end"]
    _check_items(events[2:-1], events[-1], found)
    if not reasoning_allowed and any("reasoning" in kind for kind in kinds):
        found.append("reasoning is not allowed here")
    _check_response(events[0]["response"], events[-1], found)
    return found


def _check_response(first: Event, end: Event, found: list[str]) -> None:
    last = end["response"]
    if end["type"] != f"response.{last.get('status')}":
        found.append("the end and its status differ")
    if (first.get("id"), first.get("object"), first.get("status")) != (last.get("id"), "response", "in_progress"):
        found.append("the response changes on the way")
    if end["type"] == "response.failed":
        if not isinstance(last.get("error"), dict) or not {"code", "message"} <= set(last["error"]):
            found.append("a failure has no error")
        return
    usage = last.get("usage") or {}
    if usage.get("total_tokens") != usage.get("input_tokens", 0) + usage.get("output_tokens", 0):
        found.append("usage is missing or does not add up")
    if end["type"] == "response.incomplete" and not last.get("incomplete_details"):
        found.append("an incomplete response does not say why")


def _check_items(events: list[Event], end: Event, found: list[str]) -> None:
    """Items come one after the other: added, its part, its deltas, done; and stand so in the response."""
    done: list[Event] = []
    item: Event | None = None
    text = ""
    for event in events:
        kind = event["type"]
        if event.get("output_index") != len(done):
            found.append(f"{kind} is of another item")
        if kind == "response.output_item.added":
            if item is not None:
                found.append("an item begins before the last one ended")
            item, text = event["item"], ""
            if item.get("type") == "function_call" and (item.get("arguments") != "" or not item.get("call_id")):
                found.append("a call does not begin with an id and empty arguments")
        elif item is None:
            found.append(f"{kind} comes before its item")
        elif kind == "response.output_item.done":
            if _text_of(event["item"]) != text and item["type"] != "function_call":
                found.append("an item is not what its deltas add up to")
            done.append(event["item"])
            item = None
        else:
            text += _check_piece(event, item, text, found)
    failed = end["type"] == "response.failed"
    if item is not None and not failed:
        found.append("an item is not done")
    if end["response"].get("output") != done:
        found.append("the response's output is not what was streamed")


def _check_piece(event: Event, item: Event, text: str, found: list[str]) -> str:
    part, piece, whole = PARTS[item["type"]]
    allowed = {f"{piece}.delta", f"{piece}.done", *({f"{part}.added", f"{part}.done"} if part else ())}
    if event["type"] not in allowed or event.get("item_id") != item["id"]:
        found.append(f"{event['type']} has no place in {item['type']}")
    if event["type"] == f"{piece}.done" and event[whole] != (text or ("{}" if whole == "arguments" else "")):
        found.append("a part is not what its deltas add up to")
    return str(event["delta"]) if event["type"] == f"{piece}.delta" else ""


def _text_of(item: Event) -> str:
    parts = item.get("content") or item.get("summary") or []
    return "".join(part["text"] for part in parts) or item.get("arguments", "")


def check_messages(raw: bytes, *, thoughts_allowed: bool) -> list[str]:
    """Every violation in the raw body of a streamed response of `/v1/messages`."""
    found: list[str] = []
    events = named_events(raw, found)
    kinds = [event["type"] for event in events]
    if kinds[-1:] == ["error"]:
        error = events[-1].get("error")
        if not isinstance(error, dict) or not {"type", "message"} <= set(error):
            found.append("the error is no Anthropic error object")
        elif error["type"] == "overloaded_error":
            found.append("the error's type makes clients retry")
        if "message_delta" in kinds:
            found.append("a stream that failed has a stop reason")
        _check_blocks(events[1:-1], found, thoughts_allowed, failed=True)
        return found
    if kinds[:1] != ["message_start"] or kinds[-2:] != ["message_delta", "message_stop"]:
        return [*found, "the stream does not go from message_start to message_stop"]
    if events[0]["message"].get("content") != [] or events[0]["message"].get("stop_reason") is not None:
        found.append("the message does not begin empty")
    if events[-2]["delta"].get("stop_reason") not in STOP_REASONS:
        found.append("unknown stop reason")
    if not isinstance(events[-2].get("usage", {}).get("output_tokens"), int):
        found.append("usage is missing")
    _check_blocks(events[1:-2], found, thoughts_allowed, failed=False)
    return found


def _check_blocks(events: list[Event], found: list[str], thoughts_allowed: bool, *, failed: bool) -> None:
    count, block, pieces = 0, None, ""
    for event in events:
        kind = event["type"]
        if kind == "content_block_start":
            if block is not None or event.get("index") != count:
                found.append("a block begins out of order")
            block, pieces = event["content_block"], ""
            if block["type"] == "thinking" and not thoughts_allowed:
                found.append("thoughts are not allowed here")
            if block["type"] == "tool_use" and (
                block.get("input") != {} or not block.get("id") or not block.get("name")
            ):
                found.append("a call does not begin with id, name and no input")
        elif block is None or event.get("index") != count:
            found.append(f"{kind} is outside its block")
        elif kind == "content_block_delta":
            if event["delta"].get("type") != DELTAS[block["type"]]:
                found.append("a delta is of another kind than its block")
            pieces += str(event["delta"].get(PIECES.get(event["delta"].get("type"), ""), ""))
        elif kind == "content_block_stop":
            if block["type"] == "tool_use" and not isinstance(_parsed(pieces or "{}"), dict):
                found.append("a call's input is no JSON object")
            block, count = None, count + 1
        else:
            found.append(f"{kind} has no place here")
    if block is not None and not failed:
        found.append("a block has no end")


def named_events(raw: bytes, found: list[str]) -> list[Event]:
    """The events of a stream, each with the name that its data has too."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        found.append("the stream is not UTF-8")
        return []
    if not text.endswith("\n\n"):
        found.append("the stream ends within an event")
    events: list[Event] = []
    for block in text.split("\n\n"):
        lines = [line for line in re.split(r"\r\n|\r|\n", block) if line and not line.startswith(":")]
        if not lines:
            continue
        name, data = lines[0].removeprefix("event: "), _parsed(lines[-1].removeprefix("data: "))
        if len(lines) != 2 or not isinstance(data, dict) or data.get("type") != name:
            found.append(f"not an event with its name: {block[:60]!r}")
        else:
            events.append(data)
    return events


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def check_text(raw: bytes, *, usage_asked: bool) -> list[str]:
    """Every violation in the raw body of a streamed response of `/v1/completions`."""
    blocks = [block for block in raw.decode("utf-8").split("\n\n") if block and not block.startswith(":")]
    data = [block.removeprefix("data: ") for block in blocks]
    if data[-1:] != ["[DONE]"]:
        failed = _parsed(data[-1]) if data else None
        if not isinstance(failed, dict) or "error" not in failed:
            return ["the stream ends in neither [DONE] nor an error"]
        return ["a stream that failed has a finish"] if any('"finish_reason":"' in one for one in data) else []
    chunks = [_parsed(one) for one in data[:-1]]
    found = []
    if any(not isinstance(chunk, dict) or chunk.get("object") != "text_completion" for chunk in chunks):
        return ["a chunk is no text completion"]
    if len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks}) != 1:
        found.append("id, model or created changes")
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    if any(not isinstance(choice.get("text"), str) for choice in choices):
        found.append("a choice has no text")
    finished = [choice["index"] for choice in choices if choice["finish_reason"]]
    if sorted(finished) != sorted({choice["index"] for choice in choices}):
        found.append("a choice has no finish, or two")
    with_usage = [chunk for chunk in chunks if chunk.get("usage")]
    if len(with_usage) != int(usage_asked) or (usage_asked and with_usage[0] is not chunks[-1]):
        found.append("usage does not come once and last, or was not asked for")
    return found
