"""What a person reads while a run works: one short line for each event worth one."""

from collections.abc import Mapping
from typing import assert_never

from maker.pipeline.events import (
    AnswerDelta,
    CallFinished,
    CallStarted,
    CandidateJudged,
    Event,
    ExcerptsFound,
    ExcerptsSought,
    InputsWritten,
    KindDecided,
    Noted,
    PlanMade,
    RoleWaited,
    RunFailed,
    RunFinished,
    RunResumed,
    RunStarted,
    StageFinished,
    StageStarted,
    StepDecided,
    TrialFinished,
    TrialStarted,
    VerdictGiven,
)
from maker.pipeline.validate import sentence
from maker.pipeline.values import Verdict

Silent = (
    AnswerDelta
    | CallFinished
    | CallStarted
    | ExcerptsSought
    | KindDecided
    | RunFailed
    | RunFinished
    | RunStarted
    | StageFinished
    | StageStarted
    | TrialFinished
    | TrialStarted
)


def line(event: Event) -> str:  # noqa: C901
    """The line for an event, without its end; empty where there is nothing to say."""
    match event:
        case RunResumed():
            return f"resumed after: {', '.join(event.after)}"
        case RoleWaited():
            return f"waiting for the {event.role} to load ({event.seconds:.0f} s)"
        case ExcerptsFound():
            return _excerpts(event)
        case PlanMade():
            steps = "".join(f"\n  {step.number}. {step.title}" for step in event.plan.steps)
            return f"plan: {event.plan.summary or 'as asked'}{steps}"
        case InputsWritten():
            own = f" ({event.own} of the repository's own)" if event.own else ""
            checks = f"{_count(event.checks, 'check')}{own}"
            return f"step {event.step}: {_count(event.calls, 'call')} and {checks} to run code on"
        case CandidateJudged():
            return _candidate(event)
        case StepDecided():
            return _decision(event)
        case VerdictGiven():
            return f"{event.role}: {_verdict(event.verdict)}"
        case Noted():
            return f"note: {event.text}"
        case _ if isinstance(event, Silent):
            return ""
    assert_never(event)


def tally(votes: Mapping[str, int]) -> str:
    """Ballots, the most first: `3:1`."""
    return ":".join(map(str, sorted(votes.values(), reverse=True)))


def _excerpts(event: ExcerptsFound) -> str:
    if event.error:
        return ""  # a note says it
    files = _count(len({excerpt.path for excerpt in event.excerpts}), "file")
    rest = f"; no room for {event.left_out} more" if event.left_out else ""
    return f"repository: {_count(len(event.excerpts), 'excerpt')} of {files}{rest}"


def _candidate(event: CandidateJudged) -> str:
    candidate = event.candidate
    head = f"{'turn' if candidate.turn else 'candidate'} {candidate.number} of {event.of}"
    if candidate.flags:
        return f"{head}: discarded ({', '.join(candidate.flags)})"
    if candidate.turn:
        return f"{head}: {candidate.action}; vote {tally(event.votes)}"
    if candidate.evidence is None:
        return f"{head}: not run; vote {tally(event.votes)}"
    ran = f"{candidate.evidence.passed} of {_count(event.checks, 'check')}" if event.checks else "runs"
    return f"{head}: {ran}; vote {tally(event.votes)}"


def _decision(event: StepDecided) -> str:
    chosen = event.chosen
    if chosen.turn:
        return _turn(event)
    head = f"step {event.step}"
    if chosen.flags:
        return f"{head}: every candidate was discarded; going on with candidate {chosen.number}"
    how = "" if event.vote.converged else ", not decided: chosen by score"
    return f"{head}: vote {tally(event.vote.votes)}, margin {event.vote.margin}{how}; candidate {chosen.number}"


def _turn(event: StepDecided) -> str:
    if event.chosen.flags:
        return "turn: every one was discarded"
    how = "" if event.vote.converged else ", not decided: by most votes"
    return f"turn: vote {tally(event.vote.votes)}, margin {event.vote.margin}{how}; {event.chosen.action}"


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return "no verdict that could be read"
    head = "accepted" if verdict.accepted else "refused"
    if not verdict.findings:
        return head
    first = min(verdict.findings, key=lambda found: ("high", "medium", "low").index(found.severity))
    return f"{head}, {_count(len(verdict.findings), 'finding')}, {first.severity}: {sentence(first)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
