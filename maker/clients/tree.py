"""JSON and YAML as one kind of tree that knows where in the text everything stands."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from maker.errors import ClientFileError

MAX_NODES = 200_000
"""A YAML file of a few lines can stand for billions of nodes; past this it is refused."""

Canonical = tuple[object, ...]
EMPTY: Canonical = ("empty",)


@dataclass(frozen=True, slots=True)
class Node:
    """One value. `start` and `end` are its first character and the one behind its last."""

    kind: Literal["map", "list", "scalar"]
    start: int
    end: int
    items: tuple[tuple["Node | None", "Node"], ...] = ()
    """(key, value) of a mapping, (None, value) of a list."""
    scalar: tuple[str, str] = ("", "")
    """Type and text."""
    bracketed: bool = True
    alias: bool = False

    @property
    def empty(self) -> bool:
        """Whether it holds nothing: `[]`, `{}` or null."""
        return not self.items if self.kind != "scalar" else self.scalar[0].endswith("null")

    def name(self, index: int) -> str | None:
        """The key of an item of a mapping, if it is a string."""
        key = self.items[index][0]
        return key.scalar[1] if key is not None and key.kind == "scalar" else None


def canonical(node: Node, skip: tuple[int, ...] | None = None) -> Canonical:
    """The value without positions, comparable; without the item that the indices of `skip` lead to.

    Null, `[]` and `{}` are the same here: an empty list that gets its first entry may have been any of them.

    Raises:
        ClientFileError: aliases make it stand for too much.
    """
    return _canonical(node, skip, [0])


def _canonical(node: Node, skip: tuple[int, ...] | None, seen: list[int]) -> Canonical:
    seen[0] += 1
    if seen[0] > MAX_NODES:
        raise ClientFileError("it is too large, or its aliases stand for too much")
    if node.kind == "scalar":
        return EMPTY if node.empty else ("scalar", *node.scalar)
    parts: list[object] = []
    for index, (key, value) in enumerate(node.items):
        if skip == (index,):
            continue
        inner = skip[1:] if skip and skip[0] == index else None
        parts.append((_canonical(key, None, seen) if key is not None else None, _canonical(value, inner, seen)))
    return (node.kind, *parts) if parts else EMPTY


def container(root: Node, path: Sequence[str]) -> tuple[Node, tuple[int, ...]] | None:
    """The node at the path of keys, with the indices that lead to it; None where it is not there.

    Raises:
        ClientFileError: a key on the way is there twice, or leads to something that holds nothing by name.
    """
    node = root
    indices: tuple[int, ...] = ()
    for key in path:
        if node.empty:
            return None
        if node.kind != "map" or node.alias:
            raise ClientFileError(f"what should hold {key!r} is {'an alias' if node.alias else 'no mapping'}")
        index = only(node, key)
        if index is None:
            return None
        node, indices = node.items[index][1], (*indices, index)
    return node, indices


def only(node: Node, key: str) -> int | None:
    """The index of a key in a mapping.

    Raises:
        ClientFileError: it is there twice, so that nobody can know which one counts.
    """
    found = [index for index in range(len(node.items)) if node.name(index) == key]
    if len(found) > 1:
        raise ClientFileError(f"{key!r} is there twice")
    return found[0] if found else None


def position(node: Node, name: str, by: str | None) -> int | None:
    """The index of the item: by its key, or in a list by the field `by`.

    Raises:
        ClientFileError: it is there twice.
    """
    if node.empty:
        return None
    if by is None:
        if node.kind != "map":
            raise ClientFileError(f"what should hold {name!r} is no mapping")
        return only(node, name)
    if node.kind != "list":
        raise ClientFileError(f"what should list {name!r} is no list")
    found = [index for index, (_, item) in enumerate(node.items) if field(item, by) == name]
    if len(found) > 1:
        raise ClientFileError(f"{name!r} is there twice")
    return found[0] if found else None


def field(node: Node, key: str) -> str | None:
    """The text of a mapping's scalar field; the last where it is there twice, as every reader takes it."""
    if node.kind != "map":
        return None
    values = [node.items[index][1] for index in range(len(node.items)) if node.name(index) == key]
    return values[-1].scalar[1] if values and values[-1].kind == "scalar" else None


def digest(text: str, node: Node) -> str:
    """Of a value and of the text it stands in, comments and all, but not of its white space: editors reformat."""
    squeezed = re.sub(r"\s+", "", text)
    return hashlib.sha256(f"{squeezed}\n{canonical(node)!r}".encode()).hexdigest()[:32]


def newline(text: str) -> str:
    """How lines end here: as the first one does."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def line_start(text: str, at: int) -> int:
    """Where the line of a position begins; a byte order mark belongs to no line."""
    start = text.rfind("\n", 0, at) + 1
    return start + 1 if text[start : start + 1] == "\ufeff" else start


def line_end(text: str, at: int) -> int:
    """Where the line of a position ends, before its line break."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def indent(text: str, at: int) -> str:
    """The white space that the line of a position begins with."""
    start = line_start(text, at)
    found = re.compile(r"[ \t]*").match(text, start)
    return found.group() if found else ""


def indent_unit(text: str) -> str:
    """What one level is indented by: the first indentation there is, else two spaces."""
    found = re.search(r"\n(\t| {1,8})\S", text)
    return found.group(1) if found else "  "
