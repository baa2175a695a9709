"""What the measuring commands share: bars, and numbers in tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from maker.cli.terminal import console
from maker.eval.measure import Share
from maker.eval.selection import Report


@contextmanager
def bars() -> Iterator[Report]:
    """What is going on, on standard error: bars at a terminal, a line for each tenth elsewhere."""
    shown = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        known: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = progress.add_task(what, total=total)
            progress.update(known[what], completed=done, total=total)
            if progress.disable and total and done * 10 // total > (done - 1) * 10 // total:
                shown.print(f"{what}: {done} of {total}")

        yield report


def table(headings: Sequence[str]) -> Table:
    """A bare table: the first column is words, the others are numbers."""
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, heading in enumerate(headings):
        found.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return found


def interval(share: Share) -> str:
    """The interval of a share."""
    return f"{share.low:.1f} to {share.high:.1f}"


def shown(percent: float | None) -> str:
    """A share in percent; a dash where there is none."""
    return "-" if percent is None else f"{percent:.1f}"
