"""`python -m training`: from nothing to the two models' files, by one seeded command.

Samples are generated, the tokenizer is learnt, each family is trained and evaluated, the files are written.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import torch

from training import batches, live
from training.evaluate import evaluate
from training.export import KINDS, Origin, data_version, export
from training.roles import Family
from training.texts import corpus
from training.tokenizer import Tokenizer, learn
from training.train import Phase, Recipe, arrays, phase_end, train

SEED = 20
TEXTS = 6000
"""That the tokenizer is learnt from."""
PHASES: dict[str, tuple[Phase, ...]] = {
    "coder": (
        Phase(3400, 4e-3, 2e-4),
        Phase(3600, 2.5e-3, 5e-5),
        Phase(1600, 2e-3, 5e-5),
        Phase(600, 5e-4, 3e-5, slip=0.22),
        Phase(1800, 1.2e-3, 4e-5),
        Phase(600, 5e-4, 3e-5, slip=0.26, mean_with=3),
        Phase(400, 4e-4, 2e-5, slip=0.3),
    ),
    "helper": (Phase(1200, 2.5e-3, 5e-5), Phase(1200, 1.5e-3, 3e-5), Phase(3600, 2e-3, 3e-5), Phase(600, 1e-3, 5e-5)),
    "verdicts": (Phase(600, 6e-4, 2e-5),),
}
"""The trainings, in this order. In three of the coder's phases a part of its answers is wrong on purpose; then the
helper; then the helper again, on verdicts over what live runs of both show."""
FAMILY: dict[str, Family] = {"coder": "coder", "helper": "helper", "verdicts": "helper"}
FAMILIES: tuple[Family, ...] = ("coder", "helper")
LAST: dict[Family, str] = {"coder": "coder", "helper": "verdicts"}
"""The training that a family's files come from."""
LIVE = "live.jsonl"
HELD_OUT = 300


def main() -> None:
    """Train what was asked for."""
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    tokenizer = learnt(given.out / "merges.json", given.seed)
    torch.set_num_threads(given.threads)
    torch.set_num_interop_threads(1)
    for name in PHASES:
        if given.name in ("all", name):
            make(name, tokenizer, given)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=("all", *PHASES))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--part", type=float, default=1.0, help="of the recipe's steps; 0.1 is a quick look")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="as many as there are cores where left out")
    parser.add_argument("--out", type=Path, default=Path(".build/training"), help="checkpoints, logs and files")
    return parser.parse_args()


def learnt(path: Path, seed: int) -> Tokenizer:
    """The tokenizer, kept beside the checkpoints."""
    if not path.exists():
        say("learning the tokenizer")
        path.write_text(json.dumps(learn(corpus(TEXTS, seed)).merges), encoding="utf-8")
    return Tokenizer(tuple((left, right) for left, right in json.loads(path.read_text(encoding="utf-8"))))


def recipe(name: str, seed: int, part: float, folder: Path) -> Recipe:
    """A training; with a part of the steps, each phase is shorter by that factor.

    The helper begins with what the coder has learnt after its first phase: to read a request and to copy a name.
    """
    phases = shortened(PHASES[name], part)
    starts = {"helper": phase_end("coder", shortened(PHASES["coder"], part)[0].steps), "verdicts": "helper.pt"}
    live = folder / LIVE if name == "verdicts" else None
    return Recipe(name, FAMILY[name], seed, phases, starts.get(name), live)


def shortened(phases: tuple[Phase, ...], part: float) -> tuple[Phase, ...]:
    """The phases with a part of their steps, each a whole number of segments."""
    segments = batches.SEGMENT
    return tuple(replace(one, steps=max(1, round(one.steps * part / segments)) * segments) for one in phases)


def family_steps(name: str, part: float) -> int:
    """All steps that the family's model has learnt in, up to the end of this training."""
    names = list(PHASES)[: list(PHASES).index(name) + 1]
    return sum(phase.steps for one in names if FAMILY[one] == FAMILY[name] for phase in shortened(PHASES[one], part))


def make(name: str, tokenizer: Tokenizer, given: argparse.Namespace) -> None:
    """Do one training, evaluate the model and export it."""
    how = recipe(name, given.seed, given.part, given.out)
    log = given.out / f"{name}.log"

    def report(line: str) -> None:
        say(line)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    if how.live and not how.live.exists():
        live.make(given.out, round(live.TASKS * given.part), given.seed, how.live)
    report(f"{name}: {how.steps} steps, seed {how.seed}, data {data_version()[:12]}, {os.cpu_count()} cores")
    model = train(how, tokenizer, given.out, report)
    report(f"{name}: held-out {json.dumps(evaluate(how.family, model, tokenizer, HELD_OUT, 2))}")
    origin = Origin(how.family, how.seed, family_steps(name, given.part))
    for kind in KINDS:
        export(arrays(model), model.shape, tokenizer, origin, given.out / f"{how.family}-{kind}.gguf", kind)
    report(f"{name}: written to {given.out}")


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)
