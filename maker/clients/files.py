"""The one place where clients' files are read and written: whole or not at all, with a copy of what was there.

What is covered: a crash at any moment (the file is the old one or the new one), symbolic links (they stay, what they
lead to is changed), the file's permissions, and a client that writes while maker does (then nothing is written).

What is not covered: a client that holds the old text in memory and writes it back later; close it first.
"""

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from maker.errors import ClientFileError

MAX_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read."""

    path: Path
    """Without symbolic links."""
    data: bytes | None
    """None where there is no file."""
    text: str


def read(path: Path) -> Source:
    """The file's text, nothing translated; no file is an empty one.

    Raises:
        ClientFileError: it is no plain file of UTF-8 text.
    """
    real = Path(os.path.realpath(path))
    try:
        state = real.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
            raise ClientFileError("it is not a plain file of a sensible size")
        data = real.read_bytes()
        return Source(real, data, data.decode("utf-8"))
    except FileNotFoundError:
        return Source(real, None, "")
    except UnicodeDecodeError:
        raise ClientFileError("it is not UTF-8 text") from None
    except OSError as error:
        raise ClientFileError(f"it cannot be read: {error.strerror or error}") from error


def write(source: Source, text: str, *, secret: bool = False) -> Path | None:
    """Put the new text in the place of what was read; returns the copy of the old one, if there was one.

    A text with a secret in it is for the file's owner alone, whatever the file was before.

    Raises:
        ClientFileError: the file has changed since it was read.
        OSError: it cannot be written.
    """
    try:
        mode = stat.S_IMODE(source.path.stat().st_mode)
    except FileNotFoundError:
        mode = 0o600
        source.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    backup = None
    if source.data is not None:
        backup = _free_name(source.path)
        write_whole(backup, source.data, mode=mode & 0o700)
    _require_unchanged(source)
    write_whole(source.path, text.encode(), mode=mode & 0o600 if secret else mode)
    return backup


def remove(source: Source) -> None:
    """Delete a file that maker made and that has nothing in it any more.

    Raises:
        ClientFileError: the file has changed since it was read.
        OSError: it cannot be deleted.
    """
    _require_unchanged(source)
    source.path.unlink()


def write_whole(path: Path, data: bytes, *, mode: int) -> None:
    """Put a whole new file in the place of the old one; on failure the old one stays.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.maker-{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        with open(partial, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _require_unchanged(source: Source) -> None:
    now = source.path.read_bytes() if source.path.exists() else None
    if now != source.data:
        raise ClientFileError("another program has just written it; try again")


def _free_name(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 0
    while True:
        name = path.with_name(f"{path.name}.maker-bak-{stamp}{f'-{number}' if number else ''}")
        if not name.exists():
            return name
        number += 1
