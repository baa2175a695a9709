"""Training one family's model: seeded, by steps and never by the clock, from a checkpoint where there is one."""

import ctypes
import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from training.batches import SEGMENT, Batch, Stream, batches
from training.evaluate import evaluate
from training.model import Decoder
from training.muon import Muon
from training.roles import Family
from training.shape import Shape
from training.tokenizer import Tokenizer

WARM_UP = 100
"""Steps in which a phase's rate rises to its highest."""
BETAS, DECAY, CLIP = (0.9, 0.98), 0.05, 1.0
MMAP_MAX, TRIM_THRESHOLD = -4, -1
"""The numbers of glibc's settings (mallopt(3))."""
REPORTED, EVALUATED = 50, 1000
"""Steps between two lines, and between two evaluations."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of steps with optimizers of its own.

    The rate rises to `high` at first, then falls to `low`, a cosine; `slip` of the coder's answers are wrong. At its
    end the parameters become the mean of what they are and what they were after phase `mean_with`, the first being 0.
    """

    steps: int
    high: float
    low: float
    slip: float = 0.0
    mean_with: int | None = None

    def rate(self, done: int) -> float:
        """The learning rate after so many of its steps."""
        rate = self.low + (self.high - self.low) * (1 + math.cos(math.pi * done / self.steps)) / 2
        return rate * min(1.0, (done + 1) / WARM_UP)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a training depends on, besides the sources; `name` is what its checkpoint and log are called by."""

    name: str
    family: Family
    seed: int
    phases: tuple[Phase, ...]
    start: str | None = None
    """The checkpoint whose parameters it begins with; random ones where left out."""
    live: Path | None = None
    """The file of live runs, for those who judge them."""

    @property
    def steps(self) -> int:
        """All of them."""
        return sum(phase.steps for phase in self.phases)

    @property
    def ends(self) -> tuple[int, ...]:
        """The steps after which a phase is over."""
        return tuple(itertools.accumulate(phase.steps for phase in self.phases))

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        number = sum(end <= step for end in self.ends)
        return self.phases[number].rate(step - (0, *self.ends)[number])

    def stream(self, context: int) -> Stream:
        """Where its batches come from."""
        slips = tuple(zip((0, *self.ends), (phase.slip for phase in self.phases), strict=False))
        return Stream(self.family, self.seed, self.steps, slips, context, self.live)

    def mean_with(self, step: int) -> str | None:
        """The checkpoint whose parameters are averaged with those after this step; None but at some phases' ends."""
        number = self.phases[self.ends.index(step)].mean_with if step in self.ends else None
        return None if number is None else phase_end(self.name, self.ends[number])


def phase_end(name: str, step: int) -> str:
    """The name of the checkpoint at a phase's end."""
    return f"{name}-{step}.pt"


def train(recipe: Recipe, tokenizer: Tokenizer, folder: Path, say: Callable[[str], None]) -> Decoder:
    """The trained model; `folder` has a checkpoint at every segment's end, one at the end of each phase, and a log."""
    keep_memory()
    torch.manual_seed(recipe.seed)
    begun = (folder / f"{recipe.name}.pt").exists()
    model = load(folder / recipe.start) if recipe.start and not begun else Decoder(Shape())
    optimizers = made(model.train())
    step = _resumed(model, optimizers, folder / f"{recipe.name}.pt")
    if step:
        say(f"{recipe.name}: going on at step {step}")
    progress = Progress(recipe, step, say)
    for number, batch in enumerate(batches(recipe.stream(model.shape.context), tokenizer, step), start=step):
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = recipe.rate(number)
        progress.add(number + 1, learn(model, optimizers, batch), batch.real)
        done = number + 1
        if other := recipe.mean_with(done):
            average(model, load(folder / other))
        if done in recipe.ends:
            optimizers = made(model)
            checkpoint(model, optimizers, done, folder / phase_end(recipe.name, done))
        if done % SEGMENT == 0 or done == recipe.steps:
            checkpoint(model, optimizers, done, folder / f"{recipe.name}.pt")
        if done % EVALUATED == 0 or done in recipe.ends:
            found = evaluate(recipe.family, model, tokenizer, 96, 1)
            say(f"{recipe.name}: step {done}: held-out {json.dumps(found)}")
    return model


