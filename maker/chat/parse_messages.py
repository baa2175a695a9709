"""A request of Anthropic's Messages API, from decoded JSON to a `ChatRequest`.

Thoughts of earlier answers and marks for a cache are left out; tools that the server itself would have to run, such as
web_search, too, and what such tools did for another model. A tool's result becomes a message of its own, as models of
the OpenAI family know it; whatever is in it becomes text, because a client sends it again with every later request.
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
from maker.chat.forms import call_form, choice_form, content_form, image_form, text_form, tool_form
from maker.chat.parse import MAX_STOPS, MAX_TOKENS, check_choice
from maker.chat.types import ChatRequest, JsonObject, Sampling
from maker.errors import RequestError

BLOCKS = ("text", "image", "document", "tool_use", "tool_result")
THOUGHTS = ("thinking", "redacted_thinking")
RUN_BY_A_SERVER = ("_tool_use", "_tool_result")
"""How the kinds of blocks end that are the calls of a server's own tools, and their results."""
CHOICES: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}
_KEPT = ("system", "messages", "model", "tools", "tool_choice", "stop_sequences")

Json = dict[str, Any]


def parse_messages(body: object) -> ChatRequest:
    """Parse the decoded body of a request to `/v1/messages`, or to `/v1/messages/count_tokens`.

    Raises:
        RequestError: something in it cannot be used; `param` is the field.
    """
    body = a_body(body, _KEPT)
    tools, choice = _tools(body), an_object(body, "tool_choice") or {}
    alone = a_flag(choice, "disable_parallel_tool_use", "tool_choice.disable_parallel_tool_use")
    return ChatRequest(
        messages=_messages(body),
        model=a_string(body, "model"),
        tools=tools,
        tool_choice=check_choice(_tool_choice(choice), tools),
        parallel_tool_calls=None if alone is None else not alone,
        sampling=Sampling(
            temperature=a_number(body, "temperature", 0, 1),
            top_p=a_number(body, "top_p", 0, 1),
            max_tokens=an_integer(body, "max_tokens", 1, MAX_TOKENS),
            stop=_stop(body),
        ),
        stream=a_flag(body, "stream") or False,
        include_usage=True,
    )


def wants_thoughts(body: object) -> bool:
    """Whether the client asked for the model's thoughts, so that it knows what to do with them."""
    thinking = body.get("thinking") if isinstance(body, dict) else None
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _messages(body: Mapping[str, Any]) -> tuple[JsonObject, ...]:
    system = body.get("system")
    messages: list[Json] = []
    if system:
        messages.append({"role": "system", "content": _plain(system, "system")})
    given = objects(body, "messages", lambda message, at: None)
    if not given:
        raise RequestError("'messages' must be a list with at least one message", param="messages")
    for index, message in enumerate(given):
        _add(messages, message, f"messages[{index}]")
    if all(message["role"] == "system" for message in messages):
        raise RequestError("'messages' has no message that says something", param="messages")
    return tuple(messages)


def _add(messages: list[Json], message: JsonObject, at: str) -> None:
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant", "system"):
        raise RequestError(f"'{at}.role' must be user or assistant", param=f"{at}.role")
    if role == "system":
        remind(messages, _plain(content, f"{at}.content"))
        return
    if isinstance(content, str):
        messages.append({"role": role, "content": content})
        return
    if not isinstance(content, list):
        raise wrong(f"{at}.content", "a string or a list of blocks", content)
    parts: list[Json] = []
    calls: list[Json] = []
    for index, block in enumerate(content):
        here = f"{at}.content[{index}]"
        kind = _kind(block, here)
        if kind == "tool_result":
            messages.append(_result(block, here))
        elif kind == "tool_use":
            calls.append(_call(block, here))
        elif not _is_left_out(kind):
            parts.append(_part(block, kind, here))
    if parts or calls:
        messages.append(
            {"role": role, "content": content_form(parts, "\n"), **({"tool_calls": calls} if calls else {})}
        )


def remind(messages: list[Json], text: str) -> None:
    """Add what the client itself says between the messages; behind the beginning it goes with the user's words.

    Templates take a system message at the beginning only, and many want user and assistant to take turns.
    """
    last = messages[-1] if messages else None
    if last is not None and last["role"] in ("system", "user") and isinstance(last["content"], str):
        last["content"] = f"{last['content']}\n\n{text}"
    else:
        messages.append({"role": "user" if last else "system", "content": text})


