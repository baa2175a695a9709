"""From samples to batches of tokens, in a process of their own so that the trainer's thread does nothing but train.

A batch is one step: samples of about the same length, some thousand tokens together.
"""

import itertools
import multiprocessing
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

import numpy as np
import numpy.typing as npt

from training.review import kept
from training.roles import Family, samples
from training.sample import Sample
from training.tokenizer import Tokenizer

TOKENS = 3584
"""Of one batch, padding included."""
ROUND = 16
"""Lengths are multiples of it: fewer shapes, so less to prepare."""
POOLED = 640
"""Samples that are sorted by length together."""
SEGMENT = 200
"""Steps after which the stream of samples starts anew with a seed of its own, so that a run can go on there."""
AHEAD = 24
"""Batches made in advance at most."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from: `tokens` (samples, length); at the flat places `at` the next token is `wanted`."""

    tokens: Ints
    at: Ints
    wanted: Ints
    weights: npt.NDArray[np.float32]
    real: int
    """Tokens that are no padding."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Which samples: the family, the seed, and from which step on what share of coder answers slips on purpose."""

    family: Family
    seed: int
    steps: int
    slips: tuple[tuple[int, float], ...]
    context: int
    live: Path | None = None
    """The file of live runs; validators are shown simulated ones where left out."""


def conversation(messages: Sequence[dict]) -> str:  # type: ignore[type-arg]
    """The messages as the server renders them by `maker.catalog.templates.CHATML`, up to the answer."""
    said = "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in messages)
    return f"{said}<|im_start|>assistant\n"


def encoded(tokenizer: Tokenizer, sample: Sample) -> tuple[list[int], list[int]]:
    """The ids of what is shown, and of the answer with its end."""
    end = tokenizer.ids["<|im_end|>"]
    return tokenizer.encode(conversation(sample.messages)), [*tokenizer.encode(sample.answer), end]


def segment(stream: Stream, number: int, tokenizer: Tokenizer) -> Iterator[Batch]:
    """The batches of one segment."""
    slip = max((first, share) for first, share in stream.slips if first <= number * SEGMENT)[1]
    seed = stream.seed * 1_000_003 + number
    drawn = samples(stream.family, seed, slip=slip, live=kept(stream.live) if stream.live else ())
    made = pooled(drawn, tokenizer, stream.context, random.Random(f"batches {seed}"))
    return itertools.islice(made, min(SEGMENT, stream.steps - number * SEGMENT))


def pooled(drawn: Iterator[Sample], tokenizer: Tokenizer, context: int, rng: random.Random) -> Iterator[Batch]:
    """Batches of samples of about one length each, in random order; what is longer than the context is left out."""
    while True:
        pool = [(*encoded(tokenizer, sample), sample.weight) for sample in itertools.islice(drawn, POOLED)]
        pool = sorted(
            (one for one in pool if len(one[0]) + len(one[1]) <= context), key=lambda one: len(one[0]) + len(one[1])
        )
        groups = list(grouped(pool))
        rng.shuffle(groups)
        yield from map(batch, groups)


Encoded = tuple[list[int], list[int], float]


def grouped(pool: Sequence[Encoded]) -> Iterator[list[Encoded]]:
    """The sorted pool in groups that fill a batch."""
    group: list[Encoded] = []
    for one in pool:
        length = rounded(len(one[0]) + len(one[1]) - 1)
        if group and length * (len(group) + 1) > TOKENS:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def rounded(length: int) -> int:
    """The length with its padding."""
    return -(-length // ROUND) * ROUND


def batch(group: Sequence[Encoded]) -> Batch:
    """The group as arrays; only answers are learnt."""
    length = rounded(max(len(shown) + len(said) - 1 for shown, said, _ in group))
    tokens = np.zeros((len(group), length), np.int64)
    at: list[int] = []
    wanted: list[int] = []
    weights: list[float] = []
    real = 0
    for row, (shown, said, weight) in enumerate(group):
        whole = [*shown, *said[:-1]]
        tokens[row, : len(whole)] = whole
        start = row * length + len(shown) - 1
        at += range(start, start + len(said))
        wanted += said
        weights += [weight] * len(said)
        real += len(whole)
    return Batch(tokens, np.array(at), np.array(wanted), np.array(weights, np.float32), real)


def _produce(queue: "multiprocessing.Queue[Batch]", stream: Stream, tokenizer: Tokenizer, first: int) -> None:
    os.nice(5)
    for number in range(first, -(-stream.steps // SEGMENT)):
        for made in segment(stream, number, tokenizer):
            queue.put(made)


def batches(stream: Stream, tokenizer: Tokenizer, step: int) -> Iterator[Batch]:
    """The batches from `step` on, which begins a segment; made in another process, which ends with this one.

    Raises:
        RuntimeError: that process ended early; what it says stands above.
    """
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[Batch] = spawn.Queue(AHEAD)
    process = spawn.Process(target=_produce, args=(queue, stream, tokenizer, step // SEGMENT), daemon=True)
    process.start()
    for _ in range(step, stream.steps):
        while True:
            try:
                made = queue.get(timeout=10)
                break
            except Empty:
                if not process.is_alive():
                    raise RuntimeError("the process that makes the samples ended") from None
        yield made
    process.join(10)
