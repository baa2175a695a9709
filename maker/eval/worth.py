"""What each way is worth: shares with intervals, differences paired by exercise, and how good verdicts and margins are.

Everything is in percent but seconds, tokens and samples. Intervals are 95 %, by bootstrap over exercises.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
from numpy.typing import NDArray

from maker.eval.measure import Share, resamples, share
from maker.eval.results import Result

BINS = 5
"""How many bins of equal width confidence is looked at in."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of one margin, or of one range of confidence."""

    label: str
    """The margin, or the range."""
    answers: int
    right: float
    """How many of them are."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a validator said of the programs it was shown, all rounds of all runs, against the hidden tests."""

    accepted_right: int
    accepted_wrong: int
    refused_right: int
    refused_wrong: int

    @property
    def count(self) -> int:
        """How many verdicts there are."""
        return self.accepted_right + self.accepted_wrong + self.refused_right + self.refused_wrong

    @property
    def correct(self) -> float | None:
        """Share of verdicts that are: right programs accepted, wrong ones refused."""
        return percent(self.accepted_right + self.refused_wrong, self.count)

    @property
    def acceptance_precision(self) -> float | None:
        """Of the accepted programs, the share that is right."""
        return percent(self.accepted_right, self.accepted_right + self.accepted_wrong)

    @property
    def acceptance_recall(self) -> float | None:
        """Of the right programs, the share that was accepted."""
        return percent(self.accepted_right, self.accepted_right + self.refused_right)

    @property
    def refusal_precision(self) -> float | None:
        """Of the refused programs, the share that is wrong."""
        return percent(self.refused_wrong, self.refused_right + self.refused_wrong)

    @property
    def refusal_recall(self) -> float | None:
        """Of the wrong programs, the share that was refused."""
        return percent(self.refused_wrong, self.accepted_wrong + self.refused_wrong)


@dataclass(frozen=True, slots=True)
class Worth:
    """What one way is worth."""

    mode: str
    answers: int
    pass_at_1: Share
    samples: float
    """Mean per exercise, all rounds together; this and the next two without those that ended in an error."""
    tokens: float
    """Mean per exercise, of prompts and answers of all roles."""
    seconds: float
    """Median per exercise."""
    failed: float
    """Share of exercises that ended in an error."""
    errors: Mapping[str, int]
    """The codes of these errors, and how often each came."""
    notes: Mapping[str, int]
    """What runs said they left out or could not have, and how many of them: the number is of a lesser maker then."""
    splits: Mapping[str, float]
    """pass@1 of each part of the suite, where it has parts."""
    flagged: float | None
    """Share of samples; this and what follows is None where there was no vote."""
    oracle: float | None
    """Share of voted answers with a right candidate among theirs."""
    converged: float | None
    """Share of voted answers, as the next."""
    accepted: float | None
    verdicts: Verdicts | None
    margins: tuple[Bin, ...]
    confidences: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How many points one way is above another, on the same exercises."""

    mode: str
    minus: str
    points: Share


def worth(mode: str, results: Sequence[Result], seed: int, splits: Mapping[str, str]) -> Worth:
    """What the way is worth; `splits` says for each exercise, by its key, which part it belongs to. At least one."""
    voted = [one for one in results if one.voted]
    looked_into = [one for one in voted if one.rounds]
    samples = sum(one.samples for one in results)
    answered = [one for one in results if one.error is None] or results
    return Worth(
        mode=mode,
        answers=len(results),
        pass_at_1=share(_right(results), resamples(len(results), seed)),
        samples=statistics.fmean(one.samples for one in answered),
        tokens=statistics.fmean(one.tokens for one in answered),
        seconds=statistics.median(one.seconds for one in answered),
        failed=100 * statistics.fmean(one.error is not None for one in results),
        errors=dict(Counter(one.error for one in results if one.error is not None).most_common()),
        notes=dict(Counter(note for one in results for note in one.notes).most_common()),
        splits=_splits(results, splits),
        flagged=percent(sum(one.flagged for one in results), samples) if voted else None,
        oracle=percent(sum(_any_right(one) for one in looked_into), len(looked_into)),
        converged=percent(sum(one.converged for one in voted), len(voted)),
        accepted=percent(sum(one.accepted is True for one in voted), len(voted)),
        verdicts=_verdicts(voted),
        margins=_bins(voted, lambda one: one.margin),
        confidences=_bins(voted, _confidence, _range),
    )


def differences(results: Mapping[str, Sequence[Result]], seed: int) -> list[Difference]:
    """Each way against each that was named before it, on the exercises that both have."""
    return [_difference(late, early, results, seed) for early, late in combinations(results, 2)]


def unsolved(results: Mapping[str, Sequence[Result]]) -> tuple[str, ...]:
    """The ids of exercises that no way ever answered rightly, and that no error kept from being answered."""
    every = [one for found in results.values() for one in found]
    settled = {one.id for one in every if _is_solved(one) or one.error is not None}
    return tuple(dict.fromkeys(one.id for one in every if one.id not in settled))


def _is_solved(result: Result) -> bool:
    """Whether an answer is right, or a candidate that was not chosen."""
    return result.share > 0 or _any_right(result)


def _difference(late: str, early: str, results: Mapping[str, Sequence[Result]], seed: int) -> Difference:
    before = {one.exercise: one.share for one in results[early]}
    paired = [one.share - before[one.exercise] for one in results[late] if one.exercise in before]
    return Difference(late, early, share(np.array(paired), resamples(len(paired), seed), least=-1.0))


def percent(part: int, whole: int) -> float | None:
    """The share in percent; None of nothing."""
    return 100 * part / whole if whole else None


def _right(results: Sequence[Result]) -> NDArray[np.float64]:
    return np.array([one.share for one in results], np.float64)


def _any_right(result: Result) -> bool:
    return any(tried.right for round in result.rounds for tried in round.tried)


def _verdicts(voted: Sequence[Result]) -> Verdicts | None:
    said = [(round.accepted, round.right) for one in voted for round in one.rounds if round.accepted is not None]
    pairs = ((True, True), (True, False), (False, True), (False, False))
    return Verdicts(*(said.count(pair) for pair in pairs)) if said else None


def _confidence(result: Result) -> int:
    return min(int(result.confidence * BINS), BINS - 1)


def _range(number: int) -> str:
    return f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}"


def _bins(
    results: Sequence[Result], key: Callable[[Result], int], label: Callable[[int], str] = str
) -> tuple[Bin, ...]:
    groups = groupby(sorted(results, key=key), key=key)
    found = [(number, [one.right for one in group]) for number, group in groups]
    return tuple(Bin(label(number), len(right), 100 * statistics.fmean(right)) for number, right in found)


def _splits(results: Sequence[Result], splits: Mapping[str, str]) -> dict[str, float]:
    names = sorted({name for name in splits.values() if name})
    right = {name: [one.share for one in results if splits.get(one.exercise) == name] for name in names}
    return {name: 100 * statistics.fmean(found) for name, found in right.items() if found}
