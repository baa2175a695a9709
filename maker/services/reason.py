"""Why a service does not run: the last error in its log, and what to do about the errors that are known."""

import os
import re
from pathlib import Path

_TAIL_BYTES = 16 * 1024
_LONGEST = 200
_OWN = "maker: "
"""Begins the sentence with which a program of maker ends that cannot go on; it says what to do."""

_ERROR = re.compile(
    r"error|exception|fail|cannot|can't|couldn't|unable|refus|denied|invalid|fatal|abort|no such|not found|killed", re.I
)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\x20-\x7e\xa0-\U0010ffff]")

_ADVICE = (
    (
        r"address already in use|(could not|couldn't|cannot|failed to) bind",
        "its port is taken; `maker start` says by whom",
    ),
    (r"not within the file bounds|corrupted or incomplete|invalid magic", "the model file is damaged; fetch it again"),
    (
        r"out of memory|outofmemory|cannot allocate|failed to allocate|bad_alloc|memoryerror",
        "not enough memory; choose a smaller profile or fewer tokens of context",
    ),
    (r"too many open files", "raise minfds in supervisord.conf and the limit of whatever starts maker"),
    (r"no space left", "the disk is full; make room and run `maker start` again"),
    (r"permission denied", "something in MAKER_HOME belongs to another user; make it yours again"),
    (r"no module named", "the installation is incomplete; install maker again"),
)


def explain(log: Path, spawn_error: str = "") -> str:
    """The reason in one line, with advice where the error is known; `spawn_error` is supervisord's own word, if any."""
    line = spawn_error or last_error(log)
    if not line:
        return f"it ended and left no word; look at {log}"
    if line.startswith(_OWN):
        return line.removeprefix(_OWN)
    advice = next((advice for pattern, advice in _ADVICE if re.search(pattern, line, re.I)), f"look at {log}")
    return f"{line} ({advice})"


def last_error(log: Path) -> str:
    """maker's own last sentence, else the last line of the log that speaks of an error, else its last line.

    Empty where there is none.
    """
    lines = [clean for line in _tail(log).splitlines() if (clean := _CONTROL.sub("", line).strip())]
    if lines and lines[-1].startswith(_OWN):
        return lines[-1]
    found = next((line for line in reversed(lines) if _ERROR.search(line)), lines[-1] if lines else "")
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}..."


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
