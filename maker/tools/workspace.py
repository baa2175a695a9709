"""A folder whose files tools may read, and the check that nothing else is read through it.

What is covered: absolute paths, `..`, NUL and text that is no file name are refused; every component is opened from
the one before it without following symbolic links, so neither a link nor a folder that is exchanged for one between
check and use leads out; only regular files are read, and never more than a limit; names that usually hold secrets are
refused before anything is opened, in any letter case and in look-alike Unicode forms.

What is not covered: hard links and mounts inside the folder that lead elsewhere (making them needs write access to it);
secrets in files with ordinary names; short 8.3 names on FAT; what other programs of the user do with the same files.
"""

import errno
import os
import re
import stat
import unicodedata
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Self

from maker.errors import PathRefused, ToolError

MAX_PATH = 4096

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO must not wait for a writer; O_NOCTTY: a terminal must not become ours.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_SECRET_NAMES = frozenset(
    (
        *(".git", ".hg", ".svn", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".gcloud"),
        *(".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".htpasswd", ".gitconfig", ".dockercfg"),
        *(
            ".git-credentials",
            ".vault-token",
            ".terraformrc",
            ".yarnrc",
            ".yarnrc.yml",
            ".bash_history",
            ".zsh_history",
        ),
    )
)
_SECRET_PATTERNS = (
    *(".env*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.tfstate*"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "credentials*", ".credentials*", "client_secret*"),
    *("secrets.y*ml", "secrets.json", "secrets.toml", "secret.y*ml", "secret.json", "service-account*.json"),
)
_NO_SUFFIX_KEY = re.compile(r"id_[^.]+")


class Workspace:
    """One root, opened once: what is reached later is below that very folder, whatever its name comes to mean."""

    def __init__(self, root: Path) -> None:
        """Open the root; close it with `close` or as a context manager.

        Raises:
            ToolError: the folder is not there or may not be read.
        """
        try:
            self._root = os.open(root, _FOLDER)
        except OSError as error:
            raise ToolError(f"the workspace {str(root)!r} cannot be opened: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the root."""
        os.close(self._root)

    def read(self, path: str, max_bytes: int) -> bytes:
        """The content of a regular file below the root; `path` is relative to it, with `/` between folders.

        Raises:
            PathRefused: the path leads out, through a link, to something that is no regular file, or to a secret.
            ToolError: no such file, too long, or not readable.
        """
        parts = split(path)
        try:
            file = self._open(parts, path)
            with os.fdopen(file, "rb") as content:
                data = content.read(max_bytes + 1)
        except OSError as error:
            raise _sentence(error, path) from error
        if len(data) > max_bytes:
            raise ToolError(f"{path!r} is longer than {max_bytes} bytes; search in it instead of reading it whole")
        return data

    def _open(self, parts: tuple[str, ...], path: str) -> int:
        folder = os.dup(self._root)
        try:
            for name in parts[:-1]:
                below = os.open(name, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            # Asked before opening, because opening some devices has effects; asked again of what was opened.
            _require_regular(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False), path)
            file = os.open(parts[-1], _FILE, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            _require_regular(os.fstat(file), path)
        except BaseException:
            os.close(file)
            raise
        return file


def split(path: str) -> tuple[str, ...]:
    """The components of a path that may be tried.

    Raises:
        PathRefused: it is none, or names a secret.
    """
    if len(path) > MAX_PATH:
        raise PathRefused(f"the path is longer than {MAX_PATH} characters")
    if "\0" in path or "\\" in path or path.startswith("/"):
        raise PathRefused(f"{path!r} is refused: give a path relative to the workspace, with / between folders")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise PathRefused(f"{path!r} is refused: it is not a file name") from None
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if not parts:
        raise PathRefused(f"{path!r} names no file; give a path relative to the workspace")
    if ".." in parts:
        raise PathRefused(f"{path!r} is refused: '..' is not allowed; give a path relative to the workspace")
    if any(is_secret(part) for part in parts):
        raise PathRefused(f"{path!r} is refused: files of that name usually hold secrets and are never read")
    return parts


def is_secret(name: str) -> bool:
    """Whether files or folders of this name usually hold secrets, in any case or form a file system may equate."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    # HFS+ ignores invisible characters in names, Windows file systems trailing dots and spaces.
    seen = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf").rstrip(". ")
    return (
        seen in _SECRET_NAMES
        or _NO_SUFFIX_KEY.fullmatch(seen) is not None
        or any(fnmatchcase(seen, pattern) for pattern in _SECRET_PATTERNS)
    )


def _require_regular(status: os.stat_result, path: str) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise PathRefused(f"{path!r} is a symbolic link, and links are not followed; read the file it points to")
    if stat.S_ISDIR(status.st_mode):
        raise PathRefused(f"{path!r} is a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise PathRefused(f"{path!r} is not a regular file")


def _sentence(error: OSError, path: str) -> ToolError:
    if error.errno == errno.ENOENT:
        return ToolError(f"there is no file {path!r} in the workspace")
    # Which of these a link in the middle gives depends on the system.
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        return PathRefused(
            f"{path!r} goes through something that is no folder, or a symbolic link; links are not followed"
        )
    return ToolError(f"{path!r} cannot be read: {error.strerror}")
