"""How a status looks to a person: pure functions from a BundleStatus to a table or to lines."""

from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from maker.services.status import OUTDATED, BundleStatus, ServiceStatus

COLUMNS = ("NAME", "STATE", "READY", "PID", "PORT", "MEM", "SLOTS", "UPTIME", "RESTARTS")
RIGHT = frozenset(("PID", "PORT", "MEM", "SLOTS", "UPTIME", "RESTARTS"))
WIDTHS = {"NAME": 18, "STATE": 9, "READY": 6}
"""Least widths: with pids of seven digits the table still fits 80 columns."""
ADDRESSES = (
    ("orchestrator-high", "MakerCode - High", "/v1"),
    ("orchestrator-low", "MakerCode - Low", "/v1"),
    ("phoenix", "Phoenix", ""),
)


def size(count: int | None) -> str:
    """Bytes as people read them: 340 kB, 478 MB, 12.3 GB."""
    if not count:
        return ""
    if count < 999_500:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count < 999_500_000 else f"{count / 1e9:.1f} GB"


def duration(seconds: float | None) -> str:
    """Seconds as people read them, two units at most: 42s, 3m05s, 2h13m, 4d02h."""
    if seconds is None:
        return ""
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days}d{h:02}h"
    if hours:
        return f"{hours}h{m:02}m"
    return f"{minutes}m{s:02}s" if minutes else f"{s}s"


def render(status: BundleStatus) -> RenderableType:
    """The table with its sum, why what is not ready is not, and where to point a client."""
    return Group(table(status), notes(status))


def notes(status: BundleStatus) -> RenderableType:
    """What stands under the table."""
    lines = [Text(line, style="yellow") for line in reasons(status)]
    return Group(*lines, *(Text(line) for line in addresses(status)))


def table(status: BundleStatus) -> Table:
    """One row per service and a last row with the sum."""
    result = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in COLUMNS:
        justify: Literal["left", "right"] = "right" if column in RIGHT else "left"
        result.add_column(column, justify=justify, no_wrap=True, min_width=WIDTHS.get(column))
    for service in status.services:
        result.add_row(*_cells(service), style="" if service.wanted else "dim")
    ready, wanted = counts(status)
    result.add_row("sum", "", f"{ready}/{wanted}", "", "", size(status.rss_bytes), style="bold")
    return result


def counts(status: BundleStatus) -> tuple[int, int]:
    """How many services are ready, of how many that are wanted."""
    wanted = [service for service in status.services if service.wanted]
    return sum(service.ready for service in wanted), len(wanted)


def reasons(status: BundleStatus) -> list[str]:
    """A line for each service that is wanted and not ready or runs embedded, for old settings, for code not run."""
    if status.supervisor_pid is None:
        return []  # one reason for all of them, which the command gives
    services = [
        f"{service.name}: {why}"
        for service in status.services
        if service.wanted and (why := service.embedded or (not service.ready and _why(service)))
        if not service.outdated
    ]
    old = [f"{', '.join(outdated(status))}: {OUTDATED}"]
    unrun = [f"code is not run: {status.execution}"]
    return [*services, *(old if outdated(status) else []), *(unrun if status.execution else [])]


def orphans(status: BundleStatus) -> str:
    """What to do about processes that run though no supervisor answers."""
    return (
        f"no supervisor answers, but {status.orphans} of maker's processes run; "
        "`maker start` ends them and starts anew, `maker stop` ends them"
    )


def outdated(status: BundleStatus) -> list[str]:
    """The services that are wanted and run with other settings than maker.toml has."""
    return [service.name for service in status.services if service.wanted and service.outdated]


def addresses(status: BundleStatus) -> list[str]:
    """Where a client or a browser finds what is ready."""
    ready = {service.name: service.port for service in status.services if service.ready and service.port}
    return [f"{title:18}http://127.0.0.1:{ready[name]}{path}" for name, title, path in ADDRESSES if name in ready]


def changes(before: BundleStatus | None, after: BundleStatus) -> list[str]:
    """What became different, one line per service, for output that is not a terminal."""
    known = {service.name: service for service in before.services} if before else {}
    return [
        f"{service.name}: {_phase(service)}"
        for service in after.services
        if service.wanted and not _same(known.get(service.name), service)
    ]


def stopped(before: BundleStatus, after: BundleStatus) -> list[str]:
    """A line with what a change of target stopped; none where it stopped nothing."""
    ran = {service.name for service in before.services if service.pid}
    names = [service.name for service in after.services if not service.wanted and service.name in ran]
    return [f"stopped {', '.join(names)}: not needed by {after.target}"] if names else []


def restarted(before: BundleStatus, after: BundleStatus) -> list[str]:
    """A line with what was restarted because it ran with other settings; none where nothing was."""
    followed = {service.name for service in after.services if service.wanted and not service.outdated}
    names = [name for name in outdated(before) if name in followed]
    return [f"restarted {', '.join(names)}: maker.toml changed since start"] if names else []


def critical_path(before: BundleStatus, after: BundleStatus, seconds: float) -> str:
    """How long it took until everything was ready, and which of the services that got a process took longest."""
    pids = {service.pid for service in before.services}
    ready = {service.name for service in before.services if service.ready}
    came = [service for service in after.services if service.pid and service.pid not in pids]
    timed = [(service.ready_after_s, service.name) for service in came if service.ready_after_s is not None]
    if timed:
        longest, name = max(timed)
        return f"ready after {seconds:.1f} s; the longest was {name} ({longest:.1f} s)"
    if came or any(service.wanted and service.name not in ready for service in after.services):
        return f"ready after {seconds:.1f} s"
    return "ready: everything that is needed was running already"


def _cells(service: ServiceStatus) -> tuple[str | Text, ...]:
    return (
        service.name,
        "embedded" if service.embedded else Text(service.state, style=_colour(service)),
        Text("yes", style="green") if service.ready else Text("no", style="yellow") if service.wanted else "-",
        str(service.pid or ""),
        str(service.port or ""),
        size(service.rss_bytes),
        "{}/{}".format(*service.slots) if service.slots else "",
        duration(service.uptime_s),
        str(service.restarts) if service.pid or service.restarts else "",
    )


def _colour(service: ServiceStatus) -> str:
    if service.state == "RUNNING":
        return "green"
    return "red" if service.state in {"FATAL", "BACKOFF", "EXITED", "UNKNOWN"} else ""


def _why(service: ServiceStatus) -> str:
    return service.detail or service.state.lower()


def _same(before: ServiceStatus | None, after: ServiceStatus) -> bool:
    if before is None:
        return False
    return (before.ready and after.ready) or _phase(before) == _phase(after)


def _phase(service: ServiceStatus) -> str:
    if service.embedded:
        return "embedded"
    if service.ready:
        return f"ready after {service.ready_after_s:.1f} s" if service.ready_after_s is not None else "ready"
    return _why(service)
