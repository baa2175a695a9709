"""An OpenAI chat request, from decoded JSON to a `ChatRequest`.

Clients are not ours: unknown fields are ignored, and only what would break something later is refused, each with one
sentence and the field's name. Whatever the body is, nothing but `RequestError` is raised.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from maker.chat.types import ChatRequest, JsonObject, Sampling
from maker.errors import RequestError

ROLES = ("system", "developer", "user", "assistant", "tool")
PARTS = ("text", "image_url")
OPTIONAL_STRINGS = ("name", "tool_call_id", "reasoning_content")
"""Fields of a message that llama-server answers with 500 if they are anything else."""

MAX_CHOICES = 16
# OpenAI allows 4; Continue's autocomplete sends 10 over the chat endpoint.
MAX_STOPS = 32
MAX_TOKENS = 2**31 - 1
# Far beyond any tool's schema, and far within what JSON encoders, ours and the model servers', can take.
MAX_DEPTH = 100

_KEPT = ("messages", "model", "tools", "tool_choice", "response_format", "stop")

T = TypeVar("T")


def parse_chat(body: object) -> ChatRequest:
    """Parse the decoded body of a chat completion request; the messages and tools in it stay the same objects.

    Raises:
        RequestError: something in it cannot be used; `param` is the field.
    """
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, not {_kind(body)}")
    _check_sendable({name: body[name] for name in _KEPT if name in body})
    options = _object(body, "stream_options") or {}
    return ChatRequest(
        messages=_messages(body),
        model=_string(body, "model"),
        tools=_objects(body, "tools", _check_tool),
        tool_choice=_tool_choice(body),
        parallel_tool_calls=_flag(body, "parallel_tool_calls"),
        response_format=_response_format(body),
        sampling=parse_sampling(body),
        stream=_flag(body, "stream") or False,
        include_usage=_flag(options, "include_usage", "stream_options.include_usage") or False,
    )


def parse_sampling(body: Mapping[str, Any]) -> Sampling:
    """The sampling settings among the fields of a request, of whichever endpoint.

    Raises:
        RequestError: a setting has the wrong type or is out of range.
    """
    limit = _integer(body, "max_completion_tokens", 1, MAX_TOKENS)
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        raise RequestError("'top_logprobs' needs 'logprobs' to be true", param="top_logprobs")
    return Sampling(
        temperature=_number(body, "temperature", 0, 2),
        top_p=_number(body, "top_p", 0, 1),
        max_tokens=limit or _integer(body, "max_tokens", 1, MAX_TOKENS),
        stop=_stop(body),
        seed=_integer(body, "seed", -(2**63), 2**63 - 1),
        n=_integer(body, "n", 1, MAX_CHOICES) or 1,
        presence_penalty=_number(body, "presence_penalty", -2, 2),
        frequency_penalty=_number(body, "frequency_penalty", -2, 2),
        logprobs=_flag(body, "logprobs"),
        top_logprobs=_integer(body, "top_logprobs", 0, 20),
    )


def _check_sendable(kept: Mapping[str, Any]) -> None:
    """Refuse what could be decoded but not be encoded again for a model server."""
    if _is_deeper(kept, MAX_DEPTH):
        raise RequestError(f"the body is nested more than {MAX_DEPTH} levels deep; send a flatter one")
    try:
        json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise RequestError(f"the text contains {half}, half of a surrogate pair; send whole characters") from None
    except (TypeError, ValueError):
        raise RequestError("the body contains a value that JSON does not have, such as NaN or Infinity") from None


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether containers are nested more than `limit` levels; level by level, so that no depth is too much."""
    level = [value]
    for _ in range(limit + 1):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _messages(body: Mapping[str, Any]) -> tuple[JsonObject, ...]:
    messages = _objects(body, "messages", _check_message)
    if not messages:
        raise RequestError("'messages' must be a list with at least one message", param="messages")
    return messages


def _check_message(message: JsonObject, at: str) -> None:
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise RequestError(f"'{at}.role' must be one of {', '.join(ROLES)}", param=f"{at}.role")
    calls = _objects(message, "tool_calls", _check_call, f"{at}.tool_calls")
    if "content" not in message and not calls:
        raise RequestError(f"'{at}' has neither content nor tool calls; give it 'content'", param=at)
    content = message.get("content")
    if isinstance(content, list):
        _objects(message, "content", _check_part, f"{at}.content")
    elif content is not None and not isinstance(content, str):
        raise _wrong(f"{at}.content", "a string, a list of parts or null", content)
    if role == "tool":
        _required(message, "tool_call_id", str, "a string", at)
    for name in OPTIONAL_STRINGS:
        _string(message, name, f"{at}.{name}")


