"""What every engine of the code index can do. The index is a cache: it may be thrown away and made anew at any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from maker.chat.types import JsonObject

COLLECTION = "code"
DIMENSION = 384
"""Numbers in a dense vector; an index of another size is made anew."""

Engine = Literal["server", "embedded"]


@dataclass(frozen=True, slots=True)
class Point:
    """One piece of code in the index: its vector and what to show when it is found."""

    id: int
    vector: Sequence[float]
    payload: JsonObject


@dataclass(frozen=True, slots=True)
class Hit:
    """A point that was found; a higher score (cosine) is nearer."""

    id: int
    score: float
    payload: JsonObject


class Index(Protocol):
    """Points by nearness. Every method raises StoreError where the engine does not do what was asked."""

    @property
    def engine(self) -> Engine:
        """Whether a Qdrant server or the engine inside this process does the work."""

    async def count(self) -> int:
        """How many points there are."""

    async def upsert(self, points: Sequence[Point]) -> None:
        """Add points; one that has the id of an earlier one replaces it."""

    async def query(self, vector: Sequence[float], limit: int) -> tuple[Hit, ...]:
        """The `limit` nearest points, nearest first."""

    async def aclose(self) -> None:
        """Write everything down and let go of it."""
