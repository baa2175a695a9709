"""supervisord from outside: its XML-RPC interface over the unix socket, and launching it."""

import http.client
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from maker.config import Config, Home, child_environment
from maker.errors import ConfigError, NotRunning, ServiceError
from maker.process import Command

ALIVE = frozenset(("STARTING", "RUNNING", "BACKOFF", "STOPPING"))
"""States in which a program has, or is about to have, a process."""

EVENT = "maker"
"""Type of the remote event that asks the listener to make what runs be what run/target names, or for new processes."""

RPC_TIMEOUT_S = 5.0
LAUNCH_TIMEOUT_S = 20.0

# supervisor/xmlrpc.py: the faults that only mean that somebody else was faster, or that it is shutting down.
_SHUTDOWN, _BAD_NAME, _SPAWN_ERROR, _ALREADY_STARTED, _NOT_RUNNING = 6, 10, 50, 60, 70


@dataclass(frozen=True, slots=True)
class Program:
    """One program as supervisord sees it; times are seconds since the epoch, 0 for never."""

    name: str
    state: str
    pid: int
    started: float
    uptime_s: float
    spawn_error: str

    @property
    def alive(self) -> bool:
        """It has a process or supervisord is about to give it one."""
        return self.state in ALIVE

    @property
    def stays(self) -> bool:
        """It is alive and nobody is stopping it."""
        return self.alive and self.state != "STOPPING"


class Supervisor:
    """The supervisord of one MAKER_HOME. Every call is one short connection, so it may be used from any thread."""

    def __init__(self, home: Home) -> None:
        self._socket = home.supervisor_socket

    def pid(self) -> int | None:
        """Process id of the supervisor; None where none answers."""
        try:
            return int(self._call("getPID"))
        except NotRunning:
            return None

    def programs(self) -> dict[str, Program]:
        """All programs by name.

        Raises:
            NotRunning: no supervisor answers.
        """
        return {info["name"]: _program(info) for info in self._call("getAllProcessInfo")}

    def start(self, name: str) -> None:
        """Start a program and do not wait for it; one that runs already is left alone.

        Raises:
            NotRunning: no supervisor answers, or it is shutting down.
        """
        # A program that cannot be executed is reported by its state; here it would hide what else could start.
        self._call("startProcess", name, False, ignore=(_ALREADY_STARTED, _SPAWN_ERROR))

    def stop(self, name: str) -> None:
        """Ask a program to stop and do not wait for it; one that does not run is left alone.

        Raises:
            NotRunning: no supervisor answers.
        """
        self._call("stopProcess", name, False, ignore=(_NOT_RUNNING,))

    def notify(self, token: str, names: Collection[str] = ()) -> None:
        """Have the listener converge, or restart these programs; it shows `token` in its record when it has.

        Raises:
            NotRunning: no supervisor answers.
        """
        self._call("sendRemoteCommEvent", EVENT, " ".join([token, *names]))

    def shutdown(self) -> None:
        """Stop every program and the supervisor; returns at once.

        Raises:
            NotRunning: no supervisor answers.
        """
        self._call("shutdown", ignore=(_SHUTDOWN,))

    def _call(self, method: str, *arguments: object, ignore: tuple[int, ...] = ()) -> Any:
        with _translated(ignore), xmlrpc.client.ServerProxy("http://localhost", _Transport(self._socket)) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


@contextmanager
def _translated(ignore: tuple[int, ...]) -> Iterator[None]:
    """The one place where errors of XML-RPC and of the socket become ours."""
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == _SHUTDOWN and _SHUTDOWN not in ignore:
            raise NotRunning("the supervisor is shutting down") from fault
        if fault.faultCode == _BAD_NAME:
            raise ServiceError(
                f"supervisord.conf is not this maker's ({fault.faultString}); run `maker init`, then `maker stop`"
            ) from fault
        if fault.faultCode not in ignore:
            raise ServiceError(f"supervisord refused: {fault.faultString}") from fault
    except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
        raise NotRunning("maker is not running; start it with `maker start all`") from error


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket, with a bound on every wait."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=RPC_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(RPC_TIMEOUT_S)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    """XML-RPC over supervisord's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path)
        # Where close() looks for what it has to close.
        self._connection = host, connection
        return connection


def _program(info: dict[str, Any]) -> Program:
    # The clock may have been set back since the start.
    uptime = max(0.0, info["now"] - info["start"]) if info["statename"] in {"STARTING", "RUNNING"} else 0.0
    return Program(
        name=info["name"],
        state=info["statename"],
        pid=info["pid"],
        started=info["start"],
        uptime_s=uptime,
        # Not a failure to execute: the program's own log has the reason.
        spawn_error="" if info["spawnerr"].startswith("Exited too quickly") else info["spawnerr"],
    )


def command(home: Home, *flags: str) -> Command:
    """This installation's supervisord with the configuration in MAKER_HOME."""
    # supervisor 4.3 calls urllib.parse.splitquery: under PYTHONWARNINGS=error it would drop every request.
    python = (sys.executable, "-W", "ignore::DeprecationWarning")
    argv = (*python, "-m", "supervisor.supervisord", *flags, "-c", str(home.supervisord_conf))
    return Command(argv, {"MAKER_HOME": str(home.root)})


def launch(config: Config) -> None:
    """Start supervisord in the background and wait until it answers.

    Raises:
        ServiceError: it refused to start (its own words), or does not answer in time.
    """
    home = config.home
    start = command(home)
    try:
        done = subprocess.run(
            start.argv,
            env=child_environment(**start.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LAUNCH_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"supervisord did not start within {LAUNCH_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        # Its last line only says how to get help.
        line = next((line for line in said if line.startswith("Error")), f"exit {done.returncode}")
        raise ServiceError(f"supervisord did not start: {line}")
    _wait_answer(home)


def _wait_answer(home: Home) -> None:
    end = time.monotonic() + LAUNCH_TIMEOUT_S
    while Supervisor(home).pid() is None:
        if time.monotonic() > end:
            raise ServiceError(f"supervisord does not answer; look at {home.log / 'supervisord.log'}")
        time.sleep(0.05)


def process(home: Home) -> psutil.Process | None:
    """The supervisord of this home by its pid file, whether or not it answers."""
    try:
        found = psutil.Process(int((home.run / "supervisord.pid").read_text(encoding="ascii")))
        # The pid may have been given to another program since; only one with our configuration is ours.
        ours = str(home.supervisord_conf) in found.cmdline() and found.status() != psutil.STATUS_ZOMBIE
        return found if ours else None
    except (OSError, ValueError, psutil.Error):
        return None


def prepare(home: Home) -> None:
    """Check that `maker init` was here, and make supervisord's own log private: it opens it before it sets its umask.

    Raises:
        ConfigError: something that supervisord needs is missing.
    """
    for path in (home.supervisord_conf, home.api_key, home.command):
        if not path.exists():
            raise ConfigError(f"{path} is missing; run `maker init` first")
    if not os.access(home.command, os.X_OK):
        raise ConfigError(f"{home.command} is not executable; run `maker init` again")
    (home.log / "supervisord.log").touch(mode=0o600)
