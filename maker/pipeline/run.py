"""One run: from a task to an outcome. The file to read first."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from maker.chat.types import ChatRequest, Completion
from maker.config import Mode
from maker.errors import MakerError
from maker.models.model import Model
from maker.pipeline.call import Ledger, call
from maker.pipeline.events import AnswerDelta, Emit, RunFailed, RunFinished, RunStarted, StageFinished, StageStarted
from maker.pipeline.ready import wait_ready
from maker.pipeline.values import Outcome, Task


async def run(task: Task, *, models: Mapping[str, Model], mode: Mode, emit: Emit) -> Outcome:
    """Do the task and report everything on the way; observed or not, it is this run.

    Raises:
        MakerError: what ended the run; it was reported as RunFailed before.
    """
    begun = time.monotonic()
    ledger = Ledger()
    await emit(RunStarted(task))
    try:
        completions = await answer(task, coder=models["coder"], mode=mode, ledger=ledger, emit=emit)
    except asyncio.CancelledError:
        await emit(RunFailed("cancelled"))
        raise
    except BaseException as error:
        await emit(RunFailed(error.code if isinstance(error, MakerError) else "internal_error"))
        raise
    own_s = time.monotonic() - begun - ledger.waited_s
    outcome = Outcome(task, completions, ledger.usage, overhead_ms=max(0.0, own_s * 1000))
    await emit(RunFinished(outcome))
    return outcome


async def answer(task: Task, *, coder: Model, mode: Mode, ledger: Ledger, emit: Emit) -> tuple[Completion, ...]:
    """The stage in which the coder answers directly, delta by delta."""
    await emit(StageStarted("answer"))
    error: str | None = "cancelled"
    try:
        ledger.waited_s += await wait_ready(coder, budget_s=mode.start_budget_s, emit=emit)
        async with call(coder, limited(task.request, mode), stage="answer", ledger=ledger, emit=emit) as reply:
            async for delta in reply:
                await emit(AnswerDelta(delta))
        error = None
        return reply.completions
    except MakerError as failure:
        error = failure.code
        raise
    finally:
        await emit(StageFinished("answer", error))


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
