"""The body of a streamed response: it owns the run, which lives exactly as long as the response."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType

from quart.wrappers.response import ResponseBody

from maker.chat.sse import KEEP_ALIVE
from maker.errors import MakerError
from maker.pipeline.events import Emit, Event
from maker.pipeline.stream import stream_events
from maker.server import errors
from maker.server.inflight import Inflight, Ticket

log = logging.getLogger(__name__)


class EventBody(ResponseBody):
    """Streams a run. Ends in what `encode` makes of its last event, or `fail` of its error; never in both."""

    def __init__(
        self,
        run_id: str,
        work: Callable[[Emit], Awaitable[object]],
        encode: Callable[[Event], bytes],
        fail: Callable[[MakerError], bytes],
        *,
        inflight: Inflight,
        keep_alive_s: float,
    ) -> None:
        self._run_id, self._work, self._encode, self._fail = run_id, work, encode, fail
        self._inflight, self._keep_alive_s = inflight, keep_alive_s
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> AsyncIterator[bytes]:
        ticket = self._stack.enter_context(self._inflight.admit(self._run_id))
        events = await self._stack.enter_async_context(stream_events(self._work))
        frames = self._frames(events, ticket)
        self._stack.push_async_callback(frames.aclose)
        return frames

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _frames(self, events: AsyncIterator[Event], ticket: Ticket) -> AsyncGenerator[bytes, None]:
        coming: asyncio.Future[Event] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(events))
                if not await ticket.wait(coming, self._keep_alive_s):
                    yield KEEP_ALIVE
                    continue
                event, coming = coming.result(), None
                if data := self._encode(event):
                    yield data
        except StopAsyncIteration:
            return
        except MakerError as error:
            yield self._fail(error)
        except Exception:  # the outer edge: the client gets an error event, the log the traceback
            log.exception("run %s failed", self._run_id)
            yield self._fail(errors.INTERNAL)
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
