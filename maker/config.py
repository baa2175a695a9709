"""Reading the configuration: maker.toml into the types of maker.settings, and the only reader of the environment.

Defaults stand in the types; maker.toml overrides them; `MAKER_HOME` says where maker.toml is and `MAKER_MODE` which
mode an orchestrator serves. Unknown keys are errors, so that a misspelt setting is never ignored.
"""

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from maker.errors import ConfigError
from maker.home import Home
from maker.settings import (
    MODES,
    ROLES,
    TARGETS,
    Config,
    EngineName,
    Mode,
    ModeName,
    Outside,
    RoleName,
    Server,
    Target,
)

__all__ = [
    "MODES",
    "ROLES",
    "TARGETS",
    "Config",
    "EngineName",
    "Home",
    "Mode",
    "ModeName",
    "Outside",
    "RoleName",
    "Server",
    "Surroundings",
    "Target",
    "child_environment",
    "home",
    "load",
    "mode",
    "parse",
    "search_path",
    "surroundings",
]

# A unix socket's path has room for 104 bytes on macOS and 108 on Linux; run/supervisor.sock must fit behind the home.
MAX_HOME_BYTES = 80


def home(environ: Mapping[str, str] | None = None) -> Home:
    """MAKER_HOME from the environment, else ~/.maker; absolute, not yet created.

    Raises:
        ConfigError: the path is too long for a unix socket below it, or has a character supervisord cannot take.
    """
    environ = os.environ if environ is None else environ
    given = environ.get("MAKER_HOME") or "~/.maker"
    try:
        root = Path(given).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(f"MAKER_HOME {given!r} names a user unknown here; write the path out") from error
    if len(os.fsencode(root)) > MAX_HOME_BYTES:
        raise ConfigError(
            f"MAKER_HOME {str(root)!r} is longer than {MAX_HOME_BYTES} bytes, too long for a unix socket below it; "
            "choose a shorter path"
        )
    if bad := re.search(r"[%\"'\\,;\s]", str(root)):
        raise ConfigError(
            f"MAKER_HOME {str(root)!r} contains {bad.group()!r}, which supervisord cannot take; choose another path"
        )
    return Home(root)


def mode(environ: Mapping[str, str] | None = None) -> ModeName:
    """The mode an orchestrator process serves, from MAKER_MODE.

    Raises:
        ConfigError: MAKER_MODE is neither high nor low.
    """
    value = (os.environ if environ is None else environ).get("MAKER_MODE", "")
    for name in MODES:
        if value == name:
            return name
    raise ConfigError(f"MAKER_MODE is {value!r}; set it to high or low")


@dataclass(frozen=True)
class Surroundings:
    """The machine and the user, as far as other programs' files depend on them."""

    platform: str
    """As `sys.platform`: darwin or linux."""
    home: Path
    environ: Mapping[str, str]


def surroundings() -> Surroundings:
    """Where this process runs."""
    return Surroundings(sys.platform, Path.home(), dict(os.environ))


def child_environment(**changes: str) -> dict[str, str]:
    """This process's environment with `changes`, for a program that is about to be started."""
    return {**os.environ, **changes}


def search_path() -> str:
    """PATH with this installation's own programs first, then Homebrew's prefixes (launchd passes a bare PATH)."""
    own = str(Path(sys.executable).parent)
    given = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([own, *given, "/opt/homebrew/bin", "/usr/local/bin"]))


def load(where: Home | None = None) -> Config:
    """Read MAKER_HOME/maker.toml; without that file, the defaults.

    Raises:
        ConfigError: not TOML, an unknown key, or a wrong value; the sentence names file, key and what is allowed.
    """
    where = where or home()
    try:
        text = where.toml.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where.toml}: cannot be read: {error}") from error
    return parse(text, where)


def parse(text: str, where: Home) -> Config:
    """Parse the text of maker.toml.

    Raises:
        ConfigError: as `load`.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where.toml}: not valid TOML: {error}") from error
    if "home" in values:
        raise ConfigError(f"{where.toml}: home: unknown key; set the environment variable MAKER_HOME instead")
    try:
        return Config(**values, home=where)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(where.toml, item) for item in error.errors())) from error


def _sentence(file: Path, item: Mapping[str, object]) -> str:
    path = [str(part) for part in item["loc"]]  # type: ignore[attr-defined]
    key = ".".join(path)
    if item["type"] == "extra_forbidden":
        return f"{file}: {key}: unknown key; allowed here: {', '.join(_allowed(path[:-1]))}"
    if item["type"] == "value_error":
        return f"{file}: {key}: {str(item['msg']).removeprefix('Value error, ')}"
    got = item.get("input")
    said = str(got).lower() if isinstance(got, bool) else repr(got)
    message = str(item["msg"]).removeprefix("Input should be ").replace("a valid tuple", "a list")
    return f"{file}: {key}: is {said}; allowed: {message}"


def _allowed(path: list[str]) -> list[str]:
    section: type[BaseModel] = Config
    for part in path:
        field = section.model_fields.get(part) or section.model_fields[part.replace("-", "_")]
        section = field.annotation  # type: ignore[assignment]
    return sorted(field.alias or name for name, field in section.model_fields.items() if name != "home")
