"""`maker eval`: measurements on recorded model replies."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from maker.cli.session import Session
from maker.cli.terminal import console
from maker.config import Config
from maker.errors import RequestError, ServiceError
from maker.eval.measure import Drawing, Measured, Share
from maker.eval.problems import Problem, load
from maker.eval.selection import Report, check, compare
from maker.sandbox.available import available
from maker.sandbox.values import Unavailable


@click.group(
    "eval",
    epilog="""\b
Examples:
  maker eval select --data problems.jsonl.gz --n 5 --draws 60
""",
)
def evaluate() -> None:
    """Measure maker on recorded model replies."""


@evaluate.command(
    epilog="""\b
Examples:
  maker eval select --data problems.jsonl.gz --n 5 --draws 60
  maker eval select --data problems.jsonl.gz --n 16 --draws 60 --json
"""
)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Recorded samples (.jsonl or .jsonl.gz).")
@click.option("--n", type=click.IntRange(1), required=True, help="Candidates, and test-writing replies, of one draw.")
@click.option("--draws", type=click.IntRange(1), required=True, help="Draws from each problem.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draws.")
@click.option("--jobs", type=click.IntRange(1), help="Samples that run at once; as many as there are cores by default.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Where what was run is kept; MAKER_HOME/eval by default."
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead of a table.")
@click.pass_obj
def select(
    session: Session, data: Path, n: int, draws: int, seed: int, jobs: int | None, cache: Path | None, as_json: bool
) -> None:
    """Measure the rules that choose one of N candidates.

    Every sample runs once, in the sandbox; the first time takes minutes. A draw takes N samples and N test-writing
    replies in which there is a test, and each rule chooses one sample by those alone. The hidden test only says
    whether the choice is right. Intervals are 95 %, by bootstrap over problems.
    """
    config = session.config()
    try:
        problems = load(data)
        check(problems, n)
    except RequestError as error:
        raise click.UsageError(str(error)) from error
    measured = asyncio.run(
        _measured(config, problems, Drawing(n, draws, seed), jobs, cache or config.home.root / "eval")
    )
    if as_json:
        click.echo(json.dumps(as_values(measured)))
    else:
        _show(measured)


async def _measured(
    config: Config, problems: tuple[Problem, ...], drawing: Drawing, jobs: int | None, cache: Path
) -> Measured:
    sandbox = await available(config, parallel=jobs)
    if isinstance(sandbox, Unavailable):
        raise ServiceError(f"{sandbox.reason}; {sandbox.fix}")
    with _bars() as report:
        return await compare(problems, sandbox, drawing, cache=cache, report=report)


def as_values(measured: Measured) -> dict[str, object]:
    """The result as JSON has it; everything in percent."""
    rules = [
        {"rule": name, "pass_at_1": share.mean, "low": share.low, "high": share.high}
        for name, share in measured.rules.items()
    ]
    difference = asdict(measured.maker_minus_codet)
    return {"n": measured.drawing.n, "draws": measured.drawing.draws, "rules": rules, "maker_minus_codet": difference}


@contextmanager
def _bars() -> Iterator[Report]:
    """What is going on, on standard error: bars at a terminal, a line for each tenth elsewhere."""
    shown = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        bars: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what)
            progress.update(bars[what], completed=done, total=total)
            if progress.disable and done * 10 // total > (done - 1) * 10 // total:
                shown.print(f"{what}: {done} of {total}")

        yield report


def _show(measured: Measured) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("RULE")
    table.add_column("RIGHT, %", justify="right")
    table.add_column("95 %")
    for name, share in measured.rules.items():
        table.add_row(name, f"{share.mean:.1f}", _interval(share))
    shown = console()
    shown.print(table)
    difference = measured.maker_minus_codet
    shown.print(f"maker against codet: {difference.mean:+.1f} points, 95 %: {_interval(difference)}")


def _interval(share: Share) -> str:
    return f"{share.low:.1f} to {share.high:.1f}"
