"""Ballots: where nothing can be executed the voter reads the candidates, first-to-ahead-by-k over its choices.

The order is shuffled for every ballot (judges prefer places), the text is shown in full, the choice is constrained to a
label, and a call that fails is no ballot.
"""

import random
from collections.abc import Sequence

from maker.errors import ModelError, ModelReplyError, RequestError
from maker.pipeline.replies import BallotReply, one_of
from maker.pipeline.select import choose, gather
from maker.pipeline.values import Candidate, Step, Vote
from maker.pipeline.vote import Race
from maker.pipeline.work import Work
from maker.sandbox.values import Evidence

LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_BALLOTS = 15


async def elect_by_ballot(work: Work, step: Step, counted: Sequence[Candidate]) -> tuple[Candidate, Vote]:
    """The voter's choice among the distinct candidates; the text that most agree on where the voter cannot choose."""
    distinct = list({candidate.signature: candidate for candidate in counted}.values())[: len(LABELS)]
    race: Race[str] = Race(work.mode.k)
    shuffle = random.Random(work.task.run_id)
    failures = 0
    async with work.stage("vote"):
        while race.leader is None and sum(race.votes.values()) + failures < MAX_BALLOTS and failures < work.mode.k:
            order = shuffle.sample(distinct, len(distinct))
            try:
                race.cast(order[await _ballot(work, step, order)].signature)
            except (ModelError, RequestError) as error:
                failures += 1
                await work.note(f"a ballot was not cast: {error}")
    chosen = next((one for one in distinct if one.signature == race.leader), None) or _by_text(counted)
    share = race.votes.get(chosen.signature, 0) / max(1, sum(race.votes.values()))
    return chosen, Vote(dict(race.votes), race.margin, race.leader is not None, share)


async def _ballot(work: Work, step: Step, order: Sequence[Candidate]) -> int:
    labels = LABELS[: len(order)]
    shown = "\n\n".join(f"Candidate {label}:\n```\n{one.code}\n```" for label, one in zip(labels, order, strict=True))
    messages = work.prompt("ballot", title=step.title, candidates=shown, first=labels[0])
    cast = await work.reply("voter", messages, BallotReply, stage="vote", form=one_of(labels))
    if cast.choice not in labels:
        raise ModelReplyError(f"the voter chose {cast.choice!r}, which is no candidate", role="voter")
    return labels.index(cast.choice)


def _by_text(counted: Sequence[Candidate]) -> Candidate:
    nothing = Evidence(loads=True, observations=())
    return counted[choose(gather([nothing] * len(counted), (), [one.code for one in counted])).index]
