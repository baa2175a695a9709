"""How often each role is right, and the k and max_candidates that follow from it by the paper's formulas.

The formulas take p, the share of samples that are right, and let all wrong samples agree: the worst case. Wrong samples
mostly differ, so k is proposed from the race that is really run: right samples against the most frequent wrong
behaviour, `p = right / (right + most frequent wrong)`, over all tasks together; a sample that does neither votes for
neither, as one with a red flag does. What the formulas cannot see is said apart: on some tasks a wrong behaviour leads
from the start, and a vote seldom turns that.

Only the first wave of a run counts, its first k candidates: who is asked for more depends on what these did. A wave of
few shows less of what is frequent: with another k in force p is another, by a few points.

k is proposed for the lower end of p's interval, so that few tasks do not switch the voting off.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maker.config import Mode, ModeName
from maker.errors import RequestError
from maker.eval.measure import NORMAL
from maker.eval.results import Result, Tried
from maker.eval.worth import percent
from maker.pipeline import vote

UNDECIDED = 0.05
"""Share of votes that may end without a winner, for want of candidates."""
RESAMPLES = 2000
"""Of the tasks, for the interval of p."""
MOST_K = 20
MOST_CANDIDATES = 64
"""What maker.toml takes."""


@dataclass(frozen=True, slots=True)
class Coder:
    """What samples of the coder are."""

    samples: int
    """Those without a red flag."""
    right: float
    """Share of them that is right."""
    frequent_wrong: float
    """Share of them that is the most frequent wrong behaviour of their task."""
    valid: float
    """Share of all samples without a red flag."""
    wrong_first: float
    """Share of tasks on which a wrong behaviour leads, in samples, over the right one."""
    p_others: float
    """p on the other tasks."""
    p_low: float
    p_high: float
    """The 95 % interval of p, by bootstrap over tasks."""

    @property
    def p(self) -> float:
        """Share of right ones among the right and the most frequent wrong ones."""
        return self.right / (self.right + self.frequent_wrong) if self.right else 0.0

    @property
    def voting(self) -> float:
        """Share of all samples that vote for one of these two."""
        return self.valid * (self.right + self.frequent_wrong)


@dataclass(frozen=True, slots=True)
class Judged:
    """How often what a role said was right."""

    count: int
    right: float | None
    """In percent; None where it said nothing."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What was measured in one mode."""

    tasks: int
    """All of them; what follows is of those that were put to the vote as one step."""
    voted: int
    coder: Coder
    tester: Judged
    """Its checks, under a candidate that is right."""
    validator: Judged
    """The reviewer's verdicts in high mode, the planner's reflections in low mode."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to set for one mode, and what the formulas expect of it."""

    k: int
    max_candidates: int
    success: float
    """Probability that all steps come out right (p_full), of a task on which no wrong behaviour leads."""
    ceiling: float
    """Share of tasks of so many steps that are of that kind: the others seldom come out right."""
    samples: float
    """Candidates of one step on average, flagged ones among them."""


def roles(results: Sequence[Result], mode: Mode) -> Roles:
    """What the runs of one mode say of the roles.

    Raises:
        RequestError: no run was voted on, so nothing can be said.
    """
    first = [one.rounds[0] for one in results if one.rounds]
    if not first:
        raise RequestError(
            "no run of this suite was put to the vote, so there is nothing to calibrate by", param="suite"
        )
    checks = [found for voted in first if (found := voted.checks) is not None]
    passed, written = sum(one for one, _ in checks), sum(count for _, count in checks)
    said = [round.accepted == round.right for one in results for round in one.rounds if round.accepted is not None]
    return Roles(
        tasks=len(results),
        voted=len(first),
        coder=coder([voted.tried[: mode.k] for voted in first]),
        tester=Judged(written, percent(passed, written)),
        validator=Judged(len(said), percent(sum(said), len(said))),
    )


