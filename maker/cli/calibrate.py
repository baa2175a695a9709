"""`maker calibrate`: from how often each role is right to the k and max_candidates of each mode."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from maker import config as configuration
from maker.cli.evaluate_run import chosen_suite, results
from maker.cli.measuring import shown, table
from maker.cli.sections import set_in_sections
from maker.cli.session import Session
from maker.cli.terminal import console
from maker.config import MODES, Config, ModeName
from maker.errors import ConfigError, MakerError, RequestError
from maker.eval.calibrate import Proposal, Roles, changes, propose, roles
from maker.eval.live import Plan
from maker.eval.ways import SPARE_S, ways
from maker.services.files import write_private

Json = dict[str, Any]


@click.command(
    epilog="""\b
Examples:
  maker calibrate --suite tiny
  maker calibrate --suite tiny --target 0.99 --steps 3 --write
  maker calibrate --data my-tasks.jsonl --json
"""
)
@click.option("--suite", help="A suite that comes with maker: tiny, hand.")
@click.option("--data", type=click.Path(path_type=Path), help="A suite of your own, or of HumanEval's form (.jsonl).")
@click.option(
    "--target", type=float, default=0.95, show_default=True, help="Wanted probability that all steps are right."
)
@click.option("--steps", type=click.IntRange(1), default=1, show_default=True, help="Steps that a task has.")
@click.option("--limit", type=click.IntRange(1), help="Exercises at most, drawn by the seed.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of that draw.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Exercises at once.")
@click.option("--out", type=click.Path(path_type=Path), help="Where results are kept; MAKER_HOME/eval/runs by default.")
@click.option("--write", is_flag=True, help="Put the proposal into maker.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead of a table.")
@click.pass_obj
def calibrate(
    session: Session,
    *,
    suite: str | None,
    data: Path | None,
    target: float,
    steps: int,
    limit: int | None,
    seed: int,
    jobs: int,
    out: Path | None,
    write: bool,
    as_json: bool,
) -> None:
    """Measure the roles and propose k for both modes.

    Both modes run the suite as `maker eval run` does, and what that measured before is not measured again: how often
    coder, tester, reviewer and reflection are right. k is the smallest with which right samples beat the most frequent
    wrong behaviour on all steps with the wanted probability, at the lower end of what the tasks leave open;
    max_candidates decide 95 % of the votes. A mode without a proposal is left as it is, and the exit code is 1.
    """
    config = session.config()
    if not 0 < target < 1:
        raise click.UsageError(f"--target is {target:g}; give a probability between 0 and 1, such as 0.95")
    plan = Plan(
        suite=chosen_suite(suite, data, limit, seed),
        ways=ways(config, tuple(reversed(MODES)), temperature=0.0, seed=seed),
        folder=out or config.home.root / "eval" / "runs",
        limit_s=max(config.modes.low.wall_clock_s, config.modes.high.wall_clock_s) + SPARE_S,
        jobs=jobs,
    )
    found = results(config, plan)
    measured = {mode: roles(found[mode], config.mode(mode)) for mode in reversed(MODES)}
    proposals = _proposals(measured, target, steps)
    if as_json:
        click.echo(json.dumps(_as_values(plan.suite.name, measured, proposals)))
    else:
        _show(config, measured, proposals)
    if write and proposals:
        _write(config, proposals)
    if write and len(proposals) < len(measured):
        names = " and ".join(f"[modes.{mode}]" for mode in measured if mode not in proposals)
        raise MakerError(f"nothing was written for {names}: there is no proposal, as said above")


def _proposals(measured: Mapping[ModeName, Roles], target: float, steps: int) -> dict[ModeName, Proposal]:
    """A proposal for each mode; where there is none, it is said why."""
    found: dict[ModeName, Proposal] = {}
    for mode, one in measured.items():
        try:
            found[mode] = propose(one.coder, target=target, steps=steps)
        except RequestError as error:
            click.echo(f"{mode}: {error}", err=True)
    return found


def _as_values(suite: str, measured: Mapping[ModeName, Roles], proposals: Mapping[ModeName, Proposal]) -> Json:
    modes = [
        {
            "mode": mode,
            **asdict(one),
            "p": one.coder.p,
            "proposal": asdict(proposals[mode]) if mode in proposals else None,
        }
        for mode, one in measured.items()
    ]
    return {"suite": suite, "modes": modes}


def _show(config: Config, measured: Mapping[ModeName, Roles], proposals: Mapping[ModeName, Proposal]) -> None:
    out = console()
    rows = table(("ROLE", "MODE", "RIGHT, %", "OF"))
    for mode, one in measured.items():
        validator = "reviewer" if mode == "high" else "planner (reflection)"
        rows.add_row("coder", mode, shown(100 * one.coder.right), f"{one.coder.samples} samples")
        rows.add_row("tester", mode, shown(one.tester.right), f"{one.tester.count} checks")
        rows.add_row(validator, mode, shown(one.validator.right), f"{one.validator.count} verdicts")
    out.print(rows)
    for mode, one in measured.items():
        coder = one.coder
        out.print(
            f"\n{mode}: {one.voted} of {one.tasks} tasks were put to the vote; the most frequent wrong behaviour is "
            f"{100 * coder.frequent_wrong:.1f} % of the samples, so p is {coder.p:.3f} ({coder.p_low:.3f} to "
            f"{coder.p_high:.3f}); {100 * (1 - coder.valid):.1f} % of all are flagged; on "
            f"{100 * coder.wrong_first:.1f} % of the tasks a wrong behaviour leads from the start, which a vote "
            "seldom turns"
        )
        if (proposal := proposals.get(mode)) is not None:
            now = config.mode(mode)
            out.print(
                f"{mode}: proposed k = {proposal.k}, max_candidates = {proposal.max_candidates} "
                f"(now {now.k} and {now.max_candidates}); expected: {proposal.samples:.1f} samples a step, "
                f"right in {100 * proposal.success:.1f} % of the tasks on which no wrong behaviour leads, "
                f"at least {100 * proposal.success * proposal.ceiling:.1f} % of all that are put to the vote"
            )


def _write(config: Config, proposals: Mapping[ModeName, Proposal]) -> None:
    """Put the proposal into maker.toml, all else of it byte for byte as it was.

    Raises:
        ConfigError: it cannot be read, or be changed line by line.
    """
    path = config.home.toml
    try:
        text = path.read_bytes().decode("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    changed = set_in_sections(text, changes(proposals))
    configuration.parse(changed, config.home)
    write_private(path, changed)
    names = " ".join(f"orchestrator-{mode}" for mode in proposals)
    click.echo(f"wrote {path}; to follow it: maker restart {names}", err=True)
