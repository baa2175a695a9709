"""One step from its inputs to a validated candidate: vote, validate, and revise with the executed evidence."""

from collections.abc import Sequence
from dataclasses import replace

from maker.chat.types import JsonObject
from maker.errors import RequestError
from maker.pipeline.checkpoint import Begun
from maker.pipeline.elect import Election, elect
from maker.pipeline.naming import phrase, wanted_name
from maker.pipeline.plan import inputs as write_inputs
from maker.pipeline.prompts import render
from maker.pipeline.validate import failures, listed, points, validate
from maker.pipeline.values import Candidate, Step, StepOutcome, Verdict
from maker.pipeline.work import Work


async def do_step(work: Work, step: Step, earlier: Sequence[Candidate]) -> StepOutcome | None:
    """The accepted outcome, or after `max_rounds` revisions the best refused one; None if the coder wrote nothing.

    Goes on where the run's progress says that the step was begun.

    Raises:
        ModelUnavailable: a needed role is down.
    """
    begun = work.progress.begun
    if begun is None or begun.step != step.number:
        begun = Begun(step.number, await write_inputs(work, step))
        await work.reach(begun=begun)
    for round in range(begun.rounds + 1, work.mode.max_rounds + 2):
        voted = begun.voted or await _voted(work, step, begun, earlier, round)
        if voted is None:
            break
        outcome = await _judged(work, voted)
        if outcome.verdict is not None and outcome.verdict.accepted:
            return outcome
        best = outcome if begun.best is None or _rank(outcome) >= _rank(begun.best) else begun.best
        if outcome.verdict is None:
            return best  # there is no verdict to revise by
        begun = Begun(step.number, voted.inputs, round, best)
        await work.reach(begun=begun)
    return begun.best


async def _voted(work: Work, step: Step, begun: Begun, earlier: Sequence[Candidate], round: int) -> StepOutcome | None:
    election = None
    try:
        election = await elect(work, step, begun.inputs, _messages(work, step, earlier, begun.best), earlier)
    except RequestError as error:
        if begun.best is None:
            raise
        await work.note(f"step {step.number} was refused and not revised: {error}")
    if election is None:
        return None
    voted = StepOutcome(step, election.chosen, election.candidates, election.inputs, election.vote, None, round)
    await work.reach(begun=replace(begun, voted=voted))
    return voted


async def _judged(work: Work, voted: StepOutcome) -> StepOutcome:
    if voted.chosen.flags:
        return voted
    election = Election(voted.chosen, voted.candidates, voted.vote)
    return replace(voted, verdict=await validate(work, voted.step, election, voted.inputs, voted.rounds))


def _rank(outcome: StepOutcome) -> tuple[bool, int, int]:
    """Higher is better: not flagged, fewer findings of high severity, more checks passed."""
    severe = sum(found.severity == "high" for found in (outcome.verdict or Verdict(accepted=False)).findings)
    evidence = outcome.chosen.evidence
    return not outcome.chosen.flags, -severe, evidence.passed if evidence else 0


def _messages(
    work: Work, step: Step, earlier: Sequence[Candidate], refused: StepOutcome | None
) -> tuple[JsonObject, ...]:
    before = "\n\n".join(f"```{one.language} {one.path}\n{one.code}\n```" for one in earlier)
    text = render(
        work.tools.profile,
        "code",
        named=phrase(wanted_name(work)),
        title=step.title,
        detail=step.detail,
        acceptance=points(step),
        earlier=f"\nAlready written, in force, not to be repeated:\n{before}\n" if before else "",
    )
    if refused is not None:
        text += "\n\n" + render(
            work.tools.profile,
            "revise",
            code=refused.chosen.code,
            findings=listed(refused.verdict.findings if refused.verdict else ()),
            failures=failures(refused.chosen, refused.inputs),
        )
    return work.ask(text)
