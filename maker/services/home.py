"""MAKER_HOME: making it, and keeping what maker put there up to date without touching what people changed."""

import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

import maker
from maker.config import Home
from maker.errors import ConfigError
from maker.services.example import example_toml
from maker.services.files import write_private

_FOLDERS = ("run", "log", "models", "bin", "redis", "qdrant", "phoenix")
_STAMP = re.compile(r"; maker: sha256 of the lines below: ([0-9a-f]{64})\n")
_CTL_MARK = "; written by maker so that a bare supervisorctl finds it; remove this file to undo"
_CTL_URL = re.compile(r"^serverurl=unix://(.+)/run/supervisor\.sock$", re.MULTILINE)


def data_file(relative: str) -> Path:
    """A file that ships with maker, by its path in the repository: inside the installed package, or beside it.

    Raises:
        ConfigError: this installation lacks it.
    """
    package = Path(maker.__file__).parent
    for path in (package / "_data" / relative, package.parent / relative):
        if path.exists():
            return path
    raise ConfigError(f"{relative} is missing from this installation of maker; install it again")


def prepare_home(home: Home, *, command: Path, config_text: str | None) -> list[str]:
    """Make MAKER_HOME complete, whatever the umask; what is there already is kept. Returns what was done.

    `command` is a path to the maker command that stays good across upgrades; `config_text` becomes maker.toml where
    there is none (all settings commented out if it is None).

    Raises:
        ConfigError: a path is taken by something else, or cannot be written.
    """
    try:
        done = [
            *_folders(home),
            _key(home),
            _new_file(home.toml, example_toml() if config_text is None else config_text),
            _supervisord_conf(home),
            _link(home.command, command),
        ]
    except OSError as error:
        raise ConfigError(
            f"{error.filename or home.root}: {error.strerror or error}; cannot set up MAKER_HOME"
        ) from error
    return [sentence for sentence in done if sentence]


def _folders(home: Home) -> list[str]:
    done = []
    for folder in (home.root, *(home.root / name for name in _FOLDERS)):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            done.append(f"made {folder}")
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            folder.chmod(0o700)
            done.append(f"closed {folder} to other users")
    # Made by somebody with another umask, or by hand: the whole home is private, so one sentence says enough.
    return done[:1] if done and done[0] == f"made {home.root}" else done


def _key(home: Home) -> str | None:
    if home.api_key.exists():
        home.api_key.chmod(0o600)
        return None
    return _new_file(home.api_key, secrets.token_hex(32) + "\n")


def _supervisord_conf(home: Home) -> str | None:
    path = home.supervisord_conf
    new = _stamped(data_file("services/supervisord.conf").read_text(encoding="utf-8"))
    try:
        old = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _new_file(path, new)
    if old == new:
        return None
    if _unedited(old):
        write_private(path, new)
        return f"brought {path} up to date; the next `maker stop` and `maker start` use it"
    beside = path.with_name("supervisord.conf.new")
    if beside.exists() and beside.read_text(encoding="utf-8") == new:
        return None
    write_private(beside, new)
    return f"kept {path} because it was edited; this version's is {beside}"


def _stamped(text: str) -> str:
    return f"; maker: sha256 of the lines below: {hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def _unedited(text: str) -> bool:
    stamp = _STAMP.match(text)
    return stamp is not None and text == _stamped(text[stamp.end() :])


def _link(link: Path, command: Path) -> str | None:
    command = command.absolute()
    if link.is_symlink() and link.readlink() == command:
        return None
    partial = link.with_name(f".maker.{os.getpid()}")
    partial.unlink(missing_ok=True)
    partial.symlink_to(command)
    partial.replace(link)
    return f"linked {link} to {command}"


def _new_file(path: Path, text: str) -> str | None:
    """Write a private file that must not exist yet; None if it does."""
    if path.exists():
        return None
    write_private(path, text)
    return f"wrote {path}"


def link_supervisorctl(prefix: Path, home: Home) -> str | None:
    """Make the supervisorctl of an installation find this home from any folder; returns what was done or why not.

    supervisorctl looks first in `etc/supervisord.conf` beside the `bin` it was called from. A file there that is not
    maker's, or that names another home that still exists, is left alone.
    """
    path = prefix / "etc" / "supervisord.conf"
    text = f"{_CTL_MARK}\n[supervisorctl]\nserverurl=unix://{home.supervisor_socket}\n"
    try:
        old = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        old = None
    except (OSError, UnicodeDecodeError) as error:
        return f"left {path} alone, it cannot be read ({error}); use `maker ctl` in place of supervisorctl"
    if old == text:
        return None
    if old is not None and (keep := _whose(old, home)):
        return f"left {path} alone, it is {keep}; use `maker ctl` in place of supervisorctl"
    try:
        path.parent.mkdir(exist_ok=True)
        write_private(path, text, mode=0o644)
    except OSError as error:
        return f"could not write {path} ({error.strerror}); use `maker ctl` in place of supervisorctl"
    return f"wrote {path}: a bare supervisorctl now finds maker"


def _whose(text: str, home: Home) -> str | None:
    """Why a supervisorctl configuration that is there stays; None if it may be replaced."""
    named = _CTL_URL.search(text)
    if not text.startswith(_CTL_MARK) or named is None:
        return "not maker's"
    other = Path(named.group(1))
    return f"for the maker in {other}" if other != home.root and other.exists() else None
