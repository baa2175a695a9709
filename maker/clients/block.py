"""Putting whole lines into YAML's block style and taking them out again."""

import json
from collections.abc import Iterator

from maker.clients.brackets import Inserted
from maker.clients.entry import Entry
from maker.clients.tree import Node, line_end, line_start, newline
from maker.errors import ClientFileError

MARK = "# maker wrote this; `maker disconnect` removes it as long as it is unchanged"
"""The comment above every entry: what has moved away from it is the user's."""


def insertions(text: str, parent: Node, entry: Entry, key_at: int | None) -> Iterator[Inserted]:
    """The text with the entry's lines behind what is in the container: right there, else before what follows it.

    `key_at` is where the container's own key stands; None for the whole file.
    """
    lines = _lines(entry, _indentation(text, parent, entry, key_at))
    line = newline(text)
    end = _content_end(parent)
    if not (key_at is None and parent.empty):
        at = line_end(text, end)
        if text[end - 1 : end] != "\n":
            yield Inserted(text[:at] + line + line.join(lines) + text[at:], line, "")
    for at in dict.fromkeys((end, parent.end, len(text))):
        if at == line_start(text, at):
            yield Inserted(text[:at] + line.join(lines) + line + text[at:], "", line)
        elif at == len(text):
            yield Inserted(text + line + line.join(lines), line, "")


def span(text: str, parent: Node, index: int) -> tuple[int, int, bool]:
    """Where an item's lines begin and end, without the last line break, and whether maker's mark is the first of them.

    Raises:
        ClientFileError: the item shares its first line with something else.
    """
    key, value = parent.items[index]
    begin = line_start(text, (value if key is None else key).start)
    head = text[begin : (value if key is None else key).start]
    if head.strip(" ") not in ("", "-") or (key is None) != ("-" in head):
        raise ClientFileError("an entry shares its line with another")
    mark = _line_before(text, begin)
    marked = mark is not None and text[mark:begin].strip() == MARK
    return (mark if mark is not None and marked else begin), line_end(text, _content_end(value)), marked


def replace(text: str, parent: Node, index: int, entry: Entry) -> str:
    """Put an entry's lines in the place of another's."""
    start, end, _ = span(text, parent, index)
    key, value = parent.items[index]
    first = line_start(text, (value if key is None else key).start)
    width = len(text[first:]) - len(text[first:].lstrip(" "))
    return text[:start] + newline(text).join(_lines(entry, " " * width)) + text[end:]


def removals(text: str, parent: Node, index: int, lead: str) -> Iterator[str]:
    """The text without an item's lines and one line break: the one that was put there with it first."""
    start, end, _ = span(text, parent, index)
    if lead and text[:start].endswith(lead):
        yield text[: start - len(lead)] + text[end:]
    for line in ("\r\n", "\n"):
        if text.startswith(line, end):
            yield text[:start] + text[end + len(line) :]
    yield text[:start] + text[end:]


def _lines(entry: Entry, indentation: str) -> list[str]:
    text = entry.text if entry.text is not None else json.dumps(entry.value)
    body = text.splitlines()
    if entry.by is not None:
        body = [f"{'- ' if number == 0 else '  '}{line}" if line else "" for number, line in enumerate(body)]
    elif entry.value in ({}, []):
        body = [f"{entry.key}:"]
    elif entry.text is None:
        body = [f"{entry.key}: {body[0]}"]
    else:
        body = [f"{entry.key}:", *(f"  {line}" for line in body)]
    marked = body if entry.scaffold or entry.value in ({}, []) else [MARK, *body]
    return [indentation + line if line else "" for line in marked]


def _indentation(text: str, parent: Node, entry: Entry, key_at: int | None) -> str:
    """What the lines of a new entry begin with: what those of another entry there do."""
    for key, value in parent.items:
        start = (value if key is None else key).start
        head = text[line_start(text, start) : start]
        if head.strip(" ") == ("-" if entry.by is not None else ""):
            return head.rstrip(" ").removesuffix("-") if entry.by is not None else head
    if parent.items and key_at is not None:
        raise ClientFileError("the entries there are written in a way that maker does not add to")
    if key_at is None:
        return ""
    head = text[line_start(text, key_at) : key_at]
    if head.strip(" "):
        raise ClientFileError("what should be added to shares its line with something else")
    return head + "  "


def _content_end(node: Node) -> int:
    """Where a value really ends: PyYAML lets a block collection end where the next token begins."""
    if node.bracketed or node.alias or not node.items:
        return node.end
    return _content_end(node.items[-1][1])


def _line_before(text: str, begin: int) -> int | None:
    return line_start(text, begin - 1) if begin > 0 and text[begin - 1] == "\n" else None
