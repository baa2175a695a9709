"""What the listener concludes about one service, and what it does next: policy only, no effects.

Rules: a model server is ready once it has produced one token since its process started and since the machine last
woke; one that says it is well and cannot do that three times in a row is restarted once and then left alone, marked. A
service that ended five times within ten minutes is stopped, so that it does not flap. Durations are monotonic.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from maker.services.readiness import Readiness
from maker.services.record import Record
from maker.services.supervisor import Program

Action = Literal["start", "stop", "restart", "try"]
"""What the listener should do; `try` is the one-token trial."""

TRIALS = 3
TRIAL_GAP_S = 1.0
EXITS, EXITS_WITHIN_S = 5, 600.0
HELD_S = 5.0
EAGER_S = 120.0
"""How long after its start a service is looked at several times a second until it is ready."""
SLEPT_S = 60.0
"""Ticks come every 5 s; after a gap as long as this the machine was asleep, or we were stopped."""


class Moment(NamedTuple):
    """One moment on both clocks, in seconds: wall for people, monotonic for durations."""

    wall: float
    monotonic: float


def slept(before: Moment, now: Moment) -> bool:
    """Whether the machine slept between two ticks: monotonic clocks stand still meanwhile, the wall clock does not."""
    gap = now.monotonic - before.monotonic
    return gap > SLEPT_S or now.wall - before.wall - gap > SLEPT_S


@dataclass(slots=True)
class Watch:
    """One service through the listener's eyes; every method returns what to do next, if anything."""

    log: str
    """Where people should look."""
    tried: bool
    """It has to pass the one-token trial: a model server."""
    record: Record = field(default_factory=Record)
    started: float | None = None
    passed: bool = False
    failures: int = 0
    trying: bool = False
    next_trial: float = 0.0
    restarted: bool = False
    """The listener has restarted it for failed trials."""
    returning: bool = False
    """The listener stopped it in order to start it again."""
    held_until: float = 0.0
    """Until then it is stopped again if supervisord was faster and started it anew."""
    own_start: bool = False
    """The next start is the listener's own."""
    exits: deque[float] = field(default_factory=lambda: deque(maxlen=EXITS))

    def __post_init__(self) -> None:
        self.passed = self.record.ready

    def asked(self) -> None:
        """Somebody asked for it to run: old verdicts no longer count."""
        self.restarted, self.failures, self.held_until = False, 0, 0.0
        self.exits.clear()
        self.record = replace(self.record, given_up=False)

    def starting(self, was: str, now: Moment) -> None:
        """Its process is being started; `was` is the state it came from."""
        if self.started is None:
            self.started = now.monotonic
        if was not in {"STOPPED", "FATAL"}:
            return
        if not self.own_start:
            self.asked()
        self.own_start = False

    def ended(self, now: Moment, *, asked: bool, why: str = "") -> Action | None:
        """Its process has ended, `asked` or not; `why` is the reason that it left."""
        self.started = None
        if asked:
            return None
        self.exits.append(now.monotonic)
        self.record = replace(self.record, restarts=self.record.restarts + 1)
        if len(self.exits) < EXITS or now.monotonic - self.exits[0] > EXITS_WITHIN_S:
            return None
        self.held_until = now.monotonic + HELD_S
        reason = why or f"look at {self.log}"
        self._give_up(f"ended {EXITS} times within {EXITS_WITHIN_S / 60:.0f} minutes and was stopped: {reason}", now)
        return "stop"

    def woke(self) -> None:
        """The machine was asleep: what it could do before counts no longer."""
        self.passed = False
        self.failures = 0
        self.next_trial = 0.0

    def observe(self, program: Program, answer: Readiness | None, now: Moment) -> Action | None:
        """Look at its process and at what it answered; `answer` is why it is down where it has no process."""
        if now.monotonic < self.held_until and program.stays:
            return "stop"
        if program.pid != self.record.pid and program.state not in {"STOPPING", "STOPPED"}:
            # It ended by itself before it could be stopped, and supervisord starts it anew.
            self.returning = False
        if program.state == "STOPPED" and self.returning:
            self.returning, self.own_start = False, True
            self.started = now.monotonic
            return "start"
        if answer is None or program.state not in {"STARTING", "RUNNING"}:
            down = self._give_up if program.state == "FATAL" else self._refute
            down(answer.detail if answer else "", now)
            return None
        if self.started is None:
            self.started = now.monotonic - program.uptime_s
        if program.pid != self.record.pid:
            self._begin(program, now)
        if not answer.ready or not self.tried or self.passed:
            self._conclude(answer.ready, answer.detail, now)
            return None
        self._refute(self.record.detail if self.failures else "it answers; waiting for its first token", now)
        if self.trying or self.record.given_up or now.monotonic < self.next_trial:
            return None
        self.trying = True
        return "try"

    def verdict(self, pid: int, failure: str | None, now: Moment, *, counts: bool = True) -> Action | None:
        """The one-token trial of the process `pid` is over; a failure that does not count is simply tried again."""
        self.trying = False
        self.next_trial = now.monotonic + TRIAL_GAP_S
        if pid != self.record.pid or self.returning:
            return None
        if failure is None:
            self.passed, self.failures, self.restarted = True, 0, False
            self._conclude(True, "", now)
            return None
        self.failures += counts
        self._refute(failure, now)
        if self.failures < TRIALS:
            return None
        if self.restarted:
            self._give_up(f"{failure}; a restart did not help; look at {self.log}", now)
            return None
        self.restarted = self.returning = True
        return "restart"

    def unsettled(self, now: Moment) -> bool:
        """It may become ready any moment, so look again soon."""
        waiting = self.started is not None and not self.record.ready and not self.record.given_up
        return self.returning or (waiting and now.monotonic - (self.started or 0.0) < EAGER_S)

    def _begin(self, program: Program, now: Moment) -> None:
        self.passed, self.failures, self.next_trial = False, 0, 0.0
        self.record = replace(self.record, pid=program.pid, ready=False, ready_after_s=None, since=now.wall)

    def _give_up(self, detail: str, now: Moment) -> None:
        self._refute(detail, now)
        self.record = replace(self.record, given_up=True)

    def _refute(self, detail: str, now: Moment) -> None:
        self._conclude(False, detail, now)

    def _conclude(self, ready: bool, detail: str, now: Moment) -> None:
        if self.record.given_up and not ready:
            return
        after = self.record.ready_after_s
        if ready and after is None and self.started is not None:
            after = round(now.monotonic - self.started, 3)
        since = now.wall if ready != self.record.ready else self.record.since
        self.record = replace(self.record, ready=ready, detail=detail, since=since, ready_after_s=after)
