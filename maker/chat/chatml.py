"""Conversations that a client rendered to ChatML text by itself, back into messages."""

import re

from maker.chat.types import JsonObject

TURN = re.compile(r"<\|im_start\|>(system|user|assistant)\n(.*?)(?:<\|im_end\|>\s*|\Z)", re.DOTALL)


def parse_chatml(text: str) -> tuple[JsonObject, ...] | None:
    """The messages of a text that is ChatML from its beginning to an assistant's open turn; None where it is not.

    What stands in the open turn is a last message of the assistant, to be gone on with.
    """
    if not text.lstrip().startswith("<|im_start|>"):
        return None
    messages: list[JsonObject] = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        turn = TURN.match(text, at)
        if turn is None:
            return None
        messages.append({"role": turn[1], "content": turn[2]})
        at = turn.end()
    last = messages.pop()
    if last["role"] != "assistant" or text.rstrip().endswith("<|im_end|>") or not messages:
        return None
    return (*messages, last) if last["content"] else tuple(messages)
