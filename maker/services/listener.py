"""The process of `[eventlistener:readiness]`: supervisord's events in, the keeper beside.

A thread answers supervisord at once whatever happens, because supervisord waits for it; the work is done in an event
loop in the main thread.
"""

import asyncio
import logging
import threading
from typing import BinaryIO

from maker.config import Config
from maker.services.keeper import Keeper
from maker.services.protocol import Event, serve_events
from maker.services.readiness import client

_log = logging.getLogger(__name__)


def main(config: Config) -> None:
    """Listen until supervisord closes the stream."""
    with open(0, "rb", closefd=False) as source, open(1, "wb", closefd=False) as sink:
        asyncio.run(listen(config, source, sink))


async def listen(config: Config, source: BinaryIO, sink: BinaryIO) -> None:
    """Keep the services while the events of `source` last."""
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Event | None] = asyncio.Queue()

    def hand_over(event: Event | None) -> None:
        loop.call_soon_threadsafe(events.put_nowait, event)

    def converse() -> None:
        try:
            serve_events(source, sink, hand_over)
        except OSError as error:
            _log.info("supervisord is gone: %s", error)
        hand_over(None)

    thread = threading.Thread(target=converse, name="events", daemon=True)
    thread.start()
    async with client() as http:
        await Keeper(config, http, events).run()
