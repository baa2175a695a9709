"""The tiny models that maker brings along: trained by `training/` on generated samples alone, see docs/models.md.

Two files play the six roles: one writes code, the other plans, tests, reviews, votes and sorts requests.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
MARK = b"maker tiny "
"""How the name inside such a file begins; it stands near the file's beginning."""
BEGINNING = 512


def source(role: str) -> Path:
    """The file that plays the role."""
    return WEIGHTS / ("coder.gguf" if role == "coder" else "helper.gguf")


def name(role: str) -> str:
    """What the role's own copy is called."""
    return f"tiny-{role}.gguf"


def write(directory: Path, roles: Sequence[str], report: Callable[[str, int, int], None]) -> None:
    """Put the roles' files there, whole or not at all; `report(file, done, total)` before each and at the end.

    Raises:
        OSError: they cannot be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for done, role in enumerate(roles):
        target = directory / name(role)
        report(target.name, done, len(roles))
        partial = directory / f".{target.name}.{os.getpid()}"
        try:
            shutil.copyfile(source(role), partial)
            partial.chmod(0o600)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    report("", len(roles), len(roles))


def outdated(path: Path, role: str) -> bool:
    """Whether the file is a tiny model of another version of maker; a file of the user's own never is.

    Raises:
        OSError: it cannot be read.
    """
    found = path.read_bytes()
    return MARK in found[:BEGINNING] and found != source(role).read_bytes()
