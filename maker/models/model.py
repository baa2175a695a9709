"""The one interface behind which models are: a role, a state, and a stream of deltas."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from maker.chat.types import ChatRequest, Completion, Delta, collect

ModelState = Literal["ready", "loading", "down"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model server can take, as far as it tells."""

    context: int | None = None
    """Tokens of one slot."""
    images: bool | None = None


class Model(Protocol):
    """Something that answers chat requests for one role."""

    @property
    def role(self) -> str:
        """The role it plays: coder, planner, ..."""

    @property
    def name(self) -> str:
        """What it is called in traces: the model file's name, or the server's."""

    async def state(self) -> ModelState:
        """Whether it would answer now. Never generates; answers within a second; may be cached for a second."""

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """Send the request; the deltas come while the context is open, leaving it cancels what still runs.

        With `fill` the text is gone on with, or its gap filled, by the markers the model itself was trained on.

        Waits for a slot first. A failure before the first delta is retried where another try may help; later ones are
        not.

        Raises:
            ModelError: one of its kinds, on entering the context or while iterating.
            ContextOverflow: the prompt does not fit a slot.
        """

    async def limits(self) -> Limits:
        """What the server can take; nothing where it does not tell. Never generates, never raises ModelError."""

    async def count(self, request: ChatRequest) -> int | None:
        """The tokens of the prompt; None where the server cannot tell. Never generates, never raises ModelError."""

    async def is_token(self, text: str) -> bool:
        """Whether the text is one token; False where the server does not tell. As `count` otherwise."""


async def complete(model: Model, request: ChatRequest) -> tuple[Completion, ...]:
    """The whole answer, one completion per choice: the stream, drained."""
    async with model.stream(request) as deltas:
        return await collect(deltas)
