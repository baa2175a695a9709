"""Running a client that scripts/clients.sh installed: a home of its own, no way out of the machine, a bounded time."""

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from maker.config import Home

CLIENTS = Path(__file__).parents[2] / ".build" / "clients"
TIMEOUT_S = 200.0
NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody runs: what a client wants of another machine fails at once."""


def installed(path: str) -> str:
    """The path of a program below .build/clients; the test fails where it is not installed."""
    found = CLIENTS / path
    assert found.exists(), f"{found}: not installed; run scripts/clients.sh"
    return str(found)


def native(package: str) -> str:
    """The folder of the package of this machine's own build of a client."""
    system = platform.system().lower()
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"node_modules/{package}-{system}-{machine}"


@dataclass(frozen=True)
class Command:
    """One start of a program."""

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


END = 2000
"""Characters of what a client printed last, for the message of a failed test."""


@dataclass(frozen=True)
class Done:
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Room:
    """The folders that a client may write to."""

    home: Path
    project: Path

    @classmethod
    def below(cls, folder: Path) -> Self:
        """An empty home and an empty project."""
        room = cls(folder / "home", folder / "project")
        for each in (room.home, room.project):
            each.mkdir()
        return room

    def environment(self, **more: str) -> dict[str, str]:
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
        proxies["NO_PROXY"] = "127.0.0.1,localhost,::1"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            **proxies,
            **{name.lower(): value for name, value in proxies.items()},
            **more,
        }

    def run(self, command: Command) -> Done:
        """Run a program to its end."""
        with self.start(command) as running:
            out, err = running.communicate(timeout=TIMEOUT_S)
            return Done(running.returncode, out, err)

    def maker(self, home: Home, *words: str) -> Done:
        """Run maker's own command line as the user of this home; it must succeed."""
        done = self.run(Command((sys.executable, "-m", "maker", *words), {"MAKER_HOME": str(home.root)}))
        assert done.code == 0, done.out + done.err
        return done

    @contextmanager
    def start(self, command: Command) -> "Iterator[subprocess.Popen[str]]":
        """Run a program in the project; it and what it started are ended at the latest when the context ends."""
        running = subprocess.Popen(
            command.argv,
            cwd=self.project,
            env=self.environment(**command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            with running:
                try:
                    yield running
                finally:
                    _end(running.pid)
        except subprocess.TimeoutExpired as late:
            said = [(text or b"")[-END:] for text in (late.stdout, late.stderr)]
            raise AssertionError(f"{command.argv[0]} went on for {late.timeout:g} s; its last words: {said}") from None


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def node() -> str:
    """The node program.

    Fails with how to get it where there is none.
    """
    found = shutil.which("node")
    assert found, "node is not installed; run scripts/clients.sh, which says how to get it"
    return found
