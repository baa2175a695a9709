"""Twenty requests at once over both modes, while model servers fail and clients leave at random."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal

import pytest

from maker.config import Mode
from maker.pipeline.events import RunFailed, RunFinished, RunStarted
from tests.conformance import check_stream
from tests.fake_llama import CLOCK, FakeLlama
from tests.llama_wire import Behaviour, Reply, reply_to
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, IMPLEMENTED, MINUS, PLAN, TESTS, TIMES, fenced
from tests.server.orchestra import (
    ALL_ROLES,
    Orchestra,
    coding,
    in_process,
    orchestra,
    question,
    slots_held,
)

pytestmark = pytest.mark.slow

End = Literal["complete", "error", "left"]
REQUESTS = 20
FAULTY = 0.12
"""Share of the generations that fail."""
FAULTS: list[dict[str, Any]] = [
    {"reset_first_byte": True},
    {"reset_at": 1},
    {"cut_at": 1},
    {"end_at": 1},
    {"malformed_at": 1},
    {"error_at": 1},
    {"stall_first_byte": True},
    {"stall_at": 1},
    {"status": 500},
]
MODE = Mode(first_token_timeout_s=1.5, idle_timeout_s=0.4, max_candidates=6, max_rounds=1, wall_clock_s=25)
SAID = {
    "KindReply": {"kind": "code"},
    "PlanReply": PLAN,
    "TestsReply": TESTS,
    "ReviewReply": ACCEPTED,
    "ReflectionReply": IMPLEMENTED,
}


class Unruly(FakeLlama):
    """A server that says what its role is asked for, and fails now and then."""

    def __init__(self, seed: str) -> None:
        self.draw = random.Random(seed)
        self.faults = 0
        super().__init__(key="sesame", slots=2)

    def _take_behaviour(self) -> Behaviour:
        if self.draw.random() < FAULTY:
            self.faults += 1
            return Behaviour(**self.draw.choice(FAULTS))
        return Behaviour(token_delay_s=0.001)

    def _reply(self, body: Any, how: Behaviour) -> Reply:
        if "response_format" not in body:
            said = fenced(self.draw.choice([GOOD, ALSO_GOOD, GOOD, MINUS, TIMES]))
        else:
            said = json.dumps(SAID[body["response_format"]["json_schema"]["name"]])
        return reply_to(body, said, tokens=None, reasoning="")


async def stays(running: Orchestra, body: dict[str, Any], draw: random.Random) -> End:
    """Wait for the answer, which is whole or says what went wrong."""
    reply = await running.client.post("/v1/chat/completions", json=body)
    if not body["stream"]:
        assert ("error" in reply.json()) == (reply.status_code != 200)
        assert "error" in reply.json() or reply.json()["choices"][0]["finish_reason"] == "stop"
        return "error" if "error" in reply.json() else "complete"
    if reply.status_code != 200:
        assert reply.json()["error"]["code"]
        return "error"
    assert check_stream(reply.content, usage_asked=False, reasoning_allowed=True) == []
    return "complete" if reply.content.endswith(b"[DONE]\n\n") else "error"


async def leaves(running: Orchestra, body: dict[str, Any], draw: random.Random) -> End:
    """Close the connection at some moment."""
    at = CLOCK() + draw.uniform(0, 0.8)
    await running.leave(body, lambda: CLOCK() >= at)
    return "left"


def clients(draw: random.Random, modes: list[Orchestra]) -> Iterator[Awaitable[End]]:
    """The requests: most for code, some direct; most wait for the answer, some leave."""
    for number in range(REQUESTS):
        ask: Callable[..., dict[str, Any]] = question if draw.random() < 0.2 else coding
        client = leaves if draw.random() < 0.3 else stays
        yield client(modes[number % 2], ask(stream=draw.random() < 0.5), random.Random(draw.random()))


def check_events(running: Orchestra) -> int:
    """Every run that began ended once; how many began."""
    began = sum(isinstance(event, RunStarted) for event in running.events)
    assert sum(isinstance(event, RunFinished | RunFailed) for event in running.events) == began
    return began


async def check_records(running: Orchestra, began: int) -> None:
    """Every run is remembered once, as what it was."""
    records = await running.parts.store.recent(1000)
    ends = [record.status for record in records]
    assert len({record.run_id for record in records}) == began
    failed = [event.error for event in running.events if isinstance(event, RunFailed)]
    assert ends.count("cancelled") == failed.count("cancelled")
    assert ends.count("failed") == len(failed) - failed.count("cancelled")


async def soak(seed: int, slots: Path) -> None:
    draw = random.Random(seed)
    async with AsyncExitStack() as stack:
        fakes = {role: await stack.enter_async_context(Unruly(f"{seed} {role}")) for role in ALL_ROLES}
        shared: dict[str, Any] = {"fakes": fakes, "answering": MODE, "sandbox": in_process, "slots": slots}
        high = await stack.enter_async_context(orchestra("high", **shared))
        low = await stack.enter_async_context(orchestra("low", **shared))
        ends = await asyncio.gather(*clients(draw, [high, low]))
        assert len(ends) == REQUESTS and ends.count("complete") > 0
        finished = [event for running in (high, low) for event in running.events if isinstance(event, RunFinished)]
        assert len(finished) >= ends.count("complete")
        for running in (high, low):
            await high.coder.until(lambda running=running: not len(running.app.extensions["inflight"]))  # type: ignore[misc]
            began = check_events(running)
            await check_records(running, began)
        for fake in fakes.values():
            await fake.until(lambda fake=fake: fake.open == 0 and fake.busy == 0)  # type: ignore[misc]
        assert set(slots_held(slots).values()) == {0}
        assert sum(fake.faults for fake in fakes.values()) > 0
        again = Behaviour()
        for fake in fakes.values():
            fake._take_behaviour = lambda: again  # type: ignore[method-assign]
        for running in (high, low):
            assert (await running.code()).status_code == 200


@pytest.mark.parametrize("seed", range(5))
def test_every_one_of_twenty_ends_as_one_thing_and_no_slot_leaks(seed: int, tmp_path: Path) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await soak(seed, tmp_path)

    asyncio.run(bounded())
