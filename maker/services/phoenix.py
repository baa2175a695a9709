"""Phoenix, where people read traces: making its environment on request, and the command that runs it.

Phoenix brings about 150 packages and its own licence (Elastic-2.0), so it never shares maker's environment: it lives in
MAKER_HOME/phoenix/venv, installed from a lock with hashes, wheels only, and only when somebody asks for it.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from maker.config import Config, search_path
from maker.errors import ServiceError
from maker.process import Command
from maker.services.home import data_file

LOCK = "requirements/phoenix.lock"
LAUNCHER = Path(__file__).with_name("phoenix_launcher.py")
INSTALL_TIMEOUT_S = 1800
"""pip on a slow line needs minutes for 600 MB; past this something hangs."""


def installed(config: Config) -> bool:
    """Whether the environment is complete and made from this maker's lock."""
    try:
        return _marker(config).read_text(encoding="ascii") == _digest()
    except FileNotFoundError:
        return False


def install(config: Config, report: Callable[[str], None]) -> None:
    """Make Phoenix's environment, or make it anew where the lock has changed; nothing to do where it is complete.

    `report` gets a line when something begins or ends. A Phoenix that runs should be restarted afterwards.

    Raises:
        ServiceError: it could not be made; what was made of it is thrown away by the next attempt.
    """
    where = config.home.phoenix
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(where / "install.lock", report):
        if installed(config):
            report("phoenix is installed")
            return
        venv = _venv(config)
        _marker(config).unlink(missing_ok=True)
        shutil.rmtree(venv, ignore_errors=True)
        report("installing phoenix into its own environment (about 150 packages, 600 MB)")
        for argv in _steps(venv, data_file(LOCK)):
            _run(argv, where)
        # Written last: an environment without it is half made.
        _marker(config).write_text(_digest(), encoding="ascii")
        report("phoenix is installed")


def command(config: Config) -> Command:
    """How Phoenix is run: on loopback, with everything closed that can be (see phoenix_launcher.py).

    Raises:
        ServiceError: it is not installed.
    """
    if not _marker(config).is_file():
        raise ServiceError("phoenix is not installed; run `maker phoenix install`")
    arguments = (config.port("phoenix"), config.home.phoenix / "data", config.phoenix.retention_days)
    return Command((str(_venv(config) / "bin" / "python"), "-I", str(LAUNCHER), *map(str, arguments)))


def _venv(config: Config) -> Path:
    return config.home.phoenix / "venv"


def _marker(config: Config) -> Path:
    return _venv(config) / "installed"


def _digest() -> str:
    return hashlib.sha256(data_file(LOCK).read_bytes()).hexdigest()


def _steps(venv: Path, lock: Path) -> list[list[str]]:
    """With uv seconds, with pip minutes; both refuse what has no hash in the lock and run no build scripts."""
    python = str(venv / "bin" / "python")
    strict = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(lock)]
    if uv := shutil.which("uv", path=search_path()):
        return [
            [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(venv)],
            [uv, "pip", "install", "--quiet", "--python", python, *strict],
        ]
    return [
        [sys.executable, "-I", "-m", "venv", str(venv)],
        [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *strict],
    ]


def _run(argv: list[str], cwd: Path) -> None:
    # Not in the caller's directory: uv takes settings from a project it finds there.
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    if done.returncode:
        raise _failed(" ".join(done.stderr.split())[-300:])


def _failed(reason: str) -> ServiceError:
    return ServiceError(
        f"phoenix could not be installed: {reason}; check the network and free disk space, "
        "then run `maker phoenix install` again"
    )


@contextmanager
def _alone(lock: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the file's lock; the kernel frees it when this process dies."""
    with lock.open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another `maker phoenix install`")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
