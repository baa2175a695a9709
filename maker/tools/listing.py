"""Which files of a workspace are its content: what git would keep, less what usually holds secrets.

Where the folder is a git repository, git says which files those are, by its ignore rules; it is started with nothing of
the repository's own configuration that could run a program. Where it is none, every file counts but for folders that
hold what tools made.
"""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from maker.config import child_environment
from maker.errors import ToolError
from maker.tools.workspace import is_secret

MAX_FILES = 20_000
GIT_S = 10.0
MADE = frozenset(
    "node_modules __pycache__ venv .venv .tox .nox .mypy_cache .pytest_cache .ruff_cache .cache build dist "
    "target".split()
)
"""Folders that tools fill and no person reads."""
SETTINGS = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false", "safe.directory=*")
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",  # nothing is fetched, by whatever way the repository names
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


def listed(root: Path) -> list[str]:
    """The files below the root, relative to it, in order; links and special files are none of them.

    Raises:
        ToolError: git does not say what is ignored here, or there are more than MAX_FILES.
    """
    found = []
    for path in _of_git(root) if _in_git(root) else _walked(root):
        if not any(is_secret(part) for part in path.split("/")) and _is_regular(root / path):
            found.append(path)
            if len(found) > MAX_FILES:
                raise ToolError(f"{str(root)!r} has more than {MAX_FILES} files; register a part of it")
    return sorted(found)


def _in_git(root: Path) -> bool:
    return any((folder / ".git").exists() for folder in (root, *root.parents))


def _of_git(root: Path) -> list[str]:
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    argv = ["git", *settings, "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    environment = child_environment(**ENVIRONMENT)
    # What a hook or another tool has set would point git at another repository.
    for name in [name for name in environment if name in {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}]:
        del environment[name]
    try:
        done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=GIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"git does not say which files of {str(root)!r} are ignored: {error}") from error
    if done.returncode:
        # Not every file instead: what is ignored is where secrets are.
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ToolError(f"git does not say which files of {str(root)!r} are ignored: {said[-1] if said else ''}")
    return [os.fsdecode(path) for path in dict.fromkeys(done.stdout.split(b"\0")) if path]


def _walked(root: Path) -> Iterator[str]:
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if name not in MADE and not is_secret(name))
        for name in files:
            yield Path(folder, name).relative_to(root).as_posix()


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
