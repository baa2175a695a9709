"""The mcp process: the codebase tools and, where no Qdrant server is installed, the code index itself."""

import logging
from contextlib import AsyncExitStack

from maker.config import Config
from maker.errors import StoreError
from maker.index.index import Index
from maker.index.open import open_index
from maker.tools import server

log = logging.getLogger(__name__)


async def run(config: Config) -> None:
    """Serve the tools until SIGTERM or SIGINT, without an index if it cannot be opened."""
    async with AsyncExitStack() as stack:
        index = _open(config)
        if index is not None:
            stack.push_async_callback(index.aclose)
        await server.serve(config, index)


def _open(config: Config) -> Index | None:
    try:
        return open_index(config)
    except StoreError as error:
        log.warning("no code index: %s", error)
        return None
