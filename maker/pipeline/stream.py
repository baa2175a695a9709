"""The one bridge from a run to whoever watches it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from maker.pipeline.events import Emit, Event


@asynccontextmanager
async def stream_events(work: Callable[[Emit], Awaitable[object]]) -> AsyncIterator[AsyncIterator[Event]]:
    """Run `work(emit)` in a task; iterate over what it emits; its error, if any, is raised at the end.

    Leaving the context cancels the work and waits until it has cleaned up. The queue is unbounded on purpose: what a
    run emits is bounded by its token limits.
    """
    queue: asyncio.Queue[Event | None] = asyncio.Queue()

    async def produce() -> None:
        try:
            await work(queue.put)
        finally:
            queue.put_nowait(None)

    async def events() -> AsyncIterator[Event]:
        while (event := await queue.get()) is not None:
            yield event
        await task

    task = asyncio.create_task(produce())
    try:
        yield events()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
