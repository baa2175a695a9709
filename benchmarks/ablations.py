"""What each part of the pipeline is worth: `python -m benchmarks.ablations [--suite tiny] [--limit N] [--json]`.

The tiny profile, started in a MAKER_HOME of its own on free ports, answers one suite several times, each time with one
part switched off; only the orchestrators are restarted in between. Every answer goes through the live HTTP interface
and is judged as `maker eval run` does it, which is also who keeps it: with `--home` an interrupted measurement goes on.

    as configured   the profile as it is
    no tests        the tester is not asked: candidates are loaded, and compared by their text
    no execution    nothing is run, not even to see whether it loads: texts are compared, the voter decides
    no vote         k = 1: the first candidate without a red flag
    no revision     the validator's refusals change nothing

The coder asked alone depends on none of this and is measured once. Differences are paired by exercise.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from maker import config as configuration
from maker.catalog.profiles import PROFILES
from maker.cli.evaluate_run import chosen_suite, results
from maker.cli.measuring import interval, table
from maker.cli.terminal import console
from maker.config import MODES, Config, Home, child_environment
from maker.eval.live import Plan
from maker.eval.measure import Share
from maker.eval.results import Result
from maker.eval.suite import Suite
from maker.eval.ways import DRAWS, SPARE_S, ways
from maker.eval.worth import Worth, differences, worth
from tests.support import SERVICES, free_ports

PROFILE = "tiny"
WHOLE = "as configured"
VARIANTS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    WHOLE: {},
    "no tests": {"modes.*": {"max_inputs": 0}},
    "no execution": {"sandbox": {"enabled": False}},
    "no vote": {"modes.*": {"k": 1}},
    "no revision": {"modes.*": {"max_rounds": 0}},
}
"""What each variant says in maker.toml; `modes.*` is said of both modes."""
ORCHESTRATORS = tuple(f"orchestrator-{mode}" for mode in MODES)
MARK = "# written by benchmarks.ablations\n"
"""How the maker.toml of a home begins that is nobody else's."""


@dataclass(frozen=True)
class Row:
    """One way under one variant."""

    variant: str
    worth: Worth
    difference: Share | None
    """Points above the same way as configured; None where it is that."""


def toml(ports: Mapping[str, int], variant: str) -> str:
    """The maker.toml of a variant."""
    said: dict[str, dict[str, object]] = {"ports": {**ports}, "phoenix": {"enabled": False}}
    said |= {f"modes.{mode}": dict(PROFILES[PROFILE].modes) for mode in MODES}
    for name, values in VARIANTS[variant].items():
        for section in [f"modes.{mode}" for mode in MODES] if name == "modes.*" else [name]:
            said[section] = {**said.get(section, {}), **values}
    lines = [MARK.rstrip(), f"profile = {json.dumps(PROFILE)}"]
    for section, values in said.items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def maker(home: Home, *words: str) -> None:
    """Run a maker command on this home; what it prints is shown where it fails."""
    command = (sys.executable, "-m", "maker", *words)
    done = subprocess.run(command, env=child_environment(MAKER_HOME=str(home.root)), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout}{done.stderr}`maker {' '.join(words)}` ended with {done.returncode}")


@contextmanager
def running(home: Home, ports: Mapping[str, int]) -> Iterator[None]:
    """The bundle as configured, from nothing; stopped when the context is left, however that happens."""
    if home.toml.exists():
        if not home.toml.read_text(encoding="utf-8").startswith(MARK):
            raise click.UsageError(f"{home.root} is somebody's own MAKER_HOME; give --home another folder")
        maker(home, "stop")  # what was killed in the middle
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.toml.write_text(toml(ports, WHOLE), encoding="utf-8")
    maker(home, "init", "--yes", "--no-editor", "--no-link", "--no-phoenix")
    try:
        maker(home, "start", "all", "--wait")
        yield
    finally:
        maker(home, "stop")


def switch(home: Home, ports: Mapping[str, int], variant: str) -> Config:
    """Make the running bundle follow the variant; the configuration it then has."""
    text = toml(ports, variant)
    if home.toml.read_text(encoding="utf-8") != text:
        home.toml.write_text(text, encoding="utf-8")
        maker(home, "restart", *ORCHESTRATORS)
        maker(home, "start", "all", "--wait")
    return configuration.load(home)


