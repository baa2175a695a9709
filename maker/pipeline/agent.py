"""An agent's turn: the client runs tools, maker decides the next action. Voted, red-flagged, validated, released.

System prompt, history, tools and results reach the coder as the client sent them; only after a refusal is something
added, the findings, at the end. What is released is a turn as the coder wrote it. Never released are a flagged call,
and a call that is refused twice with a finding of high severity: then the turn is text that says so.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace

from maker.chat.types import ChatRequest, Completion, JsonObject, ToolCall, deltas_of
from maker.errors import PipelineError, RequestError
from maker.pipeline import prompts
from maker.pipeline.calls import Offer, calls_of, changes_nothing, offer, written
from maker.pipeline.checkpoint import Begun
from maker.pipeline.events import AnswerDelta
from maker.pipeline.turn import STEP, elect_turn
from maker.pipeline.turn_review import review
from maker.pipeline.validate import listed, sentence
from maker.pipeline.values import Outcome, Step, StepOutcome, Verdict
from maker.pipeline.work import Work

REVISIONS = 1
"""Waves after a refusal, where the mode allows any: the client waits, and its next turn may put right what is left."""


def is_voted(request: ChatRequest) -> bool:
    """Whether a turn can be put to the vote: several choices, or a form, only a model's own reply can have."""
    return request.sampling.n == 1 and not request.sampling.logprobs and request.response_format is None


async def agent_turn(work: Work) -> Outcome:
    """The next action, as deltas and as the outcome.

    Raises:
        ModelUnavailable: a needed role is down.
        PipelineError: the coder wrote nothing at all.
    """
    outcome = work.progress.finished.get(STEP)
    if outcome is None:
        outcome = await _settled(work, offer(work.task.request, work.mode))
        await work.reach(finished={STEP: outcome}, begun=None)
    completion = released(outcome, work.task.request.messages)
    for delta in deltas_of(completion):
        await work.emit(AnswerDelta(delta))
    completion = replace(completion, usage=work.ledger.answered("coder"))
    return Outcome(work.task, (completion,), work.ledger.usage, steps=(outcome,), notes=tuple(work.notes))


async def _settled(work: Work, offered: Offer) -> StepOutcome:
    """The accepted turn, or after a revision the better one of those that were refused; goes on where it was begun."""
    for name in offered.unchecked:
        await work.note(f"arguments of {name} are not checked: what the client sends as its schema is none")
    begun = work.progress.begun or Begun(STEP, ())
    for round in range(begun.rounds + 1, min(REVISIONS, work.mode.max_rounds) + 2):
        voted = begun.voted or await _voted(work, offered, begun, round)
        if voted is None:
            break
        outcome = await _judged(work, offered, voted)
        best = outcome if begun.best is None or _rank(outcome) >= _rank(begun.best) else begun.best
        begun = Begun(STEP, (), round, best)
        if not is_refused(outcome):
            break
        await work.reach(begun=begun)
    if begun.best is None:
        raise PipelineError("the coder wrote nothing that could be delivered; `maker logs coder` says why")
    await _tell(work, begun.best)
    return begun.best


async def _voted(work: Work, offered: Offer, begun: Begun, round: int) -> StepOutcome | None:
    election = None
    try:
        election = await elect_turn(work, offered, _messages(work, begun.best))
    except RequestError as error:
        if begun.best is None:
            raise
        await work.note(f"the refused turn was not revised: {error}")
    if election is None:
        return None
    step = Step(STEP, election.chosen.action)
    voted = StepOutcome(step, election.chosen, election.candidates, (), election.vote, None, round)
    await work.reach(begun=replace(begun, voted=voted))
    return voted


async def _judged(work: Work, offered: Offer, voted: StepOutcome) -> StepOutcome:
    """With the verdict on calls that write or run; what changes nothing needs none."""
    if voted.chosen.flags or changes_nothing(offered, voted.chosen):
        return voted
    return replace(voted, verdict=await review(work, voted.chosen, voted.rounds))


