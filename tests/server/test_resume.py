"""Retries over HTTP: what goes on with an earlier run, what answers again, and what begins anew."""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from werkzeug.datastructures import Headers

from maker.chat.types import ChatRequest, Delta
from maker.config import Home, Mode, ModeName
from maker.errors import KeyInUse, ModelUnavailable
from maker.models.scripted import ScriptedModel
from maker.pipeline.checkpoint import Checkpoints
from maker.pipeline.events import Event, RunFailed, RunStarted
from maker.pipeline.work import Tools
from maker.server.app import create_app
from maker.server.resume import Retries
from maker.stores.memory import MemoryRunStore
from tests.conformance import check_stream
from tests.fake_llama import FakeLlama
from tests.models.support import in_loop
from tests.pipeline.support import ACCEPTED, GOOD, IMPLEMENTED, PLAN, TESTS, InProcess, Pool, fenced
from tests.server.orchestra import ALL_ROLES, bare_parts, coding, question, script
from tests.server.test_chat import chunks, text
from tests.support import tail, write_toml

PATH = "/v1/chat/completions"
KEY = {"Idempotency-Key": "key-1"}
RETRY = {"x-stainless-retry-count": "1"}
GONE = ModelUnavailable("the reviewer went away", role="reviewer")
ALL: dict[str, Sequence[Any]] = {
    "preprocessor": [{"kind": "code"}],
    "planner": [PLAN],
    "gpt-oss": [TESTS],
    "coder": [fenced(GOOD), fenced(GOOD)],
    "reviewer": [ACCEPTED],
}
"""What every role says where all of a run is done."""
INTERRUPTED = ALL | {"reviewer": [GONE, GONE]}
"""A run whose reviewer goes away: it ends after the vote."""
REVIEW = {"reviewer": [ACCEPTED]}
"""What is still to be done of it."""


class Held(ScriptedModel):
    """A model that says nothing until it is let."""

    def __init__(self, role: str, replies: Sequence[Any]) -> None:
        super().__init__(role, replies)
        self.asked, self.free = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        self.asked.set()
        await self.free.wait()
        async with super().stream(request) as deltas:
            yield deltas


class Office:
    """An orchestrator over scripts; another one over the same store is what is there after a restart."""

    def __init__(
        self, store: MemoryRunStore, says: dict[str, Sequence[Any]], mode: ModeName = "high", hold: str = ""
    ) -> None:
        self.pool = Pool(*says.get("coder", ()))
        self.models = {role: self._model(role, says.get(role, ()), hold) for role in ALL if role != "coder"}
        self.models["coder"] = self.pool.model
        self.events: list[Event] = []

        async def listen(event: Event) -> None:
            self.events.append(event)

        async def sandbox() -> InProcess:
            return InProcess()

        tools = Tools(self.models, Mode(), sandbox)
        self.app = create_app(bare_parts(self.models, mode, listen, tools=tools, store=store))
        self.client = self.app.test_client()

    def _model(self, role: str, replies: Sequence[Any], hold: str) -> ScriptedModel:
        said = [json.dumps(reply) if isinstance(reply, dict) else reply for reply in replies]
        return Held(role, said) if role == hold else ScriptedModel(role, said)

    @property
    def reviewer(self) -> Held:
        model = self.models["reviewer"]
        assert isinstance(model, Held)
        return model

    async def ask(self, *headers: dict[str, str], body: dict[str, Any] | None = None) -> Any:
        """Ask for code and await the whole answer."""
        merged = {name: value for each in headers for name, value in each.items()}
        return await self.client.post(PATH, json=body or coding(), headers=merged)

    def assert_used_up(self) -> None:
        for role, model in self.models.items():
            if role != "coder":
                model.assert_done()
        assert self.pool.left == []


async def content(reply: Any) -> str:
    """The text of a whole answer."""
    return str((await reply.get_json())["choices"][0]["message"]["content"])


async def interrupted(store: MemoryRunStore, *headers: dict[str, str]) -> Office:
    """Leave an interrupted run in the store."""
    office = Office(store, INTERRUPTED)
    assert (await office.ask(*headers)).status_code == 503
    office.assert_used_up()
    return office


