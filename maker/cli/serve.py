"""`maker serve NAME`, `mcp`, `supervise` and `ctl`: becoming one of the programs that run."""

import subprocess
import sys
from pathlib import Path

import click

from maker import wiring
from maker.cli.session import Session
from maker.errors import ConfigError
from maker.process import become


@click.command(
    epilog="""\b
Examples:
  maker serve coder              what supervisord runs for the coder
"""
)
@click.argument("name")
def serve(name: str) -> None:
    """Become one service, as supervisord runs it."""
    wiring.serve(name)


@click.command(
    epilog="""\b
Examples:
  maker mcp                      for a client that starts MCP servers itself
"""
)
def mcp() -> None:
    """Serve the codebase tools over standard input and output.

    The tools see the folder it is started in.
    """
    wiring.serve_mcp_stdio()


@click.command(
    epilog="""\b
Examples:
  maker supervise                what launchd and systemd run
"""
)
@click.pass_obj
def supervise(session: Session) -> None:
    """Become the supervisor.

    It stays in the foreground, for launchd and systemd, and brings back what ran last.
    """
    become(session.bundle().foreground())


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""\b
Examples:
  maker ctl status
  maker ctl tail -f coder
  maker ctl                      supervisorctl's own prompt
""",
)
@click.argument("arguments", metavar="[ARGUMENT]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def ctl(session: Session, arguments: tuple[str, ...]) -> int:
    """Talk to supervisord: what supervisorctl takes.

    The exit code is supervisorctl's own.
    """
    configuration = session.home().supervisord_conf
    if not configuration.exists():
        raise ConfigError(f"{configuration}: not there; run `maker init` first")
    program = Path(sys.executable).with_name("supervisorctl")
    return subprocess.run([program, "-c", configuration, *arguments], check=False).returncode
