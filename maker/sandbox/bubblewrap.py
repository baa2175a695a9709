"""The sandbox on Linux: one bubblewrap for each trial, which ends with everything in it."""

import itertools
import os
import platform
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from maker.sandbox.linux import (
    FIRST_UID,
    NOBODY,
    OWN,
    Bubblewrap,
    Rights,
    View,
    arguments,
    covered,
    program_binds,
    system_view,
)
from maker.sandbox.node import Node
from maker.sandbox.trial import Command, Place, frames
from maker.sandbox.values import Limits, Trial

PER_NAMESPACE_SINCE = (5, 14)
"""The kernel that counts a user's processes per user namespace; before, all of the user's count."""

UIDS_PER_PROCESS = 64
PIDS = 1 << 22
FLAGS = ("-S", "-s", "-P", "-B", "-X", "utf8", "-W", "ignore")
START = f"import sys; sys.path.append({OWN!r}); from maker.sandbox.inside.harness import main; main()"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the sandbox is made of on this machine."""

    bubblewrap: Bubblewrap
    python: Path
    node: Node | None
    view: View
    binds: tuple[tuple[str, str], ...]


def find_parts(bubblewrap: Bubblewrap, node: Node | None, *, own: Path, private: Sequence[Path]) -> Parts:
    """Find what the candidate's interpreters need; `private` are directories that must not be seen.

    `own` is maker's own part (`own.compiled`).
    """
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    python = (base if base.exists() else Path(sys.executable)).resolve()
    binds = [*program_binds(python, library=True), *(program_binds(node.path, library=False) if node else [])]
    binds.append((str(own), OWN))
    view = system_view()
    hidden = covered(view.binds, private)
    return Parts(bubblewrap, python, node, View(view.binds, view.links, hidden), tuple(dict.fromkeys(binds)))


class BubblewrapConfinement:
    """Makes the command line of each trial; `held` is what must live as long as it does."""

    def __init__(self, parts: Parts, rules: bytes, held: object = None) -> None:
        self._parts, self._rules, self._held = parts, rules, held
        self._numbers = itertools.cycle(range(UIDS_PER_PROCESS))

    @property
    def node(self) -> Node | None:
        """The node that candidates may be run by."""
        return self._parts.node

    @property
    def facts(self) -> object:
        """What the self-test's verdict depends on."""
        return self._parts

    @contextmanager
    def prepared(self, trial: Trial) -> Iterator[Command]:
        """What to start for the trial."""
        root = os.geteuid() == 0
        place = Place(
            uid=trial_uid(next(self._numbers)) if root else 0,
            nproc=process_limit(trial.limits, root=root),
            own_path=OWN,
            node=str(self.node.path) if self.node else "",
        )
        with _readable(self._rules) as seccomp:
            argv = self._argv(trial, root=root, seccomp=seccomp)
            yield Command(argv, frames(trial, place), (seccomp,))

    def _argv(self, trial: Trial, *, root: bool, seccomp: int) -> list[str]:
        parts = self._parts
        binds = [*parts.binds, *((str(mount.source), mount.target) for mount in trial.mounts)]
        rights = Rights(
            root=root,
            proc=trial.language == "python",  # why not for node: inside/node.py
            work_mib=2 * trial.limits.file_mib,
            seccomp=seccomp,
        )
        argv = arguments(parts.bubblewrap, parts.view, binds, rights)
        return [*argv, str(parts.python), *FLAGS, "-c", START, secrets.token_hex(8)]


@contextmanager
def _readable(data: bytes) -> Iterator[int]:
    """A descriptor from which the data can be read."""
    read, write = os.pipe()
    try:
        os.write(write, data)  # far less than a pipe holds
        os.close(write)
        yield read
    finally:
        os.close(read)


def trial_uid(number: int, uid_map: Path = Path("/proc/self/uid_map")) -> int:
    """A user that nothing else runs as, so that the limit on its processes is the trial's own; nobody, if need be."""
    uid = FIRST_UID + os.getpid() % PIDS * UIDS_PER_PROCESS + number
    lines = [[int(word) for word in line.split()] for line in uid_map.read_text(encoding="ascii").splitlines()]
    return uid if any(first <= uid < first + count for first, _, count in lines) else NOBODY


def process_limit(limits: Limits, *, root: bool, kernel: tuple[int, ...] | None = None) -> int:
    """RLIMIT_NPROC: on an old kernel without root, what the user runs already counts too."""
    if root or (kernel or kernel_version()) >= PER_NAMESPACE_SINCE:
        return limits.processes
    mine = os.getuid()
    running = sum(
        process.info["num_threads"] or 0
        for process in psutil.process_iter(["uids", "num_threads"])
        if process.info["uids"] and process.info["uids"].real == mine
    )
    return limits.processes + running


def kernel_version(release: str | None = None) -> tuple[int, ...]:
    """Major and minor version of the running kernel."""
    return tuple(int(part) for part in re.findall(r"\d+", release or platform.release())[:2])
