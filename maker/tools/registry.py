"""The workspaces that people have registered, in MAKER_HOME/workspaces.json: only these are served to clients."""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from maker.config import Home
from maker.errors import ConfigError, ToolError


class Registered(BaseModel):
    """A workspace: its name, which is unique, and its folder, absolute and without symbolic links."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: Path
    trusted: bool = False
    """Whether its own tests may be run, in the sandbox, on what is written for it."""


_FILE = TypeAdapter(tuple[Registered, ...])


def load(home: Home) -> tuple[Registered, ...]:
    """The registered workspaces in the order in which they were added.

    Raises:
        ConfigError: the file cannot be read as what `add` writes.
    """
    try:
        return _FILE.validate_json(home.workspaces.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"{home.workspaces}: not a list of workspaces; move it away and register them again "
            "with `maker workspace add PATH`"
        ) from error


def add(home: Home, path: Path, *, trust: bool = False) -> Registered:
    """Register a folder under its own name, numbered where another has that name; twice is harmless.

    With `trust`, its own tests may be run; without, what was said before stands.

    Raises:
        ConfigError: it is no folder, or one that must not be served.
    """
    root = checked_root(home, path)
    with _alone(home):
        workspaces = load(home)
        for workspace in workspaces:
            if workspace.path == root:
                return _trusted(home, workspaces, workspace) if trust and not workspace.trusted else workspace
        name = _free_name(root, {workspace.name for workspace in workspaces})
        added = Registered(name=name, path=root, trusted=trust)
        _write(home, (*workspaces, added))
        return added


def _trusted(home: Home, workspaces: tuple[Registered, ...], workspace: Registered) -> Registered:
    trusted = workspace.model_copy(update={"trusted": True})
    _write(home, tuple(trusted if other is workspace else other for other in workspaces))
    return trusted


def find(home: Home, named: str) -> Registered:
    """The registered workspace of that name, or the innermost that has that absolute path in it.

    Raises:
        ToolError: there is none.
        ConfigError: as `load`.
    """
    workspaces = load(home)
    for workspace in workspaces:
        if workspace.name == named:
            return workspace
    if named.startswith("/"):
        place = _resolved(named)
        around = [workspace for workspace in workspaces if place.is_relative_to(workspace.path)]
        if around:
            return max(around, key=lambda workspace: len(workspace.path.parts))
    raise ToolError(f"{named!r} is no registered workspace; `maker workspace add PATH` registers one")


def remove(home: Home, name: str) -> Registered:
    """Unregister the workspace of that name or path; its files are left alone.

    Raises:
        ConfigError: there is none.
    """
    with _alone(home):
        workspaces = load(home)
        for workspace in workspaces:
            if name == workspace.name or _resolved(name) == workspace.path:
                _write(home, tuple(other for other in workspaces if other is not workspace))
                return workspace
    names = ", ".join(workspace.name for workspace in workspaces) or "none"
    raise ConfigError(f"no workspace is called {name!r}; registered: {names}")


def checked_root(home: Home, path: Path) -> Path:
    """The folder, resolved, if tools may be pointed at it.

    Raises:
        ConfigError: it is no folder, or contains the home directory or MAKER_HOME, or is part of MAKER_HOME.
    """
    root = _resolved(path)
    if not root.is_dir():
        raise ConfigError(f"{str(path)!r} is not a folder; give the folder of a project")
    user, own = Path.home().resolve(), home.root.resolve()
    if user.is_relative_to(root) or own.is_relative_to(root) or root.is_relative_to(own):
        raise ConfigError(
            f"{str(root)!r} holds more than a project (keys, other projects); give the folder of a project"
        )
    return root


def _resolved(path: str | Path) -> Path:
    """The path without links; one whose user or links lead nowhere stays as it is, where pathlib would raise."""
    return Path(os.path.realpath(os.path.expanduser(path)))


def _free_name(root: Path, taken: set[str]) -> str:
    # Clients send the name in an HTTP header.
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-.") or "workspace"
    number = 1
    while (name := plain if number == 1 else f"{plain}-{number}") in taken:
        number += 1
    return name


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold the registry's lock: what is read is still so when it is written."""
    # One by one: `parents` makes what is above with an open mode.
    for folder in (home.root, home.run):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home.run / "workspaces.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(home: Home, workspaces: tuple[Registered, ...]) -> None:
    """Replace the file whole: a reader sees the old one or the new one."""
    partial = home.workspaces.with_suffix(".part")
    partial.unlink(missing_ok=True)
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(json.dumps(_FILE.dump_python(workspaces, mode="json"), indent=2) + "\n")
        out.flush()
        os.fsync(out.fileno())
    partial.replace(home.workspaces)
