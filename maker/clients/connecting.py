"""Connecting and disconnecting clients: files read and edited as text, then recorded and written one by one."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from maker.clients import edit, files, record
from maker.clients.edit import Edited
from maker.clients.entry import Entry, Piece, Syntax, Target
from maker.clients.files import Source
from maker.clients.record import Record, Written
from maker.clients.toml_text import TOML
from maker.clients.tree_syntax import JSON, YAML
from maker.config import Home
from maker.errors import ClientFileError

SYNTAXES: Mapping[str, Syntax] = {"json": JSON, "yaml": YAML, "toml": TOML}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    path: Path
    changed: bool = False
    gone: bool = False
    """Whether the file has been deleted, because maker had made it and nothing else was in it."""
    diff: str = ""
    backup: Path | None = None
    notes: tuple[str, ...] = ()
    refused: str | None = None
    """Why nothing was written, if it was not."""
    snippet: str = ""
    """What the user can paste where maker refused."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """One file as it is, and as it is to be."""

    target: Target
    source: Source
    edited: Edited
    before: Written | None
    """What maker has in it."""

    @property
    def outcome(self) -> Outcome:
        return _outcome(self.target.path, self.source, self.edited)


def connect(
    client: str, targets: Iterable[Target], home: Home, *, secret: str | None = None, write: bool = True
) -> list[Outcome]:
    """Put maker's entries into every file, or into none where one cannot be changed safely.

    With `write` false, only say what would be done.
    A file that has `secret` in it afterwards is for its owner alone.

    Raises:
        ConfigError: maker's record cannot be read.
        OSError: a file cannot be written.
    """
    if not write:
        found = _all_or_none(targets, record.load(home))
        return [each if isinstance(each, Outcome) else each.outcome for each in found]
    with record.alone(home):
        known = record.load(home)
        found = _all_or_none(targets, known)
        return [each if isinstance(each, Outcome) else _write(client, each, known, home, secret) for each in found]


def disconnect(client: str, targets: Iterable[Target], home: Home, *, write: bool = True) -> list[Outcome]:
    """Take out of every file what maker put there and nobody has changed since.

    `targets` say what maker would write today: by them entries are known whose record is lost.

    Raises:
        ConfigError: maker's record cannot be read.
        OSError: a file cannot be written.
    """
    today = {_key(target.path): target for target in targets}
    if not write:
        known = record.load(home)
        return [_disconnect_one(path, today.get(path), known, home, write=False) for path in _of(client, known, today)]
    with record.alone(home):
        known = record.load(home)
        return [_disconnect_one(path, today.get(path), known, home, write=True) for path in _of(client, known, today)]


def connected(client: str, home: Home) -> list[Path]:
    """The files in which maker has entries for this client.

    Raises:
        ConfigError: maker's record cannot be read.
    """
    return [Path(path) for path, written in record.load(home).items() if written.client == client]


def snippet(target: Target) -> str:
    """What belongs into the file, as a file of its own."""
    return edit.connect("", target.syntax, target.entries, ()).text


def _all_or_none(targets: Iterable[Target], known: Record) -> list[_Planned | Outcome]:
    """What is to become of each file: where one has to stay as it is, all do, as they are of little use without it."""
    planned = [_plan(target, known.get(_key(target.path))) for target in targets]
    stays = next((each.path for each in planned if isinstance(each, Outcome)), None)
    if stays is None:
        return planned
    why = f"{stays} has to stay as it is, and a client gets all of its files or none"
    return [each if isinstance(each, Outcome) else _refused(each.target, why) for each in planned]


def _plan(target: Target, before: Written | None) -> _Planned | Outcome:
    try:
        source = files.read(target.path)
        edited = edit.connect(source.text, target.syntax, target.entries, before.pieces if before else ())
    except ClientFileError as refusal:
        return _refused(target, str(refusal))
    return _Planned(target, source, edited, before)


def _write(client: str, planned: _Planned, known: Record, home: Home, secret: str | None) -> Outcome:
    target, source, edited, before = planned.target, planned.source, planned.edited, planned.before
    path, made = _key(target.path), before.created if before else source.data is None
    if edited.pieces:
        known[path] = Written(client=client, syntax=_name(target.syntax), created=made, pieces=edited.pieces)
    try:
        # First what will be there, then the file: after a crash in between, nothing of maker's is there unrecorded.
        if known.get(path) != before:
            record.save(home, known)
        private = secret is not None and secret in edited.text
        backup = files.write(source, edited.text, secret=private) if edited.text != source.text else None
    except ClientFileError as refusal:
        return _refused(target, str(refusal))
    return _with_backup(planned.outcome, backup)


def _refused(target: Target, why: str) -> Outcome:
    return Outcome(target.path, refused=why, snippet=snippet(target))


def _disconnect_one(path: str, target: Target | None, known: Record, home: Home, *, write: bool) -> Outcome:
    written = known.get(path)
    place = target.path if target is not None else Path(path)
    try:
        source = files.read(Path(path))
        syntax, pieces = _recorded(source.text, written, target)
        edited = edit.disconnect(source.text, syntax, pieces) if source.data is not None else Edited("", ())
        gone = bool(written and written.created and source.data is not None and not edited.text.strip("\ufeff \t\r\n"))
        outcome = _outcome(place, source, edited, gone=gone)
        if not write:
            return outcome
        if gone:
            files.remove(source)
        backup = files.write(source, edited.text) if outcome.changed and not gone else None
        if known.pop(path, None) is not None:
            record.save(home, known)
    except ClientFileError as refusal:
        return Outcome(place, refused=str(refusal))
    return _with_backup(outcome, backup)


def _recorded(text: str, written: Written | None, target: Target | None) -> tuple[Syntax, tuple[Piece, ...]]:
    if written is not None:
        return SYNTAXES[written.syntax], written.pieces
    syntax = target.syntax if target is not None else JSON
    entries: tuple[Entry, ...] = target.entries if target is not None else ()
    return syntax, tuple(edit.adopted(text, syntax, entries))


def _outcome(path: Path, source: Source, edited: Edited, *, gone: bool = False) -> Outcome:
    before, after = source.text.splitlines(keepends=True), edited.text.splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, str(path), str(path))
    shown = [line if line.endswith("\n") else f"{line}\n" for line in lines]
    changed = edited.text != source.text or gone
    return Outcome(path, changed=changed, gone=gone, diff="".join(shown), notes=edited.notes)


def _with_backup(outcome: Outcome, backup: Path | None) -> Outcome:
    return Outcome(outcome.path, outcome.changed, outcome.gone, outcome.diff, backup, outcome.notes, outcome.refused)


def _of(client: str, known: Record, today: Mapping[str, Target]) -> list[str]:
    recorded = [path for path, written in known.items() if written.client == client]
    return list(dict.fromkeys([*recorded, *(path for path in today if Path(path).exists())]))


def _key(path: Path) -> str:
    return str(path.absolute())


def _name(syntax: Syntax) -> str:
    return next(name for name, each in SYNTAXES.items() if each is syntax)
