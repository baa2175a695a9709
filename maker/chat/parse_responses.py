"""A request of OpenAI's Responses API, from decoded JSON to a `ChatRequest`.

What is kept elsewhere between requests is refused, because nothing is kept here: the whole conversation comes in
`input` each time. Tools that the server itself would have to run, such as web_search, are left out, and what they did
for another model. Whatever is in a tool's result becomes text, because a client sends it again with every later
request. A function in a namespace gets one flat name, since models know no namespaces.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
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
from maker.chat.parse_messages import left_out, remind
from maker.chat.types import ChatRequest, JsonObject, Sampling
from maker.errors import RequestError

ROLES = ("user", "assistant", "system", "developer")
TEXT_PARTS = ("input_text", "output_text", "text", "refusal")
REMEMBERED = ("previous_response_id", "conversation", "background")
LEFT_OUT = ("reasoning", "web_search_call")
"""Items that nothing is made of: what a model thought is never sent back to it, and a search comes without a result."""
RESULTS = ("function_call_output", "custom_tool_call_output", "local_shell_call_output")
LOCAL_SHELL = "local_shell"
"""What the calls of the client's own shell, which have no name, are called."""
MAX_NAME = 64
"""Characters of a function's name, of letters, digits, _ and -: what OpenAI takes, and what model servers expect."""
_KEPT = ("input", "instructions", "model", "tools", "tool_choice", "text")

Json = dict[str, Any]
Called = tuple[str | None, str]
"""A function's namespace, if it has one, and its name there."""


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
    names = flat_names(body)
    tools = _tools(body, names)
    return ChatRequest(
        messages=_messages(body, names),
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


def flat_names(body: Mapping[str, Any]) -> dict[Called, str]:
    """The names by which a model is offered the functions among the request's tools; no two have the same.

    Raises:
        RequestError: the tools cannot be read.
    """
    called = [(namespace, required(tool, "name", str, "a string", at)) for namespace, tool, at in _functions(body)]
    names: dict[Called, str] = {(None, name): name for namespace, name in called if namespace is None}
    taken = set(names.values())
    for namespace, name in called:
        if (namespace, name) not in names:
            names[namespace, name] = _flat(namespace, name, taken)
            taken.add(names[namespace, name])
    return names


def _flat(namespace: str | None, name: str, taken: Collection[str]) -> str:
    if namespace is None:
        return name
    joined = f"{namespace}__{name}"
    if joined not in taken and re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}", joined):
        return joined
    mark = "_" + hashlib.sha256(json.dumps([namespace, name]).encode()).hexdigest()[:8]
    return re.sub(r"[^A-Za-z0-9_-]", "_", joined)[: MAX_NAME - len(mark)] + mark


def _messages(body: Mapping[str, Any], names: Mapping[Called, str]) -> tuple[JsonObject, ...]:
    instructions, given = a_string(body, "instructions"), body.get("input")
    messages: list[Json] = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return (*messages, {"role": "user", "content": given})
    for index, item in enumerate(objects(body, "input", lambda item, at: None)):
        _add(messages, item, f"input[{index}]", names)
    if not given or all(message["role"] == "system" for message in messages):
        raise RequestError("'input' must be a text, or a list with at least one message", param="input")
    return tuple(messages)


def _add(messages: list[Json], item: JsonObject, at: str, names: Mapping[Called, str]) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        _add_message(messages, item, at)
    elif kind == "function_call":
        _add_call(messages, item, at, names)
    elif kind == "local_shell_call":
        action = json.dumps(an_object(item, "action", f"{at}.action") or {}, ensure_ascii=False)
        _add_call(messages, {**item, "name": LOCAL_SHELL, "arguments": action}, at, names)
    elif kind == "custom_tool_call":
        raise RequestError(f"'{at}.type' is 'custom_tool_call'; offer the tool as a function instead", param=at)
    elif isinstance(kind, str) and kind in RESULTS:
        # Of a shell's result only `id` says which call it is of.
        call_id = required(item, "id" if kind == "local_shell_call_output" else "call_id", str, "a string", at)
        messages.append({"role": "tool", "tool_call_id": call_id, "content": _told(item.get("output"), f"{at}.output")})
    elif not isinstance(kind, str) or kind not in LEFT_OUT:
        raise RequestError(f"'{at}.type' is {str(kind)[:40]!r}, which is not supported here; leave it out", param=at)


def _add_message(messages: list[Json], item: JsonObject, at: str) -> None:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise RequestError(f"'{at}.role' must be one of {', '.join(ROLES)}", param=f"{at}.role")
    content = _content(item.get("content"), f"{at}.content")
    if role not in ("system", "developer"):
        messages.append({"role": role, "content": content})
    elif isinstance(content, str):
        remind(messages, content)
    else:
        raise RequestError(f"'{at}.content' must be text: images are taken in a user's message only", param=at)


def _add_call(messages: list[Json], item: JsonObject, at: str, names: Mapping[Called, str]) -> None:
    """The call, beside those before it in the same message of the assistant."""
    arguments = required(item, "arguments", str, "a string of JSON", at)
    check_arguments(arguments, at)
    called = (a_string(item, "namespace", f"{at}.namespace") or None, required(item, "name", str, "a string", at))
    name = names[called] if called in names else _flat(*called, taken=())
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


def _told(output: object, at: str) -> str:
    """What a tool gave, as text."""
    if isinstance(output, str):
        return output
    if not isinstance(output, list):
        raise wrong(at, "a string or a list of parts", output)
    return "".join(_told_by(part, f"{at}[{index}]") for index, part in enumerate(output))


def _told_by(part: object, at: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        raise RequestError(f"'{at}.type' must be input_text or the name of another kind of part", param=f"{at}.type")
    if kind not in TEXT_PARTS:
        return left_out(kind.removeprefix("input_"))
    text: str = _part(part, at)["text"]
    return text


def _functions(body: Mapping[str, Any]) -> Iterator[tuple[str | None, JsonObject, str]]:
    """Each function among the tools: its namespace, if it has one, the function itself and the field it stands in."""
    for index, tool in enumerate(objects(body, "tools", lambda item, at: None)):
        at = f"tools[{index}]"
        if tool.get("type") == "function":
            yield None, tool, at
        elif tool.get("type") == "namespace" and isinstance(tool.get("tools"), list):
            namespace = required(tool, "name", str, "a string", at) or None
            for number, inner in enumerate(objects(tool, "tools", lambda item, at: None, f"{at}.tools")):
                if inner.get("type") == "function":
                    yield namespace, inner, f"{at}.tools[{number}]"


def _tools(body: Mapping[str, Any], names: Mapping[Called, str]) -> tuple[JsonObject, ...]:
    tools = []
    for namespace, tool, at in _functions(body):
        description = a_string(tool, "description", f"{at}.description")
        schema = an_object(tool, "parameters", f"{at}.parameters")
        tools.append(tool_form(names[namespace, tool["name"]], description, schema))
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
