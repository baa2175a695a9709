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
    """Every process of the sandbox but the harness and those that are spared by name.

    Where the system cannot list them (macOS), those that are known by number.
    """

    def __init__(self) -> None:
        self.spared: dict[str, int] = {}
        self.known: list[int] = []

    def end(self) -> None:
        """End them; returns when they are gone."""
        spared = {os.getpid(), *self.spared.values()}
        for _ in range(ROUNDS):
            reap()
            listed = alive()
            if not (found := [pid for pid in (self.known if listed is None else listed) if pid not in spared]):
                return
            for pid in found:
                kill(pid)
            if listed is None:
                return
            time.sleep(0.001)
        end_all()  # they fork faster than they can be listed

    def forget(self, name: str) -> None:
        """End a process that was spared."""
        if pid := self.spared.pop(name, 0):
            kill(pid)


def end_all() -> None:
    """End everything in the sandbox but this process, all at one moment.

    Only ever as the first process of a namespace: anywhere else this would end everything on the machine.
    """
    if os.getpid() == 1:
        kill(-1)
        reap()


def alive() -> list[int] | None:
    """Every process of the sandbox that is not a zombie; None where the system cannot list them."""
    if os.getpid() != 1 or not os.path.exists("/proc/self"):
        return None
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