@pytest.mark.parametrize(("first", "second"), [([KEY], [KEY]), ([], [RETRY]), ([KEY], [KEY, RETRY])])
@in_loop
async def test_a_retry_goes_on_where_the_run_was_interrupted_also_after_a_restart(
    first: list[dict[str, str]], second: list[dict[str, str]]
) -> None:
    store = MemoryRunStore()
    before = await interrupted(store, *first)
    after = Office(store, REVIEW)
    reply = await after.ask(*second)
    assert GOOD in await content(reply)
    after.assert_used_up()
    [started] = [event.task.run_id for event in before.events if isinstance(event, RunStarted)]
    assert reply.headers["x-maker-run"] != started


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, coding()),
        (RETRY, coding(seed=7)),
        ({"Idempotency-Key": "key-2"}, coding()),
        ({"x-stainless-retry-count": "0"}, coding()),
        ({"x-stainless-retry-count": "often"}, coding()),
    ],
)
@in_loop
async def test_what_is_no_retry_is_a_new_run(headers: dict[str, str], body: dict[str, Any]) -> None:
    store = MemoryRunStore()
    await interrupted(store)
    office = Office(store, ALL)
    assert (await office.ask(headers, body=body)).status_code == 200
    office.assert_used_up()


@in_loop
async def test_the_text_of_finished_steps_comes_first_and_the_progress_says_after_what() -> None:
    store = MemoryRunStore()
    plan = {"summary": "Two", "steps": [{"title": "Write add(a, b)"}, {"title": "Write it again"}]}
    says = ALL | {"planner": [plan], "gpt-oss": [TESTS] * 2, "coder": [fenced(GOOD)] * 4}
    body = coding(stream=True)
    office = Office(store, says | {"reviewer": [ACCEPTED, GONE, GONE]})
    broken = await (await office.ask(KEY, body=body)).get_data()
    assert chunks(broken)[-1]["error"]["code"] == "model_unavailable"
    after = Office(store, REVIEW)
    whole = await (await after.ask(KEY, body=body)).get_data()
    assert check_stream(whole, usage_asked=False, reasoning_allowed=True) == []
    assert text(whole).startswith(text(broken))
    assert text(whole).count(GOOD) == 2
    assert "resumed after: plan, step 1, vote on step 2\\n" in whole.decode()
    after.assert_used_up()


@pytest.mark.parametrize("stream", [False, True])
@in_loop
async def test_a_complete_run_answers_its_key_again_without_asking_a_model(stream: bool) -> None:
    store = MemoryRunStore()
    body = coding(stream=stream)
    first = await Office(store, ALL).ask(KEY, body=body)
    again = Office(store, {})
    for model in again.models.values():
        model.now = "down"
    second = await again.ask(KEY, body=body)
    assert second.headers["x-maker-run"] == first.headers["x-maker-run"]
    if stream:
        raw = await second.get_data()
        assert check_stream(raw, usage_asked=False, reasoning_allowed=True) == []
        assert text(raw) == text(await first.get_data()) != ""
        told = [chunks(await reply.get_data())[-1]["maker"] | {"degraded": []} for reply in (first, second)]
        assert told[0] == told[1]
    else:
        bodies = [await reply.get_json() for reply in (first, second)]
        assert bodies[0]["choices"] == bodies[1]["choices"]
        assert bodies[0]["id"] == bodies[1]["id"]
        assert bodies[0]["usage"] == bodies[1]["usage"]
    assert len(await store.recent(9)) == 1


@in_loop
async def test_an_answer_that_one_model_gave_is_kept_too() -> None:
    store = MemoryRunStore()
    call = question("hello", n=2)
    first = await Office(store, {"coder": ["one", "two"]}).ask(KEY, body=call)
    second = await Office(store, {}).ask(KEY, body=call)
    assert (await second.get_json())["choices"] == (await first.get_json())["choices"]
    assert len((await second.get_json())["choices"]) == 2


@in_loop
async def test_a_complete_run_without_a_key_is_not_repeated_by_a_retry() -> None:
    store = MemoryRunStore()
    for headers in ({}, RETRY):
        office = Office(store, ALL)
        assert (await office.ask(headers)).status_code == 200
        office.assert_used_up()


@in_loop
async def test_a_key_belongs_to_one_request() -> None:
    store = MemoryRunStore()
    office = Office(store, ALL)
    await office.ask(KEY)
    for _ in range(2):
        reply = await office.ask(KEY, body=coding("something else"))
        error = (await reply.get_json())["error"]
        assert (reply.status_code, error["param"]) == (400, "Idempotency-Key")
        assert "use a new key" in error["message"]
    reply = await office.ask({"Idempotency-Key": "x" * 256})
    assert (reply.status_code, "255" in (await reply.get_json())["error"]["message"]) == (400, True)