def _check_part(part: JsonObject, at: str) -> None:
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in PARTS:
        raise RequestError(f"'{at}.type' must be one of {', '.join(PARTS)}", param=f"{at}.type")
    if kind == "text":
        _required(part, "text", str, "a string", at)
    if kind == "image_url":
        _required(_required(part, "image_url", dict, "an object", at), "url", str, "a string", f"{at}.image_url")


def _check_call(call: JsonObject, at: str) -> None:
    _required(call, "id", str, "a string", at)
    function = _function(call, at)
    _required(function, "arguments", str, "a string of JSON", f"{at}.function")


def _check_tool(tool: JsonObject, at: str) -> None:
    function = _function(tool, at)
    _string(function, "description", f"{at}.function.description")
    _object(function, "parameters", f"{at}.function.parameters")


def _function(value: JsonObject, at: str) -> JsonObject:
    """The function in a tool, a tool call or a tool choice."""
    if value.get("type") != "function":
        raise RequestError(f"'{at}.type' must be 'function'", param=f"{at}.type")
    function: JsonObject = _required(value, "function", dict, "an object", at)
    _required(function, "name", str, "a string", f"{at}.function")
    return function


def _tool_choice(body: Mapping[str, Any]) -> str | JsonObject | None:
    choice = body.get("tool_choice")
    if choice is None or (isinstance(choice, str) and choice in {"none", "auto", "required"}):
        return choice
    if not isinstance(choice, dict):
        raise RequestError("'tool_choice' must be none, auto, required or an object", param="tool_choice")
    _function(choice, "tool_choice")
    return choice


def _response_format(body: Mapping[str, Any]) -> JsonObject | None:
    wanted = _object(body, "response_format")
    if wanted is None:
        return None
    kind = wanted.get("type")
    if kind == "json_schema":
        schema = _required(wanted, "json_schema", dict, "an object", "response_format")
        _required(schema, "schema", dict, "an object", "response_format.json_schema")
    elif not isinstance(kind, str) or kind not in {"text", "json_object"}:
        at = "response_format.type"
        raise RequestError(f"'{at}' must be text, json_object or json_schema", param=at)
    return wanted


def _stop(body: Mapping[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop")
    if stop is None:
        return ()
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(item, str) for item in stops):
        raise _wrong("stop", "a string or a list of strings", stop)
    if len(stops) > MAX_STOPS:
        raise RequestError(f"'stop' has {len(stops)} strings; send at most {MAX_STOPS}", param="stop")
    return tuple(item for item in stops if item)


def _objects(
    body: Mapping[str, Any], name: str, check: Callable[[JsonObject, str], None], at: str | None = None
) -> tuple[JsonObject, ...]:
    """A list of objects, each checked; nothing where it is missing or null."""
    at = at or name
    items = body.get(name)
    if items is None:
        return ()
    if not isinstance(items, list):
        raise _wrong(at, "a list", items)
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise _wrong(f"{at}[{index}]", "an object", item)
        check(item, f"{at}[{index}]")
    return tuple(items)


def _required(value: JsonObject, name: str, kind: type[T], wording: str, at: str) -> T:
    found = value.get(name)
    if not isinstance(found, kind):
        raise _wrong(f"{at}.{name}", wording, found)
    return found


def _object(body: Mapping[str, Any], name: str, at: str | None = None) -> dict[str, Any] | None:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise _wrong(at or name, "an object", value)
    return value


def _string(body: Mapping[str, Any], name: str, at: str | None = None) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(at or name, "a string", value)
    return value


def _flag(body: Mapping[str, Any], name: str, at: str | None = None) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(at or name, "true or false", value)
    return value


def _integer(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    # JSON's true is not 1, whatever Python says.
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(name, "an integer", value)
    if not low <= value <= high:
        raise RequestError(f"'{name}' must be between {low} and {high}", param=name)
    return value


def _number(body: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, "a number", value)
    # Written so that NaN is out of range too.
    if not low <= value <= high:
        raise RequestError(f"'{name}' must be between {low} and {high}", param=name)
    return float(value)


def _wrong(at: str, wanted: str, got: object) -> RequestError:
    return RequestError(f"'{at}' must be {wanted}, not {_kind(got)}", param=at)


def _kind(value: object) -> str:
    """What JSON calls the value, never the value itself."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return "missing or null" if value is None else names.get(type(value), "something else")
