"""What all runs of this orchestrator do, as it happens, for whoever watches: `GET /api/events`.

An event has names and numbers and, where a person would read one, a line; neither the user's words nor the code.
Nobody waits for a slow listener: what its queue has no room for is left out, and it is told how much that was.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import fields
from types import TracebackType
from typing import Any

from quart.wrappers.response import ResponseBody

from maker.chat.sse import KEEP_ALIVE, frame
from maker.errors import TooBusy
from maker.pipeline.events import AnswerDelta, Emit, Event
from maker.pipeline.progress import line
from maker.pipeline.values import Task

Json = dict[str, Any]

ROOM = 256
"""Events that one listener may be behind."""
LISTENERS = 16
RETRY_AFTER_S = 5


class Listener:
    """One client's queue."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Json] = asyncio.Queue(ROOM)
        self._missed = 0

    def put(self, event: Json) -> None:
        """Keep the event for the client, if there is room."""
        if self._missed and self._queue.maxsize - self._queue.qsize() >= 2:
            self._queue.put_nowait({"event": "missed", "count": self._missed})
            self._missed = 0
        if self._missed or self._queue.full():
            self._missed += 1
        else:
            self._queue.put_nowait(event)

    async def get(self) -> Json:
        """The next event."""
        return await self._queue.get()


class Feed:
    """Hands every event of every run to every listener."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    def listener(self, task: Task) -> Emit:
        """The listener of one run."""

        async def emit(event: Event) -> None:
            if self._listeners and not isinstance(event, AnswerDelta):
                told = {"run": task.run_id, "mode": task.mode, **described(event)}
                for listener in self._listeners:
                    listener.put(told)

        return emit

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Receive events for as long as the context is open.

        Raises:
            TooBusy: there are as many listeners as may be.
        """
        self.check_room()
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def check_room(self) -> None:
        """Pass if one more may listen.

        Raises:
            TooBusy: there are as many listeners as may be.
        """
        if len(self._listeners) >= LISTENERS:
            raise TooBusy(f"{LISTENERS} clients follow the events already; close one", retry_after_s=RETRY_AFTER_S)

    async def frames(self, stop: asyncio.Event, keep_alive_s: float) -> AsyncGenerator[bytes, None]:
        """The events from now on, as server-sent events, until `stop`."""
        with self.listen() as listener:
            yield KEEP_ALIVE
            stopping = asyncio.ensure_future(stop.wait())
            coming: asyncio.Future[Json] | None = None
            try:
                while not stop.is_set():
                    coming = coming or asyncio.ensure_future(listener.get())
                    either: set[asyncio.Future[Any]] = {coming, stopping}
                    await asyncio.wait(either, timeout=keep_alive_s, return_when=asyncio.FIRST_COMPLETED)
                    if coming.done():
                        told, coming = coming.result(), None
                        yield frame(told)
                    else:
                        yield KEEP_ALIVE
            finally:
                for future in (stopping, coming):
                    if future is not None:
                        future.cancel()


class FeedBody(ResponseBody):
    """The body of a response that lasts until its client goes or maker stops."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        self._frames = frames

    async def __aenter__(self) -> AsyncGenerator[bytes, None]:
        return self._frames

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._frames.aclose()


def described(event: Event) -> Json:
    """The event by its name, its plain values, and its line."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    plain = {name: value for name, value in values.items() if isinstance(value, str | int | float | bool)}
    plain.pop("text", None)
    said = line(event)
    return {"event": _snake(type(event).__name__), **plain, **({"line": said} if said else {})}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
