"""What an orchestrator says of itself, beside services and roles that keep silent."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest

from maker.config import Mode
from maker.models.model import ModelState
from maker.models.scripted import ScriptedModel
from maker.pipeline.work import Tools
from maker.server.app import create_app
from tests.server.orchestra import bare_parts, no_sandbox, question

PATH = "/v1/chat/completions"
SHORT_S = 1.0
"""What an answer may take beside a service that never says anything."""


class Silent(ScriptedModel):
    """A model whose server takes the question for its state and says nothing, until it is let."""

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.free = asyncio.Event()

    async def state(self) -> ModelState:
        await self.free.wait()
        return await super().state()


class Watched:
    """An orchestrator in low mode whose services are what `now` says, once `free` is set."""

    def __init__(self, *, replies: Sequence[str] = ("hi",), silent: str = "") -> None:
        self.free = asyncio.Event()
        self.now: Mapping[str, str] = {}
        self.models = {role: Silent(role) if role == silent else ScriptedModel(role) for role in ("planner", "voter")}
        self.models["coder"] = ScriptedModel("coder", replies)
        tools = Tools(self.models, Mode(), no_sandbox)
        self.client = create_app(bare_parts(self.models, tools=tools, missing=self._missing)).test_client()

    async def _missing(self) -> Mapping[str, str]:
        await self.free.wait()
        return self.now

    async def get(self, path: str) -> tuple[int, Any]:
        async with asyncio.timeout(SHORT_S):
            reply = await self.client.get(path)
            return reply.status_code, await reply.get_json()

    async def ask(self, stream: bool = False) -> Any:
        """The `maker` object of an answer."""
        async with asyncio.timeout(SHORT_S):
            reply = await self.client.post(PATH, json=question(stream=stream))
            said = (await reply.get_data()).decode()
            assert reply.status_code == 200, said
            return json.loads(said.split("data: ")[-2] if stream else said)["maker"]

    async def until_degraded(self, expected: Sequence[str]) -> None:
        async with asyncio.timeout(5):
            while True:
                _, body = await self.get("/health")
                if [one["name"] for one in body["degraded"]] == list(expected):
                    return
                await asyncio.sleep(0.01)


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


@pytest.mark.parametrize("stream", [True, False])
def test_no_answer_waits_for_a_service_that_keeps_silent(stream: bool) -> None:
    async def scenario() -> None:
        watched = Watched()
        assert (await watched.ask(stream))["degraded"] == []

    play(scenario)


def test_an_answer_names_what_was_found_last() -> None:
    async def scenario() -> None:
        watched = Watched(replies=("hi", "hi"))
        watched.free.set()
        watched.now = {"phoenix": "no answer within 2 s"}
        assert (await watched.ask())["degraded"] == ["phoenix"]
        watched.free.clear()
        assert (await watched.ask(stream=True))["degraded"] == ["phoenix"]

    play(scenario)


def test_health_waits_for_nobody_and_soon_names_what_is_silent_or_gone() -> None:
    async def scenario() -> None:
        watched = Watched()
        assert (await watched.get("/health"))[1]["degraded"] == []
        watched.now = {"phoenix": "no answer within 2 s"}
        watched.free.set()
        await watched.until_degraded(["phoenix"])
        watched.models["planner"].now = "down"
        watched.now = {}
        await watched.until_degraded(["planner"])

    play(scenario)


def test_ready_is_said_whatever_keeps_silent_that_the_mode_does_not_need() -> None:
    async def scenario() -> None:
        status, body = await Watched(silent="voter").get("/ready")
        assert (status, body["roles"]) == (200, {"planner": "ready", "coder": "ready"})

    play(scenario)


def test_a_role_that_never_said_anything_is_not_ready_and_one_that_did_is_what_it_was() -> None:
    async def scenario() -> None:
        watched = Watched(silent="planner")
        planner = watched.models["planner"]
        assert isinstance(planner, Silent)
        assert (await watched.get("/ready"))[0] == 503
        planner.free.set()
        assert (await watched.get("/ready"))[0] == 200
        planner.free.clear()
        assert (await watched.get("/ready"))[0] == 200
        planner.now = "down"
        planner.free.set()
        await watched.until_degraded(["planner"])
        assert (await watched.get("/ready"))[1]["roles"] == {"planner": "down", "coder": "ready"}

    play(scenario)
