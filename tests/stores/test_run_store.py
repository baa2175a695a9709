"""One contract for both run stores; Redis is a real server on a unix socket."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from maker.config import Home
from maker.errors import StoreError
from maker.stores.memory import KEPT_RUNS, MemoryRunStore
from maker.stores.redis import RedisRunStore
from maker.stores.run_store import KEPT_S, RunRecord, RunStore
from tests.support import wait_until

PASSWORD = "sesame-sesame"


@asynccontextmanager
async def opened(store: RunStore) -> AsyncIterator[RunStore]:
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture
def redis_socket(home: Home) -> Iterator[Path]:
    """A redis-server of this test's own."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed; scripts/test.sh installs it"
    socket = home.root / "r.sock"
    settings = ["--port", "0", "--unixsocket", str(socket), "--requirepass", PASSWORD, "--save", "", "--dir", home.root]
    with subprocess.Popen([program, *map(str, settings)], stdout=subprocess.DEVNULL) as process:
        wait_until(socket.exists, within_s=10, why="redis made its socket")
        yield socket
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.processes)])
def store(request: pytest.FixtureRequest) -> RunStore:
    if request.param == "memory":
        return MemoryRunStore()
    return RedisRunStore(request.getfixturevalue("redis_socket"), PASSWORD)


def record(number: int, started: float = 1_000_000.0) -> RunRecord:
    usage = {"coder": {"prompt_tokens": number, "completion_tokens": 2, "cached_tokens": 0}}
    return RunRecord(f"run-{number}", "high", started + number, 0.5, "complete", usage=usage)


def test_what_was_saved_is_loaded_whole(store: RunStore) -> None:
    async def scenario() -> None:
        async with opened(store):
            await store.save(record(1))
            assert await store.load("run-1") == record(1)
            assert await store.load("run-2") is None

    asyncio.run(scenario())


def test_recent_runs_come_newest_first_and_no_more_than_asked_for(store: RunStore) -> None:
    async def scenario() -> None:
        async with opened(store):
            for number in (2, 0, 3, 1):
                await store.save(record(number))
            assert [found.run_id for found in await store.recent(3)] == ["run-3", "run-2", "run-1"]

    asyncio.run(scenario())


def test_saving_again_replaces(store: RunStore) -> None:
    async def scenario() -> None:
        async with opened(store):
            await store.save(record(1))
            await store.save(RunRecord("run-1", "high", 1_000_001.0, 0.7, "failed", error="model_timeout"))
            assert [(found.run_id, found.status) for found in await store.recent(9)] == [("run-1", "failed")]

    asyncio.run(scenario())


def test_the_memory_store_forgets_the_oldest() -> None:
    async def scenario() -> None:
        store = MemoryRunStore()
        for number in range(KEPT_RUNS + 1):
            await store.save(record(number))
        assert await store.load("run-0") is None
        assert await store.load("run-1") == record(1)

    asyncio.run(scenario())


@pytest.mark.processes
def test_redis_forgets_what_is_older_than_a_week(redis_socket: Path) -> None:
    async def scenario() -> None:
        async with opened(RedisRunStore(redis_socket, PASSWORD)) as store:
            await store.save(record(1))
            await store.save(record(2, started=1_000_000.0 + KEPT_S))
            assert [found.run_id for found in await store.recent(9)] == ["run-2"]

    asyncio.run(scenario())


def test_a_redis_that_is_not_there_is_a_store_error_and_is_left_alone_for_a_while(home: Home) -> None:
    async def scenario() -> None:
        async with opened(RedisRunStore(home.root / "none.sock", PASSWORD)) as store:
            with pytest.raises(StoreError, match="did not answer"):
                await store.save(record(1))
            with pytest.raises(StoreError, match="a moment ago"):
                await store.load("run-1")

    asyncio.run(scenario())


def test_a_redis_that_hangs_costs_less_than_a_second(home: Home) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client gives up
        writer.close()
        await writer.wait_closed()

    async def scenario() -> None:
        socket = home.root / "mute.sock"
        async with await asyncio.start_unix_server(mute, socket), opened(RedisRunStore(socket, PASSWORD)) as hung:
            async with asyncio.timeout(1):
                with pytest.raises(StoreError):
                    await hung.save(record(1))

    asyncio.run(scenario())


@pytest.mark.processes
def test_a_wrong_password_is_a_store_error(redis_socket: Path) -> None:
    async def scenario() -> None:
        async with opened(RedisRunStore(redis_socket, "wrong-password")) as store:
            with pytest.raises(StoreError):
                await store.save(record(1))

    asyncio.run(scenario())
