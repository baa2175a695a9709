"""One contract for both run stores; Redis is a real server on a unix socket."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from maker.config import Home
from maker.errors import StoreError
from maker.stores.memory import KEPT_PROGRESS, KEPT_RUNS, MemoryRunStore
from maker.stores.redis import INDEX, RedisRunStore
from maker.stores.run_store import KEPT_S, PROGRESS_KEPT_S, RunRecord, RunStore, parse, render
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


def test_recent_runs_come_in_brief_and_one_comes_whole(store: RunStore) -> None:
    step = {"title": "Write add(a, b)", "made": 2, "inputs": [{"call": "add(1, 2)"}], "candidates": [{"code": "x = 1"}]}
    whole = RunRecord("run-1", "low", 1.0e6, 0.5, "complete", plan={"summary": "s", "steps": []}, steps=[step])

    async def scenario() -> None:
        async with opened(store):
            await store.save(whole)
            [brief] = await store.recent(9)
            assert (brief.plan, brief.steps) == (None, [{"title": "Write add(a, b)", "made": 2}])
            assert await store.load("run-1") == whole

    asyncio.run(scenario())


def test_progress_is_kept_under_its_key_until_it_is_dropped(store: RunStore) -> None:
    async def scenario() -> None:
        async with opened(store):
            await store.save_progress("a", "first")
            await store.save_progress("a", "größer")
            await store.save_progress("b", "other")
            assert [await store.load_progress(key) for key in ("a", "b", "c")] == ["größer", "other", None]
            await store.drop_progress("a")
            await store.drop_progress("c")
            assert [await store.load_progress(key) for key in ("a", "b")] == [None, "other"]

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


def test_the_memory_store_forgets_progress_after_an_hour_and_the_oldest_of_too_many() -> None:
    async def scenario() -> None:
        now = 0.0
        store = MemoryRunStore(clock=lambda: now)
        for number in range(KEPT_PROGRESS + 1):
            await store.save_progress(f"key-{number}", "text")
        now = PROGRESS_KEPT_S - 1
        assert [await store.load_progress(f"key-{number}") for number in (0, 1)] == [None, "text"]
        now = PROGRESS_KEPT_S + 1
        assert await store.load_progress("key-1") is None

    asyncio.run(scenario())


@pytest.mark.processes
def test_redis_keeps_progress_for_an_hour(redis_socket: Path) -> None:
    async def scenario() -> None:
        client = redis.asyncio.Redis(unix_socket_path=str(redis_socket), password=PASSWORD)
        async with opened(RedisRunStore(redis_socket, PASSWORD)) as store, client:
            await store.save_progress("a", "text")
            assert PROGRESS_KEPT_S - 60 < await client.ttl("maker:progress:a") <= PROGRESS_KEPT_S

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


def line(**changes: object) -> str:
    """A record's line as another version of maker may have written it; None for a field that it does not have."""
    values = {**json.loads(render(record(1))), **changes}
    return json.dumps({name: value for name, value in values.items() if value is not None})


def test_what_only_another_version_knows_of_a_run_is_left_out() -> None:
    assert parse(line(colour="blue")) == parse(line(notes=None)) == record(1)


@pytest.mark.parametrize("text", [line(mode=None), "[]", "7", '"x"', "null", "{", ""])
def test_what_is_no_record_of_a_run_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.processes
def test_a_run_of_another_version_hides_no_other(redis_socket: Path) -> None:
    async def scenario() -> None:
        client = redis.asyncio.Redis(unix_socket_path=str(redis_socket), password=PASSWORD)
        async with opened(RedisRunStore(redis_socket, PASSWORD)) as store, client:
            await store.save(record(1))
            for name, text in (("run-2", line(run_id="run-2", colour="blue")), ("run-3", line(started=None))):
                await client.set(f"maker:run:{name}", text)
                await client.set(f"maker:brief:{name}", text)
                await client.zadd(INDEX, {name: 2_000_000.0})
            assert [each.run_id for each in await store.recent(10)] == ["run-2", "run-1"]
            assert (await store.load("run-2")) is not None
            assert await store.load("run-3") is None

    asyncio.run(scenario())