def left_out(kind: str) -> str:
    """What stands for a thing of this kind in a tool's result."""
    return f"[{kind[:40]} left out: only the text of a tool's result can be read here]"


def _kind(block: object, at: str) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or not (kind in BLOCKS or _is_left_out(kind)):
        raise RequestError(f"'{at}.type' must be one of {', '.join(BLOCKS)}", param=f"{at}.type")
    return kind


def _is_left_out(kind: str) -> bool:
    return kind in THOUGHTS or kind.endswith(RUN_BY_A_SERVER)


def _part(block: JsonObject, kind: str, at: str) -> Json:
    if kind == "text":
        return text_form(required(block, "text", str, "a string", at))
    source = required(block, "source", dict, "an object", at)
    if kind == "document":
        if source.get("type") != "text":
            raise RequestError(f"'{at}' is no plain text; send the document's text", param=at)
        return text_form(required(source, "data", str, "a string", f"{at}.source"))
    if source.get("type") == "base64":
        data = required(source, "data", str, "a string", f"{at}.source")
        return image_form(f"data:{required(source, 'media_type', str, 'a string', f'{at}.source')};base64,{data}")
    return image_form(required(source, "url", str, "a string", f"{at}.source"))


def _plain(content: object, at: str) -> str:
    """A text, or the texts of blocks that are nothing else.

    Raises:
        RequestError: there is an image among them.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(at, "a string or a list of blocks", content)
    parts = [
        _part(block, kind, f"{at}[{index}]")
        for index, block in enumerate(content)
        if (kind := _kind(block, f"{at}[{index}]")) in ("text", "image", "document")
    ]
    if any(part["type"] != "text" for part in parts):
        raise RequestError(f"'{at}' must be text: images are taken in a user's message only", param=at)
    return "\n".join(part["text"] for part in parts)


def _result(block: JsonObject, at: str) -> Json:
    id = required(block, "tool_use_id", str, "a string", at)
    text = _told(block.get("content") or "", f"{at}.content")
    return {"role": "tool", "tool_call_id": id, "content": f"Error: {text}" if block.get("is_error") is True else text}


def _told(content: object, at: str) -> str:
    """What a tool gave, as text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(at, "a string or a list of blocks", content)
    return "\n".join(_told_by(block, f"{at}[{index}]") for index, block in enumerate(content))


def _told_by(block: object, at: str) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(block, dict) or not isinstance(kind, str):
        raise RequestError(f"'{at}.type' must be text or the name of another kind of block", param=f"{at}.type")
    source = block.get("source")
    if kind == "text" or (kind == "document" and isinstance(source, dict) and source.get("type") == "text"):
        text: str = _part(block, kind, at)["text"]
        return text
    if kind == "tool_reference":
        return f"[the tool {required(block, 'tool_name', str, 'a string', at)!r}]"
    return left_out(kind)


def _call(block: JsonObject, at: str) -> Json:
    name, given = required(block, "name", str, "a string", at), required(block, "input", dict, "an object", at)
    return call_form(required(block, "id", str, "a string", at), name, json.dumps(given, ensure_ascii=False))


def _tools(body: Mapping[str, Any]) -> tuple[JsonObject, ...]:
    tools = []
    for index, tool in enumerate(objects(body, "tools", lambda tool, at: None)):
        if tool.get("type") not in (None, "custom"):
            continue
        at = f"tools[{index}]"
        description = a_string(tool, "description", f"{at}.description") or None
        schema = required(tool, "input_schema", dict, "an object", at)
        tools.append(tool_form(required(tool, "name", str, "a string", at), description, schema))
    return tuple(tools)


def _tool_choice(choice: Mapping[str, Any]) -> str | JsonObject | None:
    if not choice:
        return None
    if choice.get("type") == "tool":
        return choice_form(required(choice, "name", str, "a string", "tool_choice"))
    kind = choice.get("type")
    if not isinstance(kind, str) or kind not in CHOICES:
        raise RequestError("'tool_choice.type' must be auto, any, tool or none", param="tool_choice")
    return CHOICES[kind]


def _stop(body: Mapping[str, Any]) -> tuple[str, ...]:
    stops = body.get("stop_sequences") or []
    if not isinstance(stops, list) or not all(isinstance(item, str) for item in stops):
        raise wrong("stop_sequences", "a list of strings", stops)
    if len(stops) > MAX_STOPS:
        raise RequestError(
            f"'stop_sequences' has {len(stops)} strings; send at most {MAX_STOPS}", param="stop_sequences"
        )
    return tuple(item for item in stops if item)
