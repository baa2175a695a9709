"""Starts what run/target names, tries every service's readiness, and keeps run/readiness.json true.

A program that somebody stopped by hand stays stopped until `maker start` or `maker restart` asks for it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from maker.config import Config, load
from maker.errors import ConfigError, MakerError, NotRunning
from maker.models.slots import in_use
from maker.services.converge import Changes, again, converge, resume
from maker.services.places import Place, places, processes
from maker.services.protocol import Event
from maker.services.readiness import CANARY_TIMEOUT_S, Readiness, canary, probe_each
from maker.services.reason import explain
from maker.services.record import Board, Record, load_board, read_target, save_board
from maker.services.settings import outdated
from maker.services.supervisor import EVENT, Program, Supervisor
from maker.services.watch import Action, Moment, Watch, slept

EAGER_GAP_S = 0.25
"""Between two looks while something may become ready any moment; otherwise supervisord's ticks set the pace."""

_LOOK = Event("LOOK", {})
_ENDS = {
    "PROCESS_STATE_EXITED": False,
    "PROCESS_STATE_BACKOFF": False,
    "PROCESS_STATE_STOPPED": True,
    "PROCESS_STATE_FATAL": True,
}
"""Events after which a program has no process, and whether that end was asked for or already counted."""

_log = logging.getLogger(__name__)


def now() -> Moment:
    """This moment on both clocks."""
    return Moment(time.time(), time.monotonic())


