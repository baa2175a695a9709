"""Connecting and disconnecting as functions of a file's text: no file is touched here.

An entry is maker's for as long as its text is what maker wrote. What the user has changed, renamed or moved away from
its comment is the user's from then on: it is neither brought up to date nor removed. Where no record says what maker
wrote, an entry is maker's if it is what maker would write today, and has maker's comment where it is written with one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from maker.clients.brackets import span
from maker.clients.entry import Entry, Found, Piece, Syntax
from maker.clients.toml_text import TOML
from maker.clients.tree import container, position
from maker.clients.tree_syntax import JSON
from maker.errors import ClientFileError

UNRECORDED = "maker has no record of having written it; remove it and connect again, or keep it as yours"


@dataclass(frozen=True, slots=True)
class Edited:
    """The new text, what of it is maker's, and what is worth telling."""

    text: str
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Names of the entries that are there and maker's."""


@dataclass(slots=True)
class _Desk:
    text: str
    syntax: Syntax
    pieces: list[Piece]
    notes: list[str] = field(default_factory=list)

    def piece(self, id: str) -> Piece | None:
        return next((piece for piece in self.pieces if piece.id == id), None)

    def forget(self, piece: Piece) -> None:
        self.pieces.remove(piece)

    def found(self, piece: Piece) -> Found | None:
        return self.syntax.find(self.text, piece.path, piece.name, piece.by)


def connect(text: str, syntax: Syntax, entries: Sequence[Entry], pieces: Iterable[Piece]) -> Edited:
    """Put the entries in; what maker put there before is brought up to date where it stands.

    Raises:
        ClientFileError: the file cannot be changed safely; says why.
    """
    desk = _Desk(text, syntax, list(pieces))
    root: list[object] | dict[str, object] = [] if entries and entries[0].by and not entries[0].path else {}
    desk.text, made = syntax.ready(text, root)
    if made is not None:
        desk.pieces.insert(0, made)
    wanted = {entry.id for entry in entries}
    for piece in [each for each in reversed(desk.pieces) if _is_entry(each) and each.id not in wanted]:
        _remove(desk, piece)
    for entry in entries:
        _put(desk, entry)
    return Edited(desk.text, tuple(desk.pieces), tuple(desk.notes), tuple(_named(desk)))


def disconnect(text: str, syntax: Syntax, pieces: Iterable[Piece]) -> Edited:
    """Take out what maker put in and nobody has changed since; what stays is the user's.

    Raises:
        ClientFileError: the file cannot be changed safely; says why.
    """
    desk = _Desk(text, syntax, list(pieces))
    for piece in [each for each in reversed(desk.pieces) if _is_entry(each) and not each.scaffold]:
        _remove(desk, piece)
    for piece in [each for each in reversed(desk.pieces) if not _is_entry(each) and each.path or each.container]:
        if piece.id != "root":
            _remove_empty(desk, piece)
    if _is_blank(desk):
        for piece in [each for each in reversed(desk.pieces) if each.scaffold]:
            _remove(desk, piece)
    for piece in [each for each in desk.pieces if each.id == "root"]:
        desk.text = syntax.remove(desk.text, piece)
    return Edited(desk.text, (), tuple(desk.notes))


def adopted(text: str, syntax: Syntax, entries: Iterable[Entry]) -> list[Piece]:
    """For a lost record: the entries that are to the letter what maker would write, with the comment of their kind.

    Raises:
        ClientFileError: the file cannot be read.
    """
    desk = _Desk(text, syntax, [])
    for entry in entries:
        there = syntax.find(text, entry.path, entry.name, entry.by)
        if there is not None:
            _adopt(desk, entry, there)
    return desk.pieces


def _put(desk: _Desk, entry: Entry) -> None:
    piece = desk.piece(entry.id)
    found = desk.found(piece) if piece is not None else None
    if piece is not None and found is not None and found.digest == piece.digest:
        _update(desk, piece, entry)
        return
    if piece is not None:
        desk.forget(piece)
    if entry.scaffold and not _is_blank(desk):
        return
    there = desk.syntax.find(desk.text, entry.path, entry.name, entry.by)
    if there is None and (other := desk.syntax.twin(desk.text, entry)):
        desk.notes.append(f"left {other!r} as it is: it is {entry.name!r} under another name")
    elif there is None:
        _insert(desk, entry)
    elif not _adopt(desk, entry, there):
        _leave(desk, entry, recorded=found is not None)


