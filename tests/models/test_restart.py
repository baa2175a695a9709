"""A model server that was killed and came back between two requests, while nobody was looking."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from maker.models.endpoint import Endpoint
from maker.models.llama import LlamaModel
from maker.models.model import complete
from maker.models.transport import aiohttp_transport
from tests.models.support import ask, in_loop
from tests.support import free_ports


@contextmanager
def server(port: int) -> Iterator[None]:
    """A fake server in a process of its own, listening; killed at the end. Blocks the event loop on purpose."""
    argv = [sys.executable, "-m", "tests.fake_llama", "--port", str(port), "--slots", "8"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == str(port).encode()
            yield
        finally:
            process.kill()


@pytest.mark.processes
@pytest.mark.parametrize("transport", [aiohttp_transport, httpx.AsyncHTTPTransport])
@in_loop
async def test_connections_that_died_unseen_are_no_failure(
    transport: Callable[[], httpx.AsyncBaseTransport],
) -> None:
    (port,) = free_ports(1)
    async with LlamaModel("coder", [Endpoint(f"http://127.0.0.1:{port}/v1")], transport=transport) as model:
        with server(port):
            await asyncio.gather(*(complete(model, ask()) for _ in range(8)))
        with server(port):
            answers = await asyncio.gather(*(complete(model, ask()) for _ in range(8)))

    assert [answer[0].text for answer in answers] == ["hello big world"] * 8
