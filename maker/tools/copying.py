"""A copy of a workspace for candidates to run over: what git would keep, less secrets and long files, for reading only.

A copy belongs to the process that made it, which holds a lock beside it: what a process that was killed left behind is
known by its lock being free, and removed when the next one starts.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from maker.errors import ToolError
from maker.tools.listing import listed
from maker.tools.workspace import Workspace

MAX_FILE_BYTES = 1024 * 1024
MAX_BYTES = 64 * 1024 * 1024
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied where."""

    root: Path
    files: int
    left_out: int
    """Files that were too long, or not readable."""


@contextmanager
def copied(root: Path, below: Path, stopped: Callable[[], bool] = lambda: False) -> Iterator[Copied]:
    """A copy of the workspace in a folder of its own below `below`, removed when the context ends.

    Making it ends early once `stopped` says so.

    Raises:
        ToolError: the files cannot be listed, or there is too much of them.
        OSError: they cannot be written.
    """
    below.mkdir(mode=0o700, parents=True, exist_ok=True)
    held, name = tempfile.mkstemp(prefix="copy-", suffix=LOCK, dir=below)
    lock = Path(name)
    target = lock.with_suffix("")
    try:
        fcntl.flock(held, fcntl.LOCK_EX)  # before there is anything to be taken for left behind
        target.mkdir()
        yield _filled(root, target, stopped)
    finally:
        shutil.rmtree(target, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(held)


def prune(below: Path) -> int:
    """Remove the copies that nobody holds any more; how many that were."""
    gone = 0
    for lock in below.glob(f"copy-*{LOCK}"):
        if not _is_held(lock):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
            gone += 1
    return gone


def _is_held(lock: Path) -> bool:
    try:
        file = os.open(lock, os.O_RDWR)
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _filled(root: Path, target: Path, stopped: Callable[[], bool]) -> Copied:
    files = left_out = 0
    left = MAX_BYTES
    # Whoever the candidate runs as may read it, and nobody else can come here: the folder above is closed.
    target.chmod(0o755)
    with Workspace(root) as workspace:
        for path in listed(root):
            if stopped():
                break
            try:
                data = workspace.read(path, MAX_FILE_BYTES)
            except ToolError:
                left_out += 1
                continue
            left -= len(data)
            if left < 0:
                raise ToolError(f"{str(root)!r} holds more than {MAX_BYTES >> 20} MiB of code; register a part of it")
            _write(target / path, data)
            files += 1
    return Copied(target, files, left_out)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o644)
