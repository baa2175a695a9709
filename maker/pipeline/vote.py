"""First-to-ahead-by-k voting and what it costs, as in "Solving a Million-Step LLM Task with Zero Errors".

The paper is arXiv 2511.09030; its symbols are kept. `p`: share of samples that are right; `k`: the margin; `steps` (s):
how many steps the whole task has; `m`: steps per sample; `target` (t): wanted probability that the whole task succeeds;
`valid` (v): share of samples without a red flag. The formulas let the right answer race against one single wrong one,
the worst case: wrong answers that differ from each other lose sooner. What they cannot see is one popular wrong answer.
"""

import math
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from maker.errors import RequestError

S = TypeVar("S", bound=Hashable)


def leader(votes: Mapping[S, int], k: int) -> S | None:
    """The signature that is ahead of every other by at least `k` votes, if there is one (Algorithm 2).

    Raises:
        RequestError: k is below 1.
    """
    _check_k(k)
    first = front(votes)
    return first if first is not None and margin(votes) >= k else None


def front(votes: Mapping[S, int]) -> S | None:
    """The signature with most votes, the earliest of those that tie; None without votes."""
    return max(votes, key=votes.__getitem__, default=None)


def margin(votes: Mapping[S, int]) -> int:
    """How many votes the first is ahead of the second; all of its votes where there is no second."""
    counts = sorted(votes.values(), reverse=True)
    return counts[0] - counts[1] if len(counts) > 1 else sum(counts)


class Race(Generic[S]):
    """One vote while it lasts: ballots come one by one, and the first that is ahead by `k` has won for good."""

    def __init__(self, k: int) -> None:
        _check_k(k)
        self.k = k
        self.votes: dict[S, int] = {}
        """Ballots per signature, up to the one that decided."""
        self.leader: S | None = None
        """Who has won; None while it is open."""
        self.front: S | None = None
        """Who has most ballots, the earliest of those that tie."""
        self._first = self._second = 0

    @property
    def margin(self) -> int:
        """How many votes the first is ahead of the second now."""
        return self._first - self._second

    @property
    def needed(self) -> int:
        """The fewest ballots that can still decide it: what to draw next, at least. 0 once it is decided."""
        return self.k - self.margin

    def cast(self, signature: S) -> S | None:
        """Count one ballot and return the winner, if there is one. What comes after the decision is not counted."""
        if self.leader is not None:
            return self.leader
        count = self.votes[signature] = self.votes.get(signature, 0) + 1
        if signature == self.front:
            self._first = count
        elif count > self._first:
            self.front, self._first, self._second = signature, count, self._first
        else:
            self._second = max(self._second, count)
        if self._first - self._second >= self.k:
            self.leader = self.front
        return self.leader


def p_sub(p: float, k: int) -> float:
    """Probability that one vote elects the right answer (section 3.2, equations 9 to 12); the same for every m.

    Raises:
        RequestError: p is not above 1/2, or k is below 1.
    """
    _check_p(p)
    _check_k(k)
    return 1 / (1 + _odds(p) ** k)


def p_full(p: float, k: int, steps: int, m: int = 1) -> float:
    """Probability that every step of the task comes out right (equation 13).

    Raises:
        RequestError: p is not above 1/2; k, steps or m is below 1.
    """
    _check_p(p)
    _check_k(k)
    _check_steps(steps, m)
    # log1p keeps what 1 + tiny would round away: a million steps multiply it.
    return math.exp(-steps / m * math.log1p(_odds(p) ** k))


def k_min(p: float, steps: int, target: float, m: int = 1) -> int:
    """The smallest margin with which the whole task succeeds with probability `target` (equation 14).

    Raises:
        RequestError: p is not above 1/2, target not between 0 and 1, steps or m below 1.
    """
    _check_p(p)
    _check_steps(steps, m)
    if not 0 < target < 1:
        raise RequestError(f"target is {target!r}; give a probability between 0 and 1, such as 0.95", param="target")
    if p == 1:
        return 1
    exact = math.log(math.expm1(-m / steps * math.log(target))) / math.log(_odds(p))
    return max(1, math.ceil(exact))


def expected_samples(p: float, k: int) -> float:
    """How many ballots one vote takes on average: the gambler's ruin between +k and -k, exactly.

    The paper keeps its leading term, k / (2p - 1).

    Raises:
        RequestError: p is not above 1/2, or k is below 1.
    """
    _check_p(p)
    _check_k(k)
    lost = _odds(p) ** k
    return k / (2 * p - 1) * (1 - lost) / (1 + lost)


def expected_cost(p: float, k: int, steps: int, *, m: int = 1, valid: float = 1.0, unit: float = 1.0) -> float:
    """Average cost of the whole task where one step of one sample costs `unit` (equations 18 and 19, exact in k).

    A sample with a red flag is paid for but does not vote, hence the division by `valid`. A sample of m steps costs
    m units and votes for the right answer or its one alternative only if its first m - 1 steps are right.

    Raises:
        RequestError: p is not above 1/2; valid not in (0, 1]; k, steps or m below 1.
    """
    _check_steps(steps, m)
    if not 0 < valid <= 1:
        raise RequestError(
            f"valid is {valid!r}; give the share of samples without a red flag, 0 < valid <= 1", param="valid"
        )
    return unit * steps * expected_samples(p, k) / (p ** (m - 1) * valid)


def _odds(p: float) -> float:
    return (1 - p) / p


def _check_p(p: float) -> None:
    if not 0.5 < p <= 1:
        raise RequestError(
            f"accuracy is {p!r}; voting makes right only what is right more often than wrong: "
            "give a value above 0.5 and at most 1, or split the task into smaller steps",
            param="p",
        )


def _check_k(k: int) -> None:
    if k < 1:
        raise RequestError(f"k is {k!r}; the margin is at least 1", param="k")


def _check_steps(steps: int, m: int) -> None:
    if steps < 1:
        raise RequestError(f"steps is {steps!r}; a task has at least 1 step", param="steps")
    if not 1 <= m <= steps:
        raise RequestError(f"m is {m!r}; a sample does at least 1 step and at most all {steps}", param="m")
