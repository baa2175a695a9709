"""Which engine keeps the code index: a Qdrant server where its binary is installed, else the engine in this process."""

import shutil

from maker.config import Config, search_path
from maker.index.index import Index


def open_index(config: Config) -> Index:
    """The code index; to be opened by the mcp service only, and closed with `aclose`.

    A server that is not there yet is no error: it is asked when it is needed.

    Raises:
        StoreError: the embedded engine's directory is in use by another process, or cannot be written.
        ConfigError: there is no key for the server.
    """
    # Each engine's library takes tens of megabytes; only one of them is used.
    if shutil.which(config.qdrant.binary, path=search_path()):
        from maker.index.served import ServedIndex, connect

        return ServedIndex(connect(f"http://127.0.0.1:{config.port('qdrant')}", config.home.read_key()))
    from maker.index.embedded import EmbeddedIndex

    return EmbeddedIndex(config.home.root / "qdrant")