@pytest.mark.parametrize("stream", [False, True])
@in_loop
async def test_a_key_that_is_in_use_is_409_until_its_run_has_ended(stream: bool) -> None:
    office = Office(MemoryRunStore(), ALL, hold="reviewer")
    asking = asyncio.create_task(office.ask(KEY, body=coding(stream=stream)))
    await office.reviewer.asked.wait()
    for body in (coding(), coding(stream=True)):
        reply = await office.ask(KEY, body=body)
        error = (await reply.get_json())["error"]
        assert (reply.status_code, error["code"]) == (409, "idempotency_key_in_use")
        assert "is being worked on" in error["message"]
    office.reviewer.free.set()
    assert (await asking).status_code == 200
    assert (await office.ask(KEY, body=coding(stream=stream))).status_code == 200
    office.assert_used_up()


@in_loop
async def test_of_two_requests_with_one_key_at_once_exactly_one_runs() -> None:
    office = Office(MemoryRunStore(), ALL)
    replies = await asyncio.gather(office.ask(KEY), office.ask(KEY))
    assert sorted(reply.status_code for reply in replies) == [200, 409]
    office.assert_used_up()


@in_loop
async def test_a_key_refused_for_a_role_that_is_down_can_be_used_again() -> None:
    office = Office(MemoryRunStore(), ALL)
    office.models["reviewer"].now = "down"
    assert (await office.ask(KEY)).status_code == 503
    office.models["reviewer"].now = "ready"
    assert (await office.ask(KEY)).status_code == 200


@in_loop
async def test_a_request_that_is_given_up_before_its_run_does_not_keep_its_key() -> None:
    retries = Retries("high", Checkpoints(MemoryRunStore()))
    held = await retries.checkpoint(Headers(KEY), {})
    with pytest.raises(KeyInUse):
        await retries.checkpoint(Headers(KEY), {})
    del held
    gc.collect()
    await retries.checkpoint(Headers(KEY), {})


@in_loop
async def test_a_key_means_another_run_in_the_other_mode() -> None:
    store = MemoryRunStore()
    await Office(store, ALL).ask(KEY)
    low = Office(store, ALL | {"planner": [PLAN, IMPLEMENTED], "reviewer": []}, mode="low")
    assert (await (await low.ask(KEY)).get_json())["maker"]["mode"] == "low"
    low.assert_used_up()


@pytest.mark.parametrize("headers", [KEY, {}])
@in_loop
async def test_a_cancelled_run_is_not_resumed(headers: dict[str, str]) -> None:
    store = MemoryRunStore()
    office = Office(store, ALL, hold="reviewer")
    asking = asyncio.create_task(office.ask(headers))
    await office.reviewer.asked.wait()
    [run_id] = [event.task.run_id for event in office.events if isinstance(event, RunStarted)]
    assert (await office.client.post(f"/api/runs/{run_id}/cancel")).status_code == 200
    assert (await asking).status_code == 409
    anew = Office(store, ALL)
    assert (await anew.ask(headers, RETRY)).status_code == 200
    anew.assert_used_up()


@pytest.mark.parametrize("stream", [False, True])
@in_loop
async def test_a_run_whose_client_left_is_not_resumed(stream: bool) -> None:
    store = MemoryRunStore()
    office = Office(store, ALL, hold="reviewer")
    data = json.dumps(coding(stream=stream)).encode()
    headers = Headers(KEY | {"Content-Type": "application/json"})
    async with office.client.request(PATH, method="POST", headers=headers) as connection:
        await connection.send(data)
        await connection.send_complete()
        await office.reviewer.asked.wait()
        await connection.disconnect()
    assert RunFailed("cancelled") in office.events
    anew = Office(store, ALL)
    assert (await anew.ask(KEY, body=coding(stream=stream))).status_code == 200
    anew.assert_used_up()


@in_loop
async def test_a_run_that_a_stop_of_maker_ended_is_resumed() -> None:
    store = MemoryRunStore()
    office = Office(store, ALL, hold="reviewer")
    asking = asyncio.create_task(office.ask(KEY))
    await office.reviewer.asked.wait()
    await office.app.extensions["inflight"].drain(0)
    assert (await asking).status_code == 503
    after = Office(store, REVIEW)
    assert (await after.ask(KEY)).status_code == 200
    after.assert_used_up()


class Counting(MemoryRunStore):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.saved: list[str] = []

    async def load_progress(self, key: str) -> str | None:
        self.loads += 1
        return await super().load_progress(key)

    async def save_progress(self, key: str, text: str) -> None:
        self.saved.append(key)
        await super().save_progress(key, text)


