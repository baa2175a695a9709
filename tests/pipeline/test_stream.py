"""The bridge from a run to its watcher: normal end, failure at the end, leaving early."""

import asyncio

import pytest

from maker.errors import PipelineError
from maker.pipeline.events import Emit, StageStarted, ignore
from maker.pipeline.stream import stream_events


async def two_stages(emit: Emit) -> str:
    await emit(StageStarted("one"))
    await emit(StageStarted("two"))
    return "done"


async def failing(emit: Emit) -> None:
    await emit(StageStarted("one"))
    raise PipelineError("it failed")


def test_everything_emitted_is_seen_in_order_and_then_it_ends() -> None:
    async def scenario() -> None:
        async with stream_events(two_stages) as events:
            assert [event async for event in events] == [StageStarted("one"), StageStarted("two")]

    asyncio.run(scenario())


def test_the_failure_comes_after_what_was_emitted_and_unwrapped() -> None:
    async def scenario() -> None:
        async with stream_events(failing) as events:
            assert await anext(events) == StageStarted("one")
            with pytest.raises(PipelineError, match="it failed"):
                await anext(events)

    asyncio.run(scenario())


def test_leaving_early_cancels_the_work_and_waits_for_its_clean_up() -> None:
    cleaned = []

    async def endless(emit: Emit) -> None:
        try:
            await emit(StageStarted("one"))
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def scenario() -> None:
        async with asyncio.timeout(5), stream_events(endless) as events:
            await anext(events)
        assert cleaned == [True]

    asyncio.run(scenario())


def test_a_failure_nobody_stayed_to_hear_is_collected() -> None:
    async def scenario() -> None:
        async with stream_events(failing):
            await asyncio.sleep(0)

    asyncio.run(scenario())


def test_a_run_that_is_not_observed_is_the_same_run() -> None:
    assert asyncio.run(two_stages(ignore)) == "done"
