"""A wave on a real server: several candidates, one evaluation of the prompt."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker.chat.types import ChatRequest, Completion, JsonObject
from maker.config import Mode
from maker.models.endpoint import Endpoint
from maker.models.llama import LlamaModel
from maker.models.slots import SlotLimiter, in_use
from maker.pipeline.candidates import wave
from maker.pipeline.events import ignore
from maker.pipeline.values import Task
from maker.pipeline.work import Tools, Work
from maker.sandbox.values import Unavailable
from tests.engine.servers import KEY, Server, home_with_model, running

pytestmark = pytest.mark.processes

CANDIDATES = 4
PROMPTS = 1.05
"""Evaluations of the prompt that a wave may cost."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with home_with_model("xllamacpp") as config, running("xllamacpp", config) as found:
        yield found


def prompt_tokens(server: Server) -> int:
    """Tokens of prompts that the server has evaluated since it started."""
    with server.client() as client:
        metrics = client.get("/metrics").text
    found = re.search(r"^llamacpp:prompt_tokens_total (\d+)$", metrics, re.MULTILINE)
    assert found is not None, metrics
    return int(found[1])


def task(about: str) -> tuple[JsonObject, ...]:
    """A conversation of a few hundred tokens that shares nothing with another's."""
    return ({"role": "user", "content": f"{about} " + " ".join(f"{about} is fact {n}." for n in range(60))},)


async def no_sandbox() -> Unavailable:
    return Unavailable("nothing is run", "none is needed")


async def sampled(
    server: Server, messages: tuple[JsonObject, ...], count: int, slots: Path
) -> tuple[list[Completion], int]:
    """The candidates of one wave, and the tokens of the prompts that were sent for it."""
    limiter = SlotLimiter(slots, CANDIDATES, "high")
    async with LlamaModel("coder", [Endpoint(f"{server.url}/v1", KEY, limiter)]) as model:
        mode = Mode(temperature=1.0, max_tokens=24)
        work = Work(Task("run-1", "high", ChatRequest(messages)), Tools({"coder": model}, mode, no_sandbox), ignore)
        async with asyncio.timeout(60), wave(work, messages, count) as replies:
            made = [reply async for reply in replies]
    return made, work.ledger.usage["coder"].prompt_tokens


def test_a_wave_of_four_evaluates_its_prompt_once(server: Server, tmp_path: Path) -> None:
    assert server.slots == CANDIDATES
    before = prompt_tokens(server)
    made, prompt = asyncio.run(sampled(server, task("apples"), CANDIDATES, tmp_path))
    assert 0.9 <= (prompt_tokens(server) - before) / prompt <= PROMPTS
    assert len(made) == CANDIDATES
    assert len({completion.text for completion in made}) > 1, "the candidates are samples, not copies"
    assert in_use(tmp_path)[0] == 0


@pytest.mark.parametrize(("held", "requests"), [(2, 2), (3, 4)])
def test_a_wave_that_finds_fewer_slots_still_evaluates_its_prompt_once(
    server: Server, tmp_path: Path, held: int, requests: int
) -> None:
    async def crowded() -> tuple[list[Completion], int]:
        async with SlotLimiter(tmp_path, CANDIDATES, "low").take(held):
            return await sampled(server, task(f"pears {held}"), CANDIDATES, tmp_path)

    before = prompt_tokens(server)
    made, sent = asyncio.run(crowded())
    assert len(made) == CANDIDATES
    assert (prompt_tokens(server) - before) / (sent / requests) <= PROMPTS


def test_later_waves_find_the_prompt_in_the_cache(server: Server, tmp_path: Path) -> None:
    async def waves() -> list[int]:
        return [(await sampled(server, task("plums"), count, tmp_path))[1] for count in (2, 2, 2)]

    before = prompt_tokens(server)
    prompts = asyncio.run(waves())
    assert (prompt_tokens(server) - before) / prompts[0] <= PROMPTS
