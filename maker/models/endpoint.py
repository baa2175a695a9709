"""Where a model server is, who hands out its slots, and how long it may be silent."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from maker.chat.types import ChatRequest


class Limiter(Protocol):
    """Hands out a server's slots."""

    def take(self, count: int = 1) -> AbstractAsyncContextManager[int]:
        """Wait for at least one slot; hold up to `count` while the context is open and say how many."""


class Unlimited:
    """The limiter of a server whose slots are not ours to count."""

    @asynccontextmanager
    async def take(self, count: int = 1) -> AsyncIterator[int]:
        """As many as asked, at once."""
        yield count


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model server is: `url` ends in /v1; `model` is the id to ask for where a server has several.

    With `elsewhere` it is a server that maker does not start. Many of those want an id even where they have one model.
    """

    url: str
    key: str | None = None
    limiter: Limiter = Unlimited()
    model: str | None = None
    kept: Limiter | None = None
    """The limiter for those who fill gaps, where a slot is kept for them."""
    elsewhere: bool = False

    def limiter_of(self, request: ChatRequest) -> Limiter:
        """Who hands out the request's slot."""
        return self.kept if self.kept and request.fill and request.fill.suffix is not None else self.limiter


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest silences in seconds: before the first token, and between two."""

    first_token_s: float = 120.0
    idle_s: float = 30.0


DEFAULT_TIMEOUTS = Timeouts()
