"""Putting an item between brackets and taking it out again, in JSON and in YAML's flow style."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from maker.clients.entry import Value
from maker.clients.json_text import comma_after
from maker.clients.tree import Node, indent, indent_unit, line_end, line_start, newline
from maker.errors import ClientFileError


@dataclass(frozen=True, slots=True)
class Style:
    """What differs between JSON and YAML's flow style."""

    comments: str
    lines: bool
    """Whether an empty pair of brackets may be opened over several lines."""


JSON = Style("//", lines=True)
FLOW = Style("#", lines=False)


@dataclass(frozen=True, slots=True)
class Inserted:
    """The text with the item in it, and the white space that went in with it."""

    text: str
    lead: str
    tail: str


def span(parent: Node, index: int) -> tuple[int, int]:
    """Where an item begins and ends, its key included."""
    key, value = parent.items[index]
    return (value if key is None else key).start, value.end


def render(key: str | None, value: Value, *, inner: str | None, unit: str, line: str) -> str:
    """An item as JSON: over several lines indented by `inner`, or on one line where that is None."""
    name = "" if key is None else f"{json.dumps(key)}: "
    if inner is None:
        return name + json.dumps(value)
    return name + json.dumps(value, indent=unit).replace("\n", line + inner)


def insert(text: str, parent: Node, key: str | None, value: Value, style: Style) -> Inserted:
    """Put an item behind the last one, in the manner of the last one.

    Raises:
        ClientFileError: the brackets carry an anchor or a tag.
    """
    if text[parent.start : parent.start + 1] not in ("[", "{"):
        raise ClientFileError("a list or mapping to change carries an anchor or a tag")
    if not parent.items:
        return _first(text, parent, key, value, style)
    start, end = span(parent, len(parent.items) - 1)
    comma = comma_after(text, end, style.comments)
    at = end if comma is None else comma + 1
    inner = _own_line(text, parent, start)
    line = newline(text)
    if inner is not None:
        at = _behind_comment(text, at, style)
    lead = " " if inner is None else line + inner
    body = render(key, value, inner=inner, unit=indent_unit(text), line=line)
    between = text[end:at] if comma is not None else f",{text[end:at]}"
    new = text[:end] + between + lead + body + ("" if comma is None else ",") + text[at:]
    return Inserted(new, lead, "")


def _first(text: str, parent: Node, key: str | None, value: Value, style: Style) -> Inserted:
    line, outer, unit = newline(text), indent(text, parent.start), indent_unit(text)
    inside = text[parent.start + 1 : parent.end - 1]
    # A file on one line stays on one, but for a pair of brackets that is the whole file.
    lines = style.lines and ("\n" in text.rstrip() or not text[: parent.start].strip("\ufeff \t\r\n"))
    inner = outer + unit if lines else None
    lead = line + outer + unit if lines else ""
    tail = "" if "\n" in inside or not lines else line + outer
    body = render(key, value, inner=inner, unit=unit, line=line)
    at = parent.start + 1
    return Inserted(text[:at] + lead + body + tail + text[at:], lead, tail)


def replace(text: str, parent: Node, index: int, key: str | None, value: Value) -> str:
    """Put an item in the place of another."""
    start, end = span(parent, index)
    inner = _own_line(text, parent, start)
    return text[:start] + render(key, value, inner=inner, unit=indent_unit(text), line=newline(text)) + text[end:]


def removals(text: str, parent: Node, index: int, lead: str, tail: str, style: Style) -> Iterator[str]:
    """The text without an item and one comma: as it was put there first, then in ways that touch less."""
    start, end = span(parent, index)
    starts = [start - len(lead), start] if lead and text[:start].endswith(lead) else [start]
    comma = comma_after(text, end, style.comments)
    for first in starts:
        if comma is not None:
            rest = text[end:comma] + text[comma + 1 :]
            yield text[:first] + (rest if len(parent.items) > 1 else rest.removeprefix(tail))
        elif index > 0:
            before = span(parent, index - 1)[1]
            previous = comma_after(text, before, style.comments)
            if previous is not None and previous < first:
                yield text[:previous] + text[previous + 1 : first] + text[end:]
        else:
            yield text[:first] + text[end:].removeprefix(tail)


def _own_line(text: str, parent: Node, start: int) -> str | None:
    """The indentation of an item that has a line of its own; None where it shares one with others."""
    begin = line_start(text, start)
    before = text[begin:start]
    return before if begin > parent.start and not before.strip(" \t") else None


def _behind_comment(text: str, at: int, style: Style) -> int:
    """Behind the comment that stands on the rest of the line, so that it stays beside what it explains."""
    end = line_end(text, at)
    rest = text[at:end].strip(" \t")
    if rest.startswith(style.comments) or (rest.startswith("/*") and rest.find("*/") == len(rest) - 2):
        return end
    return at
