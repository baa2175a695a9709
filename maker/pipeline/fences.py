"""The fenced blocks of a reply, read line by line as CommonMark reads them, with what models and editors add; pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from maker.pipeline.language import LANGUAGES, SUFFIXES

FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([^`]*?)[ \t]*$")
PATH = re.compile(r"(?:title|file|filename|name|path)=[\"']?([^\"'\s]+)")
"""`title="src/add.py"`, as documentation tools write it."""
DOCUMENTS = ("markdown", "md", "mdx")
"""In these a fence that says a language opens a block of the document's own."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block, and what its fence says of it."""

    text: str
    language: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class _Open:
    indent: str
    mark: str
    info: str

    def closes(self, fence: "_Open") -> bool:
        """Whether that fence ends the block."""
        return not fence.info and fence.mark.startswith(self.mark) and len(fence.indent) <= len(self.indent)


def blocks(text: str) -> list[Block]:
    """The blocks of the text, in their order; one that is not closed is none."""
    found: list[Block] = []
    lines = text.replace("\r\n", "\n").split("\n")
    opened: _Open | None = None
    inner: list[_Open] = []
    body: list[str] = []
    for number, line in enumerate(lines):
        fence = _fence(line)
        if opened is None:
            opened, body, inner = fence, [], []
        elif fence is None or not _ends(opened, inner, fence, map(lines.__getitem__, range(number + 1, len(lines)))):
            body.append(line)
        else:
            found.append(Block(_text(body, opened.indent), _language(opened.info), _path(opened.info)))
            opened = None
    return found


def _ends(opened: _Open, inner: list[_Open], fence: _Open, later: Iterable[str]) -> bool:
    """Whether the fence ends the outermost block; else it is one of a document's own, kept in `inner`."""
    if inner:
        if inner[-1].closes(fence):
            inner.pop()
        return False
    if _language(opened.info) in DOCUMENTS and (fence.info or _goes_on(later)):
        inner.append(fence)
        return False
    return opened.closes(fence)


def _goes_on(later: Iterable[str]) -> bool:
    """Whether a bare fence in a document opens a block of it: the next fence is bare as well, and ends that."""
    following = next((fence for line in later if (fence := _fence(line))), None)
    return following is not None and not following.info


def _fence(line: str) -> _Open | None:
    found = FENCE.match(line)
    return _Open(*found.groups()) if found else None


def _text(body: list[str], indent: str) -> str:
    """The lines without the fence's indentation, where all have it."""
    if indent and all(line.startswith(indent) for line in body if line.strip()):
        body = [line[len(indent) :] for line in body]
    return "".join(f"{line}\n" for line in body)


def _language(info: str) -> str:
    """The language that an info string names, by its name here: `py3`, `{python}`, `ts:src/a.ts`, `src/add.py`."""
    named = re.split(r"[\s:]", info.strip("{} ."), maxsplit=1)[0].lower()
    return LANGUAGES.get(named) or SUFFIXES.get(PurePosixPath(named).suffix) or ("" if "=" in named else named)


def _path(info: str) -> str:
    """The file that an info string names; empty where it names none."""
    if (said := PATH.search(info)) and _is_path(said[1]):
        return said[1]
    return next((word for word in _words(info) if _is_path(word)), "")


def _words(info: str) -> Iterator[str]:
    first, *more = info.split() or [""]
    yield first.partition(":")[2] if ":" in first else first
    yield from more


def _is_path(word: str) -> bool:
    return re.search(r"/|\.[A-Za-z]\w*$|^\.\w", word) is not None and not set(word) & set("={}\"'<>()")
