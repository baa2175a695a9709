"""`maker phoenix install`."""

import click

from maker.cli.progress import Steps
from maker.cli.session import Session
from maker.cli.terminal import console
from maker.services import phoenix as service


@click.group(
    epilog="""\b
Examples:
  maker phoenix install          150 packages in an environment of their own
"""
)
def phoenix() -> None:
    """Install Phoenix, which shows the traces."""


@phoenix.command()
@click.pass_obj
def install(session: Session) -> None:
    """Install Phoenix under MAKER_HOME/phoenix, or bring it to the locked versions."""
    steps = Steps(console())
    with steps.busy("installing Phoenix"):
        service.install(session.config(), steps.say)
    click.echo("Phoenix is installed; `maker start` starts it")