def coder(waves: Sequence[Sequence[Tried]]) -> Coder:
    """What the samples of the tasks' first waves are; at least one."""
    valid = [[one for one in wave if not one.flagged] for wave in waves]
    right = [sum(one.right for one in wave) for wave in valid]
    wrong = [max(Counter(one.signature for one in wave if not one.right).values(), default=0) for wave in valid]
    made, counted = sum(map(len, waves)), sum(map(len, valid))
    led = [bad > good for good, bad in zip(right, wrong, strict=True)]
    good, bad = (sum(n for n, lost in zip(one, led, strict=True) if not lost) for one in (right, wrong))
    low, high = _interval(right, wrong)
    return Coder(
        samples=counted,
        right=sum(right) / max(1, counted),
        frequent_wrong=sum(wrong) / max(1, counted),
        valid=counted / max(1, made),
        wrong_first=sum(led) / len(waves),
        p_others=good / max(1, good + bad),
        p_low=low,
        p_high=high,
    )


def _interval(right: Sequence[int], wrong: Sequence[int]) -> tuple[float, float]:
    """Of p over all tasks: samples of one task are not independent of each other.

    Where all tasks agree it is Wilson's for so many tasks, as resamples would say that chance has no part in it.
    """
    picks = np.random.default_rng(0).integers(0, len(right), (RESAMPLES, len(right)))
    good, bad = np.array(right)[picks].sum(1), np.array(wrong)[picks].sum(1)
    low, high = np.quantile(good / np.maximum(1, good + bad), (0.025, 0.975))
    if low == high and low in (0.0, 1.0):
        given = NORMAL**2 / (len(right) + NORMAL**2)
        return (0.0, given) if low == 0 else (1 - given, 1.0)
    return float(low), float(high)


def propose(found: Coder, *, target: float, steps: int) -> Proposal:
    """The smallest k that is expected to reach the target over so many steps, and candidates enough to decide by it.

    Both are for the lower end of p's interval; what is expected of them is for p.

    Raises:
        RequestError: right samples are not more frequent than wrong ones, or hardly, or that is not known of so few
            tasks; target or steps make no sense.
    """
    if found.p <= 0.5:
        raise RequestError(
            f"right samples are not more frequent than the most frequent wrong ones (p = {found.p:.2f}): "
            "no k makes them right; a better coder, or smaller steps, would",
            param="p",
        )
    if found.p_low <= 0.5:
        raise RequestError(
            f"too few tasks to tell whether right samples are more frequent than wrong ones "
            f"(p is between {found.p_low:.2f} and {found.p_high:.2f}); measure more of them",
            param="p",
        )
    k = vote.k_min(found.p_low, steps, target)
    most = enough(found.p_low, k, found.voting) if k <= MOST_K else math.inf
    if most > MOST_CANDIDATES:
        raise RequestError(
            f"right samples are hardly more frequent than wrong ones (p = {found.p:.2f}, at least {found.p_low:.2f}): "
            f"{target:g} takes k = {k} and more than {MOST_CANDIDATES} candidates; a better coder, smaller steps, "
            "a lower --target, or more tasks would do",
            param="p",
        )
    return Proposal(
        k=k,
        max_candidates=int(most),
        success=vote.p_full(found.p_others, k, steps),
        ceiling=(1 - found.wrong_first) ** steps,
        samples=vote.expected_cost(found.p, k, 1, valid=found.voting),
    )


def enough(p: float, k: int, voting: float) -> int:
    """How many candidates decide all but `UNDECIDED` of the votes, by the race's own walk between -k and +k.

    Only the share `voting` of them moves it. It stops looking a little above what maker.toml takes.
    """
    open_at: Mapping[int, float] = {0: 1.0}
    ballots = 0
    while sum(open_at.values()) > UNDECIDED and ballots <= MOST_CANDIDATES:
        ballots += 1
        moved: dict[int, float] = {}
        for lead, share in open_at.items():
            for to, chance in ((lead + 1, p), (lead - 1, 1 - p)):
                if abs(to) < k:
                    moved[to] = moved.get(to, 0.0) + share * chance
        open_at = moved
    return math.ceil(ballots / voting)


def changes(proposals: Mapping[ModeName, Proposal]) -> dict[str, dict[str, int]]:
    """What maker.toml is to say, by section."""
    return {
        f"modes.{mode}": {"k": proposal.k, "max_candidates": proposal.max_candidates}
        for mode, proposal in proposals.items()
    }