def measured(home: Home, suite: Suite, seed: int) -> Iterator[tuple[str, Mapping[str, list[Result]]]]:
    """Each variant's name and results, by way."""
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    with running(home, ports):
        for variant in VARIANTS:
            click.echo(f"{variant}:", err=True)
            config = switch(home, ports, variant)
            names = ("direct", "low", "high") if variant == WHOLE else ("low", "high")
            plan = Plan(
                suite=suite,
                ways=ways(config, names, temperature=config.modes.low.temperature, seed=seed, draws=DRAWS),
                folder=home.root / "eval" / "runs",
                limit_s=config.modes.low.wall_clock_s + SPARE_S,
            )
            yield variant, results(config, plan)


def rows(found: Mapping[str, Mapping[str, Sequence[Result]]], seed: int) -> list[Row]:
    """What each way is worth under each variant, way by way."""
    return [
        Row(variant, worth(way, by_way[way], seed, {}), _difference(found[WHOLE][way], variant, by_way[way], seed))
        for way in found[WHOLE]
        for variant, by_way in found.items()
        if way in by_way
    ]


def _difference(whole: Sequence[Result], variant: str, results: Sequence[Result], seed: int) -> Share | None:
    return None if variant == WHOLE else differences({WHOLE: whole, variant: results}, seed)[0].points


def as_values(suite: Suite, seed: int, found: Sequence[Row]) -> dict[str, Any]:
    """The result as JSON has it; shares and points in percent."""
    head = {"suite": suite.name, "tasks": len(suite.exercises), "seed": seed, "variants": VARIANTS}
    return {**head, "rows": [_row(one) for one in found]}


def _row(one: Row) -> dict[str, Any]:
    right, points = one.worth.pass_at_1, one.difference
    head = {"mode": one.worth.mode, "variant": one.variant, "pass_at_1": right.mean}
    costs = {name: getattr(one.worth, name) for name in ("samples", "tokens", "seconds", "failed", "notes")}
    apart = points and {"points": points.mean, "low": points.low, "high": points.high}
    return {**head, "low": right.low, "high": right.high, "difference": apart, **costs}


def shown(found: Sequence[Row]) -> Table:
    """The rows for people."""
    heads = ("MODE", "VARIANT", "RIGHT, %", "95 %", "DIFFERENCE", "95 %", "SAMPLES", "TOKENS", "SECONDS")
    made = table(heads)
    made.columns[1].justify = "left"
    for row in found:
        one, points = row.worth, row.difference
        cells = (f"{points.mean:+.1f}", interval(points)) if points else ("", "")
        cost = (f"{one.samples:.2f}", f"{one.tokens:,.0f}", f"{one.seconds:.2f}")
        made.add_row(one.mode, row.variant, f"{one.pass_at_1.mean:.1f}", interval(one.pass_at_1), *cells, *cost)
    return made


@click.command()
@click.option("--suite", default="tiny", show_default=True, help="A suite that comes with maker: tiny, hand.")
@click.option("--limit", type=click.IntRange(1), help="Exercises at most, drawn by the seed.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of draw, direct and intervals.")
@click.option("--home", "kept", type=click.Path(path_type=Path, file_okay=False), help="MAKER_HOME to use and to keep.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(suite: str, limit: int | None, seed: int, kept: Path | None, as_json: bool) -> None:
    """Measure what each part of the pipeline is worth."""
    chosen = chosen_suite(suite, None, limit, seed)
    with tempfile.TemporaryDirectory(prefix="mk-", dir="/tmp") as folder:
        home = configuration.home({"MAKER_HOME": str(kept or folder)})
        found = rows(dict(measured(home, chosen, seed)), seed)
    if as_json:
        click.echo(json.dumps(as_values(chosen, seed, found)))
        return
    console().print(shown(found))
    click.echo(f"\n{chosen.name}: {len(chosen.exercises)} tasks; differences are points to {WHOLE}, paired by task")


if __name__ == "__main__":
    main()
