"""Counting a trial's processes and memory from outside, where nothing it does can stop the count."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import psutil

from maker.sandbox.values import Limits

FIRST_LOOK_S = 0.4
LOOK_EVERY_S = 0.2
MIB = 1 << 20
SPARE_PROCESSES = 4
"""The sandbox's own that are there whatever the candidate does."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a tree of processes uses."""

    processes: int
    memory_mib: float
    """Resident memory that is not shared with files."""
    disk_mib: float = 0.0


def excess(load: Load, limits: Limits) -> str:
    """Which limit is passed, in words; empty if none is.

    Memory may be twice the limit of one process: pages that forks share are counted once for each.
    """
    if load.processes > limits.processes + SPARE_PROCESSES:
        return f"more than {limits.processes} processes"
    if load.memory_mib > 2 * limits.memory_mib:
        return f"more than {2 * limits.memory_mib} MiB of memory in all processes"
    if load.disk_mib > 2 * limits.file_mib:
        return f"more than {2 * limits.file_mib} MiB of files"
    return ""


def measure(pid: int, work: Path | None = None) -> Load:
    """What the process and its descendants use now, and the files in `work`."""
    try:
        top = psutil.Process(pid)
        tree = [top, *top.children(recursive=True)]
    except psutil.Error:
        return Load(0, 0.0)
    disk = sum(_size(path) for path in work.rglob("*")) if work else 0
    return Load(len(tree), sum(map(_resident, tree)) / MIB, disk / MIB)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _resident(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - getattr(memory, "shared", 0))


async def guard(pid: int, limits: Limits, work: Path | None = None) -> str:
    """Return, saying which, when a limit is passed; until then look again and again. Cancel it when the trial ends."""
    pause = FIRST_LOOK_S
    while True:
        await asyncio.sleep(pause)
        if found := excess(await asyncio.to_thread(measure, pid, work), limits):
            return found
        pause = LOOK_EVERY_S
