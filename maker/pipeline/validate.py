"""Judging the chosen code: the reviewer in high mode, the planner reflecting in low mode, both on evidence."""

from collections.abc import Sequence

from maker.errors import ModelReplyError, ModelTimeout
from maker.pipeline.elect import Election
from maker.pipeline.events import VerdictGiven
from maker.pipeline.replies import ReflectionReply, ReviewReply
from maker.pipeline.values import Candidate, Finding, Step, Verdict
from maker.pipeline.work import Work
from maker.sandbox.values import Call, Input, Observation

SHOWN_VALUE = 300
"""Characters of one result that a validator or the coder is shown."""
SHOWN_CASES = 20


async def validate(work: Work, step: Step, election: Election, inputs: tuple[Input, ...], round: int) -> Verdict | None:
    """The verdict; None, with a note, where the validator's answer cannot be read: that is never an approval.

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
        evidence=report(chosen, inputs),
    )
    verdict = None
    async with work.stage("validate"):
        try:
            if role == "reviewer":
                verdict = (await work.reply(role, messages, ReviewReply, stage="validate")).verdict()
            else:
                verdict = (await work.reply(role, messages, ReflectionReply, stage="validate")).verdict()
        except (ModelReplyError, ModelTimeout) as error:
            await work.note(f"step {step.number} was not validated: {error}")
        await work.emit(VerdictGiven(step.number, role, verdict, round))
    return verdict


def points(step: Step) -> str:
    """The acceptance points as a list, with a line end where there are any."""
    return "".join(f"- {point}\n" for point in step.acceptance)


def report(candidate: Candidate, inputs: tuple[Input, ...]) -> str:
    """What the candidate did when run, for a model to read."""
    if candidate.evidence is None or not inputs:
        return "It was not executed."
    cases = list(zip(inputs, candidate.evidence.observations, strict=True))
    lines = [f"{_words(item)}  ->  {_result(seen)}" for item, seen in cases[:SHOWN_CASES]]
    checks = [seen for item, seen in cases if not isinstance(item, Call)]
    passed = sum(seen.kind == "passed" for seen in checks)
    return "\n".join([f"Executed: {passed} of {len(checks)} checks passed.", *lines])


def failures(candidate: Candidate, inputs: tuple[Input, ...]) -> str:
    """The cases that went wrong, for the coder's next attempt; empty if none did."""
    if candidate.evidence is None:
        return ""
    bad = [
        f"- {_words(item)}  ->  {_result(seen)}"
        for item, seen in zip(inputs, candidate.evidence.observations, strict=True)
        if seen.kind not in ("returned", "passed")
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


def _words(item: Input) -> str:
    return item.expression if isinstance(item, Call) else item.code


def _result(seen: Observation) -> str:
    text = f"{seen.kind}: {seen.text}" if seen.text and seen.kind != "returned" else (seen.text or seen.kind)
    if seen.kind in ("raised", "failed") and seen.message:
        text += f" ({seen.message})"
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "..."
