"""Choosing one candidate by what all of them did when run: every rule a pure function from a matrix to scores.

The rule of the pipeline is `maker`. The others are what it is measured against (`maker eval select`): `codet` is the
published baseline. A rule gives each candidate a score; the highest is chosen, and candidates that tie are equal.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maker.sandbox.values import Call, Evidence, Input, Observation

Scores = NDArray[np.float64]

NOTHING = -1
"""The result on an input that returned no value: it raised, did not end, or crashed."""

TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """What the candidates of one vote did. Numbers are equal where what they stand for is equal."""

    results: NDArray[np.int64]
    """Candidates x inputs: which value it returned, or NOTHING."""
    passed: NDArray[np.bool_]
    """Candidates x tests."""
    counts: NDArray[np.int64]
    """How often each test was written."""
    alike: Scores
    """Candidates x candidates: how much their texts have in common, 0 to 1."""
    texts: NDArray[np.int64]
    """Which text a candidate is, spaces aside."""

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidate that was chosen, and how sure that is."""

    index: int
    confidence: float
    """The chosen behaviour's share of all scores, 0 to 1; 0 where nothing was executed."""
    scores: tuple[float, ...]


def choose(matrix: Matrix) -> Choice:
    """The best candidate by the rule `maker`, the first of those that tie; there must be at least one."""
    scores = maker(matrix)
    index = int(best(scores)[0])
    same = (matrix.results == matrix.results[index]).all(1) & (matrix.passed == matrix.passed[index]).all(1)
    executed = matrix.results.size + matrix.passed.size > 0
    confidence = float(scores[same].sum() / scores.sum()) if executed else 0.0
    return Choice(index, confidence, tuple(float(score) for score in scores))


def gather(evidence: Sequence[Evidence], inputs: Sequence[Input], texts: Sequence[str]) -> Matrix:
    """The matrix of candidates that were each tried on the same inputs; calls become results, checks become tests."""
    values: dict[str, int] = {}
    calls = [number for number, item in enumerate(inputs) if isinstance(item, Call)]
    checks = [number for number, item in enumerate(inputs) if not isinstance(item, Call)]
    results = [[_value(values, seen.observations[call]) for call in calls] for seen in evidence]
    passed = [[seen.observations[check].kind == "passed" for check in checks] for seen in evidence]
    return Matrix(
        results=np.array(results, np.int64).reshape(len(evidence), len(calls)),
        passed=np.array(passed, np.bool_).reshape(len(evidence), len(checks)),
        counts=np.ones(len(checks), np.int64),
        alike=alike(texts),
        texts=same_texts(texts),
    )


def best(scores: Scores) -> NDArray[np.intp]:
    """The candidates with the highest score; rounding separates none."""
    return np.flatnonzero(scores >= scores.max() - 1e-9 * abs(scores.max()))


def random(matrix: Matrix) -> Scores:
    """Any candidate."""
    return np.zeros(len(matrix))


def text(matrix: Matrix) -> Scores:
    """The text that was written most often."""
    return _sizes(matrix.texts[:, None])


def cluster(matrix: Matrix) -> Scores:
    """The largest group that returned the same on every input; who never returned anything is in none."""
    alive = (matrix.results != NOTHING).any(1) | (matrix.results.shape[1] == 0)
    return np.where(alive, _sizes(matrix.results), 0)


def codet(matrix: Matrix) -> Scores:
    """CodeT's dual execution agreement (arXiv 2207.10397), as its authors published it in microsoft/CodeT.

    Candidates that pass exactly the same tests are a group; its score is the square root of its size times the number
    of tests it passes. Candidates and tests count as often as they were written.
    """
    scores: Scores = np.sqrt(_sizes(matrix.passed)) * (matrix.passed @ matrix.counts)
    return scores


def maker(matrix: Matrix) -> Scores:
    """How well candidates agree with the tests, with each other in behaviour, and with each other in text.

    Four factors, none with a weight to fit:

    - tests: the share that the candidate passes, by Laplace's rule (passed + 1) / (written + 2);
    - information: how surprising its results are on average, a result that many inputs have in common ("False",
      "[]") little: to agree on what everybody always says is no evidence;
    - agreement: over all candidates, the square of the share of that information they have in common;
    - text: how much of its text the others wrote too, an estimate of how likely the model is to write it.

    Without inputs, or where no candidate returned anything, tests and text decide.
    """
    likely = (matrix.passed @ matrix.counts + 1) / (matrix.counts.sum() + 2) * matrix.alike.mean(1)
    scores: Scores = likely * _agreement(matrix.results)
    return scores if scores.any() else likely


RULES: Mapping[str, Callable[[Matrix], Scores]] = {
    "random": random,
    "text": text,
    "cluster": cluster,
    "codet": codet,
    "maker": maker,
}


def alike(texts: Sequence[str]) -> Scores:
    """For each two texts, the share of their pairs of adjacent tokens that both have (Jaccard)."""
    pairs = [_pairs(one) for one in texts]
    column = {pair: number for number, pair in enumerate(set().union(*pairs))}
    has = np.zeros((len(texts), len(column)))
    for row, mine in zip(has, pairs, strict=True):
        row[[column[pair] for pair in mine]] = 1
    both = has @ has.T
    either = has.sum(1)[:, None] + has.sum(1) - both
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def same_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """A number for each text, equal for texts that differ in blank lines and trailing spaces only."""
    known: dict[tuple[str, ...], int] = {}
    lines = [tuple(line.rstrip() for line in one.splitlines() if line.strip()) for one in texts]
    return np.array([known.setdefault(one, len(known)) for one in lines], np.int64)


def _value(values: dict[str, int], seen: Observation) -> int:
    """The number of the value that was returned; a new value gets the next one."""
    return values.setdefault(seen.signature, len(values)) if seen.kind == "returned" else NOTHING


def _pairs(source: str) -> set[tuple[str, str]]:
    tokens = TOKEN.findall(source)
    return set(zip(tokens, tokens[1:], strict=False))


def _sizes(rows: NDArray[np.int64] | NDArray[np.bool_]) -> Scores:
    """For each row, how many rows are equal to it."""
    keys = [row.tobytes() for row in np.ascontiguousarray(rows)]
    sizes = Counter(keys)
    return np.array([sizes[key] for key in keys], np.float64)


def _agreement(results: NDArray[np.int64]) -> Scores:
    """Information times agreement of each candidate; 1 for all where there are no inputs."""
    if not results.shape[1]:
        return np.ones(len(results))
    returned = results != NOTHING
    # One more than there are, so that even the only value there is tells something.
    share = np.bincount(results[returned], minlength=1) / (results.size + 1)
    information = np.where(returned, -np.log(share[results], where=returned, out=np.zeros(results.shape)), 0)
    common = ((results[:, None] == results) * information).sum(2)
    own = information.sum(1)
    most = np.maximum(own[:, None], own)
    overlap = np.divide(common, most, where=most > 0, out=np.zeros_like(common))
    agreement: Scores = own / results.shape[1] * (overlap**2).sum(1)
    return agreement
