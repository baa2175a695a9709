"""`python -m training`: from nothing to the two models' files, by one seeded command.

Samples are generated, the tokenizer is learnt, each family is trained and evaluated, the files are written.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch

from training import batches
from training.evaluate import evaluate
from training.export import KINDS, Origin, data_version, export
from training.roles import Family
from training.texts import corpus
from training.tokenizer import Tokenizer, learn
from training.train import BEFORE_SLIPS, Phase, Recipe, arrays, train

SEED = 20
TEXTS = 6000
"""That the tokenizer is learnt from."""
STEPS: dict[Family, int] = {"coder": 4000, "helper": 2400}
"""The helper needs fewer, because it begins with what the coder has learnt: to read a request and to copy a name."""
SLIPPING = 0.15
"""Share of the coder's steps, the last ones, in which SLIP of its answers are wrong on purpose."""
SLIP = 0.22
FAMILIES: tuple[Family, ...] = ("coder", "helper")
HELD_OUT = 300


def main() -> None:
    """Train what was asked for."""
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    tokenizer = learnt(given.out / "merges.json", given.seed)
    torch.set_num_threads(given.threads)
    torch.set_num_interop_threads(1)
    for family in FAMILIES:
        if given.family in ("all", family):
            make(family, tokenizer, given)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("family", nargs="?", default="all", choices=("all", *FAMILIES))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--steps", type=int, help="of one family; the recipe's own number where left out")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="as many as there are cores where left out")
    parser.add_argument("--out", type=Path, default=Path(".build/training"), help="checkpoints, logs and files")
    return parser.parse_args()


def learnt(path: Path, seed: int) -> Tokenizer:
    """The tokenizer, kept beside the checkpoints."""
    if not path.exists():
        say("learning the tokenizer")
        path.write_text(json.dumps(learn(corpus(TEXTS, seed)).merges), encoding="utf-8")
    return Tokenizer(tuple((left, right) for left, right in json.loads(path.read_text(encoding="utf-8"))))


def recipe(family: Family, seed: int, steps: int | None) -> Recipe:
    """How a family is trained."""
    steps = steps or STEPS[family]
    if family == "helper":
        half = round(steps / 2 / batches.SEGMENT) * batches.SEGMENT
        return Recipe(family, seed, Phase(half, 2.5e-3, 5e-5), Phase(steps - half, 1.5e-3, 3e-5), BEFORE_SLIPS)
    slipping = round(steps * SLIPPING / batches.SEGMENT) * batches.SEGMENT
    return Recipe(family, seed, Phase(steps - slipping, 4e-3, 2e-4), Phase(slipping, 5e-4, 3e-5, SLIP))


def make(family: Family, tokenizer: Tokenizer, given: argparse.Namespace) -> None:
    """Train, evaluate and export one family."""
    how = recipe(family, given.seed, given.steps)
    log = given.out / f"{family}.log"

    def report(line: str) -> None:
        say(line)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    report(f"{family}: {how.steps} steps, seed {how.seed}, data {data_version()[:12]}, {os.cpu_count()} cores")
    model = train(how, tokenizer, given.out, report)
    report(f"{family}: held-out {json.dumps(evaluate(family, model, tokenizer, HELD_OUT, 2))}")
    origin = Origin(family, how.seed, how.steps)
    for kind in KINDS:
        export(arrays(model), model.shape, tokenizer, origin, given.out / f"{family}-{kind}.gguf", kind)
    report(f"{family}: written to {given.out}")


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)
