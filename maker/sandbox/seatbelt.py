"""Confinement on macOS: a sandbox-exec profile for each trial, and a sweep for what outlives it.

The system bounds neither memory nor processes of a trial here; the watchdog does, looking every fifth of a second.
"""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from maker.sandbox.node import Node
from maker.sandbox.trial import Command, Place, frames
from maker.sandbox.values import Trial

SANDBOX_EXEC = "/usr/bin/sandbox-exec"
ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "TZ", "PYTHONHASHSEED", "MAKER_TRIAL")
SYSTEM = ("/System/Library", "/System/Cryptexes", "/usr/lib", "/usr/share", "/Library/Apple", "/private/var/db/dyld")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the sandbox is made of on this machine."""

    python: Path
    node: Node | None
    own: Path
    readable: tuple[Path, ...]


def find_parts(node: Node | None, *, own: Path) -> Parts:
    """Find what the candidate's interpreters need. Homebrew's programs need all of its Cellar and `opt`."""
    python = Path(sys.executable).resolve()
    readable = [Path(sys.base_prefix).resolve(), python, own.resolve()]
    for program in (python, *([node.path.resolve()] if node else [])):
        readable.append(program)
        if "Cellar" in program.parts:
            prefix = Path(*program.parts[: program.parts.index("Cellar")])
            readable += [prefix / "Cellar", prefix / "opt", prefix / "lib"]
    return Parts(python, node, own.resolve(), tuple(dict.fromkeys(readable)))


def profile(*, readable: Iterable[Path], programs: Sequence[Path], work: Path) -> str:
    """The rules in sandbox-exec's language: everything is denied but what is named; the last rule that fits counts."""
    places = [Path(name) for name in SYSTEM] + list(readable)
    above = sorted({parent for place in (*places, work) for parent in place.parents})
    lines = [
        "(version 1)",
        "(deny default)",
        '(import "system.sb")',
        "(deny network*)",
        "(deny mach-register)",
        "(deny process-info*)",
        "(allow process-info* (target self))",
        "(deny signal)",
        "(allow signal (target same-sandbox))",
        "(allow sysctl-read)",
        "(allow process-fork)",
        _rule("allow process-exec", "literal", programs),
        _rule("allow file-read-metadata", "literal", above),
        _rule("allow file-read*", "subpath", places),
        _rule("allow file-read* file-write-data", "literal", [Path(name) for name in DEVICES]),
        _rule("allow file-read* file-write*", "subpath", [work]),
    ]
    return "\n".join(lines) + "\n"


def _rule(what: str, match: str, places: Iterable[Path]) -> str:
    return f"({what} {' '.join(f'({match} {quoted(place)})' for place in places)})"


def quoted(place: Path) -> str:
    """A path as a string of the profile's language."""
    text = str(place).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class SeatbeltConfinement:
    """Makes the command line, profile and directory of each trial; `held` is what must live as long as it does."""

    def __init__(self, parts: Parts, held: object = None) -> None:
        self._parts, self._held = parts, held

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
        """What to start for the trial; its directory and its processes are gone afterwards."""
        token = secrets.token_hex(8)
        work = Path(tempfile.mkdtemp(prefix="maker-trial-")).resolve()
        try:
            yield self._command(trial, work, token)
        finally:
            end_marked(token)
            shutil.rmtree(work, ignore_errors=True)

    def _command(self, trial: Trial, work: Path, token: str) -> Command:
        parts, trial = self._parts, in_place(trial)
        node = str(parts.node.path.resolve()) if parts.node else ""
        programs = [parts.python, *([Path(node)] if node else [])]
        readable = [*parts.readable, *(mount.source.resolve() for mount in trial.mounts)]
        rules = profile(readable=readable, programs=programs, work=work)
        start = (
            f"import sys; sys.path.append({str(parts.own)!r}); from maker.sandbox.inside.harness import main; main()"
        )
        flags = ("-S", "-s", "-P", "-B", "-X", "utf8", "-W", "ignore")
        argv = [SANDBOX_EXEC, "-p", rules, str(parts.python), *flags, "-c", start]
        limit = trial.limits.processes + len(list(psutil.process_iter()))
        place = Place(uid=0, nproc=limit, own_path=str(parts.own), node=node)
        return Command(argv, frames(trial, place), work=work, environment=environment(work, token))


def in_place(trial: Trial) -> Trial:
    """The trial with every mount where it is: nothing can be seen at another place here."""
    mounts = (replace(mount, target=str(mount.source.resolve())) for mount in trial.mounts)
    return replace(trial, mounts=tuple(mounts))


def environment(work: Path, token: str) -> dict[str, str]:
    """All that the candidate finds in its environment; the token is how its processes are known later."""
    values = ("/usr/bin:/bin", str(work), str(work), "C.UTF-8", "UTC", "0", token)
    return dict(zip(ENVIRONMENT, values, strict=True))


def end_marked(token: str) -> None:
    """End this user's processes that carry the token in their environment."""
    mine = os.getuid()
    for process in psutil.process_iter(["uids"]):
        with suppress(psutil.Error, OSError):
            if process.info["uids"].real == mine and process.environ().get("MAKER_TRIAL") == token:
                process.kill()
