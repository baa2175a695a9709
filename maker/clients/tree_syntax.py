"""JSON and YAML files: finding, adding and removing entries, each change verified by reading its result."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from maker.clients import block, brackets, json_text, yaml_text
from maker.clients.brackets import Inserted, Style
from maker.clients.entry import Entry, Found, Piece, Value
from maker.clients.tree import Canonical, Node, canonical, container, digest, field, position
from maker.errors import ClientFileError

ROOT = "root"


@dataclass(frozen=True)
class TreeSyntax:
    """One of the two formats: how it is read, and how its brackets are written."""

    parse: Callable[[str], Node]
    style: Style
    bracketed_root: bool
    """Whether a file without anything still needs a pair of brackets."""

    def ready(self, text: str, root: Value) -> tuple[str, Piece | None]:
        """See `Syntax.ready`."""
        if not self.bracketed_root or text.strip("\ufeff \t\r\n"):
            return text, None
        return f"{text}{json.dumps(root)}\n", Piece(id=ROOT, path=(), name="", tail="\n", container=True)

    def find(self, text: str, path: tuple[str, ...], name: str, by: str | None) -> Found | None:
        """See `Syntax.find`."""
        place = self._place(self.parse(text), path, name, by)
        if place is None:
            return None
        parent, index, _ = place
        start, end, marked = self._span(text, parent, index)
        value = parent.items[index][1]
        return Found(digest(text[start:end], value), marked, _is_vacant(text, value))

    def twin(self, text: str, entry: Entry) -> str | None:
        """See `Syntax.twin`."""
        found = container(self.parse(text), entry.path)
        if found is None or not entry.twin or entry.by is None or found[0].kind != "list":
            return None
        for _, item in found[0].items:
            if all(field(item, key) == str(entry.value[key]) for key in entry.twin):
                return field(item, entry.by)
        return None

    def lacks(self, text: str, path: tuple[str, ...]) -> bool:
        """See `Syntax.lacks`."""
        return container(self.parse(text), path) is None

    def keys(self, text: str) -> list[str]:
        """See `Syntax.keys`."""
        root = self.parse(text)
        return [root.name(index) or "" for index in range(len(root.items))] if root.kind == "map" else []

    def insert(self, text: str, entry: Entry) -> tuple[str, list[Piece]]:
        """See `Syntax.insert`."""
        root = self.parse(text)
        found = container(root, entry.path)
        if found is None:
            raise ClientFileError(f"{'.'.join(entry.path)} is not there")
        parent, indices = found
        _refuse_other_kind(parent, entry)
        pieces = []
        base = text
        if filled := self._opening(text, root, parent, indices):
            base = text[: parent.end - len(filled)] + text[parent.end :]
            pieces = [Piece(id=f"filled:{'.'.join(entry.path)}", path=entry.path, name="", filled=filled)]
            parent, indices = self._reopened(base, entry)
        return self._inserted(text, base, parent, indices, entry, pieces)

    def _inserted(
        self, text: str, base: str, parent: Node, indices: tuple[int, ...], entry: Entry, pieces: list[Piece]
    ) -> tuple[str, list[Piece]]:
        before, wanted = canonical(self.parse(text)), self._canonical_value(entry.value)
        for inserted in self._insertions(base, parent, indices, entry):
            place = self._try_place(inserted.text, entry)
            if place is None:
                continue
            root, found_parent, index, path = place
            if canonical(root, path) != before or canonical(found_parent.items[index][1]) != wanted:
                continue
            start, end, _ = self._span(inserted.text, found_parent, index)
            written = digest(inserted.text[start:end], found_parent.items[index][1])
            piece = _piece(entry, written, inserted.lead, inserted.tail)
            return inserted.text, [*pieces, piece]
        raise ClientFileError(f"{entry.name!r} cannot be added without changing something else")

    def replace(self, text: str, piece: Piece, entry: Entry) -> tuple[str, Piece]:
        """See `Syntax.replace`."""
        root = self.parse(text)
        place = self._place(root, piece.path, piece.name, piece.by)
        if place is None:
            raise ClientFileError(f"{piece.name!r} is not there")
        parent, index, path = place
        if parent.bracketed:
            new = brackets.replace(text, parent, index, None if entry.by else entry.key, entry.value)
        else:
            new = block.replace(text, parent, index, entry)
        after = self._try_place(new, entry)
        if after is None or canonical(after[0], after[3]) != canonical(root, path):
            raise ClientFileError(f"{entry.name!r} cannot be brought up to date without changing something else")
        start, end, _ = self._span(new, after[1], after[2])
        return new, _piece(entry, digest(new[start:end], after[1].items[after[2]][1]), piece.lead, piece.tail)

    def remove(self, text: str, piece: Piece) -> str:
        """See `Syntax.remove`."""
        root = self.parse(text)
        if piece.id == ROOT:
            vacant = _is_vacant(text, root)
            return text[: root.start] + text[root.end :].removeprefix(piece.tail) if vacant else text
        if piece.filled is not None:
            return self._refilled(text, root, piece, piece.filled)
        place = self._place(root, piece.path, piece.name, piece.by)
        if place is None:
            return text
        parent, index, path = place
        wanted = canonical(root, path)
        for new in self._removals(text, parent, index, piece):
            if self._try_canonical(new) == wanted:
                return new
        raise ClientFileError(f"{piece.name!r} cannot be removed without changing something else")

    def _place(
        self, root: Node, path: tuple[str, ...], name: str, by: str | None
    ) -> tuple[Node, int, tuple[int, ...]] | None:
        found = container(root, path)
        if found is None:
            return None
        parent, indices = found
        index = position(parent, name, by)
        return None if index is None else (parent, index, (*indices, index))

    def _try_place(self, text: str, entry: Entry) -> tuple[Node, Node, int, tuple[int, ...]] | None:
        try:
            root = self.parse(text)
            place = self._place(root, entry.path, entry.name, entry.by)
        except ClientFileError:
            return None
        return None if place is None else (root, *place)

    def _try_canonical(self, text: str) -> Canonical | None:
        try:
            return canonical(self.parse(text))
        except ClientFileError:
            return None

    def _span(self, text: str, parent: Node, index: int) -> tuple[int, int, bool]:
        if parent.bracketed:
            return (*brackets.span(parent, index), False)
        return block.span(text, parent, index)

    def _insertions(self, text: str, parent: Node, indices: tuple[int, ...], entry: Entry) -> Iterable[Inserted]:
        if parent.bracketed:
            return [brackets.insert(text, parent, None if entry.by else entry.key, entry.value, self.style)]
        key_at = None
        if indices:
            holder = self.parse(text)
            for index in indices[:-1]:
                holder = holder.items[index][1]
            key = holder.items[indices[-1]][0]
            key_at = key.start if key is not None else None
        return block.insertions(text, parent, entry, key_at)

    def _removals(self, text: str, parent: Node, index: int, piece: Piece) -> Iterable[str]:
        if parent.bracketed:
            return brackets.removals(text, parent, index, piece.lead, piece.tail, self.style)
        return block.removals(text, parent, index, piece.lead)

    def _opening(self, text: str, root: Node, parent: Node, indices: tuple[int, ...]) -> str | None:
        """The ` []` or ` null` behind a key of block YAML that has to make room for lines; None if nothing has to."""
        if self.bracketed_root or not indices or not parent.empty:
            return None
        holder = root
        for index in indices[:-1]:
            holder = holder.items[index][1]
        key = holder.items[indices[-1]][0]
        written = text[parent.start : parent.end]
        if holder.bracketed or key is None or written not in ("[]", "{}", "null", "~"):
            return None
        between = text[key.end : parent.start]
        return between[1:] + written if between.startswith(":") and not between[1:].strip(" ") else None

    def _reopened(self, base: str, entry: Entry) -> tuple[Node, tuple[int, ...]]:
        found = container(self.parse(base), entry.path)
        if found is None:
            raise ClientFileError(f"{'.'.join(entry.path)} is written in a way that maker does not add to")
        return found

    def _refilled(self, text: str, root: Node, piece: Piece, filled: str) -> str:
        found = container(root, piece.path)
        if found is None or not found[0].empty or found[0].bracketed:
            return text
        new = text[: found[0].end] + filled + text[found[0].end :]
        return new if self._try_canonical(new) == canonical(root) else text

    def _canonical_value(self, value: Value) -> Canonical:
        return canonical(self.parse(json.dumps(value)))


def _is_vacant(text: str, node: Node) -> bool:
    """Whether it is empty and there is not even a comment between its brackets: that would be somebody's."""
    return node.empty and not (node.bracketed and text[node.start + 1 : node.end - 1].strip())


def _piece(entry: Entry, written: str, lead: str, tail: str) -> Piece:
    return Piece(
        id=entry.id,
        path=entry.path,
        name=entry.name,
        by=entry.by,
        digest=written,
        lead=lead,
        tail=tail,
        container=entry.value in ({}, []),
        scaffold=entry.scaffold,
    )


def _refuse_other_kind(parent: Node, entry: Entry) -> None:
    kind = "list" if entry.by else "map"
    if parent.alias or not (parent.empty or parent.kind == kind):
        raise ClientFileError(f"{'.'.join(entry.path) or 'the file'} is not the {kind} it should be")
    if parent.empty and parent.kind not in ("scalar", kind):
        raise ClientFileError(f"{'.'.join(entry.path) or 'the file'} is an empty {parent.kind}, not a {kind}")


JSON = TreeSyntax(json_text.parse, brackets.JSON, bracketed_root=True)
YAML = TreeSyntax(yaml_text.parse, brackets.FLOW, bracketed_root=False)
