"""`maker eval run`: what each mode is worth, over the HTTP interface of the bundle that runs."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from maker.cli.measuring import bars, interval, shown, table
from maker.cli.session import Session
from maker.cli.terminal import console
from maker.config import MODES, Config
from maker.errors import RequestError, ServiceError
from maker.eval import plot as plotting
from maker.eval.live import Plan, measure
from maker.eval.results import Result
from maker.eval.suite import Suite, named, own, some
from maker.eval.ways import DRAWS, NAMES, SPARE_S, ways
from maker.eval.worth import Bin, Difference, Worth, differences, unsolved, worth
from maker.sandbox.available import available

Json = dict[str, Any]

COLUMNS = ("MODE", "RIGHT %", "95 %", "SAMPLES", "TOKENS", "SECONDS", "ORACLE %", "FLAGGED %")
WIDE, NARROW = 80, 5
"""Columns of a terminal that all of these need; how many there are on a narrower one."""
SHOWN = 5
"""Notes of one mode in the table, the most frequent ones; ids of exercises that nobody solved."""
SHOWN_NAME = 40
"""Characters of a suite's name that a figure has room for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out."""

    suite: Suite
    seed: int
    worths: tuple[Worth, ...]
    differences: tuple[Difference, ...]
    unsolved: tuple[str, ...]
    """Exercises that nobody solved, by their ids."""


def _modes(ctx: click.Context, param: click.Parameter, given: str) -> tuple[str, ...]:
    """The names, each once."""
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        said = f"there is no mode {unknown[0]!r}" if unknown else "no mode is named"
        raise click.UsageError(f"{said}; there are: {', '.join(NAMES)}", ctx)
    return names


