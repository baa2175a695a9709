"""What the tests of models share: async tests with a bound, and the least request."""

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from typing import Any

from maker.chat.types import ChatRequest, Sampling


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in an event loop of its own, for 30 seconds at most."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


async def until(what: Callable[[], object], within_s: float = 10) -> None:
    """Wait until `what` is true; fail after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 (what is waited for is a file or another process)
            await asyncio.sleep(0.001)


def open_files() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir("/dev/fd"))


def ask(text: str = "hello big world", **sampling: Any) -> ChatRequest:
    """A request with one message."""
    return ChatRequest(messages=({"role": "user", "content": text},), sampling=Sampling(**sampling))
