"""Processes of the bundle as the machine sees them: their memory, and ending what an earlier supervisor left behind."""

import contextlib
import os
import signal
from collections.abc import Iterable

import psutil

KILL_WAIT_S = 5.0


def memory(pids: Iterable[int]) -> dict[int, int]:
    """Resident bytes of each process together with everything below it; processes that are gone are left out."""
    parents: dict[int, int] = {}
    own: dict[int, int] = {}
    for process in psutil.process_iter(["ppid", "memory_info"]):
        if process.info["memory_info"] is not None:
            parents[process.pid] = process.info["ppid"]
            own[process.pid] = process.info["memory_info"].rss
    sums = {pid: own[pid] for pid in pids if pid in own}
    for pid, rss in own.items():
        for ancestor in _ancestors(pid, parents):
            if ancestor in sums:
                sums[ancestor] += rss
    return sums


def _ancestors(pid: int, parents: dict[int, int]) -> Iterable[int]:
    seen = {pid}
    while (pid := parents.get(pid, 0)) and pid not in seen:
        seen.add(pid)
        yield pid


def groups(leaders: Iterable[int]) -> list[psutil.Process]:
    """The processes with these pids and everything in their process groups; supervisord gives each program its own."""
    wanted = frozenset(leaders)
    found = []
    for process in psutil.process_iter() if wanted else ():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            ours = process.pid in wanted or os.getpgid(process.pid) in wanted
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process], *, within_s: float) -> None:
    """End the processes and wait until they are gone: TERM, and KILL for what is left after `within_s` seconds."""
    left = list(processes)
    for each, patience in ((signal.SIGTERM, within_s), (signal.SIGKILL, KILL_WAIT_S)):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.send_signal(each)
        left = psutil.wait_procs(left, timeout=patience)[1]
