"""Running the application under Hypercorn until a signal, and stopping it without cutting an answer short."""

import asyncio
import logging
import signal
import socket

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig

from maker.guard import App
from maker.server.inflight import Inflight

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 75.0
"""Longer than the pools of the clients keep an idle connection, so that they close first."""
CLOSE_S = 3.0
"""How long Hypercorn may take to close once nothing runs any more; some Python versions wait for ever."""


def addresses(port: int) -> list[str]:
    """Loopback in both families; `localhost` may be either. ::1 is left out where the machine has no IPv6."""
    found = [f"127.0.0.1:{port}"]
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
        found.append(f"[::1]:{port}")
    except OSError:
        log.info("no IPv6 loopback on this machine: listening on 127.0.0.1 only")
    return found


async def serve(app: App, *, port: int, inflight: Inflight, drain_s: float) -> None:
    """Serve until SIGTERM or SIGINT; then let running requests end for `drain_s` seconds, then end them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    drained = asyncio.Event()
    server = asyncio.create_task(hypercorn_serve(app, settings(port), shutdown_trigger=drained.wait))  # type: ignore[arg-type]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({server, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not server.done():
            await inflight.drain(drain_s)
            drained.set()
            await asyncio.wait({server}, timeout=CLOSE_S)
    finally:
        for task in (stopping, server):
            task.cancel()
        results = await asyncio.gather(server, stopping, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


def settings(port: int) -> HypercornConfig:
    """How Hypercorn listens and when it lets connections go."""
    chosen = HypercornConfig()
    chosen.bind = addresses(port)
    chosen.keep_alive_timeout = KEEP_ALIVE_S
    chosen.keep_alive_max_requests = 1_000_000
    chosen.graceful_timeout = CLOSE_S
    chosen.include_server_header = False
    chosen.accesslog = None
    chosen.errorlog = logging.getLogger("hypercorn.error")
    return chosen
