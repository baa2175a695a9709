"""Images are for those who can see them: in what any other model is asked, a text stands in each one's place.

One request goes to several roles, and seldom do all of their models see.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace

from maker.chat.types import ChatRequest, Delta, JsonObject
from maker.errors import ContextOverflow, RequestError
from maker.models.model import Limits, Model, ModelState

IN_PLACE = "[an image, which this model cannot see]"


def has_image(request: ChatRequest) -> bool:
    """Whether there is an image in the conversation."""
    return any(_is_image(part) for message in request.messages for part in _parts(message))


def without_images(request: ChatRequest) -> ChatRequest:
    """The request with a text in each image's place; every other message is the very same object."""
    return replace(request, messages=tuple(map(_told, request.messages)))


def _told(message: JsonObject) -> JsonObject:
    parts = _parts(message)
    if not any(map(_is_image, parts)):
        return message
    return {**message, "content": [{"type": "text", "text": IN_PLACE} if _is_image(part) else part for part in parts]}


def _parts(message: JsonObject) -> list[JsonObject]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _is_image(part: JsonObject) -> bool:
    return part.get("type") == "image_url"


class MaybeBlind:
    """A model that can be asked with images, whether it sees them or not; `left_out` hears where it does not.

    What its server says of itself is believed. One that says nothing is asked with the images, and, if it refuses the
    request, once more without them; from then on it is known not to see.
    """

    def __init__(self, model: Model, left_out: Callable[[str], Awaitable[None]]) -> None:
        self._model, self._left_out = model, left_out
        self._refused = False

    @property
    def role(self) -> str:
        """The model's own."""
        return self._model.role

    @property
    def name(self) -> str:
        """The model's own."""
        return self._model.name

    async def state(self) -> ModelState:
        """The model's own."""
        return await self._model.state()

    async def limits(self) -> Limits:
        """The model's own."""
        return await self._model.limits()

    async def count(self, request: ChatRequest) -> int | None:
        """The model's own."""
        return await self._model.count(request)

    async def is_token(self, text: str) -> bool:
        """The model's own."""
        return await self._model.is_token(text)

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """As the model's own, but that images do not make it refuse."""
        return self._open(request) if has_image(request) else self._model.stream(request)

    @asynccontextmanager
    async def _open(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        async with aclosing(self._deltas(request)) as deltas:
            yield deltas

    async def _deltas(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        if not self._refused and (await self._model.limits()).images is not False:
            begun = False
            try:
                async with self._model.stream(request) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
                return
            except ContextOverflow:
                raise
            except RequestError:
                if begun:
                    raise
        async with self._model.stream(without_images(request)) as deltas:
            async for delta in deltas:
                if not self._refused:
                    self._refused = True
                    await self._left_out(self.role)
                yield delta
