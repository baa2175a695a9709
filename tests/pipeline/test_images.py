"""Images in a request: the models that see get them, all others are asked without, and the run says so once."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from maker.chat.types import ChatRequest
from maker.errors import ContextOverflow, ModelReplyError, RequestError
from maker.models.images import IN_PLACE, MaybeBlind
from maker.models.model import Limits, complete
from maker.models.scripted import Reply, ScriptedModel
from tests.models.support import in_loop
from tests.pipeline.agent_support import ACCEPTED as APPROVED
from tests.pipeline.agent_support import ASKED, Agent, writes
from tests.pipeline.support import GOOD, fenced
from tests.server.orchestra import ALL_ROLES, Orchestra, coding, orchestra, script

URL = "data:image/png;base64,AAAA"
IMAGE = {"type": "image_url", "image_url": {"url": URL}}
SHOWN = [{"type": "text", "text": "Like this:"}, IMAGE]
TOLD = [SHOWN[0], {"type": "text", "text": IN_PLACE}]
BLIND = "roles whose models see no images were asked without them"
BLIND_CODER = "the coder was asked without the images: its server refuses them"
REQUEST = ChatRequest(({"role": "system", "content": "Be brief."}, {"role": "user", "content": SHOWN}))
REFUSAL = RequestError("it takes only text", param="messages")


def model(*replies: Reply, images: bool | None) -> tuple[MaybeBlind, ScriptedModel, list[str]]:
    """A model that says this of images, the script behind it, and who was asked without."""
    scripted, without = ScriptedModel("planner", replies), list[str]()
    scripted.tells = Limits(images=images)

    async def left_out(role: str) -> None:
        without.append(role)

    return MaybeBlind(scripted, left_out), scripted, without


def contents(scripted: ScriptedModel) -> list[object]:
    return [asked.messages[-1]["content"] for asked in scripted.calls]


@pytest.mark.parametrize("images", [True, None])
@in_loop
async def test_a_model_that_may_see_is_asked_with_the_images(images: bool | None) -> None:
    one, scripted, without = model("yes", images=images)
    assert (await complete(one, REQUEST))[0].text == "yes"
    assert (scripted.calls, without) == ([REQUEST], [])


@in_loop
async def test_a_model_that_says_it_sees_nothing_is_asked_with_a_text_in_their_place() -> None:
    one, scripted, without = model("yes", "yes", images=False)
    for _ in range(2):
        await complete(one, REQUEST)
    assert contents(scripted) == [TOLD, TOLD]
    assert scripted.calls[0].messages[0] is REQUEST.messages[0]
    assert without == ["planner"]


@in_loop
async def test_a_model_that_refuses_without_having_said_so_is_asked_once_more_and_then_known() -> None:
    one, scripted, without = model(REFUSAL, "yes", "yes", images=None)
    for _ in range(2):
        assert (await complete(one, REQUEST))[0].text == "yes"
    assert contents(scripted) == [SHOWN, TOLD, TOLD]
    assert without == ["planner"]


@in_loop
async def test_what_is_refused_without_images_too_is_refused() -> None:
    one, scripted, without = model(REFUSAL, RequestError("no tools here"), images=None)
    with pytest.raises(RequestError, match="no tools here"):
        await complete(one, REQUEST)
    assert (len(scripted.calls), without) == (2, [])


@pytest.mark.parametrize(
    "failure", [ContextOverflow("it is too long", param="messages"), ModelReplyError("it broke off", role="planner")]
)
@in_loop
async def test_other_failures_are_not_taken_for_a_refusal_of_images(failure: Exception) -> None:
    one, scripted, _ = model(failure, images=None)
    with pytest.raises(type(failure)):
        await complete(one, REQUEST)
    assert len(scripted.calls) == 1


@in_loop
async def test_a_request_without_images_is_passed_on_as_it_is() -> None:
    one, scripted, _ = model(REFUSAL, images=False)
    plain = ChatRequest(({"role": "user", "content": "hello"},))
    with pytest.raises(RequestError):
        await complete(one, plain)
    assert scripted.calls == [plain]


def test_an_agents_turn_goes_on_though_the_coder_turns_out_to_refuse_images() -> None:
    messages = [*ASKED[:-1], {"role": "user", "content": SHOWN}]
    turn = Agent([REFUSAL, writes(), writes(), writes()], reviewer=[APPROVED], messages=messages).turn()
    assert turn.calls[0][0] == "write_file"
    first, *others = contents(turn.models["coder"])
    assert first == SHOWN
    assert others and all(content == TOLD for content in others)
    assert turn.outcome is not None
    assert turn.outcome.notes.count(BLIND_CODER) == 1


@asynccontextmanager
async def whole(coder: bool | None, others: bool | None) -> AsyncIterator[Orchestra]:
    """An orchestra of all roles that sees as is said, with the script of one step that is accepted."""
    async with asyncio.timeout(30), orchestra("high", roles=ALL_ROLES) as running:
        script(running.fakes, coder=[fenced(GOOD)] * 2)
        for role, fake in running.fakes.items():
            fake.behaviour.vision = coder if role == "coder" else others
        yield running


def asked(running: Orchestra, roles: Sequence[str]) -> dict[str, list[bool]]:
    """Whether each request of each role had the image."""
    return {role: [URL in json.dumps(body) for body in running.fakes[role].bodies] for role in roles}


def notes(reply: Any) -> list[str]:
    found: list[str] = reply.json()["maker"]["notes"]
    return found


@pytest.mark.parametrize("others", [False, None])
@in_loop
async def test_the_coder_gets_the_images_and_no_other_role_ends_the_run(others: bool | None) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": coding()["messages"][0]["content"]}, IMAGE]}]
    async with whole(True, others) as running:
        reply = await running.client.post("/v1/chat/completions", json={"messages": messages})
        found = asked(running, ["coder", "planner", "reviewer", "gpt-oss"])

    assert reply.status_code == 200, reply.text
    assert "def add" in reply.json()["choices"][0]["message"]["content"]
    assert all(found.pop("coder"))
    for role, shown in found.items():
        assert shown and not shown[-1], role
        assert shown.count(True) == (1 if others is None else 0), role
    assert notes(reply).count(BLIND) == 1
    assert BLIND_CODER not in notes(reply)
    with_it = [part for body in running.fakes["planner"].bodies for part in body["messages"][0]["content"]]
    assert {"type": "text", "text": IN_PLACE} in with_it


@in_loop
async def test_where_all_see_nothing_is_left_out() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": coding()["messages"][0]["content"]}, IMAGE]}]
    async with whole(True, True) as running:
        reply = await running.client.post("/v1/chat/completions", json={"messages": messages})
        found = asked(running, ["coder", "planner", "reviewer", "gpt-oss"])

    assert reply.status_code == 200, reply.text
    assert all(all(shown) for shown in found.values())
    assert BLIND not in notes(reply)
