"""What a run knows of the repository it is about: excerpts before every role's text, and a copy to run candidates over.

The declared rule: excerpts are whole pieces of files, best first, as many as fit into the mode's `max_context`
characters and into half of the smallest slot beside the conversation; a piece is taken whole or left out. Where mcp
does not answer in time, or the workspace is not registered, the run goes on without, and says so. A request that names
no workspace is not about one: nothing is looked for, and nothing is said.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from maker.chat.types import JsonObject
from maker.errors import MakerError
from maker.pipeline import prompts
from maker.pipeline.events import ExcerptsFound, ExcerptsSought
from maker.pipeline.repository import Excerpt
from maker.pipeline.work import Work

RETRIEVAL_S = 5.0
"""Longest wait for excerpts."""
COPYING_S = 30.0
"""Longest wait for the copy."""
CHARACTERS_PER_TOKEN = 3
"""Code has rather more."""


async def retrieve(work: Work) -> None:
    """Find what the request is about in its repository; from then on it stands behind the conversation."""
    repository, workspace = work.tools.repository, work.task.workspace
    if repository is None or workspace is None or not (room := room_for(work)):
        return
    query = prompts.text_of(work.task.request.messages)
    async with work.stage("context"):
        await work.emit(ExcerptsSought(workspace, query))
        found: Sequence[Excerpt] = ()
        error: str | None = None
        try:
            async with asyncio.timeout(RETRIEVAL_S):
                found = await repository.search(workspace, query)
        except TimeoutError:
            error = f"that took longer than {RETRIEVAL_S:g} s"
        except MakerError as failure:
            error = str(failure)
        kept = fitting(found, room)
        await work.emit(ExcerptsFound(tuple(kept), len(found) - len(kept), error))
        if error:
            await work.note(f"nothing was looked up in the repository: {error}")
        if kept:
            work.context = prompts.render(work.tools.profile, "context", excerpts="\n\n".join(map(quoted, kept)))


def room_for(work: Work) -> int:
    """Characters that excerpts may have; 0 where the conversation leaves none."""
    fitting_slot = work.tools.slot_tokens * CHARACTERS_PER_TOKEN // 2 - _length(work.task.request.messages)
    return max(0, min(work.mode.max_context, fitting_slot))


def _length(messages: Sequence[JsonObject]) -> int:
    return sum(len(json.dumps(message, ensure_ascii=False)) for message in messages)


def fitting(excerpts: Sequence[Excerpt], room: int) -> list[Excerpt]:
    """Those that fit, in their order, each whole; a long one that does not leaves its place to shorter ones."""
    kept = []
    for excerpt in excerpts:
        if (length := len(quoted(excerpt))) <= room:
            kept.append(excerpt)
            room -= length + 2
    return kept


def quoted(excerpt: Excerpt) -> str:
    """The excerpt as a role reads it: where it is, and its lines in a fence that nothing in it closes."""
    ticks = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`{3,}", excerpt.text) or [""]))
    text = excerpt.text if excerpt.text.endswith("\n") else excerpt.text + "\n"
    return f"{excerpt.path}, lines {excerpt.first_line} to {excerpt.last_line}:\n{ticks}\n{text}{ticks}"


@asynccontextmanager
async def over_copy(work: Work) -> AsyncIterator[None]:
    """Have candidates run over a copy of the task's repository, if it names one, while the context is open."""
    repository, workspace = work.tools.repository, work.task.workspace
    if repository is None or workspace is None:
        yield
        return
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(COPYING_S):
                work.copy = await stack.enter_async_context(repository.copy(workspace))
        except TimeoutError:
            await work.note(f"candidates ran without the repository: copying it took longer than {COPYING_S:g} s")
        except MakerError as failure:
            await work.note(f"candidates ran without the repository: {failure}")
        try:
            yield
        finally:
            work.copy = None
