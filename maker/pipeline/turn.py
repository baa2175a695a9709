"""The vote on an agent's next turn: whole turns are sampled until one action is ahead of every other by k.

One turn is sampled first. Where it changes nothing (text, or calls that only read) a lead of one decides: it can be
taken back at no cost, and most of an agent's turns are such. Calls that write or run need a lead of k.
"""

from collections.abc import Sequence
from dataclasses import replace

from maker.chat.types import ChatRequest, JsonObject, Sampling
from maker.config import Mode
from maker.pipeline.calls import Offer, calls_of, changes_nothing, judge
from maker.pipeline.candidates import sample
from maker.pipeline.elect import LATER_WAVE, LOST_WAVES, Election
from maker.pipeline.events import CandidateJudged, StepDecided
from maker.pipeline.values import Candidate, Vote
from maker.pipeline.vote import Race, margin
from maker.pipeline.work import Work

STEP = 1
"""An agent's turn is one step."""
STAGE = "turn"


async def elect_turn(work: Work, offered: Offer, messages: Sequence[JsonObject]) -> Election | None:
    """Sample, flag and vote; None where the coder wrote nothing at all.

    Where every turn is flagged there is one more wave; then the last is chosen, with its flags. What does not converge
    is decided by most votes, the earliest of those that tie.

    Raises:
        ModelUnavailable: the coder is down.
    """
    async with work.stage(STAGE):
        sampled = _Sampled(work, offered)
        lost = 0
        while not sampled.decided and sampled.wanted and lost <= LOST_WAVES:
            before = len(sampled.made)
            await _wave(sampled, messages)
            lost += len(sampled.made) == before
        return await sampled.decide()


class _Sampled:
    """The turns of one vote so far."""

    def __init__(self, work: Work, offered: Offer) -> None:
        self.work, self.offered = work, offered
        self.made: list[Candidate] = []
        self.race: Race[str] = Race(work.mode.k)

    @property
    def counted(self) -> list[Candidate]:
        """Those that were not discarded."""
        return [candidate for candidate in self.made if not candidate.flags]

    @property
    def lead(self) -> int:
        """The lead that decides: one, as long as nothing was proposed that changes anything."""
        first = next(iter(self.counted), None)
        return 1 if first is not None and changes_nothing(self.offered, first) else self.race.k

    @property
    def decided(self) -> bool:
        """Whether some action has that lead."""
        return bool(self.counted) and self.race.margin >= self.lead

    @property
    def wanted(self) -> int:
        """How many to ask for next; none once there are enough."""
        limit = self.work.mode.max_candidates
        if len(self.made) >= limit and not self.counted:
            limit += self.race.k  # all flagged: one more wave
        count = min(LATER_WAVE, self.race.needed) if self.made else 1
        return min(count, limit - len(self.made))

    async def add(self, candidate: Candidate) -> None:
        """Count one more."""
        self.made.append(candidate)
        if not candidate.flags:
            self.race.cast(candidate.signature)
        limit = max(self.work.mode.max_candidates, len(self.made))
        await self.work.emit(CandidateJudged(STEP, candidate, limit, 0, dict(self.race.votes)))

    async def decide(self) -> Election | None:
        """The chosen turn, and how it came about."""
        if not self.made:
            return None
        counted, votes = self.counted, dict(self.race.votes)
        if not counted:
            chosen, vote = _least_bad(self.made), Vote({}, 0, converged=False, confidence=0.0)
        else:
            chosen = next(one for one in counted if one.signature == self.race.front)
            share = votes[chosen.signature] / len(counted)
            vote = Vote(votes, margin(votes), converged=self.decided, confidence=share)
        await self.work.emit(StepDecided(STEP, chosen, vote, self.lead))
        return Election(chosen, tuple(self.made), vote)


async def _wave(sampled: _Sampled, messages: Sequence[JsonObject]) -> None:
    """Sample over one prefill; what is still being written when the vote is decided is cancelled."""
    work, count, before = sampled.work, sampled.wanted, len(sampled.made)
    coder = await work.ready("coder")
    async with sample(work, coder, _request(work, messages, count, before), STAGE) as replies:
        async for reply in replies:
            await sampled.add(judge(sampled.offered, reply, len(sampled.made) + 1))
            if sampled.decided and len(sampled.made) - before < count:
                break


def _request(work: Work, messages: Sequence[JsonObject], count: int, made: int) -> ChatRequest:
    """The client's own request, byte for byte what it says to the model, for `count` more turns."""
    request, mode = work.task.request, work.mode
    sampling = _sampling(request.sampling, mode, made)
    return replace(request, messages=tuple(messages), sampling=replace(sampling, n=count))


def _sampling(asked: Sampling, mode: Mode, made: int) -> Sampling:
    """As the client samples. Later turns need some temperature, and a fixed seed must move on: they would repeat."""
    is_missing = asked.temperature is None or (made > 0 and asked.temperature == 0)
    return replace(
        asked,
        temperature=mode.temperature if is_missing else asked.temperature,
        max_tokens=min(asked.max_tokens or mode.max_tokens, mode.max_tokens),
        seed=None if asked.seed is None else asked.seed + made,
    )


def _least_bad(flagged: Sequence[Candidate]) -> Candidate:
    """Text that was only cut off can still be read; else the last."""
    texts = [one for one in flagged if one.flags == ("cut off",) and not calls_of(one)]
    return (texts or flagged)[-1]
