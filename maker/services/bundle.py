"""Starting, stopping and looking at the whole bundle: the verbs behind the commands of the same names.

`start` converges: whatever ran before, afterwards exactly what the target needs runs. Only the listener under
supervisord starts, stops and restarts programs, so that a boot without anybody logged in takes the same path.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import psutil

from maker.catalog import profiles
from maker.config import Config, Target
from maker.errors import NotReady, NotRunning, PortBusy, ServiceError
from maker.process import Command, survivors
from maker.services import ports, supervisor
from maker.services.lock import changing
from maker.services.look import look
from maker.services.places import places, processes
from maker.services.processes import end, groups
from maker.services.reason import explain
from maker.services.record import load_board, read_target, write_target
from maker.services.spec import LISTENER
from maker.services.status import BundleStatus, ServiceStatus
from maker.services.supervisor import Supervisor

__all__ = ["Bundle", "BundleStatus", "ServiceStatus"]

LOCK_WAIT_S = 120.0
HEARD_WAIT_S = 30.0
SHUTDOWN_WAIT_S = 20.0
SURVIVOR_WAIT_S = 10.0
POLL_S = 0.25
POKE_S = 0.02


class Bundle:
    """The services of one MAKER_HOME; `verify` raises what keeps one of these services from running at all."""

    def __init__(self, config: Config, *, verify: Callable[[Collection[str]], None]) -> None:
        self._config = config
        self._home = config.home
        self._verify = verify
        self._supervisor = Supervisor(config.home)

    def status(self) -> BundleStatus:
        """One concurrent look at everything; never fails because the bundle is down.

        Raises:
            ConfigError: the profile or a role in maker.toml cannot be used.
        """
        return look(self._config)

    def start(
        self, target: Target, *, wait: bool, timeout_s: float, report: Callable[[BundleStatus], None]
    ) -> BundleStatus:
        """Make what runs be what the target needs; `report` gets every look while it waits.

        Raises:
            ConfigError: `maker init` was not here.
            ModelFileError: a model file is missing, damaged or not trusted.
            ServiceError: an engine is not installed.
            PortBusy: another program has a port that is needed. Up to here nothing is changed and nothing starts.
            ServiceError: supervisord or its listener did not start.
            NotReady: something failed for good, or is not ready after `timeout_s` seconds.
            NotRunning: the bundle was stopped while it started.
        """
        needed = processes(self._config, target)
        self._check_files(needed)
        end_at = time.monotonic() + timeout_s
        with changing(self._home, within_s=LOCK_WAIT_S):
            self._check_ports(needed)
            self._launch(target)
        return self._wait_ready((), end_at, timeout_s, report) if wait else self.status()

    def stop(self, *, report: Callable[[str], None]) -> None:
        """End every process of the bundle, whether or not its supervisor still lives; nothing is left listening.

        Raises:
            ServiceError: a program does not end.
        """
        if not self._home.run.is_dir():
            return
        with changing(self._home, within_s=LOCK_WAIT_S):
            with contextlib.suppress(NotRunning):
                self._shut_down(report)
            self._clean_up(report)

    def restart(
        self, names: Sequence[str], *, wait: bool, timeout_s: float, report: Callable[[BundleStatus], None]
    ) -> BundleStatus:
        """Give the named services, or everything that is wanted, new processes; `report` as with `start`.

        Raises:
            ServiceError: there is no such service, it has no process of its own, or its engine is not installed.
            NotRunning: the bundle does not run, or was stopped meanwhile.
            ModelFileError: a model file is missing, damaged or not trusted.
            PortBusy: another program has a port that is needed. Up to here nothing was stopped.
            NotReady: one of them failed for good, or is not ready after `timeout_s` seconds.
        """
        wanted = list(names) or sorted(processes(self._config, read_target(self._home)))
        for name in wanted:
            self._require_process(name)
        self._supervisor.programs()  # says so where nothing runs, MAKER_HOME included
        if not wanted:
            raise NotRunning("nothing was started yet; run `maker start`")
        self._check_files(wanted)
        end_at = time.monotonic() + timeout_s
        with changing(self._home, within_s=LOCK_WAIT_S):
            self._check_ports(wanted)
            self._supervisor.start(LISTENER)
            self._ask(wanted)
        return self._wait_ready(wanted, end_at, timeout_s, report) if wait else self.status()

    def logs(self, names: Sequence[str]) -> list[Path]:
        """Log files of the named services; of all, the listener and supervisord too, if none is named.

        Raises:
            ServiceError: there is no such service.
        """
        known = [*places(self._config), LISTENER, "supervisord"]
        for name in names:
            _require_known(name, known)
        return [self._home.log / f"{name}.log" for name in names or known]

    def foreground(self) -> Command:
        """The supervisor as a program that stays in the foreground, for launchd and systemd; it resumes the target.

        Raises:
            ConfigError: `maker init` was not here.
            ServiceError: a supervisor of this home runs already.
        """
        self._prepare()
        with changing(self._home, within_s=LOCK_WAIT_S):
            if (pid := self._supervisor.pid()) is not None:
                raise ServiceError(
                    f"the supervisor of {self._home.root} runs already (pid {pid}); `maker stop` ends it"
                )
            self._clean_up(lambda _line: None)
        return supervisor.command(self._home, "--nodaemon", "--silent")

    def _prepare(self) -> None:
        supervisor.prepare(self._home)
        profiles.renew(self._config)

    def _check_files(self, names: Collection[str]) -> None:
        """Refuse what the services could not start with."""
        self._prepare()
        self._verify(names)

    def _check_ports(self, names: Collection[str]) -> None:
        """Refuse ports that others have; what our own processes hold, orphans too, is ours to free.

        Redis is left out: where its port is taken, its socket is enough.
        """
        needed = set(names) - {"redis"}
        services = [place.spec for name, place in places(self._config).items() if name in needed]
        if busy := ports.conflicts(services, lambda: frozenset(process.pid for process in self._our_processes())):
            raise PortBusy(busy)

    def _our_processes(self) -> list[psutil.Process]:
        """Every living process of the bundle, whoever started it."""
        pids = {survivor.pid for survivor in survivors(self._home)}
        with contextlib.suppress(NotRunning):
            pids |= {program.pid for program in self._supervisor.programs().values() if program.pid}
        own = supervisor.process(self._home)
        return [*groups(pids), *([own] if own else [])]

    def _launch(self, target: Target) -> None:
        if self._supervisor.pid() is None:
            self._clean_up(lambda _line: None)
            write_target(self._home, target)
            supervisor.launch(self._config)
        else:
            write_target(self._home, target)
            self._supervisor.start(LISTENER)
        self._ask()

    def _clean_up(self, report: Callable[[str], None]) -> None:
        """End what a supervisor left that was killed, or that does not answer any more.

        Such a supervisor first: it would start anew what ends under it.
        """
        if own := supervisor.process(self._home):
            report(f"ending supervisor {own.pid}, which does not answer")
            end([own], within_s=SURVIVOR_WAIT_S)
        if left := self._our_processes():
            report(f"ending {len(left)} processes that no supervisor looks after")
            end(left, within_s=SURVIVOR_WAIT_S)

    def _ask(self, names: Collection[str] = ()) -> None:
        """Have the listener converge, or restart these, and wait until it has asked supervisord for everything."""
        token = secrets.token_hex(8)
        self._supervisor.notify(token, names)
        end_at = time.monotonic() + HEARD_WAIT_S
        while (board := load_board(self._home, self._supervisor.pid())) is None or board.heard != token:
            listener = self._supervisor.programs().get(LISTENER)
            if listener is None or listener.state == "FATAL" or time.monotonic() > end_at:
                raise ServiceError(f"the readiness listener does not work: {explain(self._log(LISTENER))}")
            time.sleep(0.05)

    def _wait_ready(
        self, names: Collection[str], end_at: float, timeout_s: float, report: Callable[[BundleStatus], None]
    ) -> BundleStatus:
        """Wait for the named services; without a name, until what is wanted runs and nothing else does."""
        while True:
            status = self.status()
            report(status)
            if status.supervisor_pid is None:
                raise NotRunning("maker was stopped while it started; run `maker start` again")
            meant = [service for service in status.services if (service.name in names if names else service.wanted)]
            if failed := [service for service in meant if service.failed]:
                raise NotReady(self._not_ready(failed, "did not start"))
            leaving = [service for service in status.services if not (names or service.wanted) and service.pid]
            late = [service for service in meant if not _arrived(service)] or leaving
            if meant and not late:
                return status
            if time.monotonic() > end_at:
                raise NotReady(self._not_ready(late, f"not ready after {timeout_s:.0f} s"))
            time.sleep(POLL_S)

    def _not_ready(self, services: Iterable[ServiceStatus], what: str) -> str:
        return "; ".join(f"{service.name} {what}: {self._reason(service)}" for service in services)

    def _reason(self, service: ServiceStatus) -> str:
        reason, log = service.detail or service.state, str(self._log(service.name))
        return reason if log in reason else f"{reason} [{log}]"

    def _shut_down(self, report: Callable[[str], None]) -> None:
        """Orchestrators first, so that running requests can finish while the models still answer; then the rest."""
        left = self._our_processes()
        alive = [name for name, program in self._supervisor.programs().items() if program.alive and name != LISTENER]
        first = [name for name in alive if name.startswith("orchestrator")]
        for names in (first, [name for name in alive if name not in first]):
            for name in names:
                report(f"stopping {name}")
                self._supervisor.stop(name)
            self._wait_stopped(names)
        self._supervisor.shutdown()
        self._wait_gone(left)

    def _wait_gone(self, left: Sequence[psutil.Process]) -> None:
        end_at = time.monotonic() + SHUTDOWN_WAIT_S
        while psutil.wait_procs(left, timeout=POKE_S)[1] and time.monotonic() < end_at:
            # supervisord ends one program per turn of its loop and sleeps for a second in each; a question wakes it.
            self._supervisor.pid()

    def _wait_stopped(self, names: Sequence[str]) -> None:
        """Wait for programs to end; supervisord kills what does not end by its stopwaitsecs, so this ends too."""
        end_at = time.monotonic() + LOCK_WAIT_S
        while alive := [name for name, p in self._supervisor.programs().items() if name in names and p.alive]:
            if time.monotonic() > end_at:
                raise ServiceError(f"still running: {', '.join(alive)}; look at {self._home.log}")
            time.sleep(0.05)

    def _require_process(self, name: str) -> None:
        found = places(self._config)
        _require_known(name, found)
        if reason := found[name].embedded:
            raise ServiceError(f"{name} has no process to restart: {reason}")

    def _log(self, name: str) -> Path:
        return self._home.log / f"{name}.log"


def _arrived(service: ServiceStatus) -> bool:
    """Whether it is ready and the listener, too, has seen that: only it knows how long it took."""
    return service.ready and (service.pid is None or service.ready_after_s is not None)


def _require_known(name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ServiceError(f"there is no service {name!r}; there are {', '.join(known)}")
