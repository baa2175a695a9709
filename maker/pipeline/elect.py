"""The vote on one step: waves of candidates until one behaviour is ahead of every other by k, else the best score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from maker.chat.types import JsonObject
from maker.pipeline.ballot import elect_by_ballot
from maker.pipeline.candidates import DEAD, UNDEFINED, UNLIKE, judge, tried, wave
from maker.pipeline.events import CandidateJudged, StepDecided
from maker.pipeline.examples import firm_examples
from maker.pipeline.plan import inputs as write_inputs
from maker.pipeline.prompts import text_of
from maker.pipeline.select import choose, gather
from maker.pipeline.values import Candidate, Step, Vote
from maker.pipeline.vote import Race, margin
from maker.pipeline.work import Work
from maker.sandbox.values import Call, Check, Evidence, Input, Observation

LATER_WAVE = 2
"""Candidates of each wave after the first, which has k: 41 % less time than one by one at the same accuracy."""

LOST_WAVES = 1
"""A wave of which nothing arrived is asked for once more: plan and tests are paid for already."""


@dataclass(frozen=True, slots=True)
class Election:
    """The chosen candidate of one round, all that were made, how it was decided, and on which inputs."""

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    vote: Vote
    inputs: tuple[Input, ...] = ()


async def elect(
    work: Work, step: Step, inputs: tuple[Input, ...], messages: Sequence[JsonObject], earlier: Sequence[Candidate]
) -> Election | None:
    """Sample, flag, run and vote; None where the coder wrote nothing at all.

    Where every candidate is flagged there is one more wave; then a flagged one is chosen, and the vote says so.
    Inputs on which all that was run raises are written anew, once.

    Raises:
        ModelUnavailable: the coder is down.
    """
    async with work.stage("code"):
        race: Race[str] = Race(work.mode.k)
        made: list[Candidate] = []
        limit = work.mode.max_candidates
        lost = waves = 0
        doubted = not inputs
        while race.leader is None and len(made) < limit and lost <= LOST_WAVES:
            count = min(race.k if not made else LATER_WAVE, limit - len(made))
            before = len(made)
            async with wave(work, messages, count, await _writer(work, waves), before=len(made)) as replies:
                async for reply in replies:
                    candidate = await judge(work, reply, len(made) + 1, step, inputs, earlier)
                    made.append(candidate)
                    if not candidate.flags:
                        race.cast(candidate.signature)
                    await work.emit(CandidateJudged(step.number, candidate, limit, _checks(inputs), dict(race.votes)))
                    if race.leader is not None and len(made) - before < count:
                        break  # the rest are losers: leaving cancels them
            if not doubted and _blame_the_inputs(made, inputs, race.k):
                doubted, raised = True, {one.number for one in made if DEAD in one.flags}
                inputs, made = await _written_anew(work, step, made, earlier)
                for candidate in made:
                    if candidate.number in raised and not candidate.flags:
                        race.cast(candidate.signature)
                    await work.emit(CandidateJudged(step.number, candidate, limit, _checks(inputs), dict(race.votes)))
            waves += 1
            lost += len(made) == before
            if len(made) >= limit and not race.votes and limit == work.mode.max_candidates:
                limit += work.mode.k  # all flagged: one more wave
        return await _decide(work, step, race, made, inputs)


def _blame_the_inputs(made: Sequence[Candidate], inputs: tuple[Input, ...], k: int) -> bool:
    """Whether all that was run raises, in ways that the inputs may be the reason for."""
    ran = [one for one in made if one.evidence is not None and one.evidence.loads]
    return len(ran) >= max(k, 2) and all(DEAD in one.flags and not _is_own_fault(one, inputs) for one in ran)


def _is_own_fault(candidate: Candidate, inputs: tuple[Input, ...]) -> bool:
    """Whether it does not end, or misses a name that no input has."""
    seen = candidate.evidence.observations if candidate.evidence else ()
    return any(_does_not_end(one) or _misses_a_name(one, item) for one, item in zip(seen, inputs, strict=True))


def _does_not_end(seen: Observation) -> bool:
    return seen.kind in ("timed out", "crashed", "too long")


def _misses_a_name(seen: Observation, item: Input) -> bool:
    missing, text = UNDEFINED.search(seen.message), item.expression if isinstance(item, Call) else item.code
    return missing is not None and missing[1] not in text


async def _written_anew(
    work: Work, step: Step, made: Sequence[Candidate], earlier: Sequence[Candidate]
) -> tuple[tuple[Input, ...], list[Candidate]]:
    """Other inputs and what the candidates do on them, after all have raised on all that there were.

    Programs that were written apart and fail alike say more about the inputs than about themselves. If they all raise
    again they are not run at all: but for what the user's own examples say, nothing is known of them then.
    """
    await work.note(f"step {step.number}: every candidate raised on every call that was written; others were written")
    inputs = await write_inputs(work, step)
    again = [await tried(work, one, step, inputs, earlier) if one.evidence else one for one in made]
    if inputs and _blame_the_inputs(again, inputs, 2) and not firm_examples(text_of(work.task.request.messages)):
        await work.note(f"step {step.number}: candidates were compared by their text: no usable call was written")
        inputs = ()
        again = [await tried(work, one, step, inputs, earlier) if one.evidence else one for one in made]
    return inputs, again


async def _writer(work: Work, number: int) -> str:
    """Who writes wave `number`, the first being 0: a share of the later ones is gpt-oss's, spread evenly.

    Another model makes other mistakes: one that the coder likes to make is not agreed on.
    """
    share, model = work.mode.diversity, work.tools.models.get("gpt-oss")
    turn = math.floor(number * share) > math.floor((number - 1) * share) if number else False
    return "gpt-oss" if turn and model is not None and await model.state() == "ready" else "coder"


async def _decide(
    work: Work, step: Step, race: Race[str], made: list[Candidate], inputs: tuple[Input, ...]
) -> Election | None:
    if not made:
        return None
    counted = [candidate for candidate in made if not candidate.flags]
    if race.leader is not None:
        chosen, vote = _first(counted, race.leader), _vote(race, counted, inputs)
    elif not counted:
        chosen, vote = _least_bad(made, inputs), Vote({}, 0, converged=False, confidence=0.0)
    elif len(race.votes) > 1 and not _executed(counted):
        chosen, vote = await elect_by_ballot(work, step, counted)
    else:
        chosen, vote = counted[_choice(counted, inputs)[0]], _vote(race, counted, inputs)
    await work.emit(StepDecided(step.number, chosen, vote, race.k))
    return Election(chosen, tuple(made), vote, inputs)


def _least_bad(made: Sequence[Candidate], inputs: tuple[Input, ...]) -> Candidate:
    """Of flagged ones: the best of those whose one fault is an example, which may be wrong itself; else the longest."""
    ran = [one for one in made if one.flags == (UNLIKE,)]
    return ran[_choice(ran, inputs)[0]] if ran else max(made, key=lambda one: len(one.code))


def _first(candidates: Sequence[Candidate], signature: str) -> Candidate:
    return next(candidate for candidate in candidates if candidate.signature == signature)


def _executed(candidates: Sequence[Candidate]) -> bool:
    return any(candidate.evidence and candidate.evidence.observations for candidate in candidates)


def _choice(counted: Sequence[Candidate], inputs: tuple[Input, ...]) -> tuple[int, float]:
    """Index and confidence of the best score; where nothing was run, candidates are compared by their text alone."""
    ran = [(index, one.evidence) for index, one in enumerate(counted) if one.evidence is not None]
    if not ran:
        ran, inputs = [(index, Evidence(loads=True, observations=())) for index in range(len(counted))], ()
    choice = choose(gather([evidence for _, evidence in ran], inputs, [counted[index].code for index, _ in ran]))
    return ran[choice.index][0], choice.confidence


def _vote(race: Race[str], counted: Sequence[Candidate], inputs: tuple[Input, ...]) -> Vote:
    return Vote(dict(race.votes), margin(race.votes), race.leader is not None, _choice(counted, inputs)[1])


def _checks(inputs: tuple[Input, ...]) -> int:
    return sum(isinstance(item, Check) for item in inputs)
