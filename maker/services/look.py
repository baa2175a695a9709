"""One look at the bundle: what supervisord says, what the listener recorded, and what every service answers now."""

from collections.abc import Mapping
from dataclasses import dataclass

from maker.config import Config, Target
from maker.errors import NotRunning
from maker.models.slots import in_use
from maker.process import survivors
from maker.sandbox.available import standing
from maker.services.places import Place, places
from maker.services.processes import memory
from maker.services.readiness import Readiness, probe_all
from maker.services.reason import explain
from maker.services.record import Board, Record, load_board, read_target
from maker.services.settings import outdated
from maker.services.status import OUTDATED, BundleStatus, ServiceStatus
from maker.services.stores import redis_port
from maker.services.supervisor import Program, Supervisor

_RUNS = frozenset(("STARTING", "RUNNING"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """Everything one look found, before it is put together."""

    config: Config
    places: Mapping[str, Place]
    target: Target | None
    up: bool
    programs: Mapping[str, Program]
    answers: Mapping[str, Readiness]
    orphans: Mapping[str, int]
    """Pids of what runs though no supervisor answers."""
    board: Board
    outdated: frozenset[str]
    rss: Mapping[int, int]


def look(config: Config) -> BundleStatus:
    """The bundle now; every service is asked at the same time. Takes two seconds at most, also when nothing runs.

    Raises:
        ConfigError: the profile or a role in maker.toml cannot be used.
    """
    found = places(config)
    supervisor_pid, programs = _supervised(config)
    pids = {name: program.pid for name, program in programs.items() if name in found and _runs(program)}
    orphans = {} if supervisor_pid else {each.service: each.pid for each in survivors(config.home)}
    asked = [place for name, place in found.items() if place.urls or _runs(programs.get(name))]
    seen = _Seen(
        config,
        found,
        read_target(config.home),
        supervisor_pid is not None,
        programs,
        probe_all(config, asked) if asked else {},
        orphans,
        load_board(config.home, supervisor_pid) or Board(0),
        outdated(config, pids),
        memory([*(program.pid for program in programs.values() if program.pid), *orphans.values()]),
    )
    services = tuple(_service(seen, place) for place in found.values())
    refusal = standing(config)
    return BundleStatus(
        seen.target,
        supervisor_pid,
        services,
        orphans=len(orphans),
        execution=f"{refusal.reason}; {refusal.fix}" if refusal else None,
    )


def _supervised(config: Config) -> tuple[int | None, Mapping[str, Program]]:
    supervisor = Supervisor(config.home)
    pid = supervisor.pid()
    try:
        return pid, supervisor.programs() if pid is not None else {}
    except NotRunning:
        return None, {}


def _runs(program: Program | None) -> bool:
    return program is not None and program.state in _RUNS


def _service(seen: _Seen, place: Place) -> ServiceStatus:
    name, config = place.spec.name, seen.config
    program = seen.programs.get(name)
    record = seen.board.services.get(name, Record())
    own = place.embedded is None
    pid = program.pid if program else seen.orphans.get(name)
    runs = _runs(program)
    ready, detail = _readiness(seen, place)
    return ServiceStatus(
        name=name,
        kind=place.spec.kind,
        state=program.state if program else _unsupervised(pid),
        ready=ready,
        wanted=seen.target in place.spec.targets,
        embedded=place.embedded,
        detail="" if ready else detail,
        pid=pid or None,
        port=_port(config, place) if own else None,
        rss_bytes=seen.rss.get(pid) if pid else None,
        slots=(in_use(config.home.run / "slots" / name)[0], place.slots) if runs and place.slots else None,
        uptime_s=program.uptime_s if program and runs else None,
        restarts=record.restarts,
        outdated=name in seen.outdated,
        failed=own and program is not None and (program.state == "FATAL" or record.given_up),
        ready_after_s=record.ready_after_s if program and record.pid == program.pid else None,
    )


def _unsupervised(pid: int | None) -> str:
    return "UNKNOWN" if pid else "STOPPED"


def _readiness(seen: _Seen, place: Place) -> tuple[bool, str]:
    """Whether the service would answer now, and if not, why."""
    name = place.spec.name
    if place.urls:
        return seen.answers[name].ready, seen.answers[name].detail
    if place.served_by:
        return _readiness(seen, seen.places[place.served_by])
    if place.embedded is not None:
        return seen.up, "" if seen.up else "maker is not running"
    program = seen.programs.get(name)
    if name in seen.orphans:
        return False, "it runs, but no supervisor answers"
    if program is None or not _runs(program):
        return False, _why_down(seen, program)
    answer = seen.answers[name]
    if not answer.ready and name in seen.outdated:
        return False, OUTDATED
    record = seen.board.services.get(name, Record())
    if not answer.ready or place.spec.kind != "model":
        return answer.ready, answer.detail
    # A model server's own word is not enough; the listener has it show a token after every start.
    if record.pid != program.pid:
        return False, "it answers; waiting for its first token"
    return record.ready, record.detail


def _why_down(seen: _Seen, program: Program | None) -> str:
    if program is None:
        return "supervisord.conf does not name it" if seen.up else "maker is not running"
    record = seen.board.services.get(program.name, Record())
    if record.given_up and record.detail:
        return record.detail
    if program.state in {"BACKOFF", "FATAL", "EXITED"}:
        return explain(seen.config.home.log / f"{program.name}.log", program.spawn_error)
    return "stopping" if program.state == "STOPPING" else "stopped"


def _port(config: Config, place: Place) -> int | None:
    return redis_port(config) if place.spec.kind == "redis" else place.spec.port
