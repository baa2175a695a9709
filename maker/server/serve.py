"""Running the application under Hypercorn until a signal, and stopping it without cutting an answer short."""

import asyncio
import signal

from hypercorn.asyncio import serve as hypercorn_serve

from maker import loopback
from maker.guard import App
from maker.server.inflight import Inflight


async def serve(app: App, *, port: int, inflight: Inflight, drain_s: float) -> None:
    """Serve until SIGTERM or SIGINT; then let running requests end for `drain_s` seconds, then end them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    drained = asyncio.Event()
    server = asyncio.create_task(hypercorn_serve(app, loopback.settings(port), shutdown_trigger=drained.wait))  # type: ignore[arg-type]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({server, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not server.done():
            await inflight.drain(drain_s)
            drained.set()
            await asyncio.wait({server}, timeout=loopback.CLOSE_S)
    finally:
        for task in (stopping, server):
            task.cancel()
        results = await asyncio.gather(server, stopping, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]
