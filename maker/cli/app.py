"""The `maker` command: a table of commands, each imported only when it is called.

Nothing heavy is imported here, so that `maker --help` answers at once. Exit codes: 0 ok, 1 error, 2 usage or
configuration, 3 not everything is running, 4 not running or not reachable, 130 interrupted.
"""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import click

from maker import __version__
from maker.cli.session import Session
from maker.errors import (
    ConfigError,
    MakerError,
    ModelFileError,
    ModelUnavailable,
    NotRunning,
    PortBusy,
    ServiceError,
)

OK, ERROR, USAGE, NOT_ALL_RUNNING, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130

EXIT_CODES: tuple[tuple[type[MakerError], int], ...] = (
    (ConfigError, USAGE),
    (NotRunning, UNREACHABLE),
    (ServiceError, NOT_ALL_RUNNING),
    (ModelFileError, NOT_ALL_RUNNING),
    (ModelUnavailable, NOT_ALL_RUNNING),
)
"""First match wins; whatever is not named is 1."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of the table; `target` is `module:function`."""

    name: str
    section: str
    summary: str
    target: str
    hidden: bool = False


COMMANDS = (
    Entry("start", "Run", "Start everything, or what one mode needs.", "maker.cli.run:start"),
    Entry("stop", "Run", "Stop everything.", "maker.cli.run:stop"),
    Entry("restart", "Run", "Restart everything, or the services named.", "maker.cli.run:restart"),
    Entry("status", "Look", "Show every service: state, port, memory, slots.", "maker.cli.run:status"),
    Entry("logs", "Look", "Show or follow the logs.", "maker.cli.logs:logs"),
    Entry("runs", "Look", "List past runs, or show one.", "maker.cli.runs:runs"),
    Entry("version", "Look", "Show the versions of maker, Python and the engines.", "maker.cli.version:version"),
    Entry("ask", "Ask", "Ask a question and print the answer.", "maker.cli.ask:ask"),
    Entry("mcp", "Ask", "Serve the codebase tools over standard input and output.", "maker.cli.serve:mcp"),
    Entry("init", "Set up", "Make MAKER_HOME, the models, Phoenix and Continue ready.", "maker.cli.init:init"),
    Entry("connect", "Set up", "Put maker into an editor's configuration.", "maker.cli.connect:connect"),
    Entry("disconnect", "Set up", "Take maker out of an editor's configuration.", "maker.cli.connect:disconnect"),
    Entry("workspace", "Set up", "Say which repositories the tools may read.", "maker.cli.workspace:workspace"),
    Entry("phoenix", "Set up", "Install Phoenix, which shows the traces.", "maker.cli.phoenix:phoenix"),
    Entry("config", "Set up", "Show or check the configuration.", "maker.cli.configuration:config"),
    Entry("votes", "Measure", "Show which margin k a task needs, and what it costs.", "maker.cli.votes:votes"),
    Entry("eval", "Measure", "Measure what each mode is worth.", "maker.cli.evaluate:evaluate"),
    Entry("calibrate", "Measure", "Measure the roles and propose k for both modes.", "maker.cli.calibrate:calibrate"),
    Entry("ctl", "Underneath", "Talk to supervisord: what supervisorctl takes.", "maker.cli.serve:ctl"),
    Entry("serve", "Underneath", "Become one service, as supervisord runs it.", "maker.cli.serve:serve", hidden=True),
    Entry("supervise", "Underneath", "Become the supervisor.", "maker.cli.serve:supervise", hidden=True),
)

EXAMPLES = """\b
Examples:
  maker init                     set up, with questions
  maker start                    start everything; ends when it is ready
  maker status                   what runs, and how well
  maker ask "Why is 0.1 + 0.2 not 0.3?"
  maker logs -f coder            follow one log
  maker start low                without the reviewer: about 40 GB less
  maker stop
"""


class LazyGroup(click.Group):
    """A group that knows its commands from a table and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None where the table does not have it."""
        for entry in COMMANDS:
            if entry.name == cmd_name:
                module, _, function = entry.target.partition(":")
                command: click.Command = getattr(importlib.import_module(module), function)
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in their sections, from the table alone: nothing is imported for the help."""
        for section, entries in groupby(COMMANDS, key=lambda entry: entry.section):
            rows = [(entry.name.ljust(10), entry.summary) for entry in entries if not entry.hidden]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXAMPLES,
)
@click.version_option(__version__, "--version", message="maker %(version)s")
@click.option("--debug", is_flag=True, help="Show a traceback where an error would be one line.")
@click.pass_context
def main(ctx: click.Context, debug: bool) -> int | None:
    """A reliable local coding assistant: many small models, one machine, two quality modes.

    Without a command: the status if maker is set up, else this help.
    """
    if ctx.invoked_subcommand is not None:
        return None
    status = main.get_command(ctx, "status") if ctx.ensure_object(Session).initialised() else None
    if status is None:
        click.echo(ctx.get_help())
        return None
    code: int = ctx.invoke(status)
    return code


def run(arguments: Sequence[str] | None = None, session: Session | None = None) -> int:
    """Run the command line and return its exit code; the only place where an error becomes text for a person."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        result = main.main(arguments, prog_name="maker", standalone_mode=False, obj=session or Session())
        return result if isinstance(result, int) else OK
    except click.Abort as abort:
        return _aborted(abort)
    except click.ClickException as error:
        return _usage(error)
    except MakerError as error:
        if "--debug" in arguments[:1]:
            raise
        _say("\n".join(error.owners) if isinstance(error, PortBusy) else str(error))
        return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), ERROR)
    except OSError as error:
        if "--debug" in arguments[:1]:
            raise
        _say(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        return ERROR


def _aborted(abort: click.Abort) -> int:
    if isinstance(abort.__cause__ or abort.__context__, EOFError):
        _say("nothing was answered; run it in a terminal, or with --yes")
        return ERROR
    return INTERRUPTED


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    message = " ".join(error.format_message().split()).rstrip(".")  # click lists choices over several lines
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"; see `{context.command_path} --help`" if context else ""
    _say(message[:1].lower() + message[1:] + hint)
    return error.exit_code


def _say(sentence: str) -> None:
    for line in sentence.splitlines() or [""]:
        click.echo(f"maker: {line}", err=True)
