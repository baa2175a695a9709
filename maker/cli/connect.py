"""`maker connect` and `maker disconnect`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from maker import config as configuration
from maker.cli.editors import project_here, project_target, say_outcomes, templates
from maker.cli.session import Session
from maker.clients import connecting
from maker.clients.catalog import CLIENTS, Client
from maker.clients.entry import Target
from maker.clients.offers import Offers, offers
from maker.clients.places import Places

NAMES = click.Choice(list(CLIENTS))


@click.command(
    epilog="""\b
Examples:
  maker connect                  which clients there are, and what is connected
  maker connect vscode
  maker connect codex --dry-run  show what would change in which file
  maker connect zed --print      show what to paste, and where
"""
)
@click.argument("client", required=False, type=NAMES)
@click.option("--print", "only_print", is_flag=True, help="Print what belongs into which file; change nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option("--project", is_flag=True, help="Continue only: configure the current folder instead of the user.")
@click.pass_obj
def connect(session: Session, client: str | None, *, only_print: bool, dry_run: bool, project: bool) -> int:
    """Put maker into an editor's configuration.

    Everything else in the file stays as it is; `maker disconnect` takes maker out again.
    """
    if client is None:
        return _list(session)
    if project and client != "continue":
        raise click.UsageError("only Continue has files for a project; leave out --project")
    config, offered = session.config(), offers(session.config())
    targets = _targets(CLIENTS[client], session, offered, project=project, write=not (only_print or dry_run))
    if only_print:
        for target in targets:
            click.echo(f"{target.path}:\n\n{connecting.snippet(target)}")
    else:
        outcomes = connecting.connect(client, targets, config.home, secret=offered.key, write=not dry_run)
        if not say_outcomes(outcomes, click.echo, hide=offered.key, dry_run=dry_run):
            return 1
    for hint in CLIENTS[client].hints(offered):
        click.echo(hint.replace("MAKER_HOME", str(config.home.root)))
    return 0


@click.command(
    epilog="""\b
Examples:
  maker disconnect vscode
  maker disconnect continue --dry-run
"""
)
@click.argument("client", type=NAMES)
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.pass_obj
def disconnect(session: Session, client: str, *, dry_run: bool) -> int:
    """Take maker out of an editor's configuration.

    Only what maker wrote and nobody has changed since is removed.
    """
    config, offered = session.config(), offers(session.config())
    targets = CLIENTS[client].targets(_places(), offered, templates)
    outcomes = connecting.disconnect(client, targets, config.home, write=not dry_run)
    if not outcomes:
        click.echo(f"{CLIENTS[client].title} is not connected")
    return 0 if say_outcomes(outcomes, click.echo, hide=offered.key, dry_run=dry_run) else 1


def _targets(client: Client, session: Session, offered: Offers, *, project: bool, write: bool) -> Sequence[Target]:
    if not project:
        return client.targets(_places(), offered, templates)
    here = project_here(_places(), Path.cwd())
    if here is None:
        raise click.UsageError(f"{Path.cwd()} is no project: there is neither .git nor .continue in it")
    return [project_target(session.home(), here, _places(), offered, register=write)]


def _places() -> Places:
    return Places(configuration.surroundings())


def _list(session: Session) -> int:
    for client in CLIENTS.values():
        files = connecting.connected(client.name, session.home())
        state = ", ".join(str(path) for path in files) if files else "not connected"
        click.echo(f"{client.name:12} {client.title:12} {state}")
    if sys.stdout.isatty():
        click.echo("maker: `maker connect CLIENT` connects one", err=True)
    return 0
