"""The forms that a model server reads, whatever wire they came by: a tool, a call, the content of a message."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def tool_form(name: str, description: str | None, parameters: Json | None) -> Json:
    """A tool on offer; what is None is left out."""
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": {key: value for key, value in function.items() if value is not None}}


def choice_form(name: str) -> Json:
    """The wish that this tool be called."""
    return {"type": "function", "function": {"name": name}}


def call_form(id: str, name: str, arguments: str) -> Json:
    """A call that was made; `arguments` is JSON text."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def text_form(text: str) -> Json:
    """A part of a message that is text."""
    return {"type": "text", "text": text}


def image_form(url: str) -> Json:
    """A part of a message that is an image."""
    return {"type": "image_url", "image_url": {"url": url}}


def content_form(parts: Sequence[Json], between: str) -> str | list[Json] | None:
    """One text where all parts are text, because templates are surest with that; None where there are none."""
    if all(part["type"] == "text" for part in parts):
        return between.join(part["text"] for part in parts) if parts else None
    return list(parts)
