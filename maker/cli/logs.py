"""`maker logs`: what the services wrote, once or as it comes."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader
from itertools import cycle
from pathlib import Path

import click

from maker.cli.session import Session
from maker.cli.terminal import console, plain
from maker.services.spec import LISTENER

POLL_S = 0.2
LINES_OF_ALL = 20
"""How many lines of each log when no name is given."""
COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")


@click.command(
    epilog="""\b
Examples:
  maker logs                     the last 20 lines of every log
  maker logs orchestrator-high   all of one log
  maker logs -f -n 50 coder voter
"""
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last N lines of each log.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_obj
def logs(session: Session, follow: bool, lines: int | None, names: tuple[str, ...]) -> None:
    """Show or follow the logs.

    All of it for services that are named, the last 20 lines of each otherwise.
    """
    session.check_names(names, also=(LISTENER, "supervisord"))
    paths = session.bundle().logs(names)
    if not follow and not any(path.exists() for path in paths):
        click.echo("maker: no log yet; `maker start` begins them", err=True)
    limit = LINES_OF_ALL if lines is None and (follow or not names) else lines
    out = console()
    say = printer(paths, colour=out.is_terminal and not out.no_color)
    with ExitStack() as stack:
        tails = [stack.enter_context(Tail(path)) for path in paths]
        for tail in tails:
            for line in last_lines(tail, limit):
                say(tail.path, line)
        if follow:
            follow_all(tails, say, wait=lambda: time.sleep(POLL_S))


def printer(paths: list[Path], *, colour: bool) -> Callable[[Path, str], None]:
    """How a line is printed: as it is for one log; behind its service's name, in a colour of its own, for several."""
    if len(paths) == 1:
        return lambda path, line: click.echo(plain(line))
    width = max((len(path.stem) for path in paths), default=0)
    colours = dict(zip(paths, cycle(COLOURS)))

    def say(path: Path, line: str) -> None:
        name = f"{path.stem:{width}} | "
        click.echo((click.style(name, fg=colours[path]) if colour else name) + plain(line))

    return say


def last_lines(tail: "Tail", limit: int | None) -> list[str]:
    """The last `limit` lines, all of them for None, over the log and what rotation left of it; advances the tail."""
    lines = list(tail.read())
    for old in rotated(tail.path):
        if limit is not None and len(lines) >= limit:
            break
        lines = old.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n") + lines
    return lines if limit is None else lines[max(0, len(lines) - limit) :]


def rotated(path: Path) -> list[Path]:
    """What rotation left of a log, youngest first: `coder.log.1`, `coder.log.2`, ..."""
    old = [each for each in path.parent.glob(f"{path.name}.*") if each.suffix[1:].isdigit()]
    return sorted(old, key=lambda each: int(each.suffix[1:]))


class Tail:
    """The lines of one log from its start and on, across its rotation, truncation and absence."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = b""
        self._file: BufferedReader | None = None
        self._open()

    def __enter__(self) -> "Tail":
        return self

    def __exit__(self, *failure: object) -> None:
        self._close()

    def read(self) -> Iterator[str]:
        """The lines that came since the last call; one without its end is kept until the end comes."""
        yield from self._lines()
        while self._moved():
            yield from self._lines()
            if self._partial:
                yield self._partial.decode("utf-8", "replace")
                self._partial = b""
            if not self._open():
                return
            yield from self._lines()

    def _open(self) -> bool:
        self._close()
        try:
            self._file = self.path.open("rb")
        except FileNotFoundError:
            return False
        return True

    def _close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _moved(self) -> bool:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        ours = os.fstat(self._file.fileno())
        return (now.st_ino, now.st_dev) != (ours.st_ino, ours.st_dev) or now.st_size < self._file.tell()

    def _lines(self) -> Iterator[str]:
        if self._file is None:
            return
        *whole, self._partial = (self._partial + self._file.read()).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")


def follow_all(tails: Sequence[Tail], say: Callable[[Path, str], None], *, wait: Callable[[], None]) -> None:
    """Print new lines of all logs as they come; ends only by an exception out of `wait`."""
    while True:
        wait()
        for tail in tails:
            for line in tail.read():
                say(tail.path, line)
