"""The run store in Redis, over its unix socket; slow or absent, it costs a request at most `TIMEOUT_S` now and then."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio
import redis.backoff
import redis.exceptions
from redis.asyncio.retry import Retry

from maker.errors import StoreError
from maker.stores.run_store import KEPT_S, PROGRESS_KEPT_S, RunRecord, parse, render

TIMEOUT_S = 0.2
REST_S = 5.0
"""After a failure the store is left alone for this long, so that a dead Redis does not slow every request."""
INDEX = "maker:runs"


class RedisRunStore:
    """Runs as strings with a time to live, whole and in brief, and a sorted set of their ids by start."""

    def __init__(self, socket: Path, password: str) -> None:
        self._client = redis.asyncio.Redis(
            unix_socket_path=str(socket),
            password=password,
            decode_responses=True,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(redis.backoff.NoBackoff(), 0),
        )
        self._rest_until = 0.0

    async def save(self, record: RunRecord) -> None:
        """Remember the run; the same id replaces what was there."""
        async with self._translated():
            pipe = self._client.pipeline(transaction=True)
            pipe.set(f"maker:run:{record.run_id}", render(record), ex=KEPT_S)
            pipe.set(f"maker:brief:{record.run_id}", render(record.brief()), ex=KEPT_S)
            pipe.zadd(INDEX, {record.run_id: record.started})
            pipe.zremrangebyscore(INDEX, "-inf", record.started - KEPT_S)
            await pipe.execute()

    async def load(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        async with self._translated():
            text = await self._client.get(f"maker:run:{run_id}")
        return parse(text) if text else None

    async def recent(self, limit: int) -> list[RunRecord]:
        """The newest runs in brief, newest first."""
        async with self._translated():
            ids = await self._client.zrevrange(INDEX, 0, limit - 1)
            texts = await self._client.mget(["maker:brief:" + str(name) for name in ids]) if ids else []
        return [record for text in texts if text and (record := parse(text)) is not None]

    async def save_progress(self, key: str, text: str) -> None:
        """Remember the text under the key, in place of what was there."""
        async with self._translated():
            await self._client.set(f"maker:progress:{key}", text, ex=PROGRESS_KEPT_S)

    async def load_progress(self, key: str) -> str | None:
        """The text of that key."""
        async with self._translated():
            text = await self._client.get(f"maker:progress:{key}")
        return str(text) if text else None

    async def drop_progress(self, key: str) -> None:
        """Forget the key, known or not."""
        async with self._translated():
            await self._client.delete(f"maker:progress:{key}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        if time.monotonic() < self._rest_until:
            raise StoreError("redis did not answer a moment ago; it is asked again shortly")
        try:
            yield
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            self._rest_until = time.monotonic() + REST_S
            raise StoreError(f"redis did not answer: {error}; `maker status` says why") from error
