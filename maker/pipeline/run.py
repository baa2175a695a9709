"""One run: from a task to an outcome. The file to read first."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from maker.chat.types import ChatRequest, Completion, Finish, TextDelta
from maker.config import Mode
from maker.errors import MakerError, PipelineError
from maker.pipeline import agent, answer
from maker.pipeline.call import Ledger, call
from maker.pipeline.checkpoint import Checkpoint
from maker.pipeline.classify import classify
from maker.pipeline.context import over_copy, retrieve
from maker.pipeline.events import (
    AnswerDelta,
    Emit,
    KindDecided,
    PlanMade,
    RunFailed,
    RunFinished,
    RunResumed,
    RunStarted,
)
from maker.pipeline.plan import plan
from maker.pipeline.step import do_step
from maker.pipeline.utility import utility
from maker.pipeline.values import Candidate, Kind, Outcome, Plan, Step, StepOutcome, Task
from maker.pipeline.work import Tools, Work


async def run(task: Task, *, tools: Tools, emit: Emit, checkpoint: Checkpoint | None = None) -> Outcome:
    """Do the task and report everything on the way; observed or not, it is this run.

    With a checkpoint it goes on where that stands, and keeps there what it finishes.

    Raises:
        MakerError: what ended the run; it was reported as RunFailed before.
    """
    begun = time.monotonic()
    checkpoint = checkpoint or Checkpoint()
    before = checkpoint.progress
    work = Work(task, tools, emit, Ledger(dict(before.usage)), list(before.notes), checkpoint)
    try:
        await emit(RunStarted(task))
        async with asyncio.timeout(tools.mode.wall_clock_s):
            outcome = await _do(work)
        own_s = time.monotonic() - begun - work.ledger.waited_s
        outcome = replace(outcome, overhead_ms=max(0.0, own_s * 1000))
        # Before the client learns of the end: whoever has seen it and asks again must find the answer kept.
        await work.reach(answer=outcome.completions, overhead_ms=outcome.overhead_ms)
    except asyncio.CancelledError:
        await _tell_end(emit, RunFailed("cancelled"))
        raise
    except TimeoutError:
        failure = PipelineError(f"the run took longer than {tools.mode.wall_clock_s:g} s (modes.*.wall_clock_s)")
        await _tell_end(emit, RunFailed(failure.code))
        raise failure from None
    except BaseException as error:
        await _tell_end(emit, RunFailed(error.code if isinstance(error, MakerError) else "internal_error"))
        raise
    await _tell_end(emit, RunFinished(outcome))
    return outcome


async def _tell_end(emit: Emit, end: RunFinished | RunFailed) -> None:
    """Report the end to every listener, also when the run is cancelled meanwhile: else some would never hear of it."""
    telling = asyncio.ensure_future(emit(end))
    left: asyncio.CancelledError | None = None
    while not telling.done():
        try:
            await asyncio.wait((telling,))
        except asyncio.CancelledError as error:
            left = error
    telling.result()
    if left is not None:
        raise left


async def _do(work: Work) -> Outcome:
    if work.progress.after:
        await work.emit(RunResumed(work.progress.after))
    kind = await _kind(work)
    if kind == "agent" and agent.is_voted(work.task.request):
        return await agent.agent_turn(work)
    if kind in ("code", "question"):
        await retrieve(work)
    if kind == "utility":
        return Outcome(work.task, await utility(work), work.ledger.usage, notes=tuple(work.notes))
    if kind != "code":
        return Outcome(work.task, await direct(work), work.ledger.usage, notes=tuple(work.notes))
    async with over_copy(work):
        return await decomposed(work)


async def _kind(work: Work) -> Kind:
    if work.progress.kind is not None:
        await work.emit(KindDecided(work.progress.kind, "checkpoint"))
        return work.progress.kind
    kind = await classify(work)
    if work.task.kind is None:  # a model was asked; rules cost nothing
        await work.reach(kind=kind)
    return kind


async def direct(work: Work) -> tuple[Completion, ...]:
    """The coder's own answer, delta by delta."""
    async with work.stage("answer"):
        coder = await work.ready("coder")
        request = limited(replace(work.task.request, messages=work.conversation), work.mode)
        async with call(coder, request, stage="answer", ledger=work.ledger, emit=work.emit) as reply:
            async for delta in reply:
                await work.emit(AnswerDelta(delta))
        return reply.completions


async def decomposed(work: Work) -> Outcome:
    """Plan, then vote and validate step by step; each step is sent as soon as it is decided.

    What the run's progress has already is not done again, but is sent again: the client starts from nothing.

    Raises:
        PipelineError: the coder wrote nothing at all.
    """
    made = await _plan(work)
    done: list[StepOutcome] = []
    text: list[str] = []
    for step in made.steps:
        outcome = await _finished(work, step, _earlier(done))
        if outcome is None:
            continue
        done.append(outcome)
        lines = [*answer.pieces(outcome, made), *answer.remarks(outcome)]
        await _say(work, text, [*(["\n"] if text else []), *lines])
    if not done:
        raise PipelineError("the coder wrote nothing that could be delivered; `maker logs coder` says why")
    for step in made.steps:
        if step.number not in work.progress.finished:
            await work.note(f"step {step.number} is missing: the coder wrote nothing for it")
    await work.emit(AnswerDelta(Finish("stop")))
    completion = Completion("".join(text), usage=work.ledger.answered("coder", len(done)))
    return Outcome(work.task, (completion,), work.ledger.usage, steps=tuple(done), notes=tuple(work.notes))


async def _plan(work: Work) -> Plan:
    if work.progress.plan is not None:
        await work.emit(PlanMade(work.progress.plan))
        return work.progress.plan
    made = await plan(work)
    await work.reach(plan=made)
    return made


async def _finished(work: Work, step: Step, earlier: Sequence[Candidate]) -> StepOutcome | None:
    """The step's outcome, kept before or made now; None if the coder wrote nothing, which a retry may better."""
    if kept := work.progress.finished.get(step.number):
        return kept
    outcome = await do_step(work, step, earlier)
    if outcome is not None:
        await work.reach(finished={**work.progress.finished, step.number: outcome}, begun=None)
    return outcome


def _earlier(done: list[StepOutcome]) -> list[Candidate]:
    """The code of steps that were done before and may be relied on."""
    return [outcome.chosen for outcome in done if outcome.chosen.code and not outcome.chosen.flags]


async def _say(work: Work, text: list[str], lines: list[str]) -> None:
    for line in lines:
        text.append(line)
        await work.emit(AnswerDelta(TextDelta(line)))


def limited(request: ChatRequest, mode: Mode) -> ChatRequest:
    """The request with the mode's temperature where it names none, and at most the mode's number of tokens."""
    sampling = request.sampling
    return replace(
        request,
        sampling=replace(
            sampling,
            temperature=mode.temperature if sampling.temperature is None else sampling.temperature,
            max_tokens=min(sampling.max_tokens or mode.max_tokens, mode.max_tokens),
        ),
    )