@click.command(
    epilog="""\b
Examples:
  maker eval run --suite tiny --modes direct,direct0,low,high
  maker eval run --suite tiny --limit 50 --plot worth.svg
  maker eval run --data my-tasks.jsonl --modes low --json
"""
)
@click.option("--suite", help="A suite that comes with maker: tiny, hand.")
@click.option("--data", type=click.Path(path_type=Path), help="A suite of your own, or of HumanEval's form (.jsonl).")
@click.option("--modes", callback=_modes, default="direct,low,high", show_default=True, help="What is measured.")
@click.option("--limit", type=click.IntRange(1), help="Exercises at most, drawn by the seed.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw, of direct, of intervals."
)
@click.option(
    "--temperature", type=click.FloatRange(0, 2), default=0.8, show_default=True, help="Of direct; modes have theirs."
)
@click.option(
    "--draws", type=click.IntRange(1), default=DRAWS, show_default=True, help="Answers of direct to each exercise."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Exercises at once.")
@click.option("--out", type=click.Path(path_type=Path), help="Where results are kept; MAKER_HOME/eval/runs by default.")
@click.option("--fresh", is_flag=True, help="Measure again what is kept, too.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write the figure there (.svg).")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead of tables.")
@click.pass_obj
def run(
    session: Session,
    *,
    suite: str | None,
    data: Path | None,
    modes: tuple[str, ...],
    limit: int | None,
    seed: int,
    temperature: float,
    draws: int,
    jobs: int,
    out: Path | None,
    fresh: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure what each mode is worth, on what runs now.

    Every request goes to low and high mode as any client's would; direct is one answer of the coder alone, measured as
    the mean of several, and direct0 one at temperature 0. An answer is right if its code passes a hidden test in the
    sandbox. Intervals are 95 %, by bootstrap over exercises. What is interrupted goes on where it stopped, and what
    ended in an error is asked again; other settings or models start anew.

    A line of your own file is a JSON object with id, request, entry_point (the function's name) and test (Python that
    defines check(candidate), which raises where the candidate is wrong), or one of HumanEval's.

    \b
    ORACLE %    answers with a right candidate among theirs
    FLAGGED %   candidates discarded before the vote: cut off, not Python, ...
    converged   the vote was won by k before candidates ran out
    margin      by how many candidates it was won
    accepted    what the reviewer (high) or the planner (low) said of it
    confidence  what the answer itself says of how sure its vote was
    """
    config = session.config()
    if plot is not None and (plot.suffix != ".svg" or not plot.parent.is_dir()):
        why = f"there is no folder {plot.parent}; make it" if plot.suffix == ".svg" else f"{plot} is no .svg"
        raise click.UsageError(f"--plot: {why}, or name another file")
    chosen = chosen_suite(suite, data, limit, seed)
    plan = Plan(
        suite=chosen,
        ways=ways(config, modes, temperature=temperature, seed=seed, draws=draws),
        folder=out or config.home.root / "eval" / "runs",
        limit_s=max(config.modes.low.wall_clock_s, config.modes.high.wall_clock_s) + SPARE_S,
        jobs=jobs,
        fresh=fresh,
    )
    measured = summary(chosen, results(config, plan), seed)
    if as_json:
        click.echo(json.dumps(as_values(measured)))
    else:
        _show(measured)
    if plot is not None:
        title = f"{chosen.name[:SHOWN_NAME]}, {_tasks(chosen)}: right answers and what they cost"
        _write(plot, plotting.draw(title, setup(config, modes, temperature), measured.worths))


def _write(plot: Path, drawn: str) -> None:
    try:
        plot.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise ServiceError(
            f"{plot}: the figure cannot be written: {error.strerror}; "
            "the same command with another --plot draws it at once"
        ) from error


def setup(config: Config, names: Sequence[str], temperature: float) -> str:
    """What was measured, in a line: how the coder was asked, and each mode's k and N."""
    heat = {name: f"{at:g}" for name, at in (("direct", temperature), ("direct0", 0.0)) if name in names}
    said = [f"{', '.join(heat)}: one sample at temperature {', '.join(heat.values())}"] if heat else []
    by_limits: dict[str, list[str]] = {}
    for mode in reversed(MODES):
        if mode in names:
            limits = f"k = {config.mode(mode).k}, N up to {config.mode(mode).max_candidates}"
            by_limits.setdefault(limits, []).append(mode)
    return "; ".join([*said, *(f"{' and '.join(modes)}: {limits}" for limits, modes in by_limits.items())])


def chosen_suite(suite: str | None, data: Path | None, limit: int | None, seed: int) -> Suite:
    """The suite that the options name.

    Raises:
        click.UsageError: they name none, or two, or one that cannot be read.
    """
    if (suite is None) == (data is None):
        raise click.UsageError("give one of --suite and --data")
    try:
        whole = own(data) if data else named(str(suite))
    except RequestError as error:
        raise click.UsageError(str(error)) from error
    return Suite(whole.name, some(whole.exercises, limit, seed))


def results(config: Config, plan: Plan) -> Mapping[str, list[Result]]:
    """What the plan comes to, shown with a bar; says how much of it was kept before, and that it is when it is stopped.

    Raises:
        NotRunning, NotReady, ServiceError: as `measure`.
    """
    before: list[int] = []

    def told(done: int, total: int) -> None:
        if not before:
            before.append(done)
            if done:
                click.echo(f"{done} of {total} answers were kept before; --fresh measures them again", err=True)
        report("answers", done, total)

    try:
        with bars() as report:
            return asyncio.run(measure(plan, lambda: available(config), told))
    except KeyboardInterrupt:
        click.echo("stopped; what was answered is kept, and the same command goes on there", err=True)
        raise


def summary(suite: Suite, found: Mapping[str, Sequence[Result]], seed: int) -> Measured:
    """What each way is worth."""
    splits = {one.key: one.split for one in suite.exercises}
    worths = tuple(worth(mode, results, seed, splits) for mode, results in found.items())
    return Measured(suite, seed, worths, tuple(differences(found, seed)), unsolved(found))


def as_values(measured: Measured) -> Json:
    """The result as JSON has it; shares and points in percent."""
    return {
        "suite": measured.suite.name,
        "tasks": len(measured.suite.exercises),
        "seed": measured.seed,
        "modes": [_mode(one) for one in measured.worths],
        "differences": [
            {"mode": one.mode, "minus": one.minus, "points": one.points.mean, "low": one.points.low}
            | {"high": one.points.high}
            for one in measured.differences
        ],
        "unsolved": measured.unsolved,
    }


def _mode(one: Worth) -> Json:
    values = asdict(one)
    right = values.pop("pass_at_1")
    verdicts = one.verdicts
    if verdicts is not None:
        values["verdicts"] |= {
            "correct": verdicts.correct,
            "acceptance": {"precision": verdicts.acceptance_precision, "recall": verdicts.acceptance_recall},
            "refusal": {"precision": verdicts.refusal_precision, "recall": verdicts.refusal_recall},
        }
    head = {"mode": one.mode, "pass_at_1": right["mean"], "low": right["low"], "high": right["high"]}
    return head | {key: value for key, value in values.items() if key != "mode"}


def _show(measured: Measured) -> None:
    out = console()
    columns = COLUMNS if out.width >= WIDE else COLUMNS[:NARROW]
    rows = table(columns)
    for one in measured.worths:
        right, cost = one.pass_at_1, (f"{one.samples:.2f}", f"{one.tokens:,.0f}", f"{one.seconds:.2f}")
        cells = (one.mode, f"{right.mean:.1f}", interval(right), *cost, shown(one.oracle), shown(one.flagged))
        rows.add_row(*cells[: len(columns)])
    out.print(rows)
    said = f"\n{measured.suite.name}, {_tasks(measured.suite)}: samples and tokens are means, seconds are medians"
    out.print(said, markup=False)
    for difference in measured.differences:
        points = difference.points
        out.print(f"{difference.mode} against {difference.minus}: {points.mean:+.1f} points, 95 %: {interval(points)}")
    for one in measured.worths:
        for line in _of_vote(one):
            out.print(line, markup=False)
    if measured.unsolved:
        out.print(_of_unsolved(measured.unsolved), markup=False)


def _tasks(suite: Suite) -> str:
    return f"{len(suite.exercises)} task{'' if len(suite.exercises) == 1 else 's'}"


def _of_unsolved(ids: Sequence[str]) -> str:
    """A hidden test that no program can pass looks like a task that is too hard."""
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return f"nobody solved {', '.join(ids[:SHOWN])}{more}: too hard, or a test that no program passes"


def _of_vote(one: Worth) -> list[str]:
    """What is to be said of a way that votes and validates, a line each."""
    lines = [_of_errors(one)] if one.errors else []
    lines += [f"{one.mode}: {count} of {one.answers} runs: {note}" for note, count in list(one.notes.items())[:SHOWN]]
    if one.converged is None:
        return lines
    lines.append(f"{one.mode}: votes converged {shown(one.converged)} %, answers accepted {shown(one.accepted)} %")
    if verdicts := one.verdicts:
        lines.append(
            f"{one.mode}: of {verdicts.count} verdicts {shown(verdicts.correct)} % are correct; "
            f"refusing wrong programs: precision {shown(verdicts.refusal_precision)} %, "
            f"recall {shown(verdicts.refusal_recall)} %; "
            f"accepting right ones: precision {shown(verdicts.acceptance_precision)} %, "
            f"recall {shown(verdicts.acceptance_recall)} %"
        )
    lines.append(f"{one.mode}: right by margin: {_line(one.margins)}")
    return [*lines, f"{one.mode}: right by confidence: {_line(one.confidences)}"]


def _of_errors(one: Worth) -> str:
    codes = ", ".join(f"{code} {count}" for code, count in one.errors.items())
    service = f"orchestrator-{one.mode}" if one.mode in MODES else "coder"
    said = f"{one.mode}: {one.failed:.1f} % ended in an error ({codes})"
    return f"{said}: `maker logs {service}`; the next run asks these"


def _line(bins: Sequence[Bin]) -> str:
    return "; ".join(f"{bin.label}: {bin.right:.0f} % of {bin.answers}" for bin in bins)
