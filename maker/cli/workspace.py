"""`maker workspace add|list|rm`."""

from pathlib import Path

import click

from maker.cli.session import Session
from maker.tools import registry


@click.group(
    epilog="""\b
Examples:
  maker workspace add ~/src/shop
  maker workspace add --trust .
  maker workspace list
  maker workspace rm shop
"""
)
def workspace() -> None:
    """Say which repositories the tools may read.

    No other is ever read.
    """


@workspace.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("."))
@click.option("--trust", is_flag=True, help="Let its own tests be run, in the sandbox, on code written for it.")
@click.pass_obj
def add(session: Session, path: Path, trust: bool) -> None:
    """Register a repository: the current folder if no PATH is given."""
    added = registry.add(session.home(), path, trust=trust)
    click.echo(f"added {added.name}: {added.path}{' (trusted)' if added.trusted else ''}")


@workspace.command(name="list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the registered repositories."""
    found = registry.load(session.home())
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        click.echo(f"{each.name:{width}}  {each.path}{'  trusted' if each.trusted else ''}")
    if not found:
        click.echo("maker: no workspace yet; add one with `maker workspace add PATH`", err=True)


@workspace.command()
@click.argument("name_or_path")
@click.pass_obj
def rm(session: Session, name_or_path: str) -> None:
    """Forget a repository by its name or its path; its files stay."""
    removed = registry.remove(session.home(), name_or_path)
    click.echo(f"removed {removed.name}: {removed.path}")
