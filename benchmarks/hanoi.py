"""A simulated Towers of Hanoi with a million steps, each elected by the pipeline's own vote.

The paper's experiment with the model replaced by a coin: every sample is right with probability 1 - 0.0022 (what the
paper measured for the model it ran) and else names one and the same wrong move, the case the formula is written for.
It measures the vote, not a model: how many steps are elected wrong, and how many samples that takes.

    python benchmarks/hanoi.py            20 disks, 1,048,575 steps; about ten seconds
    python benchmarks/hanoi.py --fresh    forget the checkpoint of a run that was cut short

The seed was fixed before the first run. A run that is killed goes on from its last checkpoint and ends in the same
result. Prints one JSON object; ends with 1 if the cost is more than 2 % off the formula, or the tower is not moved.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from maker import config
from maker.pipeline import vote
from maker.pipeline.vote import Race

SEED = 20251112
"""The day the paper appeared."""
ERROR_RATE = 0.0022
TARGET = 0.95
TOLERANCE = 0.02

Move = tuple[int, int, int]
"""Disk (1 is the smallest), from peg, to peg."""


@dataclass
class Run:
    """Where a run is: what a checkpoint holds, next to the random state."""

    disks: int
    seed: int
    step: int = 0
    samples: int = 0
    wrong: list[int] = field(default_factory=list)
    """Steps that were elected wrong."""
    pegs: list[list[int]] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """How many steps the whole task has."""
        return (1 << self.disks) - 1


def right_move(pegs: list[list[int]], step: int, disks: int) -> Move:
    """The paper's strategy: disk 1 every other step, always the same way round, else the only legal move without it."""
    small = next(peg for peg in range(3) if pegs[peg] and pegs[peg][-1] == 1)
    if step % 2 == 0:
        return 1, small, (small + (1 if disks % 2 == 0 else 2)) % 3
    first, second = (peg for peg in range(3) if peg != small)
    source, target = (first, second) if _top(pegs[first]) < _top(pegs[second]) else (second, first)
    return pegs[source][-1], source, target


def wrong_move(right: Move) -> Move:
    """What a sample says that is wrong: the right disk to the wrong peg, always the same."""
    disk, source, target = right
    return disk, source, 3 - source - target


def samples(rng: random.Random, right: Move) -> Iterator[Move]:
    """What the simulated model answers, sample by sample."""
    wrong = wrong_move(right)
    while True:
        yield wrong if rng.random() < ERROR_RATE else right


def elect(k: int, drawn: Iterator[Move]) -> tuple[Move, int]:
    """The move that is first ahead by k, and how many samples that took."""
    race = Race[Move](k)
    for move in drawn:
        if (winner := race.cast(move)) is not None:
            return winner, sum(race.votes.values())
    raise AssertionError("samples end")


def advance(run: Run, rng: random.Random, k: int, until: int) -> None:
    """Elect and make every move up to step `until`; a wrong one is counted, and the right one made in its place."""
    while run.step < until:
        right = right_move(run.pegs, run.step, run.disks)
        elected, taken = elect(k, samples(rng, right))
        run.samples += taken
        if elected != right:
            run.wrong.append(run.step)
        _, source, target = right
        run.pegs[target].append(run.pegs[source].pop())
        run.step += 1


def begin(disks: int, seed: int) -> tuple[Run, random.Random]:
    """A run at its first step."""
    return Run(disks, seed, pegs=[list(range(disks, 0, -1)), [], []]), random.Random(seed)


def save(path: Path, run: Run, rng: random.Random) -> None:
    """Write the checkpoint; a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"run": asdict(run), "random": rng.getstate()}), encoding="ascii")
    partial.replace(path)


def resume(path: Path, disks: int, seed: int) -> tuple[Run, random.Random]:
    """The run where its checkpoint left it; a new one where there is none, or it is another run's."""
    run, rng = begin(disks, seed)
    if not path.exists():
        return run, rng
    kept = json.loads(path.read_text(encoding="ascii"))
    if (kept["run"]["disks"], kept["run"]["seed"]) != (disks, seed):
        return run, rng
    version, internal, gauss = kept["random"]
    rng.setstate((version, tuple(internal), gauss))
    return Run(**kept["run"]), rng


def report(run: Run, k: int) -> dict[str, object]:
    """What the run came to, next to what the formulas expect."""
    expected = vote.expected_cost(1 - ERROR_RATE, k, run.steps)
    return {
        "disks": run.disks,
        "seed": run.seed,
        "steps": run.steps,
        "k": k,
        "wrong_steps": len(run.wrong),
        "expected_wrong_steps": round(run.steps * (1 - vote.p_sub(1 - ERROR_RATE, k)), 4),
        "samples": run.samples,
        "expected_samples": round(expected),
        "cost_off_percent": round(100 * (run.samples / expected - 1), 3),
        "solved": run.pegs == [[], [], list(range(run.disks, 0, -1))],
    }


def shown(run: Run, work: Callable[[], None]) -> None:
    """Call `work` until the run is done, with a bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"{run.disks} disks", total=run.steps, completed=run.step)
        while run.step < run.steps:
            work()
            progress.update(bar, completed=run.step)


@click.command()
@click.option("--disks", type=click.IntRange(1, 24), default=20, show_default=True, help="Height of the tower.")
@click.option("--seed", default=SEED, show_default=True, help="Seed of the simulated model.")
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="File to go on from; in MAKER_HOME/eval by default."
)
@click.option("--every", type=click.IntRange(1), default=20_000, show_default=True, help="Steps between checkpoints.")
@click.option("--fresh", is_flag=True, help="Start at the first step.")
def main(disks: int, seed: int, checkpoint: Path | None, every: int, fresh: bool) -> None:
    """Move a tower, every step elected by first-to-ahead-by-k."""
    path = checkpoint or config.home().root / "eval" / "hanoi.json"
    run, rng = begin(disks, seed) if fresh else resume(path, disks, seed)
    k = vote.k_min(1 - ERROR_RATE, run.steps, TARGET)

    def work() -> None:
        advance(run, rng, k, min(run.step + every, run.steps))
        save(path, run, rng)

    shown(run, work)
    path.unlink(missing_ok=True)
    result = report(run, k)
    click.echo(json.dumps(result))
    sys.exit(
        0
        if result["solved"] and abs(run.samples / vote.expected_cost(1 - ERROR_RATE, k, run.steps) - 1) < TOLERANCE
        else 1
    )


def _top(peg: list[int]) -> float:
    return peg[-1] if peg else float("inf")


if __name__ == "__main__":
    main()
