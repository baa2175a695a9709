"""Sampling candidates in waves over one shared prefill, and judging each: red flags first, then what it does."""

import hashlib
import re
import sys
from collections.abc import AsyncIterator, Container, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace

from maker.chat.types import ChatRequest, Collector, Completion, Finish, JsonObject, Sampling
from maker.errors import ModelError, ModelUnavailable
from maker.models.model import Model
from maker.pipeline import prompts
from maker.pipeline.call import Reply, call
from maker.pipeline.events import TrialFinished, TrialStarted
from maker.pipeline.language import SCRIPTS, language_of, told_language
from maker.pipeline.naming import wanted_name
from maker.pipeline.plan import own_examples
from maker.pipeline.redflag import Code, canonical, extract, form_flags
from maker.pipeline.repository import Copy
from maker.pipeline.values import Candidate, Step
from maker.pipeline.work import Work
from maker.sandbox.values import Check, Evidence, Input, Language, Mount, Observation, Trial, Unavailable

RUNNABLE: dict[str, Language] = {"python": "python", "javascript": "javascript", "typescript": "typescript"}
DEAD = "raises on every input"
UNLIKE = "fails an example of the request"
LACKING = re.compile(r"No module named '([^'.]+)|Cannot find (?:module|package) '([^'./][^']*)'")
"""What Python and node say of a library that is not there."""
CALLS = re.compile(r"(?<![\w.])(\w+)\(")
UNDEFINED = re.compile(r"(\w+)'? is not defined")
"""What Python and node say of a name that nobody defined."""
READS = re.compile(r"EOFError\b")
PLACE = "/opt/repository"
"""Where a candidate finds the repository."""


@asynccontextmanager
async def wave(
    work: Work, messages: Sequence[JsonObject], count: int, role: str = "coder", *, before: int = 0
) -> AsyncIterator[AsyncIterator[Completion]]:
    """Ask the coder (or another role that is ready) for `count` candidates in one request; each comes once it is whole.

    Leaving the context cancels those that are still being written. A candidate whose call fails never comes.
    A client's seed is moved on by the number of candidates `before`: else each wave would write the first one again.

    Raises:
        ModelUnavailable: the coder is down.
    """
    seed = work.task.request.sampling.seed
    coder = await work.ready(role) if role == "coder" else work.tools.models[role]
    sampling = replace(
        work.task.request.sampling,
        temperature=work.task.request.sampling.temperature or work.mode.temperature,
        max_tokens=min(work.task.request.sampling.max_tokens or work.mode.max_tokens, work.mode.max_tokens),
        n=count,
        seed=None if seed is None else seed + before,
    )
    grammar = _grammar(work) if role == "coder" else None
    request = ChatRequest(tuple(messages), grammar=grammar, sampling=_sampled(sampling))
    async with sample(work, coder, request, "code") as replies:
        yield replies


def _grammar(work: Work) -> str | None:
    """A small coder that knows the wanted name still writes another now and then: its grammar leaves it none."""
    name = wanted_name(work) if work.tools.own_coder else None
    return prompts.grammar(work.tools.profile, "code", name=name) if name else None


@asynccontextmanager
async def sample(
    work: Work, coder: Model, request: ChatRequest, stage: str
) -> AsyncIterator[AsyncIterator[Completion]]:
    """The choices of one request, each as soon as it is whole; leaving the context cancels the rest.

    Raises:
        ModelUnavailable: the coder is down.
    """
    async with AsyncExitStack() as stack:
        asking = call(coder, request, stage=stage, ledger=work.ledger, emit=work.emit)
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
    except ModelError as error:
        if isinstance(error, ModelUnavailable) and error.role == "coder":
            raise
        await work.note(f"candidates were lost: {error}")


async def judge(
    work: Work, completion: Completion, number: int, step: Step, inputs: tuple[Input, ...], earlier: Sequence[Candidate]
) -> Candidate:
    """The candidate in a reply: flagged by its form, else run, else (nothing to run it with) by its canonical text."""
    name = wanted_name(work)
    code = extract(completion.text, told_language(step, prompts.text_of(work.task.request.messages)), name)
    flags = form_flags(completion, code, step.files, name)
    candidate = Candidate(number, completion.text, flags=flags)
    if code is None:
        return candidate
    candidate = replace(candidate, code=code.text, language=code.language, path=code.path or _only(step.files))
    return candidate if flags else await tried(work, candidate, step, inputs, earlier)


async def tried(
    work: Work, candidate: Candidate, step: Step, inputs: tuple[Input, ...], earlier: Sequence[Candidate]
) -> Candidate:
    """The candidate with what it does on these inputs; what it did on others is forgotten."""
    canon = _digest(canonical(Code(candidate.code, candidate.language)))
    evidence = await _try(work, candidate, step, inputs, earlier)
    if evidence is not None and (why := cannot_tell(evidence)):
        await work.note(f"a candidate was not run: {why}")
        evidence = None
    if evidence is None:
        return replace(candidate, evidence=None, flags=(), signature=canon)
    return replace(
        candidate,
        evidence=evidence,
        flags=behaviour_flags(evidence) or example_flags(evidence, inputs, own_examples(work)),
        signature=evidence.signature if inputs else canon,
    )


