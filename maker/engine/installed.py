"""Which engines this machine has, and which build of llama-server."""

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from maker import config
from maker.config import EngineName
from maker.errors import ConfigError

SAFE_BUILD = 11393
"""First llama.cpp build without CVE-2026-107183 (memory corruption through `chat_parser`)."""
FIRST_BUILD = 2000
"""Before b2000 there was no llama-server; smaller numbers count the commits of something else than llama.cpp."""

FIXES: dict[EngineName, str] = {
    "llama-server": "install llama.cpp (`brew install llama.cpp`)",
    "xllamacpp": "install it with `pip install xllamacpp`",
    "llama-cpp-python": "install it with `pip install 'maker[llama-cpp-python]'`",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """Programs of the engines: llama-server itself, and the interpreters that can import the other two."""

    llama_server: Path | None = None
    xllamacpp: Path | None = None
    llama_cpp_python: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine to use and its program; `warnings` are sentences for the log."""

    engine: EngineName
    program: Path
    flags: frozenset[str] = frozenset()
    """What llama-server's --help lists; empty for the others."""
    warnings: tuple[str, ...] = ()


def find() -> Installed:
    """What is installed; starts nothing and imports nothing."""
    server = shutil.which("llama-server", path=config.search_path())
    python = Path(sys.executable)
    return Installed(
        Path(server) if server else None,
        python if importlib.util.find_spec("xllamacpp") else None,
        python if importlib.util.find_spec("llama_cpp") else None,
    )


def choose(engine: EngineName, installed: Installed) -> Choice:
    """The named engine, or for `auto` the first usable one: llama-server, xllamacpp, llama-cpp-python.

    Raises:
        ConfigError: it is not installed, or it is a llama-server that must not be used; says what to do.
    """
    if engine == "auto":
        return _first(installed)
    if engine == "llama-server" and installed.llama_server:
        return _llama_server(installed.llama_server)
    if engine == "xllamacpp" and installed.xllamacpp:
        return Choice("xllamacpp", installed.xllamacpp)
    if engine == "llama-cpp-python" and installed.llama_cpp_python:
        return Choice("llama-cpp-python", installed.llama_cpp_python)
    raise ConfigError(f'engine {engine!r} is not installed here; {FIXES[engine]}, or set engine = "auto"')


def _first(installed: Installed) -> Choice:
    warnings: list[str] = []
    if installed.llama_server:
        try:
            return _llama_server(installed.llama_server)
        except ConfigError as error:
            warnings.append(f"not used: {error}")
    if installed.xllamacpp:
        return Choice("xllamacpp", installed.xllamacpp, warnings=tuple(warnings))
    if installed.llama_cpp_python:
        return Choice("llama-cpp-python", installed.llama_cpp_python, warnings=tuple(warnings))
    raise ConfigError("; ".join([*warnings, f"no engine is installed; {FIXES['llama-server']}"]))


def _llama_server(program: Path) -> Choice:
    build = parse_build(_ask(program, "--version"))
    if build is not None and build < SAFE_BUILD:
        raise ConfigError(
            f"{program} is llama.cpp build {build}, which has a known hole (CVE-2026-107183); "
            f'upgrade it to build {SAFE_BUILD} or later (`brew upgrade llama.cpp`), or set engine = "xllamacpp"'
        )
    unknown = f"{program} does not tell its build; make sure it is llama.cpp {SAFE_BUILD} or later (CVE-2026-107183)"
    flags = frozenset(re.findall(r"(?<![\w-])--?[a-z][\w-]*", _ask(program, "--help")))
    return Choice("llama-server", program, flags, () if build else (unknown,))


def parse_build(text: str) -> int | None:
    """llama.cpp's build number from `llama-server --version`, or None where the text does not tell.

    Three forms: `version: 0.2.0 (build 11549, commit abc)`, `version: 11549 (abc)`, `version: b11549`. Builds from
    something else than a full git clone say 0, 1 or some other repository's number.
    """
    found = re.search(r"\(build (\d+)\b", text) or re.search(r"^version: b?(\d+)\b(?!\.)", text, re.MULTILINE)
    build = int(found.group(1)) if found else 0
    return build if build >= FIRST_BUILD else None


def _ask(program: Path, flag: str) -> str:
    try:
        done = subprocess.run([program, flag], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{program} {flag} does not work: {error}; reinstall llama.cpp") from error
    if done.returncode:
        raise ConfigError(f"{program} {flag} ended with status {done.returncode}; reinstall llama.cpp")
    return (done.stdout + done.stderr).decode("utf-8", "replace")
