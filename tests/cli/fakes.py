"""A bundle for the command line's tests: it plays statuses and notes what it was told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from maker.cli.session import Session
from maker.config import Config, Home, Target
from maker.services.bundle import Bundle
from maker.services.spec import specs
from maker.services.status import BundleStatus, ServiceStatus

DOWN = {
    "state": "STOPPED",
    "ready": False,
    "detail": "not started",
    "pid": None,
    "rss_bytes": None,
    "uptime_s": None,
    "ready_after_s": None,
}


def service(name: str, port: int, **changes: object) -> ServiceStatus:
    """A ready service as a model server has it; `changes` make it another."""
    ready = ServiceStatus(
        name=name,
        kind="model",
        state="RUNNING",
        ready=True,
        wanted=True,
        embedded=None,
        detail="",
        pid=4000 + port % 1000,
        port=port,
        rss_bytes=123_000_000,
        slots=None,
        uptime_s=75.0,
        restarts=0,
        ready_after_s=2.5,
    )
    return replace(ready, **changes)  # type: ignore[arg-type]


def bundle_status(
    home: Home, changes: dict[str, dict[str, object]] | None = None, *, up: bool = True, target: Target = "all"
) -> BundleStatus:
    """All twelve services ready under a supervisor, but for `changes` by name; nothing at all with `up` false."""
    state: dict[str, object] = {} if up else DOWN
    services = [
        service(spec.name, spec.port, **{**state, **(changes or {}).get(spec.name, {})})
        for spec in specs(Config(home=home))
    ]
    return BundleStatus(target if up else None, 3999 if up else None, tuple(services))


class FakeBundle(Bundle):
    """Plays `statuses`: a look sees the first, a start reports all others, a look after it sees the last."""

    def __init__(self, config: Config, *statuses: BundleStatus, failure: Exception | None = None) -> None:
        super().__init__(config, verify=lambda _names: None)
        self.home = config.home
        self.statuses = statuses
        self.failure = failure
        self.started = False
        self.calls: list[tuple[object, ...]] = []

    def status(self) -> BundleStatus:
        if self.failure:
            raise self.failure
        return self.statuses[-1 if self.started else 0]

    def start(
        self, target: Target, *, wait: bool, timeout_s: float, report: Callable[[BundleStatus], None]
    ) -> BundleStatus:
        self.calls.append(("start", target, wait, timeout_s))
        self.started = True
        for status in self.statuses[1:]:
            report(status)
        return self.status()

    def stop(self, *, report: Callable[[str], None]) -> None:
        self.calls.append(("stop",))
        if self.statuses[-1].supervisor_pid:
            report("stopping coder")

    def restart(
        self, names: Sequence[str], *, wait: bool, timeout_s: float, report: Callable[[BundleStatus], None]
    ) -> BundleStatus:
        self.calls.append(("restart", *names, wait, timeout_s))
        self.started = True
        for status in self.statuses[1:]:
            report(status)
        return self.status()

    def logs(self, names: Sequence[str]) -> list[Path]:
        every = [each.name for each in self.statuses[-1].services]
        return [self.home.log / f"{name}.log" for name in names or every]


class FakeSession(Session):
    """A session whose bundle is given."""

    def __init__(self, bundle: FakeBundle) -> None:
        self._bundle = bundle

    def bundle(self) -> FakeBundle:
        return self._bundle
