"""The contract of the code index over both engines, and what becomes of a damaged or shared directory."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient

from maker.config import Home
from maker.errors import StoreError
from maker.index.embedded import EmbeddedIndex
from maker.index.index import DIMENSION, Index, Point
from maker.index.open import open_index
from maker.index.served import ServedIndex, connect
from tests.support import write_toml


def along(axis: int) -> list[float]:
    """The unit vector of one axis."""
    return [float(number == axis) for number in range(DIMENSION)]


THREE = [Point(number, along(number), {"path": f"{number}.py"}) for number in range(3)]
ENGINES: dict[str, Callable[[Path], Index]] = {
    "embedded": EmbeddedIndex,
    "server": lambda folder: ServedIndex(AsyncQdrantClient(":memory:")),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_points_are_counted_replaced_and_found_by_nearness(engine: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        index = ENGINES[engine](tmp_path)
        assert index.engine == engine
        assert await index.count() == 0
        await index.upsert(THREE)
        await index.upsert([Point(1, along(1), {"path": "one.py"})])
        assert await index.count() == 3
        nearest = await index.query([a + b / 2 for a, b in zip(along(1), along(2), strict=True)], limit=2)
        assert [(hit.id, hit.payload["path"]) for hit in nearest] == [(1, "one.py"), (2, "2.py")]
        assert nearest[0].score == pytest.approx(1 / 1.25**0.5, abs=1e-4)
        await index.aclose()

    asyncio.run(scenario())


def filled(folder: Path) -> None:
    """Leave an index of three points in the folder."""

    async def fill() -> None:
        index = EmbeddedIndex(folder)
        await index.upsert(THREE)
        await index.aclose()

    asyncio.run(fill())


def counted(folder: Path) -> int:
    """How many points a fresh opener finds."""

    async def count() -> int:
        index = EmbeddedIndex(folder)
        try:
            return await index.count()
        finally:
            await index.aclose()

    return asyncio.run(count())


def test_points_are_there_after_reopening(tmp_path: Path) -> None:
    filled(tmp_path)
    assert counted(tmp_path) == 3


@pytest.mark.processes
def test_points_are_there_after_the_owner_was_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, signal
from pathlib import Path
from tests.index.test_index import THREE, EmbeddedIndex
async def main():
    await EmbeddedIndex(Path({str(tmp_path)!r})).upsert(THREE)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == -9
    assert counted(tmp_path) == 3


def test_a_second_opener_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    owner = EmbeddedIndex(tmp_path)
    with pytest.raises(StoreError, match="another process has the code index open"):
        EmbeddedIndex(tmp_path)
    asyncio.run(owner.aclose())
    assert counted(tmp_path) == 3


# Empty status.dat makes the engine panic, which is a BaseException; the others raise.
@pytest.mark.parametrize("victim", ["edge_config.json", "vector_storage/vectors/status.dat", "wal/first-index"])
def test_a_damaged_index_is_moved_aside_and_begun_anew(
    victim: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path)
    (damaged,) = [path for path in (tmp_path / "edge").rglob("*") if str(path).endswith(victim)]
    damaged.write_bytes(b"")
    assert counted(tmp_path) == 0
    assert (tmp_path / "edge.broken").is_dir()
    assert [record.getMessage() for record in caplog.records if "moved to" in record.getMessage()]


def test_an_index_of_another_size_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    monkeypatch.setattr("maker.index.embedded.DIMENSION", 8)
    assert counted(tmp_path) == 0


def test_without_the_binary_the_engine_is_embedded(home: Home) -> None:
    index = open_index(write_toml(home, '[qdrant]\nbinary = "no-such-qdrant"'))
    assert (index.engine, (home.root / "qdrant" / "edge").is_dir()) == ("embedded", True)
    asyncio.run(index.aclose())


def test_a_server_that_is_down_is_a_store_error_when_asked(home: Home) -> None:
    config = write_toml(home, f'[qdrant]\nbinary = "{sys.executable}"')
    home.api_key.write_text("k" * 32, encoding="ascii")

    async def scenario() -> None:
        index = open_index(config)
        assert index.engine == "server"
        with pytest.raises(StoreError, match="the qdrant server did not do what was asked"):
            await index.count()
        await index.aclose()

    asyncio.run(scenario())


def test_the_server_is_sent_the_key_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"result": {"exists": false}, "status": "ok", "time": 0.0}'
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            index = ServedIndex(connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "the-key"))
            assert await index.count() == 0
            await index.aclose()

    asyncio.run(scenario())
    assert b"GET /collections/code/exists" in seen[0]
    assert b"api-key: the-key" in seen[0]
