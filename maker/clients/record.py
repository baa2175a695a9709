"""MAKER_HOME/clients.json: what maker wrote into which file of which client, so that it can take exactly that out."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from maker.clients.entry import Piece
from maker.clients.files import write_whole
from maker.config import Home
from maker.errors import ConfigError


class Written(BaseModel):
    """What maker has in one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client: str
    syntax: Literal["json", "yaml", "toml"]
    created: bool
    """Whether there was no file before."""
    pieces: tuple[Piece, ...]


Record = dict[str, Written]
"""By the file's path."""

_FILE = TypeAdapter(Record)


def load(home: Home) -> Record:
    """The record; empty where there is none.

    Raises:
        ConfigError: it cannot be read as what `save` writes.
    """
    try:
        return _FILE.validate_json(home.clients.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"{home.clients}: not maker's record of the files it changed; move it away, then maker's entries "
            "are yours to remove"
        ) from error


def save(home: Home, record: Mapping[str, Written]) -> None:
    """Write the record, for its owner alone.

    Raises:
        OSError: it cannot be written.
    """
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home.clients, _FILE.dump_json(dict(record), indent=1, exclude_defaults=True) + b"\n", mode=0o600)


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Keep every other maker of this home from changing clients' files meanwhile."""
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(home.clients.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