def learn(model: Decoder, optimizers: Sequence[torch.optim.Optimizer], batch: Batch) -> float:
    """One step; the loss before it."""
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16()):
        hidden = model(torch.from_numpy(batch.tokens)).flatten(0, 1)[torch.from_numpy(batch.at)]
        scores = model.logits(hidden).float()
    weights = torch.from_numpy(batch.weights)
    each = F.cross_entropy(scores, torch.from_numpy(batch.wanted), reduction="none")
    loss = (each * weights).sum() / weights.sum()
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    for optimizer in optimizers:
        optimizer.step()
    return float(loss.detach())


def keep_memory() -> None:
    """Have the C library keep what is freed: it gives each large array back else, and clears its pages every time.

    That took a third of the time. Nothing happens where the C library has no such setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for setting, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1)):
        mallopt(setting, value)


def has_bf16() -> bool:
    """Whether this CPU multiplies 16-bit numbers faster than 32-bit ones."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported() and torch.cpu._is_avx512_bf16_supported()


def made(model: Decoder) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for embedding and norms: a third fewer steps than AdamW alone needs.

    After 250 steps on the coder's samples the loss was 1.08 against 1.42, for 16 % more time a step.
    """
    many = dict(model.named_parameters())
    matrices = [one for name, one in many.items() if one.ndim == 2 and name != "embedding.weight"]
    others = [one for name, one in many.items() if one.ndim < 2 or name == "embedding.weight"]
    return [
        Muon(matrices, DECAY, torch.bfloat16 if has_bf16() else torch.float32),
        torch.optim.AdamW(others, betas=BETAS, weight_decay=0.0, fused=True),
    ]


class Progress:
    """A line now and then: loss, speed, and how long it will take."""

    def __init__(self, recipe: Recipe, step: int, say: Callable[[str], None]) -> None:
        self.recipe, self.say, self.started_at, self.began = recipe, say, step, time.monotonic()
        self.losses: list[float] = []
        self.tokens = 0

    def add(self, done: int, now: float, tokens: int) -> None:
        """One more step."""
        self.losses.append(now)
        self.tokens += tokens
        if done % REPORTED and done != self.recipe.steps:
            return
        seconds = time.monotonic() - self.began
        left = seconds / (done - self.started_at) * (self.recipe.steps - done)
        loss = sum(self.losses) / len(self.losses)
        self.say(
            f"{self.recipe.name}: step {done} of {self.recipe.steps}, loss {loss:.4f}, "
            f"{self.tokens / seconds:.0f} tok/s, {self.tokens / 1e6:.1f}M tokens, {seconds / 60:.1f} min, "
            f"{left / 60:.1f} min left"
        )
        self.losses.clear()


def checkpoint(model: Decoder, optimizers: Sequence[torch.optim.Optimizer], step: int, path: Path) -> None:
    """Write everything that a training needs to go on after this step."""
    partial = path.with_suffix(".part")
    state = {"step": step, "model": model.state_dict(), "optimizers": [one.state_dict() for one in optimizers]}
    torch.save(state, partial)
    partial.replace(path)


def _resumed(model: Decoder, optimizers: Sequence[torch.optim.Optimizer], path: Path) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    return int(state["step"])


@torch.no_grad()
def average(model: Decoder, other: Decoder) -> None:
    """Give the model the mean of its own parameters and another's, which has learnt a part of the way with it.

    The mean of two such models is better than either (Wortsman et al., arXiv 2203.05482).
    """
    for one, another in zip(model.parameters(), other.parameters(), strict=True):
        one.lerp_(another, 0.5)


def load(path: Path) -> Decoder:
    """The model of a checkpoint."""
    model = Decoder(Shape())
    model.load_state_dict(torch.load(path, weights_only=True)["model"])
    return model.eval()


def arrays(model: Decoder) -> dict[str, npt.NDArray[np.float32]]:
    """The parameters by name, for `export`."""
    return {name: tensor.detach().float().numpy() for name, tensor in model.state_dict().items()}
