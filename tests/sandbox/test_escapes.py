"""The escape corpus against the real sandbox, and against sandboxes that lack one part."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from maker.config import Home
from maker.sandbox import linux
from maker.sandbox.escapes import Attempt, Bait, attempts
from maker.sandbox.node import Node
from maker.sandbox.sandbox import ConfinedSandbox, Confinement
from maker.sandbox.selftest import Finding, baited, judged, survivors
from maker.sandbox.trial import Command
from maker.sandbox.values import Evidence, Observation, Trial

pytestmark = pytest.mark.processes

NAMES = [attempt.name for attempt in attempts(Bait((), (), 1, frozenset()), node=True)]
IN_NAMESPACE = [name for name in NAMES if "memory" not in name and "loop" not in name and "loading" not in name]
"""Those that a user namespace could make a difference to."""
NOT_FOR_ROOT = {"fork bomb", "forging: looking into the harness"} if os.geteuid() == 0 else set()
ENVIRONMENT = frozenset((*linux.ENVIRONMENT, "PWD", "LC_CTYPE"))


def outcome(confinement: Confinement, home: Home, name: str) -> Finding:
    """What comes of one attempt."""

    async def scenario() -> Finding:
        with baited(home, ENVIRONMENT) as (bait, connected):
            attempt = next(one for one in attempts(bait, node=True) if one.name == name)
            result = await ConfinedSandbox(confinement, parallel=1).run(attempt.trial)
            assert isinstance(result, Evidence), result
            return judged(attempt, result, connected=connected(), survivors=survivors())

    return asyncio.run(scenario())


@pytest.mark.parametrize("name", NAMES)
def test_the_sandbox_holds(confinement: Confinement, home: Home, name: str) -> None:
    assert outcome(confinement, home, name) == Finding(name, True)


@pytest.mark.parametrize("name", [name for name in IN_NAMESPACE if name not in NOT_FOR_ROOT])
def test_the_sandbox_holds_in_a_user_namespace(
    confinement: Confinement, home: Home, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for anybody who is not root. Root's own processes have no limit, and may list each other's descriptors."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert outcome(confinement, home, name) == Finding(name, True)


class Weakened:
    """A confinement whose command line was changed."""

    def __init__(self, whole: Confinement, change: Callable[[list[str]], list[str]]) -> None:
        self._whole, self._change = whole, change

    @property
    def node(self) -> Node | None:
        return self._whole.node

    @property
    def facts(self) -> object:
        return self._whole.facts

    @contextmanager
    def prepared(self, trial: Trial) -> Iterator[Command]:
        with self._whole.prepared(trial) as command:
            yield replace(command, argv=self._change(list(command.argv)))


def without(option: str, words: int) -> Callable[[list[str]], list[str]]:
    """Leave an option, which is so many words long, out wherever it stands."""

    def change(argv: list[str]) -> list[str]:
        while option in argv:
            at = argv.index(option)
            argv = argv[:at] + argv[at + words :]
        return argv

    return change


def adding(*words: str, before: str = "--dev") -> Callable[[list[str]], list[str]]:
    """Make one more mount, or what else the words say, before the root becomes read-only."""

    def change(argv: list[str]) -> list[str]:
        at = argv.index(before)
        return [*argv[:at], *words, *argv[at:]]

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("network", without("--unshare-net", 1)),
        ("other socket families", without("--seccomp", 2)),
        ("system calls", without("--seccomp", 2)),
        ("shared mappings", without("--seccomp", 2)),
        ("shared mappings", adding("--dev-bind", "/dev/zero", "/dev/zero", before="--remount-ro")),
        ("filling the disk", without("--size", 2)),
        ("reading outside", adding("--ro-bind", "/etc", "/etc")),
        ("the system's directories", adding("--tmpfs", "/var")),
        ("environment", adding("--setenv", "SECRET", "1")),
        ("writing outside", adding("--bind", "/tmp", "/run")),
    ],
)
def test_the_corpus_notices_what_is_missing(
    confinement: Confinement, home: Home, name: str, change: Callable[[list[str]], list[str]]
) -> None:
    assert not outcome(Weakened(confinement, change), home, name).held


def test_what_is_seen_outside_counts_whatever_the_evidence_says() -> None:
    attempt = Attempt("x", Trial("python", "", ()), lambda evidence: True)
    fine = Evidence(True, (Observation("returned", "[]"),))
    assert judged(attempt, fine, connected=False, survivors=0) == Finding("x", True)
    assert not judged(attempt, fine, connected=True, survivors=0).held
    assert not judged(attempt, fine, connected=False, survivors=1).held
    refused = Attempt("x", Trial("python", "", ()), lambda evidence: False)
    assert "returned []" in judged(refused, fine, connected=False, survivors=0).detail


def test_the_bait_is_taken_away(home: Home) -> None:
    with baited(home, ENVIRONMENT) as (bait, connected):
        assert bait.files[0].read_text() == "canary"
        assert not connected()
    assert not bait.files[0].exists()
    assert Path(home.run).is_dir()
