"""A real Phoenix for tests: its environment is made once, in .build, and one server is shared by a whole test run."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from maker import config
from maker.config import Config, Home, child_environment
from maker.services import phoenix
from tests.support import tail, wait_until, write_toml

CACHE = Path(__file__).parent.parent / ".build"


@dataclass
class Running:
    """A Phoenix that was started under a hostile environment, in a home directory of its own."""

    config: Config
    process: subprocess.Popen[bytes]
    user_home: Path


SHARED = pytest.StashKey[Running]()


def shared(request: pytest.FixtureRequest) -> Running:
    """The Phoenix of this test run; starting one takes 10 s on a quiet machine, so there is only one."""
    if SHARED not in request.config.stash:
        stack = ExitStack()
        request.config.add_cleanup(stack.close)
        request.config.stash[SHARED] = stack.enter_context(_started())
    return request.config.stash[SHARED]


@contextmanager
def _started() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="mk-", dir="/tmp") as root:
        home, user_home = Home(Path(root) / "home"), Path(root) / "user"
        user_home.mkdir()
        settings = write_toml(home)
        provide_environment(home)
        hostile = {
            "HOME": str(user_home),
            "PHOENIX_HOST": "0.0.0.0",
            "PHOENIX_ENABLE_PROMETHEUS": "true",
            "PHOENIX_ENABLE_MCP_SERVER": "true",
            "PHOENIX_SQL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "PHOENIX_TELEMETRY_ENABLED": "true",
            "PHOENIX_ALLOWED_ORIGINS": "http://evil.test",
        }
        with serving(settings, **hostile) as process:
            yield Running(settings, process, user_home)


def provide_environment(home: Home) -> None:
    """Give the home an installed Phoenix."""
    phoenix.install(config.parse("", Home(CACHE)), print)
    home.phoenix.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home.phoenix / "venv").symlink_to(CACHE / "phoenix" / "venv")


@contextmanager
def serving(settings: Config, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Phoenix that answers, stopped at the end."""
    command = phoenix.command(settings)
    log = settings.home.root / "phoenix.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command.argv, env=child_environment(**command.env, **environment), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: answers(settings, process), within_s=200, why="phoenix is ready")
        yield process
    except AssertionError:
        print(tail(log))
        raise
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()
            process.wait(5)


def answers(settings: Config, process: subprocess.Popen[bytes]) -> bool:
    """Whether Phoenix says that it is ready; fails the test if it has ended."""
    assert process.poll() is None, tail(settings.home.root / "phoenix.log")
    try:
        return get(settings, "/readyz").status_code == 200
    except httpx.TransportError:
        return False


def get(settings: Config, path: str, **headers: str) -> httpx.Response:
    """GET a path of the Phoenix of these settings."""
    return httpx.get(f"http://127.0.0.1:{settings.port('phoenix')}{path}", headers=headers, timeout=10, trust_env=False)
