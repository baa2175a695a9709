"""Drawing samples, choosing one by every rule, and how often the choice is right.

One draw is what a live run would have: N candidates of the problem and N test-writing replies, at random and without
putting back. A reply in which there is no assertion does not count, as a red flag does not: another is drawn, while
there are any. Every rule chooses from the same draws; where candidates tie, each is chosen with equal probability.
Intervals are 95 % by bootstrap over problems (percentiles of 10,000 resamples): draws of one problem are not
independent of each other, problems are. The difference of two rules is paired by problem.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from maker.eval.cache import Record
from maker.eval.execute import Job
from maker.pipeline.select import NOTHING, RULES, Matrix, Scores, alike, best, same_texts

RESAMPLES = 10_000
NORMAL = 1.96
"""Standard deviations to either side that hold 95 %."""

Report = Callable[[int, int], None]
"""Called with how many problems are done, of how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """All that draws of one problem need. Rows are its different samples."""

    task_id: str
    drawn: NDArray[np.int64]
    """For each recorded sample its row."""
    every: Matrix
    """All rows, all inputs and all tests."""
    right: NDArray[np.bool_]
    """Which rows pass the hidden test."""
    replies: tuple[tuple[int, ...], ...]
    """For each reply its tests."""
    calls: tuple[tuple[int, ...], ...]
    """For each test its inputs."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn: `n` candidates, `draws` times from each problem."""

    n: int
    draws: int
    seed: int


@dataclass(frozen=True, slots=True)
class Share:
    """A mean over problems in percent, with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out, by rule: how often the chosen sample is right."""

    drawing: Drawing
    rules: Mapping[str, Share]
    maker_minus_codet: Share


def lay_out(job: Job, records: Sequence[Record]) -> Sheet:
    """The sheet of a job; one record for each of its samples."""
    values: dict[str, int] = {}
    numbers = [[NOTHING if one is None else values.setdefault(one, len(values)) for one in r.results] for r in records]
    row = {sample: number for number, sample in enumerate(job.samples)}
    return Sheet(
        task_id=job.problem.task_id,
        drawn=np.array([row[sample] for sample in job.problem.samples], np.int64),
        every=Matrix(
            results=np.array(numbers, np.int64).reshape(len(records), len(job.inputs)),
            passed=np.array([r.passed for r in records], np.bool_).reshape(len(records), len(job.tests)),
            counts=np.ones(len(job.tests), np.int64),
            alike=alike(job.samples),
            texts=same_texts(job.samples),
        ),
        right=np.array([r.right for r in records], np.bool_),
        replies=job.replies,
        calls=job.calls,
    )


def measure(sheets: Sequence[Sheet], drawing: Drawing, report: Report) -> Measured:
    """Draw, and let every rule choose; no problem may have fewer samples than are drawn."""
    shares: dict[str, list[float]] = {name: [] for name in (*RULES, "oracle")}
    for done, sheet in enumerate(sheets, 1):
        rng = generator(sheet.task_id, drawing.seed)
        chosen = [choices(*draw(sheet, drawing.n, rng)) for _ in range(drawing.draws)]
        for name, values in shares.items():
            values.append(float(np.mean([one[name] for one in chosen])))
        report(done, len(sheets))
    picks = resamples(len(sheets), drawing.seed)
    per_problem = {name: np.array(values) for name, values in shares.items()}
    return Measured(
        drawing=drawing,
        rules={name: share(values, picks) for name, values in per_problem.items()},
        maker_minus_codet=share(per_problem["maker"] - per_problem["codet"], picks, least=-1.0),
    )


def draw(sheet: Sheet, n: int, rng: np.random.Generator) -> tuple[Matrix, NDArray[np.bool_]]:
    """What a run with n candidates and n test-writing replies would have, and which candidates are right."""
    samples, replies = drawn(len(sheet.drawn), len(sheet.replies), n, rng)
    rows = sheet.drawn[samples]
    written = Counter(test for reply in replies for test in sheet.replies[reply])
    tests = np.array(list(written), np.int64)
    inputs = np.array(sorted({call for test in written for call in sheet.calls[test]}), np.int64)
    matrix = Matrix(
        results=sheet.every.results[np.ix_(rows, inputs)],
        passed=sheet.every.passed[np.ix_(rows, tests)],
        counts=np.array(list(written.values()), np.int64),
        alike=sheet.every.alike[np.ix_(rows, rows)],
        texts=sheet.every.texts[rows],
    )
    return matrix, sheet.right[rows]


def drawn(samples: int, replies: int, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the samples, and of the replies in which there is a test, one draw takes."""
    return rng.permutation(samples)[:n], rng.permutation(replies)[:n]


def generator(task_id: str, seed: int) -> np.random.Generator:
    """The source of one problem's draws: what else is in the file changes nothing."""
    return np.random.default_rng([seed, crc32(task_id.encode())])


def choices(matrix: Matrix, right: NDArray[np.bool_]) -> dict[str, float]:
    """For each rule, the probability that what it chooses is right; the oracle chooses a right one if there is one."""
    shares = {name: float(right[best(rule(matrix))].mean()) for name, rule in RULES.items()}
    return {**shares, "oracle": float(right.any())}


def resamples(count: int, seed: int) -> NDArray[np.int64]:
    """Which of `count` problems each resample of the bootstrap consists of."""
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def share(values: Scores, picks: NDArray[np.int64], least: float = 0.0) -> Share:
    """The mean of one value a problem, as a share, with its interval over the resamples; no value is below `least`.

    Where all values are one, resamples tell nothing of how few they are: then the interval is Wilson's for something
    that was never seen in so many tries.
    """
    mean = float(values.mean())
    low, high = np.quantile(values[picks].mean(1), (0.025, 0.975))
    if values.min() == values.max():
        unseen = NORMAL**2 / (len(values) + NORMAL**2)
        low, high = max(least, mean - unseen), min(1.0, mean + unseen)
    return Share(100 * mean, 100 * float(low), 100 * float(high))
