"""What the user reads: each validated step as one sentence and one fence, and in plain words what stayed open."""

import re

from maker.pipeline.validate import sentence
from maker.pipeline.values import Plan, StepOutcome


def pieces(outcome: StepOutcome, plan: Plan) -> list[str]:
    """The step's part of the answer, line by line; the code is as the model wrote it."""
    chosen = outcome.chosen
    if not chosen.code:
        return (chosen.text.rstrip() + "\n").splitlines(keepends=True)
    ticks = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`{3,}", chosen.code) or [""]))
    info = f"{chosen.language} {chosen.path}".strip()
    code = chosen.code if chosen.code.endswith("\n") else chosen.code + "\n"
    text = f"{_opening(outcome, plan)}\n\n{ticks}{info}\n{code}{ticks}\n"
    return text.splitlines(keepends=True)


def _opening(outcome: StepOutcome, plan: Plan) -> str:
    said = plan.summary if len(plan.steps) == 1 and plan.summary else outcome.step.title
    return f"{said.strip().rstrip('.:')}:"


def remarks(outcome: StepOutcome) -> list[str]:
    """What a user must know of a step beside its code, a line each: what stayed open, then suggestions."""
    if outcome.chosen.flags:
        return [
            f"No candidate was without a fault ({', '.join(outcome.chosen.flags)}): check this before you use it.\n"
        ]
    verdict = outcome.verdict
    if verdict is None:
        return ["This was not validated: the validator's answer could not be read.\n"]
    head = "Suggestions:" if verdict.accepted else "Not resolved:"
    lines = [f"- {found.severity} {found.category}: {sentence(found)}\n" for found in verdict.findings]
    if not verdict.accepted and not lines:
        return ["The validator did not accept this, without saying why: check it before you use it.\n"]
    return [f"{head}\n", *lines] if lines else []
