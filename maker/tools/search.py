"""Finding the pieces of a workspace that share most words with a question: Okapi BM25 over pieces of files.

Words are what identifiers are made of (`parseHTTPDate`, `parse_http_date` and "parse an HTTP date" share all
of theirs); those of a piece's path count too. Files are read anew each time: what is found is how they are now.
"""

import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from maker.errors import ToolError
from maker.tools.files import lines_of
from maker.tools.listing import listed
from maker.tools.workspace import Workspace

PIECE_LINES = 40
"""Longest piece; shorter ones end where a blank line is followed by one that is not indented."""
LEAST_LINES = 8
MAX_FILE_BYTES = 256 * 1024
MAX_BYTES = 32 * 1024 * 1024
MAX_S = 4.0
MAX_RESULTS = 50
K1, B = 1.2, 0.75
"""BM25's usual constants: how soon repetition stops counting, and how much length counts against a piece."""

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
STOP = frozenset(
    "a an and are as at be but by can class code def do does for from function has have how i if import "
    "in into is it its me my no none not of on or please return self so that the their then there this to "
    "use used using was we what when where which who why will with would write you your".split()
)
"""Words that tell nothing: everyday ones, and those that stand in every file."""


class Match(BaseModel):
    """A piece of a text file, as it is in it."""

    model_config = ConfigDict(frozen=True)

    path: str
    first_line: int = Field(description="Number of the first line in text; lines count from 1.")
    last_line: int
    text: str
    score: float = Field(description="How much it has in common with the query; higher is more.")


class Matches(BaseModel):
    """What was found, best first."""

    model_config = ConfigDict(frozen=True)

    matches: list[Match]
    files: int = Field(description="Files that were searched.")
    partial: bool = Field(description="Whether the time or the size limit was reached before all files were searched.")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a file and the words in them."""

    path: str
    first: int
    lines: tuple[str, ...]
    words: Counter[str]


def search_code(root: Path, query: str, max_results: int = 10) -> Matches:
    """The pieces of text files below the root that have most words in common with the query.

    Raises:
        ToolError: the query has no word to look for, or the files cannot be listed.
    """
    wanted = set(words_of(query)) - STOP
    if not wanted:
        raise ToolError("the query has no word to search for; name what the code is about")
    pieces, files, partial = _read(root)
    found = ranked(pieces, wanted)[: max(1, min(max_results, MAX_RESULTS))]
    matches = [
        Match(
            path=piece.path,
            first_line=piece.first,
            last_line=piece.first + len(piece.lines) - 1,
            text="".join(piece.lines),
            score=round(score, 4),
        )
        for score, piece in found
    ]
    return Matches(matches=matches, files=files, partial=partial)


def words_of(text: str) -> list[str]:
    """The words in a text or in its identifiers, in small letters; a plural is its singular."""
    return [_singular(word.lower()) for word in WORD.findall(text)]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _read(root: Path) -> tuple[list[Piece], int, bool]:
    """Every piece of every text file, how many files that were, and whether some were left out."""
    until, left = time.monotonic() + MAX_S, MAX_BYTES
    pieces: list[Piece] = []
    files = 0
    with Workspace(root) as workspace:
        for path in listed(root):
            if time.monotonic() > until or left <= 0:
                return pieces, files, True
            try:
                data = workspace.read(path, MAX_FILE_BYTES)
            except ToolError:  # too long to be worth it, or gone since
                continue
            if b"\0" not in data:
                files += 1
                left -= len(data)
                pieces += pieces_of(path, data.decode("utf-8-sig", errors="replace"))
    return pieces, files, False


def pieces_of(path: str, text: str) -> Iterator[Piece]:
    """The file in pieces; together they are the file."""
    lines, begun = lines_of(text), 0
    for number in range(1, len(lines) + 1):
        ended = number == len(lines)
        apart = not ended and not lines[number - 1].strip() and lines[number][:1].strip() != ""
        length = number - begun
        if ended or length >= PIECE_LINES or (apart and length >= LEAST_LINES):
            some = tuple(lines[begun:number])
            yield Piece(path, begun + 1, some, Counter(words_of(f"{path}\n{''.join(some)}")))
            begun = number


def ranked(pieces: Sequence[Piece], wanted: set[str]) -> list[tuple[float, Piece]]:
    """Those that have a wanted word, with their scores, best first; ties in the order of the files."""
    if not pieces:
        return []
    seen = Counter(word for piece in pieces for word in wanted & piece.words.keys())
    rarity = {word: math.log(1 + (len(pieces) - count + 0.5) / (count + 0.5)) for word, count in seen.items()}
    usual = sum(piece.words.total() for piece in pieces) / len(pieces)

    def score(piece: Piece) -> float:
        length = K1 * (1 - B + B * piece.words.total() / usual)
        return sum(
            rarity[word] * piece.words[word] * (K1 + 1) / (piece.words[word] + length)
            for word in wanted & piece.words.keys()
        )

    scored = [(score(piece), piece) for piece in pieces if wanted & piece.words.keys()]
    return sorted(scored, key=lambda pair: -pair[0])
