"""A request of OpenAI's Responses API, from decoded JSON to a `ChatRequest`.

What is kept elsewhere between requests is refused, because nothing is kept here: the whole conversation comes in
`input` each time. Tools that the server itself would have to run, such as web_search, are left out.
"""

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
from maker.chat.forms import call_form, choice_form, content_form, image_form, text_form, tool_form
from maker.chat.parse import MAX_TOKENS, check_arguments, check_choice
from maker.chat.types import ChatRequest, JsonObject, Sampling
from maker.errors import RequestError

ROLES = ("user", "assistant", "system", "developer")
TEXT_PARTS = ("input_text", "output_text", "text", "refusal")
REMEMBERED = ("previous_response_id", "conversation", "background")
_KEPT = ("input", "instructions", "model", "tools", "tool_choice", "text")

Json = dict[str, Any]


def parse_responses(body: object) -> ChatRequest:
    """Parse the decoded body of a request to `/v1/responses`.

    Raises:
        RequestError: something in it cannot be used; `param` is the field.
    """
    body = a_body(body, _KEPT)
    for name in REMEMBERED:
        if body.get(name):
            raise RequestError(
                f"'{name}' is not supported: nothing is kept between requests; send the whole conversation in 'input'",
                param=name,
            )
    tools = _tools(body)
    return ChatRequest(
        messages=_messages(body),
        model=a_string(body, "model"),
        tools=tools,
        tool_choice=check_choice(_tool_choice(body), tools),
        parallel_tool_calls=a_flag(body, "parallel_tool_calls"),
        response_format=_response_format(body),
        sampling=Sampling(
            temperature=a_number(body, "temperature", 0, 2),
            top_p=a_number(body, "top_p", 0, 1),
            max_tokens=an_integer(body, "max_output_tokens", 1, MAX_TOKENS),
        ),
        stream=a_flag(body, "stream") or False,
        include_usage=True,
    )


def _messages(body: Mapping[str, Any]) -> tuple[JsonObject, ...]:
    instructions, given = a_string(body, "instructions"), body.get("input")
    messages: list[Json] = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return (*messages, {"role": "user", "content": given})
    for index, item in enumerate(objects(body, "input", lambda item, at: None)):
        _add(messages, item, f"input[{index}]")
    if not given or all(message["role"] == "system" for message in messages):
        raise RequestError("'input' must be a text, or a list with at least one message", param="input")
    return tuple(messages)


def _add(messages: list[Json], item: JsonObject, at: str) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        _add_message(messages, item, at)
    elif kind in ("function_call", "custom_tool_call"):
        _add_call(messages, item, at)
    elif kind in ("function_call_output", "custom_tool_call_output"):
        call_id = required(item, "call_id", str, "a string", at)
        messages.append(
            {"role": "tool", "tool_call_id": call_id, "content": _output(item.get("output"), f"{at}.output")}
        )
    elif kind != "reasoning":  # what a model thought is never sent back to it
        raise RequestError(f"'{at}.type' is {str(kind)[:40]!r}, which is not supported here; leave it out", param=at)


def _add_message(messages: list[Json], item: JsonObject, at: str) -> None:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise RequestError(f"'{at}.role' must be one of {', '.join(ROLES)}", param=f"{at}.role")
    content = _content(item.get("content"), f"{at}.content")
    system = role in ("system", "developer")
    # Templates take one system message, at the beginning.
    if system and messages and messages[-1]["role"] == "system" and isinstance(content, str):
        messages[-1]["content"] += f"\n\n{content}"
    else:
        messages.append({"role": "system" if system else role, "content": content})


def _add_call(messages: list[Json], item: JsonObject, at: str) -> None:
    """The call, beside those before it in the same message of the assistant."""
    if item["type"] == "custom_tool_call":
        raise RequestError(f"'{at}.type' is 'custom_tool_call'; offer the tool as a function instead", param=at)
    arguments = required(item, "arguments", str, "a string of JSON", at)
    check_arguments(arguments, at)
    name = required(item, "name", str, "a string", at)
    call = call_form(required(item, "call_id", str, "a string", at), name, arguments)
    if messages and messages[-1]["role"] == "assistant":
        messages[-1].setdefault("tool_calls", []).append(call)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _content(content: object, at: str) -> str | list[Json]:
    """A text, or the parts of one with images."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(at, "a string or a list of parts", content)
    return content_form([_part(part, f"{at}[{index}]") for index, part in enumerate(content)], "") or ""


def _part(part: object, at: str) -> Json:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind in TEXT_PARTS:
        return text_form(required(part, "refusal" if kind == "refusal" else "text", str, "a string", at))
    if isinstance(part, dict) and kind == "input_image":
        return image_form(required(part, "image_url", str, "a URL; files are not kept here", at))
    raise RequestError(f"'{at}.type' must be input_text, output_text or input_image", param=f"{at}.type")


def _output(output: object, at: str) -> str:
    content = _content(output, at)
    if isinstance(content, str):
        return content
    raise RequestError(f"'{at}' must be text: a tool's images are not supported here", param=at)


def _tools(body: Mapping[str, Any]) -> tuple[JsonObject, ...]:
    tools = []
    for index, tool in enumerate(objects(body, "tools", lambda item, at: None)):
        if tool.get("type") != "function":
            continue
        at = f"tools[{index}]"
        description = a_string(tool, "description", f"{at}.description")
        schema = an_object(tool, "parameters", f"{at}.parameters")
        tools.append(tool_form(required(tool, "name", str, "a string", at), description, schema))
    return tuple(tools)


def _tool_choice(body: Mapping[str, Any]) -> str | JsonObject | None:
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function":
        return choice_form(required(choice, "name", str, "a string", "tool_choice"))
    if choice is None or (isinstance(choice, str) and choice in ("none", "auto", "required")):
        return choice
    raise RequestError("'tool_choice' must be none, auto, required or a function", param="tool_choice")


def _response_format(body: Mapping[str, Any]) -> JsonObject | None:
    form = (an_object(body, "text") or {}).get("format")
    kind = form.get("type") if isinstance(form, dict) else None
    if form is None or kind == "text":
        return None
    if isinstance(form, dict) and kind == "json_object":
        return {"type": "json_object"}
    if isinstance(form, dict) and kind == "json_schema":
        schema = required(form, "schema", dict, "an object", "text.format")
        return {"type": "json_schema", "json_schema": {"name": str(form.get("name", "answer")), "schema": schema}}
    raise RequestError("'text.format.type' must be text, json_object or json_schema", param="text.format")
