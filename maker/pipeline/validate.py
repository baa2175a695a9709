"""Judging the chosen code: the reviewer in high mode, the planner reflecting in low mode, both on evidence."""

from collections.abc import Sequence

from maker.errors import ModelReplyError, ModelTimeout, RequestError
from maker.pipeline.elect import Election
from maker.pipeline.events import VerdictGiven
from maker.pipeline.replies import ReflectionReply, ReviewReply
from maker.pipeline.values import Candidate, Finding, Step, Verdict, Vote
from maker.pipeline.work import Work
from maker.sandbox.values import Call, Input, Observation

SHOWN_VALUE = 300
"""Characters of one result that a validator or the coder is shown."""
SHOWN_CASES = 20


async def validate(work: Work, step: Step, election: Election, inputs: tuple[Input, ...], round: int) -> Verdict | None:
    """The verdict; None, with a note, where the validator's answer cannot be had: that is never an approval.

    Raises:
        ModelUnavailable: the validator is down.
    """
    chosen = election.chosen
    role, name = ("reviewer", "review") if work.task.mode == "high" else ("planner", "reflect")
    messages = work.prompt(
        name,
        title=step.title,
        detail=step.detail,
        acceptance=points(step),
        language=chosen.language,
        code=chosen.code,
        evidence=report(chosen, inputs, election.vote),
    )
    verdict = None
    async with work.stage("validate"):
        try:
            if role == "reviewer":
                verdict = (await work.reply(role, messages, ReviewReply, stage="validate")).verdict()
            else:
                verdict = (await work.reply(role, messages, ReflectionReply, stage="validate")).verdict()
        except (ModelReplyError, ModelTimeout, RequestError) as error:
            await work.note(f"step {step.number} was not validated: {error}")
        await work.emit(VerdictGiven(step.number, role, verdict, round))
    return verdict


def points(step: Step) -> str:
    """The acceptance points as a list, with a line end where there are any."""
    return "".join(f"- {point}\n" for point in step.acceptance)


def report(candidate: Candidate, inputs: tuple[Input, ...], vote: Vote) -> str:
    """What the candidate did when run and how the vote went, for a model to read; what went wrong comes first."""
    same, total = vote.votes.get(candidate.signature, 0), sum(vote.votes.values())
    ahead = f"margin {vote.margin}{'' if vote.converged else ', undecided'}"
    if candidate.evidence is None or not inputs:
        return f"It was not executed. {same} of {total} votes, {ahead}."
    cases = list(zip(inputs, candidate.evidence.observations, strict=True))
    shown = sorted(cases, key=lambda case: not _went_wrong(case[1]))[:SHOWN_CASES]
    checks = sum(not isinstance(item, Call) for item in inputs)
    head = [f"{same} of {total} candidates did the same, {ahead}."]
    head += [f"{candidate.evidence.passed} of {checks} checks passed."] if checks else []
    return "\n".join([*head, *(_line(item, seen) for item, seen in shown)])


def failures(candidate: Candidate, inputs: tuple[Input, ...]) -> str:
    """The cases that went wrong, for the coder's next attempt; empty if none did."""
    if candidate.evidence is None:
        return ""
    bad = [
        f"- {_line(item, seen)}"
        for item, seen in zip(inputs, candidate.evidence.observations, strict=True)
        if _went_wrong(seen)
    ]
    return "When executed:\n" + "\n".join(bad[:SHOWN_CASES]) + "\n" if bad else ""


def listed(findings: Sequence[Finding]) -> str:
    """Findings as a list for the coder."""
    lines = [f"- {found.severity} {found.category}: {sentence(found)}" for found in findings]
    return "Findings:\n" + "\n".join(lines) + "\n" if lines else ""


def sentence(found: Finding) -> str:
    """One finding in one line: where, what, and how to put it right."""
    where = f"{found.where}: " if found.where else ""
    fix = f" ({found.fix})" if found.fix else ""
    return " ".join(f"{where}{found.what}{fix}".split())


def _went_wrong(seen: Observation) -> bool:
    return seen.kind not in ("returned", "passed")


def _line(item: Input, seen: Observation) -> str:
    return f"{item.expression if isinstance(item, Call) else item.code} -> {_result(seen)}"


def _result(seen: Observation) -> str:
    if seen.kind == "returned":
        text = seen.text or seen.kind
    else:
        text = f"{seen.kind}: {_detail(seen)}".removesuffix(": ")
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "..."


def _detail(seen: Observation) -> str:
    """The exception with its message; of a failed assertion what it got is enough."""
    if not seen.message:
        return seen.text
    if not seen.message.startswith(seen.text):
        return f"{seen.text} ({seen.message})"
    return seen.message.removeprefix("AssertionError: ")
