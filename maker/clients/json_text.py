"""Reading JSON as editors write it: with comments, trailing commas and a byte order mark, every position known."""

import functools
import json
import re

from maker.clients.tree import Node
from maker.errors import ClientFileError

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_LITERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_WORD = re.compile(r"[\w.+-]*")


@functools.lru_cache(maxsize=8)
def parse(text: str) -> Node:
    """The one value that the text is.

    Raises:
        ClientFileError: it is not JSON, says where.
    """
    try:
        node = _value(text, skip(text, 1 if text.startswith("\ufeff") else 0))
    except RecursionError:
        raise ClientFileError("it is nested too deeply") from None
    rest = skip(text, node.end)
    if rest < len(text):
        raise _wrong(text, rest)
    return node


def skip(text: str, at: int, comments: str = "//") -> int:
    """The position of the next character that is neither white space nor in a comment (`//` and `/* */`, or `#`).

    Raises:
        ClientFileError: a comment has no end.
    """
    while True:
        found = _SPACE.match(text, at)
        at = found.end() if found else at
        if text.startswith(comments, at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif comments == "//" and text.startswith("/*", at):
            end = text.find("*/", at + 2)
            if end < 0:
                raise _wrong(text, at)
            at = end + 2
        else:
            return at


def comma_after(text: str, at: int, comments: str = "//") -> int | None:
    """Where the comma is that is the next thing behind a value, if it is one."""
    found = skip(text, at, comments)
    return found if text[found : found + 1] == "," else None


def _value(text: str, at: int) -> Node:
    first = text[at : at + 1]
    if first == "{" or first == "[":
        return _collection(text, at)
    if first == '"':
        return _string(text, at)
    found = _LITERAL.match(text, at)
    word = _WORD.match(text, at)
    if found is None or word is None or found.group() != word.group():
        raise _wrong(text, at)
    said = found.group()
    kind = {"t": "bool", "f": "bool", "n": "null"}.get(said[0], "number")
    return Node("scalar", at, found.end(), scalar=(kind, said))


def _collection(text: str, at: int) -> Node:
    mapping, start = text[at] == "{", at
    close = "}" if mapping else "]"
    items: list[tuple[Node | None, Node]] = []
    at = skip(text, at + 1)
    while text[at : at + 1] != close:
        key = None
        if mapping:
            key = _string(text, at)
            at = skip(text, key.end)
            if text[at : at + 1] != ":":
                raise _wrong(text, at)
            at = skip(text, at + 1)
        value = _value(text, at)
        items.append((key, value))
        at = skip(text, value.end)
        if text[at : at + 1] == ",":
            at = skip(text, at + 1)
        elif text[at : at + 1] != close:
            raise _wrong(text, at)
    return Node("map" if mapping else "list", start, at + 1, tuple(items))


def _string(text: str, at: int) -> Node:
    found = _STRING.match(text, at)
    if found is None:
        raise _wrong(text, at)
    try:
        said: str = json.loads(found.group())
    except json.JSONDecodeError:
        raise _wrong(text, at) from None
    return Node("scalar", at, found.end(), scalar=("string", said))


def _wrong(text: str, at: int) -> ClientFileError:
    line = text.count("\n", 0, at) + 1
    found = text[at : at + 1]
    return ClientFileError(f"line {line} is not JSON: {f'there is {found!r}' if found else 'it ends too early'}")
