"""The index on a Qdrant server, over its REST interface."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException
from qdrant_client.models import Distance, PointStruct, VectorParams

from maker.errors import StoreError
from maker.index.index import COLLECTION, DIMENSION, Engine, Hit, Point

TIMEOUT_S = 5


class ServedIndex:
    """One collection of a server, made when the first points come; the server is asked only when it is needed."""

    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client

    @property
    def engine(self) -> Engine:
        """A server does the work."""
        return "server"

    async def count(self) -> int:
        """As Index."""
        with _translated():
            if not await self._client.collection_exists(COLLECTION):
                return 0
            return (await self._client.count(COLLECTION, exact=True)).count

    async def upsert(self, points: Sequence[Point]) -> None:
        """As Index."""
        with _translated():
            if not await self._client.collection_exists(COLLECTION):
                vectors = VectorParams(size=DIMENSION, distance=Distance.COSINE)
                await self._client.create_collection(COLLECTION, vectors_config=vectors)
            structs = [PointStruct(id=p.id, vector=list(p.vector), payload=dict(p.payload)) for p in points]
            await self._client.upsert(COLLECTION, structs, wait=True)

    async def query(self, vector: Sequence[float], limit: int) -> tuple[Hit, ...]:
        """As Index."""
        with _translated():
            found = await self._client.query_points(COLLECTION, query=list(vector), limit=limit, with_payload=True)
        return tuple(Hit(int(point.id), point.score, point.payload or {}) for point in found.points)

    async def aclose(self) -> None:
        """As Index."""
        await self._client.close()


def connect(url: str, key: str) -> AsyncQdrantClient:
    """A client of the server at `url`; does not call it yet."""
    # The key as a header: given as api_key it draws a warning about plain HTTP, which loopback needs not.
    # trust_env=False: a proxy from the environment would be asked to reach loopback.
    headers = {"api-key": key}
    return AsyncQdrantClient(url=url, headers=headers, timeout=TIMEOUT_S, check_compatibility=False, trust_env=False)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ApiException, ResponseHandlingException, httpx.HTTPError) as error:
        raise StoreError(f"the qdrant server did not do what was asked: {error}") from error