def _leave(desk: _Desk, entry: Entry, *, recorded: bool) -> None:
    """Say why what is there stays.

    Raises:
        ClientFileError: the entry is of no use beside it.
    """
    if entry.exclusive:
        why = ", to something that is not maker's" if recorded else f": {UNRECORDED}"
        raise ClientFileError(f"{entry.name!r} is set there already{why}")
    desk.notes.append(f"left {entry.name!r} as it is: {'it is not what maker wrote' if recorded else UNRECORDED}")


def _is_blank(desk: _Desk) -> bool:
    """Whether nothing is in the file but what a new one begins with."""
    return set(desk.syntax.keys(desk.text)) <= {piece.name for piece in desk.pieces if piece.scaffold}


def _update(desk: _Desk, piece: Piece, entry: Entry) -> None:
    new, replaced = desk.syntax.replace(desk.text, piece, entry)
    if replaced.digest == piece.digest and (replaced.path, replaced.name) == (piece.path, piece.name):
        return  # only the white space could differ, and that is the user's
    desk.text = new
    desk.pieces[desk.pieces.index(piece)] = replaced


def _insert(desk: _Desk, entry: Entry) -> None:
    for depth in range(1, len(entry.path) + 1):
        path = entry.path[:depth]
        if desk.syntax.lacks(desk.text, path):
            empty: list[object] | dict[str, object] = [] if depth == len(entry.path) and entry.by else {}
            container = Entry(f"container:{'.'.join(path)}", path[:-1], empty, key=path[-1])
            _insert_one(desk, container)
    _insert_one(desk, entry)


def _insert_one(desk: _Desk, entry: Entry) -> None:
    desk.text, added = desk.syntax.insert(desk.text, entry)
    ids = {piece.id for piece in added}
    desk.pieces = [piece for piece in desk.pieces if piece.id not in ids] + added


def _adopt(desk: _Desk, entry: Entry, there: Found) -> bool:
    """Whether what is there is, to the letter, what maker would write, with the comment it is written with."""
    if not there.marked and desk.syntax is not JSON:
        return False
    lead, tail = _around(desk, entry)
    piece = Piece(
        id=entry.id,
        path=entry.path,
        name=entry.name,
        by=entry.by,
        digest=there.digest,
        lead=lead,
        tail=tail,
        scaffold=False,
    )
    _, replaced = desk.syntax.replace(desk.text, piece, entry)
    if replaced.digest == there.digest:
        desk.pieces.append(piece)
    return replaced.digest == there.digest


def _around(desk: _Desk, entry: Entry) -> tuple[str, str]:
    """The white space that maker puts before and behind an entry."""
    line = "\r\n" if "\r\n" in desk.text else "\n"
    if desk.syntax is JSON:
        return _lead(desk.text, entry), ""
    if desk.syntax is TOML:
        return line if entry.path else "", line
    return line, ""


def _lead(text: str, entry: Entry) -> str:
    """The white space before an entry of a JSON file, back to the end of the line before."""
    found = container(JSON.parse(text), entry.path)
    index = position(found[0], entry.name, entry.by) if found is not None else None
    if found is None or index is None:
        return ""
    head = text[: span(found[0], index)[0]]
    return head[len(head.rstrip(" \t").removesuffix("\n").removesuffix("\r")) :]


def _remove(desk: _Desk, piece: Piece) -> None:
    found = desk.found(piece)
    if found is not None and found.digest == piece.digest:
        desk.text = desk.syntax.remove(desk.text, piece)
    elif found is not None and not piece.scaffold:
        desk.notes.append(f"left {piece.name!r}: it was changed since maker wrote it")
    desk.forget(piece)


def _remove_empty(desk: _Desk, piece: Piece) -> None:
    """Take a list or mapping out that maker put in, if nothing is in it."""
    if piece.filled is not None:
        desk.text = desk.syntax.remove(desk.text, piece)
    elif (found := desk.found(piece)) is not None and found.empty:
        desk.text = desk.syntax.remove(desk.text, piece)
    desk.forget(piece)


def _is_entry(piece: Piece) -> bool:
    return not piece.container and piece.filled is None


def _named(desk: _Desk) -> Iterable[str]:
    return [piece.name for piece in desk.pieces if _is_entry(piece) and not piece.scaffold]
