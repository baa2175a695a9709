"""The escape self-test: the corpus, run against this machine's sandbox, with real bait outside."""

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from maker.config import Home
from maker.sandbox.escapes import MARK, Attempt, Bait, attempts
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Evidence, Unavailable


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one attempt."""

    name: str
    held: bool
    detail: str = ""
    """What was seen where it did not hold."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all of them, on the machine that `key` describes."""

    key: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether candidates may be executed here."""
        return bool(self.findings) and all(finding.held for finding in self.findings)

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the attempts that did not fail."""
        return tuple(finding.name for finding in self.findings if not finding.held)


@contextlib.contextmanager
def baited(home: Home, environment: frozenset[str]) -> Iterator[tuple[Bait, Callable[[], bool]]]:
    """Lay out bait; the second value says whether anybody has connected."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    canary = home.run / f"canary-{secrets.token_hex(8)}"
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        try:
            canary.write_text("canary", encoding="ascii")
            yield Bait(_files(canary), _directories(home), server.getsockname()[1], environment), lambda: _taken(server)
        finally:
            canary.unlink(missing_ok=True)


def _files(canary: Path) -> tuple[Path, ...]:
    """The canary, this program's own source, and what a thief would look for first."""
    system = (Path("/etc/passwd"), Path("/etc/shadow"), Path("/etc/hostname"), Path("/proc/1/environ"))
    mine = Path.home()
    personal = (mine / ".bashrc", mine / ".profile", mine / ".ssh" / "id_ed25519", mine / ".netrc")
    return (canary, Path(__file__), *system, *personal)


def _directories(home: Home) -> tuple[Path, ...]:
    return (home.root, home.run, Path.home(), Path(__file__).parent)


def _taken(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


async def selftest(
    sandbox: Sandbox, home: Home, *, key: str, environment: frozenset[str], on_done: Callable[[Finding], None]
) -> Report | Unavailable:
    """Try every way out; `on_done` is told of each. Unavailable where the sandbox does not even start."""
    with baited(home, environment) as (bait, connected):
        findings = []
        for attempt in attempts(bait, node=sandbox.supports("javascript") is None):
            result = await sandbox.run(attempt.trial)
            if isinstance(result, Unavailable):
                return result
            finding = judged(attempt, result, connected=connected(), survivors=await asyncio.to_thread(survivors))
            findings.append(finding)
            on_done(finding)
    return Report(key, tuple(findings))


def judged(attempt: Attempt, evidence: Evidence, *, connected: bool, survivors: int) -> Finding:
    """Whether the sandbox held, by the evidence and by what was seen outside."""
    if connected:
        return Finding(attempt.name, False, "a connection came out of the sandbox")
    if survivors:
        return Finding(attempt.name, False, f"{survivors} processes outlived it")
    if attempt.held(evidence):
        return Finding(attempt.name, True)
    seen = "; ".join(f"{one.kind} {one.text} {one.message}".strip()[:200] for one in evidence.observations)
    return Finding(attempt.name, False, f"{evidence.load_error} {seen}".strip())


def survivors(patience_s: float = 1.0) -> int:
    """How many marked processes stay alive on this machine; those that are just being ended are given a moment."""
    until = time.monotonic() + patience_s
    while True:
        found = sum(MARK in (process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.02)
