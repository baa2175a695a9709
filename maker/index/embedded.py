"""The index inside this process: Qdrant's own engine on a directory that one process at a time may open."""

import asyncio
import fcntl
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    Query,
    QueryRequest,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from maker.errors import StoreError
from maker.index.index import DIMENSION, Engine, Hit, Point

log = logging.getLogger(__name__)


class EmbeddedIndex:
    """An open shard; its calls leave the event loop free."""

    def __init__(self, folder: Path) -> None:
        """Open the shard in `folder`; one that cannot be read is moved aside and begun anew.

        Raises:
            StoreError: another process has it open, or the folder cannot be used.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(folder / "edge.lock")
        except OSError as error:
            raise StoreError(f"{folder}: the code index cannot be kept here: {error.strerror}") from error
        try:
            self._shard = _open(folder / "edge")
        except BaseException:
            self._lock.close()
            raise

    @property
    def engine(self) -> Engine:
        """The engine runs in this process."""
        return "embedded"

    async def count(self) -> int:
        """As Index."""
        with _translated():
            return await asyncio.to_thread(self._shard.count, CountRequest(exact=True))

    async def upsert(self, points: Sequence[Point]) -> None:
        """As Index."""
        edge_points = [EdgePoint(point.id, list(point.vector), dict(point.payload)) for point in points]
        with _translated():
            await asyncio.to_thread(self._shard.update, UpdateOperation.upsert_points(edge_points))

    async def query(self, vector: Sequence[float], limit: int) -> tuple[Hit, ...]:
        """As Index."""
        request = QueryRequest(limit=limit, query=Query.Nearest(list(vector)), with_payload=True)
        with _translated():
            found = await asyncio.to_thread(self._shard.query, request)
        return tuple(Hit(int(point.id), point.score, point.payload or {}) for point in found)

    async def aclose(self) -> None:
        """As Index."""
        try:
            with _translated():
                await asyncio.to_thread(self._shard.close)
        finally:
            self._lock.close()


def _lock(path: Path) -> IO[bytes]:
    # A lock of our own: the engine's says only that something is wrong, and would be taken for damage.
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StoreError(
            f"{path.parent}: another process has the code index open; only the mcp service may, so stop the other one"
        ) from None
    return file


def _open(path: Path) -> EdgeShard:
    config = EdgeConfig(vectors=EdgeVectorParams(size=DIMENSION, distance=Distance.Cosine))
    if path.exists():
        try:
            with _translated():
                return EdgeShard.load(str(path), config)
        except StoreError as error:
            aside = path.with_name("edge.broken")
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
            log.warning("%s; it was moved to %s and is made anew", error, aside)
    with _translated():
        path.mkdir(mode=0o700)
        return EdgeShard.create(str(path), config)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the engine's failures into StoreError: plain Exceptions, and panics, which are BaseExceptions."""
    try:
        yield
    except BaseException as error:
        # The panics' class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise StoreError(f"the code index cannot be used: {error}") from error
