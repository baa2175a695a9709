"""The record in run/: which target is wanted, and what is known of each service; written whole or not at all."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from maker.config import TARGETS, Home, Target
from maker.services.files import write_private


@dataclass(frozen=True, slots=True)
class Record:
    """What the listener knows of one service."""

    pid: int = 0
    """The process this is about; 0 before the first."""
    ready: bool = False
    detail: str = ""
    """Why it is not ready."""
    since: float = 0.0
    """When `ready` last changed, in seconds since the epoch."""
    ready_after_s: float | None = None
    """From the start of the process to the first time it was ready."""
    restarts: int = 0
    """Exits nobody asked for since the supervisor started."""
    given_up: bool = False
    """Neither supervisord nor the listener tries again; somebody has to look."""


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the listener knows, and which supervisor it belongs to."""

    supervisor_pid: int
    heard: str = ""
    """The last request to converge that was carried out."""
    services: Mapping[str, Record] = field(default_factory=dict)


def load_board(home: Home, supervisor_pid: int | None) -> Board | None:
    """The record of the supervisor with this pid; None if there is none of it."""
    try:
        values = json.loads((home.run / "readiness.json").read_text(encoding="utf-8"))
        services = {name: Record(**record) for name, record in values["services"].items()}
        board = Board(int(values["supervisor_pid"]), str(values["heard"]), services)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Absent, or of another version of maker: the listener writes a new one within seconds.
        return None
    return board if board.supervisor_pid == supervisor_pid else None


def save_board(home: Home, board: Board) -> None:
    """Write run/readiness.json.

    Raises:
        OSError: it cannot be written.
    """
    write_private(home.run / "readiness.json", json.dumps(asdict(board), indent=1) + "\n")


def read_target(home: Home) -> Target | None:
    """What should run; None before the first start."""
    try:
        text = home.target.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return next((target for target in TARGETS if target == text), None)


def write_target(home: Home, target: Target) -> None:
    """Set what should run.

    Raises:
        OSError: it cannot be written.
    """
    write_private(home.target, f"{target}\n")
