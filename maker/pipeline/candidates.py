"""Sampling candidates in waves over one shared prefill, and judging each: red flags first, then what it does."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace

from maker.chat.types import ChatRequest, Collector, Completion, Finish, JsonObject, Sampling
from maker.errors import ModelError, ModelUnavailable
from maker.pipeline.call import Reply, call
from maker.pipeline.events import TrialFinished, TrialStarted
from maker.pipeline.redflag import canonical, extract, form_flags
from maker.pipeline.values import Candidate, Step
from maker.pipeline.work import Work
from maker.sandbox.values import Evidence, Input, Trial, Unavailable


@asynccontextmanager
async def wave(work: Work, messages: Sequence[JsonObject], count: int) -> AsyncIterator[AsyncIterator[Completion]]:
    """Ask the coder for `count` candidates in one request; each comes as soon as it is whole.

    Leaving the context cancels those that are still being written. A candidate whose call fails never comes.

    Raises:
        ModelUnavailable: the coder is down.
    """
    coder = await work.ready("coder")
    sampling = replace(
        work.task.request.sampling,
        temperature=work.task.request.sampling.temperature or work.mode.temperature,
        max_tokens=min(work.task.request.sampling.max_tokens or work.mode.max_tokens, work.mode.max_tokens),
        n=count,
    )
    request = ChatRequest(tuple(messages), sampling=_sampled(sampling))
    async with AsyncExitStack() as stack:
        asking = call(coder, request, stage="code", ledger=work.ledger, emit=work.emit)
        yield _whole(work, stack, asking)


def _sampled(sampling: Sampling) -> Sampling:
    """Without what only the direct path honours: a candidate is a whole reply."""
    return replace(sampling, stop=(), logprobs=None, top_logprobs=None)


async def _whole(
    work: Work, stack: AsyncExitStack, asking: AbstractAsyncContextManager[Reply]
) -> AsyncIterator[Completion]:
    collectors: dict[int, Collector] = {}
    try:
        async for delta in await stack.enter_async_context(asking):
            if not hasattr(delta, "choice"):
                continue
            collector = collectors.setdefault(delta.choice, Collector())
            collector.add(delta)
            if isinstance(delta, Finish):
                yield collector.completion()
    except ModelUnavailable:
        raise
    except ModelError as error:
        await work.note(f"candidates were lost: {error}")


async def judge(
    work: Work, completion: Completion, number: int, step: Step, inputs: tuple[Input, ...], earlier: Sequence[Candidate]
) -> Candidate:
    """The candidate in a reply: flagged by its form, else run, else (nothing to run it with) by its canonical text."""
    code = extract(completion.text)
    flags = form_flags(completion, code)
    candidate = Candidate(number, completion.text, flags=flags)
    if code is None:
        return candidate
    candidate = replace(candidate, code=code.text, language=code.language, path=code.path or _only(step.files))
    if flags:
        return candidate
    evidence = await _try(work, candidate, step, inputs, earlier)
    if evidence is None:
        return replace(candidate, signature=_digest(canonical(code)))
    return replace(
        candidate,
        evidence=evidence,
        flags=behaviour_flags(evidence),
        signature=evidence.signature if inputs else _digest(canonical(code)),
    )


def behaviour_flags(evidence: Evidence) -> tuple[str, ...]:
    """What a trial says against counting a candidate at all."""
    if not evidence.loads:
        return (f"does not load: {evidence.load_error}" if evidence.load_error else "does not load",)
    if evidence.observations and not any(
        seen.kind in ("returned", "passed", "failed") for seen in evidence.observations
    ):
        return ("raises on every input",)
    return ()


async def _try(
    work: Work, candidate: Candidate, step: Step, inputs: tuple[Input, ...], earlier: Sequence[Candidate]
) -> Evidence | None:
    """What the candidate does on the inputs; None, with a note, where nothing can be run."""
    async with work.waiting():
        sandbox = await work.tools.sandbox()
    if isinstance(sandbox, Unavailable):
        await work.note(f"code was not run: {sandbox.reason}; {sandbox.fix}")
        return None
    if candidate.language != "python":
        await work.note(f"{candidate.language or 'this kind of'} code was not run: only Python is, so far")
        return None
    before = [one.code for one in earlier if one.language == candidate.language]
    trial = Trial("python", "\n\n".join([*before, candidate.code]), inputs)
    await work.emit(TrialStarted(step.number, candidate.number))
    async with work.waiting():
        result = await sandbox.run(trial)
    if isinstance(result, Unavailable):
        await work.emit(TrialFinished(step.number, candidate.number, None, result.reason))
        await work.note(f"code was not run: {result.reason}; {result.fix}")
        return None
    await work.emit(TrialFinished(step.number, candidate.number, result))
    return result


def _only(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