class Keeper:
    """The loop: events in, programs started and stopped, the record written. `None` ends it."""

    def __init__(
        self,
        config: Config,
        http: httpx.AsyncClient,
        events: "asyncio.Queue[Event | None]",
        *,
        clock: Callable[[], Moment] = now,
    ) -> None:
        self._config, self._http, self._events, self._clock = config, http, events, clock
        self._supervisor = Supervisor(config.home)
        self._places: dict[str, Place] = places(config)
        self._watches: dict[str, Watch] = {}
        self._board = Board(0)
        self._saved: Board | None = None
        self._trials: set[asyncio.Task[None]] = set()
        self._tick = self._clock()
        self._read = _changed(config.home.toml)

    async def run(self) -> None:
        """Resume the target, then follow the events until they end."""
        await self._remember()
        await self._guarded(None)
        event: Event | None = _LOOK
        while event is not None:
            await self._guarded(event)
            event = await self._next()
        for trial in self._trials:
            trial.cancel()

    async def _remember(self) -> None:
        """Go on from the record of an earlier listener under the same supervisor."""
        if (pid := await asyncio.to_thread(self._supervisor.pid)) is None:
            raise NotRunning("supervisord does not answer; the listener is of no use without it")
        self._board = load_board(self._config.home, pid) or Board(pid)
        for name, place in self._places.items():
            record = self._board.services.get(name, Record())
            self._watches[name] = Watch(str(self._log_of(name)), place.spec.kind == "model", record)

    async def _next(self) -> Event | None:
        eager = any(watch.unsettled(self._clock()) for watch in self._watches.values())
        try:
            async with asyncio.timeout(EAGER_GAP_S if eager else None):
                return await self._events.get()
        except TimeoutError:
            return _LOOK

    async def _guarded(self, event: Event | None) -> None:
        """Heed one event and look round; a machine in trouble (disk full, say) must not end the listener."""
        try:
            self._refresh()
            if event is None:
                await self._resume()
            else:
                await self._heed(event)
                await self._look_round()
        except NotRunning:
            # It is shutting down and will close the stream.
            pass
        except (MakerError, OSError) as error:
            _log.warning("%s", error)

    def _refresh(self) -> None:
        """Follow maker.toml when it changes; one that cannot be used changes nothing."""
        changed = _changed(self._config.home.toml)
        if changed == self._read:
            return
        self._read = changed
        try:
            self._config = load(self._config.home)
            self._places = places(self._config)
        except ConfigError as error:
            _log.warning("went on with the configuration from before: %s", error)

    async def _resume(self) -> None:
        programs = await asyncio.to_thread(self._supervisor.programs)
        wanted = processes(self._config, read_target(self._config.home))
        await self._change(programs, resume(programs, wanted))

    async def _heed(self, event: Event) -> None:
        if event.name == "TICK_5":
            before, self._tick = self._tick, self._clock()
            if slept(before, self._tick):
                _log.info("the machine was asleep; every model server has to show a token again")
                for watch in self._watches.values():
                    watch.woke()
        elif event.name == "REMOTE_COMMUNICATION" and event.values.get("type") == EVENT:
            token, *names = event.data.split()
            await self._carry_out(token, names)
        elif (name := event.values.get("processname", "")) in self._watches:
            if event.name == "PROCESS_STATE_STARTING":
                self._watches[name].starting(event.values["from_state"], self._clock())
            elif event.name in _ENDS:
                asked = _ENDS[event.name]
                why = "" if asked else explain(self._log_of(name))
                await self._act(name, self._watches[name].ended(self._clock(), asked=asked, why=why))

    async def _carry_out(self, token: str, names: Collection[str]) -> None:
        """New processes for the named services; without a name, what the target needs."""
        programs = await asyncio.to_thread(self._supervisor.programs)
        wanted = names or processes(self._config, read_target(self._config.home))
        for name in wanted:
            self._watches[name].asked()
        await self._change(programs, again(programs, names) if names else self._converging(programs, wanted))
        self._board = replace(self._board, heard=token)
        self._save()

    def _converging(self, programs: Mapping[str, Program], wanted: Collection[str]) -> Changes:
        old = outdated(self._config, {name: programs[name].pid for name in wanted if name in programs})
        return converge(programs, self._places, wanted, old)

    async def _change(self, programs: Mapping[str, Program], changes: Changes) -> None:
        for name in changes.stop:
            _log.info("stopping %s, which the target does not need", name)
            await asyncio.to_thread(self._supervisor.stop, name)
        for name in changes.restart:
            _log.info("restarting %s", name)
            self._watches[name].returning = True
            await asyncio.to_thread(self._supervisor.stop, name)
        for name in changes.start:
            if programs[name].alive:
                # Still stopping: it is started again when it has ended.
                self._watches[name].returning = True
            else:
                self._watches[name].starting("STOPPED", self._clock())
                await asyncio.to_thread(self._supervisor.start, name)

    async def _look_round(self) -> None:
        programs = await asyncio.to_thread(self._supervisor.programs)
        running = [
            place
            for name, place in self._places.items()
            if name in programs and programs[name].state in {"STARTING", "RUNNING"}
        ]
        answers = await probe_each(self._http, self._config, running)
        for name, watch in self._watches.items():
            if program := programs.get(name):
                before = watch.record
                answer = answers.get(name) or self._why_down(program)
                await self._act(name, watch.observe(program, answer, self._clock()))
                _announce(name, before, watch.record)
        self._save()

    def _why_down(self, program: Program) -> Readiness | None:
        if program.state in {"BACKOFF", "FATAL"}:
            return Readiness(False, explain(self._log_of(program.name), program.spawn_error))
        return None

    def _log_of(self, name: str) -> Path:
        return self._config.home.log / f"{name}.log"

    async def _act(self, name: str, action: Action | None) -> None:
        match action:
            case "start":
                await asyncio.to_thread(self._supervisor.start, name)
            case "stop" | "restart":
                # A restart goes on when the process has ended: Watch.observe then says start.
                _log.info("%s: %s", name, action)
                await asyncio.to_thread(self._supervisor.stop, name)
            case "try":
                trial = asyncio.create_task(self._try(name, self._watches[name]))
                self._trials.add(trial)
                trial.add_done_callback(self._trials.discard)

    async def _try(self, name: str, watch: Watch) -> None:
        pid, counts = watch.record.pid, True
        try:
            failure = await canary(self._http, self._config, self._places[name].spec)
        except TimeoutError:
            failure = f"no token within {CANARY_TIMEOUT_S:.0f} s"
            busy, total = in_use(self._config.home.run / "slots" / name)
            # With every slot at work the trial may just be waiting its turn.
            counts = total == 0 or busy < total
        before = watch.record
        action = watch.verdict(pid, failure, self._clock(), counts=counts)
        _announce(name, before, watch.record)
        await self._act(name, action)
        self._events.put_nowait(_LOOK)

    def _save(self) -> None:
        board = replace(self._board, services={name: watch.record for name, watch in self._watches.items()})
        if board != self._saved:
            save_board(self._config.home, board)
            self._board = self._saved = board


def _announce(name: str, before: Record, after: Record) -> None:
    if after.ready and not before.ready:
        again = after.pid == before.pid and before.ready_after_s is not None
        _log.info("%s ready again", name) if again else _log.info(
            "%s ready after %.1f s", name, after.ready_after_s or 0
        )
    elif after.given_up and not before.given_up:
        _log.info("%s given up: %s", name, after.detail)
    elif before.ready and not after.ready:
        _log.info("%s not ready: %s", name, after.detail or "stopped")


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
