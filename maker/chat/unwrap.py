"""What a client wrapped into one message of a chat, unwrapped: a rendered conversation, or text with a gap to fill."""

from collections.abc import Mapping
from dataclasses import replace

from maker.chat.chatml import parse_chatml
from maker.chat.fim import parse_fill
from maker.chat.types import ChatRequest


def unwrapped(request: ChatRequest) -> ChatRequest:
    """The request as it was meant: the same one, but where its only user message is such a text."""
    *before, last = request.messages
    text = _text(last.get("content"))
    if last.get("role") != "user" or text is None or any(message.get("role") == "user" for message in before):
        return request
    if fill := parse_fill(text):
        return replace(request, fill=fill, messages=({"role": "user", "content": fill.prefix},))
    if turns := parse_chatml(text):
        return replace(request, messages=(*before, *turns))
    return request


def _text(content: object) -> str | None:
    """The text of a message that has nothing but one."""
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], Mapping):
        content = content[0].get("text")
    return content if isinstance(content, str) else None
