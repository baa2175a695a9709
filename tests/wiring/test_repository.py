"""The registered repositories through a real mcp server, and copies of them."""

import asyncio
import contextlib
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from maker.config import Config, Home, child_environment
from maker.errors import NotRunning, ToolError
from maker.tools import copying, listing, registry, server
from maker.wiring.orchestrator import open_parts
from maker.wiring.repository import COPIES, Repositories
from tests.support import write_toml


@pytest.fixture
def config(home: Home, tmp_path: Path) -> Config:
    shop = tmp_path / "project" / "shop"
    shop.mkdir(parents=True)
    (shop / "cart.py").write_text("def total(prices):\n    return sum(prices)\n", encoding="utf-8")
    (shop / ".env").write_text("canary", encoding="utf-8")
    registry.add(home, shop.parent, trust=True)
    return write_toml(home, '[server]\napi_key = "a-key-of-the-owner"')


@asynccontextmanager
async def repositories(config: Config, *, serving: bool = True) -> AsyncIterator[Repositories]:
    """Behind a real server of the tools, in this event loop, if it is to be there."""
    stop = asyncio.Event()
    shutdown: Any = stop.wait
    task = asyncio.create_task(server.serve(config, None, shutdown)) if serving else None
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            await _listening(http, config, serving=serving)
            yield Repositories(config, http)
    finally:
        stop.set()
        if task:
            await task


async def _listening(http: httpx.AsyncClient, config: Config, *, serving: bool) -> None:
    async with asyncio.timeout(10):
        while serving:
            with contextlib.suppress(httpx.TransportError):
                await http.get(f"http://127.0.0.1:{config.port('mcp')}/health")
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("by_path", [True, False])
def test_a_registered_repository_is_searched_by_name_and_by_path(config: Config, by_path: bool) -> None:
    workspace = registry.load(config.home)[0]
    named = str(workspace.path / "shop") if by_path else workspace.name

    async def search() -> None:
        async with repositories(config) as found:
            excerpts = await found.search(named, "where is the total of the prices?")
            assert [(one.path, one.first_line, one.last_line) for one in excerpts] == [("shop/cart.py", 1, 2)]
            assert excerpts[0].score > 0 and "sum(prices)" in excerpts[0].text
            assert await found.search(named, "zebra crossing") == []
            with pytest.raises(ToolError, match="no word"):
                await found.search(named, "?")
            with pytest.raises(ToolError, match="maker workspace add"):
                await found.search("/nowhere", "total")

    asyncio.run(asyncio.wait_for(search(), 30))


def test_without_mcp_the_failure_says_what_to_do(config: Config) -> None:
    async def search() -> None:
        async with repositories(config, serving=False) as found:
            with pytest.raises(NotRunning, match="maker status"):
                await found.search("project", "total")

    asyncio.run(asyncio.wait_for(search(), 30))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="x"),
        httpx.Response(200, text="not json"),
        httpx.Response(200, json={"id": 1, "result": {"content": []}}),
        httpx.Response(200, json={"id": 7, "result": {}}),
        httpx.Response(200, json={"id": 1, "error": {"message": "no"}}),
        httpx.Response(200, text=": nothing\n\n", headers={"content-type": "text/event-stream"}),
    ],
)
def test_what_is_no_answer_of_mcp_counts_as_none(config: Config, answer: httpx.Response) -> None:
    async def search() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
            with pytest.raises(NotRunning):
                await Repositories(config, http).search("project", "total")

    asyncio.run(search())


def test_a_copy_is_made_without_secrets_and_removed(config: Config) -> None:
    below = config.home.run / COPIES

    async def copy() -> None:
        async with httpx.AsyncClient() as http, Repositories(config, http).copy("project") as made:
            assert made.trusted
            assert (made.root / "shop" / "cart.py").is_file() and not (made.root / "shop" / ".env").exists()
            assert below.stat().st_mode & 0o777 == 0o700
        assert list(below.iterdir()) == []

    asyncio.run(asyncio.wait_for(copy(), 20))


def test_a_run_that_is_cancelled_leaves_no_copy(config: Config) -> None:
    below = config.home.run / COPIES

    async def copy() -> None:
        open_now = asyncio.Event()

        async def use() -> None:
            async with httpx.AsyncClient() as http, Repositories(config, http).copy("project"):
                open_now.set()
                await asyncio.Event().wait()

        using = asyncio.create_task(use())
        await open_now.wait()
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
        assert using.cancelled()
        assert list(below.iterdir()) == []

    asyncio.run(asyncio.wait_for(copy(), 20))


def test_a_run_that_is_cancelled_while_it_copies_leaves_no_copy(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def copy() -> None:
        copying_now, loop = asyncio.Event(), asyncio.get_running_loop()

        def slowly(root: Path) -> list[str]:
            loop.call_soon_threadsafe(copying_now.set)
            return listing.listed(root)

        monkeypatch.setattr(copying, "listed", slowly)

        async def use() -> None:
            async with httpx.AsyncClient() as http, Repositories(config, http).copy("project"):
                await asyncio.Event().wait()

        using = asyncio.create_task(use())
        await copying_now.wait()
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
        assert list((config.home.run / COPIES).iterdir()) == []

    asyncio.run(asyncio.wait_for(copy(), 20))


def test_what_cannot_be_copied_is_a_sentence(config: Config) -> None:
    (config.home.run / COPIES).write_text("a file where the folder should be")

    async def copy() -> None:
        async with httpx.AsyncClient() as http:
            with pytest.raises(ToolError, match="could not be copied"):
                async with Repositories(config, http).copy("project"):
                    raise AssertionError("not reached")

    asyncio.run(asyncio.wait_for(copy(), 20))


HOLD = """
import asyncio, sys
import httpx
from maker.config import load
from maker.wiring.repository import Repositories
async def main():
    async with httpx.AsyncClient() as http, Repositories(load(), http).copy("project"):
        print("open", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.processes
def test_what_a_killed_process_copied_is_removed_when_the_next_orchestrator_starts(config: Config) -> None:
    below = config.home.run / COPIES
    environment = child_environment(MAKER_HOME=str(config.home.root))
    process = subprocess.Popen([sys.executable, "-c", HOLD], env=environment, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        with process.stdout as said:
            assert select.select([said], [], [], 30)[0] and said.readline() == b"open\n"
            process.kill()
            process.wait(10)
        assert len(list(below.iterdir())) == 2

        config.home.api_key.write_text("0" * 64, encoding="ascii")

        async def start() -> None:
            async with open_parts(config, "high"):
                assert list(below.iterdir()) == []

        asyncio.run(asyncio.wait_for(start(), 60))
    finally:
        process.kill()
        process.wait(10)
