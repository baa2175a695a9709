"""JSON values as tool calls: what a model wrote between its markers, read strictly. Nothing here raises."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from maker.chat.fields import MAX_DEPTH, is_deeper
from maker.chat.types import JsonObject, ToolCall

_SPACE = re.compile(r"\s*")
_NAMES = ("name", "function", "tool_name")
_ARGUMENTS = ("arguments", "parameters")


def calls_of(value: Any, offered: Mapping[str, JsonObject], *, strict: bool) -> list[ToolCall] | None:
    """The calls that a JSON value means; None where any part of it is no call. `strict` where nothing announced it."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    if isinstance(value, list):
        made = [_one(item, offered, strict=strict) for item in value]
        calls = [call for call in made if call is not None]
        return calls if calls and len(calls) == len(made) else None
    call = _one(value, offered, strict=strict)
    return [call] if call else None


def _one(value: Any, offered: Mapping[str, JsonObject], *, strict: bool) -> ToolCall | None:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict):
        return None
    name = next((value[key] for key in _NAMES if value.get(key)), None)
    given = [key for key in _ARGUMENTS if key in value]
    if strict and (not given or set(value) - {*_NAMES, *_ARGUMENTS, "id", "type", "tool_call_id"}):
        return None
    return call_of(name, value[given[0]] if given else {}, offered)


def call_of(name: Any, arguments: Any, offered: Mapping[str, JsonObject]) -> ToolCall | None:
    """The call, if the tool is offered and the arguments are an object, or JSON text of one."""
    if isinstance(arguments, str):
        arguments = whole(arguments)
    if not isinstance(name, str) or name not in offered or not isinstance(arguments, dict):
        return None
    return ToolCall("", name, render(arguments))


def typed(text: str, schema: object) -> Any:
    """A value written between tags: text, unless the schema says that it is something else and it can be read so."""
    text = text.removeprefix("\n").removesuffix("\n")
    kinds = schema.get("type") if isinstance(schema, Mapping) else None
    if kinds is None or kinds == "string" or (isinstance(kinds, list) and "string" in kinds):
        return text
    return whole(text)


def whole(text: str) -> Any:
    """The JSON value that the text is; the text itself where it is none."""
    value = decode(text, 0)
    return value[1] if value and not text[value[0] :].strip() else text


def decode(text: str, at: int) -> tuple[int, Any] | None:
    """The JSON value at this place, white space before it allowed, and where it ends; None if it could not be sent."""
    try:
        value, end = _DECODER.raw_decode(text, skip(text, at))
    except (ValueError, RecursionError):
        return None
    return None if is_deeper([value], MAX_DEPTH) else (end, value)


def render(arguments: Mapping[str, Any]) -> str:
    """Arguments as the wire has them."""
    return json.dumps(arguments, ensure_ascii=False)


def skip(text: str, at: int) -> int:
    """The place of the next character that is no white space."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
