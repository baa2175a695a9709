"""maker's own part of the sandbox, compiled: starting a trial must not compile it again each time."""

import fcntl
import hashlib
import os
import py_compile
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path

from maker.sandbox import inside

PACKAGE = ("maker", "sandbox", "inside")
SOURCES = Path(inside.__file__).parent
TRIES = 3
UNFINISHED_S = 3600.0
"""How old a directory must be for who was filling it to be gone."""


def digest(directory: Path = SOURCES) -> str:
    """Names the contents of a directory's source files."""
    total = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.is_file():
            total.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def compiled(below: Path, *, tag: str) -> Path:
    """A directory under `below` to import `maker.sandbox.inside` from, and nothing else; made if need be.

    `tag` names the interpreter's version. Anyone may read it: where maker is root, what runs inside is not.
    """
    place = below / f"inside-{digest()}-{tag}"
    if not place.is_dir():
        below.mkdir(mode=0o700, parents=True, exist_ok=True)
        top = Path(tempfile.mkdtemp(prefix=".inside-", dir=below))
        fresh = top.joinpath(*PACKAGE)
        fresh.mkdir(parents=True)
        for source in SOURCES.glob("*.py"):
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            made = fresh / f"{source.stem}.pyc"
            py_compile.compile(str(source), str(made), source.name, doraise=True, invalidation_mode=mode)
            made.chmod(0o644)
        for source in SOURCES.glob("*.js"):
            (fresh / source.name).write_bytes(source.read_bytes())
            (fresh / source.name).chmod(0o644)
        for directory in (top, *(top.joinpath(*PACKAGE[:depth]) for depth in (1, 2, 3))):
            directory.chmod(0o755)
        try:
            top.rename(place)
        except OSError:  # another process was faster
            shutil.rmtree(top)
    return place


class Held:
    """The compiled part, kept from `prune` for as long as this lives."""

    def __init__(self, below: Path, *, tag: str) -> None:
        for _ in range(TRIES):
            self.path = compiled(below, tag=tag)
            with suppress(FileNotFoundError):
                directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
                weakref.finalize(self, os.close, directory)
                fcntl.flock(directory, fcntl.LOCK_SH)
                if self.path.is_dir():  # else another process removed it just before it was held
                    break


def prune(below: Path) -> int:
    """Remove what earlier versions of maker left behind and no process holds; how many directories that were."""
    gone = 0
    for place in [*below.glob("inside-*"), *below.glob(".inside-*")]:
        with suppress(FileNotFoundError):  # another process is at it too
            if not place.name.startswith(".") or time.time() - place.stat().st_mtime > UNFINISHED_S:
                gone += _removed(place)
    return gone


def _removed(place: Path) -> bool:
    directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        shutil.rmtree(place, ignore_errors=True)
        return True
    finally:
        os.close(directory)
