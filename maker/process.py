"""Becoming another program, and the pid files by which a later command finds what an earlier supervisor started."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from maker.config import Home, child_environment


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute: `argv[0]` is an absolute path; `env` is added to this process's environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PidFile:
    """Which process runs a service: pid and start time together name it, whatever the pid is given to later."""

    service: str
    pid: int
    started: float
    settings: str = ""
    """Stands for the settings it was started with; empty where that is not known."""


def record(home: Home, service: str, settings: str = "") -> None:
    """Write this process's pid file for the service; it stays true across `exec`."""
    directory = home.run / "pids"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    me = psutil.Process()
    partial = directory / f".{service}.{me.pid}"
    values = {"pid": me.pid, "started": me.create_time(), "settings": settings}
    partial.write_text(json.dumps(values), encoding="ascii")
    partial.replace(directory / service)


def become(command: Command) -> None:
    """Replace this process by the command; returns never.

    Raises:
        OSError: the program cannot be executed.
    """
    os.execve(command.argv[0], list(command.argv), child_environment(**command.env))


def read_pid(home: Home, service: str) -> PidFile | None:
    """The recorded process of the service, if it is still that process and alive."""
    path: Path = home.run / "pids" / service
    try:
        values = json.loads(path.read_text(encoding="ascii"))
        found = PidFile(service, int(values["pid"]), float(values["started"]), str(values.get("settings", "")))
        process = psutil.Process(found.pid)
        # Clock adjustments move create_time by fractions of a second; a reused pid differs by far more.
        same = abs(process.create_time() - found.started) < 2
        return found if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None


def survivors(home: Home) -> Iterator[PidFile]:
    """Every recorded service process that is alive."""
    directory = home.run / "pids"
    for path in sorted(directory.glob("[!.]*")) if directory.is_dir() else ():
        if found := read_pid(home, path.name):
            yield found
