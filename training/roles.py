"""From tasks to samples of every role, in the pipeline's own words.

Interface: `samples(family, seed, held=..., slip=...)` yields `training.sample.Sample` without end, always the same for
the same arguments. `messages` are as the model server gets them (the ChatML template is applied to them); `answer` has
no end marker. `role` is coder, outside (the coder, asked for what it cannot do), preprocessor, planner, tester,
reviewer, reflection or voter. `prompts_digest()` is what belongs into the GGUF's `maker.prompts`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from maker.pipeline import prompts
from training import helper, outside
from training.conversation import PROFILE, asked, opened
from training.evidence import wrong_program
from training.review import Shown, revision
from training.sample import Sample
from training.split import HELD
from training.tasks import task
from training.template import Task

Family = Literal["coder", "helper"]

OUTSIDE = 0.07
"""Share of the coder's requests that it can only decline."""
REVISED, BARE = 0.08, 0.46
"""Shares of the coder's samples with a refused attempt, and of those with the user's words alone."""

WRITERS: dict[Callable[[random.Random, Task], Sample], float] = {
    helper.preprocessor: 0.07,
    helper.planner: 0.10,
    helper.tester: 0.42,
    helper.voter: 0.04,
}
JUDGES: dict[Callable[[Shown], Sample], float] = {helper.reviewer: 0.20, helper.reflection: 0.17}
"""Shares of the helper's roles."""
LIVE = 0.9
"""Share of what judges are shown that comes from live runs, where there are any."""


def prompts_digest() -> str:
    """What the weights are trained on: the digest of the tiny profile's prompts."""
    return prompts.digest(PROFILE)


def samples(
    family: Family, seed: int, *, held: bool = False, slip: float = 0.0, live: Sequence[Shown] = ()
) -> Iterator[Sample]:
    """Samples without end; `held` asks for held-out tasks, `slip` is the share of wrong coder answers."""
    rng = random.Random(f"{family} {seed} {held}")
    number = 0
    while True:
        number += 1
        one = task(rng, HELD[number % len(HELD)] if held else "train")
        if family == "coder":
            yield coder(rng, one, slip)
        else:
            yield helped(rng, one, live)


def helped(rng: random.Random, one: Task, live: Sequence[Shown]) -> Sample:
    """A sample of one of the helper's roles."""
    if rng.random() < sum(WRITERS.values()):
        return rng.choices(list(WRITERS), list(WRITERS.values()))[0](rng, one)
    judge = rng.choices(list(JUDGES), list(JUDGES.values()))[0]
    return judge(rng.choice(live) if live and rng.random() < LIVE else helper.simulated(rng, one))


def coder(rng: random.Random, one: Task, slip: float) -> Sample:
    """The coder's sample: a function, or a plain word that this is beyond it."""
    if rng.random() < OUTSIDE:
        said = opened(rng, outside.request(rng))
        return Sample("outside", asked(said, "code") if rng.random() < 0.25 else said, outside.ANSWER)
    said = opened(rng, one.request)
    chance = rng.random()
    if chance < REVISED:
        said = revision(rng, one, said)
    elif chance > REVISED + BARE:
        said = asked(said, "code")
    return Sample("coder", said, fenced(_written(rng, one, slip)))


def _written(rng: random.Random, one: Task, slip: float) -> str:
    if slip and rng.random() < slip:
        return wrong_program(one, rng) or one.sources[0]
    return rng.choice(one.sources)


def fenced(source: str) -> str:
    """The coder's answer."""
    return f"```python\n{source}\n```"
