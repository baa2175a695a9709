"""What `maker status` shows: one value per service, one for the bundle, and the form in which machines read them."""

from dataclasses import asdict, dataclass

from maker.config import Target

OUTDATED = "maker.toml changed since start; run `maker start`"
"""Why a service that was started with other settings may not answer."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service at one moment."""

    name: str
    kind: str
    state: str
    """Supervisor's own word; without a supervisor UNKNOWN where a process was left, else STOPPED."""
    ready: bool
    """It would answer now; RUNNING alone does not say so."""
    wanted: bool
    """The target needs it."""
    embedded: str | None
    """Why it has no process of its own, in a sentence."""
    detail: str
    """Why it is not ready; empty when it is."""
    pid: int | None
    port: int | None
    rss_bytes: int | None
    """Resident memory of its process and everything below it."""
    slots: tuple[int, int] | None
    """Requests at work and in all, for model servers."""
    uptime_s: float | None
    restarts: int
    """Exits nobody asked for since the supervisor started."""
    ready_after_s: float | None
    """From the start of its process to the first time it was ready."""
    outdated: bool = False
    """maker.toml has changed what its process depends on since that was started."""
    failed: bool = False
    """Nobody tries again: waiting is of no use, somebody has to look."""


@dataclass(frozen=True, slots=True)
class BundleStatus:
    """The bundle at one moment; `target` is None before the first start."""

    target: Target | None
    supervisor_pid: int | None
    services: tuple[ServiceStatus, ...]
    orphans: int = 0
    """Services whose processes run though no supervisor answers."""
    execution: str | None = None
    """Why candidates are not run, and what to do about it; None where they are."""

    @property
    def ready(self) -> bool:
        """Everything the target needs would answer now."""
        wanted = [service for service in self.services if service.wanted]
        return self.supervisor_pid is not None and bool(wanted) and all(service.ready for service in wanted)

    @property
    def rss_bytes(self) -> int:
        """Resident memory of all services together."""
        return sum(service.rss_bytes or 0 for service in self.services)

    def as_json(self) -> dict[str, object]:
        """The document of `maker status --json`."""
        return {
            "ready": self.ready,
            "target": self.target,
            "supervisor_pid": self.supervisor_pid,
            "orphans": self.orphans,
            "rss_bytes": self.rss_bytes,
            "execution": self.execution,
            "services": [asdict(service) for service in self.services],
        }
