"""Finding and ending the processes that a candidate leaves behind. The harness sees nothing but the sandbox's own."""

import os
import signal
import time

ROUNDS = 60


def fork() -> int:
    """Fork; a machine that is short of processes for a moment is given a second.

    Raises:
        OSError: it stays short.
    """
    for _ in range(20):
        try:
            return os.fork()
        except BlockingIOError:
            time.sleep(0.05)
    return os.fork()


class Others:
    """Every process of the sandbox but the harness, which is its first, and those that are spared by name."""

    def __init__(self) -> None:
        self.spared: dict[str, int] = {}

    def end(self) -> None:
        """End them; returns when they are gone."""
        spared = {os.getpid(), *self.spared.values()}
        for _ in range(ROUNDS):
            reap()
            if not (found := [pid for pid in alive() if pid not in spared]):
                return
            for pid in found:
                kill(pid)
            time.sleep(0.001)
        kill(-1)  # they fork faster than they can be listed; this ends all at one moment, the spared ones too
        reap()


def alive() -> list[int]:
    """Every process of the sandbox that is not a zombie; none where the system cannot list them."""
    if not os.path.exists("/proc/self"):
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and not _is_zombie(name)]


def _is_zombie(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in b"ZX"
    except (OSError, IndexError):
        return True


def kill(pid: int) -> None:
    """End a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return


def reap() -> None:
    """Take note of children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return
