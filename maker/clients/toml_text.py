"""TOML files: whole tables at the end and single keys at the start, each change verified by reading its result.

A table is found by its header and ends with its last line that says something. What this finds inside somebody's
multi-line string is no table: then the reading of the result differs and nothing is changed.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from maker.clients.block import MARK
from maker.clients.entry import Entry, Found, Piece, Value
from maker.clients.tree import line_start, newline
from maker.errors import ClientFileError


@dataclass(frozen=True)
class TomlSyntax:
    """Entries with a path are tables, `[path.key]`; entries without are keys of the whole file."""

    def ready(self, text: str, root: Value) -> tuple[str, Piece | None]:
        """See `Syntax.ready`: a blank file is good TOML."""
        return text, None

    def find(self, text: str, path: tuple[str, ...], name: str, by: str | None) -> Found | None:
        """See `Syntax.find`; text that cannot be told apart has no digest."""
        value = _get(parse(text), (*path, name))
        if value is None:
            return None
        spans = [span for span in _spans(text, path, name) if _is_it(text, span, path, name)]
        if len(spans) != 1:
            return Found("", marked=False, empty=not value)
        start, end = spans[0]
        # Keys of the whole file are single lines that no comment stands above.
        return Found(_digest(text[start:end]), marked=not path or text.startswith(MARK, start), empty=False)

    def twin(self, text: str, entry: Entry) -> str | None:
        """See `Syntax.twin`: a table has no other name."""
        return None

    def lacks(self, text: str, path: tuple[str, ...]) -> bool:
        """See `Syntax.lacks`: a header makes the tables above it."""
        return False

    def keys(self, text: str) -> list[str]:
        """See `Syntax.keys`."""
        return list(parse(text))

    def insert(self, text: str, entry: Entry) -> tuple[str, list[Piece]]:
        """See `Syntax.insert`."""
        before, line = parse(text), newline(text)
        body = line.join(_lines(entry))
        if entry.path:
            # A last line without a line break stays without one: whatever comes behind it brings its own.
            cut = bool(text.strip("\ufeff")) and not text.endswith("\n")
            lead = line * ((2 if cut else 1) if text.strip("\ufeff \t\r\n") else cut)
            tail = "" if cut else line
            new = text + lead + body + tail
        else:
            at = 1 if text.startswith("\ufeff") else 0
            new, lead, tail = text[:at] + body + line + text[at:], "", line
        if _without(_try(new), entry.path, entry.name) != _without(before, entry.path, entry.name):
            raise ClientFileError(f"{entry.name!r} cannot be added without changing something else")
        return new, [_piece(entry, _digest(body), lead, tail)]

    def replace(self, text: str, piece: Piece, entry: Entry) -> tuple[str, Piece]:
        """See `Syntax.replace`."""
        start, end = self._only(text, piece)
        body = newline(text).join(_lines(entry))
        new = text[:start] + body + text[end:]
        if _without(_try(new), entry.path, entry.name) != _without(parse(text), piece.path, piece.name):
            raise ClientFileError(f"{entry.name!r} cannot be brought up to date without changing something else")
        return new, _piece(entry, _digest(body), piece.lead, piece.tail)

    def remove(self, text: str, piece: Piece) -> str:
        """See `Syntax.remove`."""
        wanted = _without(parse(text), piece.path, piece.name)
        start, end = self._only(text, piece)
        lead = piece.lead if piece.lead and text[:start].endswith(piece.lead) else ""
        tail = piece.tail if text.startswith(piece.tail, end) else ""
        for first, last in ((start - len(lead), end + len(tail)), (start, end + len(tail)), (start, end)):
            new = text[:first] + text[last:]
            after = _try(new)
            if _without(after, piece.path, piece.name) == wanted and _get(after, (*piece.path, piece.name)) is None:
                return new
        raise ClientFileError(f"{piece.name!r} cannot be removed without changing something else")

    def _only(self, text: str, piece: Piece) -> tuple[int, int]:
        spans = [each for each in _spans(text, piece.path, piece.name) if _is_it(text, each, piece.path, piece.name)]
        if len(spans) != 1:
            raise ClientFileError(f"{piece.name!r} cannot be told apart from what is around it")
        return spans[0]


def parse(text: str) -> dict[str, Any]:
    """What the text says.

    Raises:
        ClientFileError: it is not TOML.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ClientFileError(f"it is not TOML: {error}") from error
    except RecursionError:
        raise ClientFileError("it is nested too deeply") from None


def _try(text: str) -> dict[str, Any] | None:
    try:
        return parse(text)
    except ClientFileError:
        return None


def _lines(entry: Entry) -> list[str]:
    if not entry.path:
        return [f"{entry.key} = {json.dumps(entry.value)}"]
    lines = [MARK, _header((*entry.path, entry.name))]
    return [*lines, *(f"{key} = {_said(value)}" for key, value in entry.value.items())]


def _said(value: Value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_name(key)} = {_said(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


def _header(path: tuple[str, ...]) -> str:
    return f"[{'.'.join(_name(part) for part in path)}]"


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _spans(text: str, path: tuple[str, ...], name: str) -> list[tuple[int, int]]:
    """Where text that looks like the entry begins and ends: maker's mark or the header first, no line break last."""
    if not path:
        found = re.finditer(rf"^{re.escape(name)} = [^\r\n]*", text.removeprefix("\ufeff"), re.MULTILINE)
        shift = len(text) - len(text.removeprefix("\ufeff"))
        return [(each.start() + shift, each.end() + shift) for each in found]
    spans = []
    for header in re.finditer(rf"^{re.escape(_header((*path, name)))}[^\r\n]*", text, re.MULTILINE):
        end = header.end()
        for line in re.compile(r"\r?\n([^\r\n]*)").finditer(text, end):
            if line.group(1).lstrip().startswith("["):
                break
            if line.group(1).strip() and not line.group(1).lstrip().startswith("#"):
                end = line.end()
        before = line_start(text, header.start() - 1) if header.start() else 0
        marked = text[before : header.start()].strip("\ufeff \t\r\n") == MARK
        spans.append((text.find(MARK, before) if marked else header.start(), end))
    return spans


def _is_it(text: str, span: tuple[int, int], path: tuple[str, ...], name: str) -> bool:
    rest = _try(text[: span[0]] + text[span[1] :])
    gone = _get(rest, (*path, name)) is None
    return rest is not None and gone and _without(rest, path, name) == _without(parse(text), path, name)


def _get(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(values, dict) or key not in values:
            return None
        values = values[key]
    return values


def _without(values: Any, path: tuple[str, ...], name: str) -> Any:
    """What the file says but for one entry; tables above it that hold nothing else were made by its header."""
    if not isinstance(values, dict):
        return None
    if not path:
        return {key: value for key, value in values.items() if key != name}
    rest = {key: value for key, value in values.items() if key != path[0]}
    inner = _without(values.get(path[0]), path[1:], name)
    return values if inner is None else {**rest, **({path[0]: inner} if inner else {})}


def _digest(body: str) -> str:
    return hashlib.sha256(re.sub(r"\r\n", "\n", body).encode()).hexdigest()[:32]


def _piece(entry: Entry, written: str, lead: str, tail: str) -> Piece:
    return Piece(
        id=entry.id,
        path=entry.path,
        name=entry.name,
        digest=written,
        lead=lead,
        tail=tail,
        scaffold=entry.scaffold,
    )


TOML = TomlSyntax()