def is_refused(outcome: StepOutcome) -> bool:
    """Whether a judge refused it. No verdict is no refusal, and no approval either: it is said."""
    return outcome.verdict is not None and not outcome.verdict.accepted


def is_withheld(outcome: StepOutcome) -> bool:
    """Whether it is refused so gravely that the client must not run it."""
    return is_refused(outcome) and bool(_severe(outcome))


def _rank(outcome: StepOutcome) -> tuple[bool, bool, int]:
    """Higher is better: not flagged, not refused, fewer findings of high severity."""
    return not outcome.chosen.flags, not is_refused(outcome), -_severe(outcome)


def _severe(outcome: StepOutcome) -> int:
    return sum(found.severity == "high" for found in (outcome.verdict or Verdict(accepted=True)).findings)


def _messages(work: Work, refused: StepOutcome | None) -> Sequence[JsonObject]:
    """The conversation as it came; behind a refusal, with the findings at its end."""
    messages = work.task.request.messages
    if refused is None:
        return messages
    calls = "\n".join(map(written, calls_of(refused.chosen)))
    findings = listed(refused.verdict.findings if refused.verdict else ())
    return prompts.ask(messages, prompts.render(work.tools.profile, "agent_revise", calls=calls, findings=findings))


async def _tell(work: Work, outcome: StepOutcome) -> None:
    """Note what a client's developer should know of a turn that is not plainly good."""
    action = outcome.chosen.action
    if outcome.chosen.flags:
        await work.note(f"no turn was without a fault: {_faults(outcome)}")
    elif not outcome.vote.converged:
        votes = ":".join(map(str, sorted(outcome.vote.votes.values(), reverse=True)))
        await work.note(f"the vote was not decided ({votes}): {action} had most votes, or was the first of those")
    if is_refused(outcome):
        done = "was withheld" if is_withheld(outcome) else "was released all the same"
        await work.note(f"{action} was refused, and {done}: {_findings(outcome)}")


def released(outcome: StepOutcome, messages: Sequence[JsonObject]) -> Completion:
    """What the client receives: the chosen turn, or text that says why there is none."""
    chosen = outcome.chosen
    turn = chosen.turn or Completion(chosen.text)
    if chosen.flags == ("cut off",) and not turn.tool_calls:
        return turn  # it can be read, and says itself that it is not whole
    if chosen.flags:
        made = len(outcome.candidates)
        return Completion(
            f"I could not take the next step: each of the {made} turns that the model proposed had a fault and was "
            f"discarded ({_faults(outcome)}). No tool was called. Ask again, or put the task in other words."
        )
    if is_withheld(outcome):
        return Completion(
            f"I did not do this: {chosen.action}. It was checked before it was done, and refused: {_findings(outcome)} "
            "No tool was called. Say how to go on."
        )
    return replace(turn, tool_calls=tuple(_identified(turn.tool_calls, messages)))


def _faults(outcome: StepOutcome) -> str:
    flags = [flag for candidate in outcome.candidates for flag in candidate.flags]
    return "; ".join(dict.fromkeys(flags))


def _findings(outcome: StepOutcome) -> str:
    found = [sentence(one).rstrip(".") for one in (outcome.verdict.findings if outcome.verdict else ())]
    return "; ".join(found or ["without a reason"]) + "."


def _identified(calls: Sequence[ToolCall], messages: Sequence[JsonObject]) -> Iterator[ToolCall]:
    """The calls, each with an id that is new in the conversation: clients tell calls apart by it.

    Nine letters and digits: one family's chat templates refuse any other.
    """
    used = {call["id"] for message in messages for call in message.get("tool_calls") or ()}
    for call in calls:
        id = call.id if call.id and call.id not in used else f"c{secrets.token_hex(4)}"
        used.add(id)
        yield replace(call, id=id)
