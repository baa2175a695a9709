"""An OpenAI chat request, from decoded JSON to a `ChatRequest`.

Clients are not ours: unknown fields are ignored, and only what would break something later is refused, each with one
sentence and the field's name. Tools that a server itself would have to run, such as web_search, are left out, as they
are on the other wires. Whatever the body is, nothing but `RequestError` is raised.
"""

import json
from collections.abc import Mapping
from typing import Any

from maker.chat.fields import (
    a_body,
    a_flag,
    a_number,
    a_string,
    an_integer,
    an_object,
    objects,
    required,
    wrong,
)
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

_KEPT = ("messages", "model", "tools", "tool_choice", "response_format", "stop")


def parse_chat(body: object) -> ChatRequest:
    """Parse the decoded body of a chat completion request; the messages and tools in it stay the same objects.

    Raises:
        RequestError: something in it cannot be used; `param` is the field.
    """
    body = a_body(body, _KEPT)
    options = an_object(body, "stream_options") or {}
    tools = tuple(tool for tool in objects(body, "tools", _check_tool) if tool["type"] == "function")
    return ChatRequest(
        messages=_messages(body),
        model=a_string(body, "model"),
        tools=tools,
        tool_choice=check_choice(_tool_choice(body), tools),
        parallel_tool_calls=a_flag(body, "parallel_tool_calls"),
        response_format=_response_format(body),
        sampling=parse_sampling(body),
        stream=a_flag(body, "stream") or False,
        include_usage=a_flag(options, "include_usage", "stream_options.include_usage") or False,
    )


def parse_sampling(body: Mapping[str, Any]) -> Sampling:
    """The sampling settings among the fields of a request, of whichever endpoint.

    Raises:
        RequestError: a setting has the wrong type or is out of range.
    """
    limit = an_integer(body, "max_completion_tokens", 1, MAX_TOKENS)
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        raise RequestError("'top_logprobs' needs 'logprobs' to be true", param="top_logprobs")
    return Sampling(
        temperature=a_number(body, "temperature", 0, 2),
        top_p=a_number(body, "top_p", 0, 1),
        max_tokens=limit or an_integer(body, "max_tokens", 1, MAX_TOKENS),
        stop=_stop(body),
        seed=an_integer(body, "seed", -(2**63), 2**63 - 1),
        n=an_integer(body, "n", 1, MAX_CHOICES) or 1,
        presence_penalty=a_number(body, "presence_penalty", -2, 2),
        frequency_penalty=a_number(body, "frequency_penalty", -2, 2),
        logprobs=a_flag(body, "logprobs"),
        top_logprobs=an_integer(body, "top_logprobs", 0, 20),
    )


def _messages(body: Mapping[str, Any]) -> tuple[JsonObject, ...]:
    messages = objects(body, "messages", _check_message)
    if not messages:
        raise RequestError("'messages' must be a list with at least one message", param="messages")
    return messages


def _check_message(message: JsonObject, at: str) -> None:
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise RequestError(f"'{at}.role' must be one of {', '.join(ROLES)}", param=f"{at}.role")
    calls = objects(message, "tool_calls", _check_call, f"{at}.tool_calls")
    if "content" not in message and not calls:
        raise RequestError(f"'{at}' has neither content nor tool calls; give it 'content'", param=at)
    content = message.get("content")
    if isinstance(content, list):
        objects(message, "content", _check_part, f"{at}.content")
    elif content is not None and not isinstance(content, str):
        raise wrong(f"{at}.content", "a string, a list of parts or null", content)
    if role == "tool":
        required(message, "tool_call_id", str, "a string", at)
    for name in OPTIONAL_STRINGS:
        a_string(message, name, f"{at}.{name}")


def _check_part(part: JsonObject, at: str) -> None:
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in PARTS:
        raise RequestError(f"'{at}.type' must be one of {', '.join(PARTS)}", param=f"{at}.type")
    if kind == "text":
        required(part, "text", str, "a string", at)
    if kind == "image_url":
        required(required(part, "image_url", dict, "an object", at), "url", str, "a string", f"{at}.image_url")


def _check_call(call: JsonObject, at: str) -> None:
    required(call, "id", str, "a string", at)
    function = _function(call, at)
    check_arguments(required(function, "arguments", str, "a string of JSON", f"{at}.function"), f"{at}.function")


def check_arguments(text: str, at: str) -> None:
    """Pass if a past call's arguments are a JSON object, or empty: templates unpack them.

    Raises:
        RequestError: they are not; the model servers would answer 500.
    """
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise RequestError(
            f"'{at}.arguments' is not a JSON object; mend it, or leave this call and its result out of the history",
            param=f"{at}.arguments",
        )


def check_choice(choice: str | JsonObject | None, tools: tuple[JsonObject, ...]) -> str | JsonObject | None:
    """The choice, if the tools allow it.

    Raises:
        RequestError: a tool that is not offered must be called.
    """
    offered = [tool["function"]["name"] for tool in tools]
    wanted = choice if isinstance(choice, str) or choice is None else choice["function"]["name"]
    if (choice == "required" and not offered) or (choice is not wanted and wanted not in offered):
        known = f"offered: {', '.join(offered)[:300]}" if offered else "'tools' is empty"
        raise RequestError(
            f"'tool_choice' wants {'a tool' if choice == 'required' else repr(wanted)[:80]}, but {known}; "
            "offer the tool, or send 'auto'",
            param="tool_choice",
        )
    return choice


def _check_tool(tool: JsonObject, at: str) -> None:
    if tool.get("type") != "function" and isinstance(tool.get("type"), str):
        return  # not one that the client runs
    function = _function(tool, at)
    a_string(function, "description", f"{at}.function.description")
    an_object(function, "parameters", f"{at}.function.parameters")


def _function(value: JsonObject, at: str) -> JsonObject:
    """The function in a tool, a tool call or a tool choice."""
    if value.get("type") != "function":
        raise RequestError(f"'{at}.type' must be 'function'", param=f"{at}.type")
    function: JsonObject = required(value, "function", dict, "an object", at)
    required(function, "name", str, "a string", f"{at}.function")
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
    wanted = an_object(body, "response_format")
    if wanted is None:
        return None
    kind = wanted.get("type")
    if kind == "json_schema":
        schema = required(wanted, "json_schema", dict, "an object", "response_format")
        required(schema, "schema", dict, "an object", "response_format.json_schema")
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
        raise wrong("stop", "a string or a list of strings", stop)
    if len(stops) > MAX_STOPS:
        raise RequestError(f"'stop' has {len(stops)} strings; send at most {MAX_STOPS}", param="stop")
    return tuple(item for item in stops if item)
