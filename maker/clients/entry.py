"""What maker wants in a client's file (Entry) and what it remembers of having put it there (Piece)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

Value = Any
"""What JSON can say."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a file: a key of the mapping at `path`, or an element of the list there, told by its field `by`."""

    id: str
    """The same across versions, whatever title and port become."""
    path: tuple[str, ...]
    value: Value
    key: str | None = None
    by: str | None = None
    twin: tuple[str, ...] = ()
    """Fields that make another element of the list this entry under a name that the user gave it."""
    text: str | None = None
    """How block YAML says it, where a template has comments and an order of its own."""
    exclusive: bool = False
    """Whether it is of no use beside somebody else's setting of the same name: then nothing is written at all."""
    scaffold: bool = False
    """Something the file needs as a whole; stays for as long as anything else is in the file."""

    @property
    def name(self) -> str:
        """What it is called in its container."""
        return str(self.value[self.by]) if self.by else str(self.key)


class Piece(BaseModel):
    """What was put into a file and how, so that exactly that can be taken out again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    path: tuple[str, ...]
    name: str
    by: str | None = None
    digest: str = ""
    """Of the text as it was written; what has another one now belongs to the user."""
    lead: str = ""
    """White space put before it."""
    tail: str = ""
    """White space put behind it."""
    filled: str | None = None
    """An empty list or mapping that was here before."""
    container: bool = False
    scaffold: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a file has at an entry's place."""

    digest: str
    marked: bool
    """Whether maker's own comment stands above it, unless entries of its kind are written without."""
    empty: bool


class Syntax(Protocol):
    """Changing text of one format by spans: every byte that is not maker's stays, or `ClientFileError` is raised."""

    def ready(self, text: str, root: Value) -> tuple[str, Piece | None]:
        """The text with something to insert into: a blank file becomes an empty `root` where the format needs one."""

    def find(self, text: str, path: tuple[str, ...], name: str, by: str | None) -> Found | None:
        """What is at this place."""

    def twin(self, text: str, entry: Entry) -> str | None:
        """The name of a list's element that is the entry under another name."""

    def lacks(self, text: str, path: tuple[str, ...]) -> bool:
        """Whether the container is not there, so that it has to be made."""

    def insert(self, text: str, entry: Entry) -> tuple[str, list[Piece]]:
        """The text with the entry behind what is in its container already."""

    def replace(self, text: str, piece: Piece, entry: Entry) -> tuple[str, Piece]:
        """The text with the entry in the place of an older one."""

    def remove(self, text: str, piece: Piece) -> str:
        """The text without the piece."""

    def keys(self, text: str) -> list[str]:
        """The keys of the whole file's mapping."""


@dataclass(frozen=True, slots=True)
class Target:
    """One file of a client and what maker wants in it."""

    path: Path
    syntax: Syntax
    entries: tuple[Entry, ...]
