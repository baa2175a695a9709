"""`maker start`, `stop`, `restart` and `status`."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NoReturn

import click
from rich.console import Console
from rich.live import Live

from maker.cli import show
from maker.cli.session import Session
from maker.cli.terminal import console
from maker.config import TARGETS, Target
from maker.services.bundle import Bundle
from maker.services.status import BundleStatus

WATCH_EVERY_S = 2.0


@click.command(
    epilog="""\b
Examples:
  maker start                    everything, and wait until it is ready
  maker start low                stop what low mode does not need, start the rest
  maker start high --no-wait     return at once; `maker status` shows how it goes
"""
)
@click.argument("target", type=click.Choice(TARGETS), default="all")
@click.option("--wait/--no-wait", default=True, help="Wait until everything is ready (the default).")
@click.option("--timeout", type=click.FloatRange(min=0), default=600.0, show_default=True, help="Seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON at the end; progress on stderr.")
@click.pass_obj
def start(session: Session, target: Target, wait: bool, timeout: float, as_json: bool) -> int:
    """Start everything, or what one mode needs.

    What the target does not need is stopped, what runs with other settings than maker.toml has is restarted. A model
    that is loading is shown as it loads.
    """
    began = time.monotonic()
    bundle = session.bundle()
    before = bundle.status()
    out = console(stderr=as_json)
    with _progress(out) as progress:
        status = bundle.start(target, wait=wait, timeout_s=timeout, report=progress.report)
    if as_json:
        _print_json(status)
    else:
        out.print(show.notes(status) if wait else show.render(status))
        for line in (*show.stopped(before, status), *show.restarted(before, status)):
            click.echo(line)
        if wait:
            click.echo(show.critical_path(before, status, time.monotonic() - began))
    return 0 if status.ready or not wait else 3


@click.command(
    epilog="""\b
Examples:
  maker stop                     stop every service and supervisord
"""
)
@click.pass_obj
def stop(session: Session) -> None:
    """Stop everything."""
    told = []

    def report(line: str) -> None:
        told.append(line)
        click.echo(line)

    session.bundle().stop(report=report)
    click.echo("stopped" if told else "nothing was running")


@click.command(
    epilog="""\b
Examples:
  maker restart                  everything, and wait until it is ready again
  maker restart orchestrator-high orchestrator-low
  maker restart coder --no-wait  return at once; `maker status` shows how it goes
"""
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--wait/--no-wait", default=True, help="Wait until what was restarted is ready (the default).")
@click.option("--timeout", type=click.FloatRange(min=0), default=600.0, show_default=True, help="Seconds to wait.")
@click.pass_obj
def restart(session: Session, names: tuple[str, ...], wait: bool, timeout: float) -> None:
    """Restart everything, or the services named.

    Nothing is stopped where it could not start again: its model file is gone, say, or its port is taken.
    """
    session.check_names(names)
    began = time.monotonic()
    bundle = session.bundle()
    before = bundle.status()
    with _progress(console(), before) as progress:
        after = bundle.restart(names, wait=wait, timeout_s=timeout, report=progress.report)
    for name in names or ("everything that should run",):
        click.echo(f"restarted {name}" if wait else f"restarting {name}")
    if wait:
        click.echo(show.critical_path(before, after, time.monotonic() - began))


@click.command(
    epilog="""\b
Examples:
  maker status                   the table; exit 0 if everything is ready, 3 if not, 4 if nothing runs
  maker status --json            the same for programs
  maker status --watch           again every two seconds
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds until Ctrl-C.")
@click.pass_obj
def status(session: Session, as_json: bool = False, watch: bool = False) -> int:
    """Show every service: state, port, memory, slots."""
    if as_json and watch:
        raise click.UsageError("--json and --watch do not go together")
    bundle = session.bundle()
    if watch:
        _watch(bundle)
    now = bundle.status()
    if as_json:
        _print_json(now)
    else:
        console().print(show.render(now))
    if now.orphans:
        click.echo(f"maker: {show.orphans(now)}", err=True)
    elif now.supervisor_pid is None:
        click.echo("maker: not running; start it with `maker start`", err=True)
        return 4
    return 0 if now.ready else 3


def _watch(bundle: Bundle) -> NoReturn:
    """The status in place at a terminal, one after the other elsewhere, where Live would show the last one only."""
    out = console()
    with Live(console=out, auto_refresh=False) if out.is_terminal else nullcontext() as live:
        while True:
            shown = show.render(bundle.status())
            if live:
                live.update(shown, refresh=True)
            else:
                out.print(shown, "")
            time.sleep(WATCH_EVERY_S)


class _Progress:
    """Shows each report of a start or restart: the table in place at a terminal, one line per change elsewhere."""

    def __init__(self, out: Console, before: BundleStatus | None, live: Live | None) -> None:
        self._out = out
        self._last = before
        self._live = live

    def report(self, status: BundleStatus) -> None:
        if self._live:
            self._live.update(show.table(status), refresh=True)
        else:
            for line in show.changes(self._last, status):
                self._out.print(line, markup=False)
        self._last = status


@contextmanager
def _progress(out: Console, before: BundleStatus | None = None) -> Iterator[_Progress]:
    """Progress for as long as something is waited for; says what goes on when the wait is interrupted."""
    shown = Live(console=out, auto_refresh=False) if out.is_terminal else nullcontext()
    try:
        with shown as live:
            yield _Progress(out, before, live)
    except KeyboardInterrupt:
        click.echo("maker: what was begun goes on; `maker status` shows it, `maker stop` ends it", err=True)
        raise


def _print_json(status: BundleStatus) -> None:
    json.dump(status.as_json(), sys.stdout, indent=2, ensure_ascii=False)
    click.echo()
