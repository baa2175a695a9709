"""`maker eval`: measurements of the rules on recorded model replies, and of the modes on what runs."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import click

from maker.cli.evaluate_run import run
from maker.cli.measuring import bars, interval, table
from maker.cli.session import Session
from maker.cli.terminal import console
from maker.config import Config
from maker.errors import RequestError, ServiceError
from maker.eval.measure import Drawing, Measured
from maker.eval.problems import Problem, load
from maker.eval.selection import check, compare
from maker.sandbox.available import available
from maker.sandbox.values import Unavailable


@click.group(
    "eval",
    epilog="""\b
Examples:
  maker eval run --suite tiny --modes direct,low,high
  maker eval select --data problems.jsonl.gz --n 5 --draws 60
""",
)
def evaluate() -> None:
    """Measure what each mode is worth.

    `run` asks what runs now; `select` compares the rules that choose on recorded model replies.
    """


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
    with bars() as report:
        return await compare(problems, sandbox, drawing, cache=cache, report=report)


def as_values(measured: Measured) -> dict[str, object]:
    """The result as JSON has it; everything in percent."""
    rules = [
        {"rule": name, "pass_at_1": share.mean, "low": share.low, "high": share.high}
        for name, share in measured.rules.items()
    ]
    difference = asdict(measured.maker_minus_codet)
    return {"n": measured.drawing.n, "draws": measured.drawing.draws, "rules": rules, "maker_minus_codet": difference}


def _show(measured: Measured) -> None:
    rows = table(("RULE", "RIGHT, %", "95 %"))
    for name, share in measured.rules.items():
        rows.add_row(name, f"{share.mean:.1f}", interval(share))
    shown = console()
    shown.print(rows)
    difference = measured.maker_minus_codet
    shown.print(f"maker against codet: {difference.mean:+.1f} points, 95 %: {interval(difference)}")


evaluate.add_command(run)
