"""The repository a task is about, as the pipeline needs it; wiring puts one behind this."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some lines of a file of the repository, whole; a higher score has more to do with what was looked for."""

    path: str
    first_line: int
    last_line: int
    text: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the repository, without its secrets, for candidates to read."""

    root: Path
    trusted: bool = False
    """Whether its own tests may be run."""


class Repository(Protocol):
    """The repositories that people registered, by name or by a path in them."""

    async def search(self, workspace: str, query: str) -> Sequence[Excerpt]:
        """The pieces that have most to do with the query, best first.

        Raises:
            MakerError: no such workspace, or nobody answers.
        """

    def copy(self, workspace: str) -> AbstractAsyncContextManager[Copy]:
        """A copy for as long as the context is open; a process that is killed leaves it to the next one to remove.

        Raises:
            MakerError: no such workspace, or it cannot be copied.
        """