@in_loop
async def test_a_run_without_a_key_only_saves_under_one_name_and_keeps_no_word_of_the_request() -> None:
    store = Counting()
    kept: list[str] = []
    office = Office(store, ALL, hold="reviewer")
    asking = asyncio.create_task(office.ask(body=coding("Write add(a, b), and mind the zebra.")))
    await office.reviewer.asked.wait()
    kept += [await MemoryRunStore.load_progress(store, key) or "" for key in store.saved]
    office.reviewer.free.set()
    await asking
    assert store.loads == 0
    assert len(set(store.saved)) == 1
    assert len(store.saved) <= 6
    assert all("Write add(a, b)" in text and "zebra" not in text for text in kept)
    assert await store.load_progress(store.saved[0]) is None


def started(home: Home, *words: str, **environment: str) -> "subprocess.Popen[bytes]":
    """A service of this MAKER_HOME, logging into it."""
    maker = Path(sys.executable).parent / "maker"
    home.log.mkdir(exist_ok=True)
    with (home.log / f"{words[-1]}.log").open("ab") as log:
        values = {**os.environ, "MAKER_HOME": str(home.root), **environment}
        return subprocess.Popen([maker, *words], env=values, stdout=log, stderr=log)


@asynccontextmanager
async def real(home: Home, name: str, client: httpx.AsyncClient | None = None) -> AsyncIterator[int]:
    """A service as it is run for real, until the context ends; gives its pid."""
    process = started(home, "serve", name, MAKER_MODE="high")
    try:
        async with asyncio.timeout(40):
            while not (await alive(client) if client else home.redis_socket.exists()):
                assert process.poll() is None, tail(home.log / f"{name}.log")
                await asyncio.sleep(0.05)
        yield process.pid
    finally:
        process.kill()
        await asyncio.to_thread(process.wait, 10)


async def alive(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health")).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.processes
def test_a_killed_orchestrators_run_goes_on_in_the_next_one(home: Home) -> None:
    """Real processes but for the models: the orchestrator is killed after step 1 of 2, in the middle of the second."""

    async def bounded() -> None:
        async with asyncio.timeout(110):
            await killed_and_resumed(home)

    asyncio.run(bounded())


async def killed_and_resumed(home: Home) -> None:
    plan = {"summary": "Two", "steps": [{"title": "Write add(a, b)"}, {"title": "Write it again"}]}
    home.root.joinpath("api.key").write_text("sesame-sesame\n")
    home.run.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        fakes = {role: await stack.enter_async_context(FakeLlama()) for role in ALL_ROLES}
        script(fakes, planner=[plan], gpt_oss=[TESTS] * 2, coder=[fenced(GOOD)] * 4, reviewer=[ACCEPTED])
        reviewer = fakes["reviewer"]
        reviewer.behave(replies=[json.dumps(ACCEPTED)], stall_first_byte=True)
        roles = "".join(f'[roles.{role}]\nurls = ["{fake.url}"]\n' for role, fake in fakes.items())
        config = write_toml(home, f"{roles}[phoenix]\nenabled = false\n")
        base = f"http://127.0.0.1:{config.port('orchestrator-high')}"
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=60, trust_env=False))
        await stack.enter_async_context(real(home, "redis"))
        async with real(home, "orchestrator-high", client) as pid:
            asking = asyncio.create_task(client.post(PATH, json=coding(stream=True), headers=KEY))
            await reviewer.until(lambda: reviewer.requests == 1, within_s=60)
            reviewer.behave(stall_first_byte=True)  # the first verdict is given, the second is not
            await reviewer.until(lambda: reviewer.requests == 2, within_s=60)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                await asking
        asked = {role: fake.requests for role, fake in fakes.items()}
        script(fakes, reviewer=[ACCEPTED])
        async with real(home, "orchestrator-high", client):
            whole = (await client.post(PATH, json=coding(stream=True), headers=KEY)).content
            again = (await client.post(PATH, json=coding(stream=True), headers=KEY)).content
            runs = (await client.get("/api/runs")).json()
    assert "resumed after: plan, step 1, vote on step 2\\n" in whole.decode()
    assert text(whole).count(GOOD) == 2
    assert text(again) == text(whole)
    assert [run["resumed_after"] for run in runs] == [["plan", "step 1", "vote on step 2"]]
    now = {role: fake.requests for role, fake in fakes.items() if role != "reviewer"}
    assert now == {role: count for role, count in asked.items() if role != "reviewer"}