def cannot_tell(evidence: Evidence) -> str:
    """Why a program that does not load may be right all the same: the sandbox lacks what it needs; empty if not."""
    if READS.match(evidence.load_error):
        return "it reads its input as soon as it is started"
    missing = LACKING.search(evidence.load_error)
    name = (missing[1] or missing[2]) if missing else ""
    if not name or name in sys.stdlib_module_names:
        return ""
    return f"it needs {name}, and the sandbox has only the language's own library and the repository"


def behaviour_flags(evidence: Evidence) -> tuple[str, ...]:
    """What a trial says against counting a candidate at all."""
    if not evidence.loads:
        return (f"does not load: {evidence.load_error}" if evidence.load_error else "does not load",)
    kinds = {seen.kind for seen in evidence.observations}
    # A check fails whatever its call does: where there are calls, those tell. Checks alone may just be wrong.
    if kinds and kinds != {"failed"} and not kinds & {"returned", "passed"}:
        return (DEAD,)
    return ()


def example_flags(evidence: Evidence, inputs: tuple[Input, ...], own: Container[str]) -> tuple[str, ...]:
    """The examples that the user gave are the one thing known to be right: what fails one is not what was asked for.

    One for which there was no time left is not failed.
    """
    ran = zip(inputs, evidence.observations, strict=True)
    good = ("passed", "timed out")
    failed = any(
        isinstance(item, Check) and item.code in own and seen.kind not in good and not _lacks(item, seen)
        for item, seen in ran
    )
    return (UNLIKE,) if failed else ()


def _lacks(item: Check, seen: Observation) -> bool:
    """Whether the check itself uses a name that nobody imported: `f(date(2024, 1, 31))`; f's own is the first."""
    missing = UNDEFINED.search(seen.message)
    return missing is not None and missing[1] in CALLS.findall(item.code)[1:]


async def _try(
    work: Work, candidate: Candidate, step: Step, inputs: tuple[Input, ...], earlier: Sequence[Candidate]
) -> Evidence | None:
    """What the candidate does on the inputs; None, with a note, where nothing can be run."""
    async with work.waiting():
        sandbox = await work.tools.sandbox()
    if isinstance(sandbox, Unavailable):
        await work.note(f"code was not run: {sandbox.reason}; {sandbox.fix}")
        return None
    spoken = language_of(step, prompts.text_of(work.task.request.messages))
    if why := unfit(candidate.language, spoken, inputs):
        await work.note(f"{candidate.language or 'this kind of'} code was not run: {why}")
        return None
    trial = trial_of(candidate, inputs, earlier, work.copy)
    await work.emit(TrialStarted(step.number, candidate.number))
    async with work.waiting():
        result = await sandbox.run(trial)
    if isinstance(result, Unavailable):
        await work.emit(TrialFinished(step.number, candidate.number, None, result.reason))
        await work.note(f"code was not run: {result.reason}; {result.fix}")
        return None
    await work.emit(TrialFinished(step.number, candidate.number, result))
    return result


def unfit(language: str, spoken: str, inputs: tuple[Input, ...]) -> str:
    """Why code of this language is not run on inputs of that one; empty if it is.

    Python is run without inputs too, to see whether it loads; a script may need a browser for that.
    """
    if language not in RUNNABLE:
        return "only Python, JavaScript and TypeScript are"
    if language in SCRIPTS and not inputs:
        return "there is nothing to run it on"
    return f"its tests are {spoken}" if inputs and (language in SCRIPTS) != (spoken in SCRIPTS) else ""


def trial_of(candidate: Candidate, inputs: tuple[Input, ...], earlier: Sequence[Candidate], copy: Copy | None) -> Trial:
    """The candidate behind the earlier steps' code, over the repository's copy where there is one."""
    before = [one for one in earlier if one.language == candidate.language]
    files = [file for one in (candidate, *before) if (file := _below(one.path))]
    beside = copy is not None or len(set(files)) > 1
    return Trial(
        RUNNABLE[candidate.language],
        candidate.code,
        inputs,
        earlier=tuple(one.code for one in before),
        mounts=_mounts(copy) if copy else (),
        files=tuple(dict.fromkeys(files)) if beside and files[:1] == [candidate.path] else (),
    )


def _mounts(copy: Copy) -> tuple[Mount, ...]:
    """The copy, and its `src` where it has one: modules are found in both."""
    inside = [Mount(copy.root / "src", f"{PLACE}/src", importable=True)] if (copy.root / "src").is_dir() else []
    return (Mount(copy.root, PLACE, importable=True), *inside)


def _below(path: str) -> str:
    """The path, if it is one below the repository."""
    return "" if not path or path.startswith("/") or ".." in path.split("/") else path


def _only(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
