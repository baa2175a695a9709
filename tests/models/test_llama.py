"""The model client against a real server on a real socket: answers, failures, cancellation, over both transports."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from maker.chat.types import Completion, Delta, Fill, TextDelta, Usage
from maker.errors import (
    ContextOverflow,
    MakerError,
    ModelError,
    ModelHTTPError,
    ModelLoading,
    ModelReplyError,
    ModelTimeout,
    ModelUnavailable,
    RequestError,
)
from maker.models.endpoint import Endpoint, Timeouts
from maker.models.llama import LlamaModel
from maker.models.model import complete
from maker.models.replica import FIRST_PROBE_S, PROBE_S
from maker.models.slots import SlotLimiter, in_use
from maker.models.transport import aiohttp_transport
from tests.fake_llama import FakeLlama
from tests.models.support import ask, in_loop, open_files
from tests.support import free_ports

Transport = Callable[[], httpx.AsyncBaseTransport]
TRANSPORTS: dict[str, Transport] = {"aiohttp": aiohttp_transport, "httpx": httpx.AsyncHTTPTransport}


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    """The transport that is used, and the one it was measured against: failures must look the same."""
    return TRANSPORTS[request.param]


def client(*fakes: FakeLlama, **options: Any) -> LlamaModel:
    return LlamaModel("coder", [Endpoint(fake.url, fake.key) for fake in fakes], **options)


async def failure(model: LlamaModel, **sampling: Any) -> MakerError:
    with pytest.raises(MakerError) as caught:
        await complete(model, ask(**sampling))
    return caught.value


class OneAnswerEach:
    """A server that ends each connection after one answer and does not say so, as llama.cpp's does."""

    ANSWER = b"".join(
        b"data: %s\n\n" % data
        for data in (
            b'{"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}',
            b"[DONE]",
        )
    )
    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._request(reader)
            writer.write(self.HEAD % len(self.ANSWER) + self.ANSWER)
            await self._request(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)


@in_loop
async def test_a_connection_that_its_server_is_about_to_close_is_no_failure() -> None:
    async with await asyncio.start_server(OneAnswerEach(), "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with LlamaModel("coder", [Endpoint(url)]) as model:
            together = await asyncio.gather(*(complete(model, ask()) for _ in range(4)))
            after = await complete(model, ask())

    assert [answer[0].text for answer in (*together, after)] == ["hello"] * 5


@in_loop
async def test_an_answer_with_its_usage(transport: Transport) -> None:
    async with FakeLlama() as fake, client(fake, transport=transport) as model:
        assert await complete(model, ask()) == (Completion("hello big world", usage=Usage(3, 3)),)
        assert await complete(model, ask()) == (Completion("hello big world", usage=Usage(3, 3, 2)),)


@in_loop
async def test_reasoning_and_tool_calls_come_through() -> None:
    call = {"id": "c", "name": "read", "arguments": '{"path": "a b"}'}
    async with FakeLlama() as fake, client(fake) as model:
        fake.behave(replies=[{"reasoning": "hm so", "tool_calls": [call, call], "finish_reason": "tool_calls"}])
        (completion,) = await complete(model, ask())

    assert (completion.reasoning, completion.finish_reason) == ("hm so", "tool_calls")
    assert [(made.id, made.name, made.arguments) for made in completion.tool_calls] == [tuple(call.values())] * 2


@in_loop
async def test_several_choices_come_from_one_request_and_one_prompt() -> None:
    async with FakeLlama(slots=4) as fake, client(fake) as model:
        completions = await complete(model, ask(n=3))

        assert [completion.text for completion in completions] == ["hello big world"] * 3
        assert completions[0].usage == Usage(3, 9)
        assert fake.requests == 1
        assert fake.prompt_tokens_total == 3


class TwoAtMost:
    """A limiter that never has more than two slots."""

    @asynccontextmanager
    async def take(self, count: int = 1) -> AsyncIterator[int]:
        yield min(count, 2)


@in_loop
async def test_with_fewer_slots_than_choices_the_rest_follow() -> None:
    async with FakeLlama(slots=2, replies=["a", "b", "c", "d", "e"]) as fake:
        async with LlamaModel("coder", [Endpoint(fake.url, limiter=TwoAtMost())]) as model:
            completions = await complete(model, ask(n=5, seed=7))

        assert "".join(completion.text for completion in completions) == "abcde"
        assert [(body.get("n"), body["seed"]) for body in fake.bodies] == [(2, 7), (2, 9), (None, 11)]
        assert completions[0].usage.completion_tokens == 5


@in_loop
async def test_only_our_own_headers_are_sent(transport: Transport) -> None:
    async with FakeLlama(key="k" * 8) as fake, client(fake, transport=transport) as model:
        await complete(model, ask())

        sent = {name.lower(): value for name, value in fake.headers[0].items()}
        assert sent["authorization"] == f"Bearer {'k' * 8}"
        assert set(sent) <= {
            *("host", "accept", "accept-encoding", "connection", "user-agent"),
            *("content-type", "content-length", "authorization"),
        }


@in_loop
async def test_a_wrong_key_is_said_so_and_not_tried_again() -> None:
    async with FakeLlama(key="right-key") as fake:
        async with LlamaModel("coder", [Endpoint(fake.url, "wrong-key")]) as model:
            error = await failure(model)

        assert isinstance(error, ModelHTTPError) and error.status == 401
        assert "wrong-key" not in str(error)


@pytest.mark.parametrize(
    ("behaviour", "kind", "requests"),
    [
        ({"status": 500}, ModelHTTPError, 2),
        ({"status": 418}, ModelHTTPError, 1),
        ({"status": 503}, ModelUnavailable, 1),
        ({"broken": True}, ModelHTTPError, 2),
        ({"loading_s": 60}, ModelLoading, 0),
        ({"context": 2}, ContextOverflow, 1),
        ({"reset_first_byte": True}, ModelUnavailable, 2),
        ({"reset_at": 0}, ModelUnavailable, 2),
        ({"end_at": 0}, ModelUnavailable, 2),
        ({"reset_at": 1}, ModelReplyError, 1),
        ({"cut_at": 1}, ModelReplyError, 1),
        ({"end_at": 2}, ModelReplyError, 1),
        ({"malformed_at": 0}, ModelReplyError, 1),
        ({"malformed_at": 1}, ModelReplyError, 1),
        ({"error_at": 0}, ModelReplyError, 1),
        ({"error_at": 2}, ModelReplyError, 1),
    ],
    ids=str,
)
@in_loop
async def test_every_failure_is_typed_and_only_what_may_help_is_tried_again(
    transport: Transport, behaviour: dict[str, Any], kind: type[MakerError], requests: int
) -> None:
    async with FakeLlama(**behaviour) as fake, client(fake, transport=transport) as model:
        error = await failure(model)

        assert type(error) is kind
        assert fake.requests == requests
        await fake.until(lambda: fake.open == 0)


@pytest.mark.parametrize("behaviour", [{"reset_first_byte": True}, {"reset_at": 0}, {"status": 500}], ids=str)
@in_loop
async def test_a_failure_before_the_first_delta_is_not_seen(transport: Transport, behaviour: dict[str, Any]) -> None:
    async with FakeLlama(**behaviour, times=1) as fake, client(fake, transport=transport) as model:
        assert (await complete(model, ask()))[0].text == "hello big world"
        assert fake.requests == 2


@in_loop
async def test_a_failure_after_the_first_delta_ends_what_came_before() -> None:
    got: list[Delta] = []
    async with FakeLlama(reset_at=2, times=1) as fake, client(fake) as model:
        async with model.stream(ask()) as deltas:
            with pytest.raises(ModelReplyError):
                async for delta in deltas:
                    got.append(delta)  # noqa: PERF401 (a comprehension would lose what came before the failure)

    assert got == [TextDelta("hello"), TextDelta(" big")]


@in_loop
async def test_a_stream_without_done_is_an_answer_once_it_has_finished() -> None:
    async with FakeLlama(done=False) as fake, client(fake) as model:
        assert (await complete(model, ask()))[0].text == "hello big world"


@in_loop
async def test_content_that_a_server_cannot_take_is_the_callers_affair() -> None:
    async with FakeLlama() as fake, client(fake) as model:
        fake.behave(refusal="image input is not supported - hint: mmproj", status=500)

        error = await failure(model)

    assert isinstance(error, RequestError) and error.param == "messages"


@in_loop
async def test_silence_before_the_first_token_ends_in_a_timeout(transport: Transport) -> None:
    timeouts = Timeouts(first_token_s=0.2, idle_s=30)
    async with FakeLlama(stall_first_byte=True) as fake, client(fake, transport=transport, timeouts=timeouts) as model:
        assert isinstance(await failure(model), ModelTimeout)
        fake.behave(stall_at=0)
        assert "first token" in str(await failure(model))
        await fake.until(lambda: fake.open == 0)


@in_loop
async def test_silence_between_tokens_ends_in_a_timeout(transport: Transport) -> None:
    timeouts = Timeouts(first_token_s=30, idle_s=0.2)
    async with FakeLlama(stall_at=1) as fake, client(fake, transport=transport, timeouts=timeouts) as model:
        error = await failure(model)

        assert isinstance(error, ModelTimeout) and "first" not in str(error)
        await fake.until(lambda: fake.open == 0)


@in_loop
async def test_comments_do_not_keep_a_stalled_answer_alive() -> None:
    async with FakeLlama(stall_at=1, ping_s=0.02) as fake, client(fake, timeouts=Timeouts(30, 0.3)) as model:
        assert isinstance(await failure(model), ModelTimeout)


@in_loop
async def test_a_server_that_pauses_after_done_has_answered() -> None:
    async with FakeLlama(stall_end=True) as fake, client(fake) as model:
        assert (await complete(model, ask()))[0].text == "hello big world"


async def closed_within(fake: FakeLlama, limit_s: float) -> None:
    begun = time.monotonic()
    await fake.until(lambda: fake.open == 0)
    assert fake.generations[-1].closed is not None
    assert not fake.generations[-1].complete
    assert fake.generations[-1].closed - begun < limit_s
    assert fake.busy == 0


@in_loop
async def test_leaving_the_context_closes_the_connection_at_once(transport: Transport) -> None:
    async with FakeLlama(stall_at=1) as fake, client(fake, transport=transport) as model:
        async with model.stream(ask()) as deltas:
            assert await anext(deltas) == TextDelta("hello")
        await closed_within(fake, 0.5)


@pytest.mark.parametrize("behaviour", [{"stall_first_byte": True}, {"stall_at": 0}, {"stall_at": 2}], ids=str)
@in_loop
async def test_cancelling_closes_the_connection_at_once(transport: Transport, behaviour: dict[str, Any]) -> None:
    async with FakeLlama(**behaviour) as fake, client(fake, transport=transport) as model:
        task = asyncio.create_task(complete(model, ask(n=3)))
        await fake.until(lambda: fake.generations and (fake.generations[0].sent >= (fake.behaviour.stall_at or 0)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed_within(fake, 0.5)


@in_loop
async def test_cancelling_while_the_server_has_no_slot_gives_the_place_in_its_queue_up() -> None:
    async with FakeLlama(slots=1, stall_at=0) as fake, client(fake) as model:
        first, second = (asyncio.create_task(complete(model, ask())) for _ in range(2))
        await fake.until(lambda: fake.open == 2)
        second.cancel()
        await fake.until(lambda: fake.open == 1)
        fake.release()
        assert (await first)[0].text == "hello big world"


@in_loop
async def test_a_refused_connection_means_down_and_not_yet_if_the_process_is_young(transport: Transport) -> None:
    young = True
    url = f"http://127.0.0.1:{free_ports(1)[0]}/v1"
    async with LlamaModel("coder", [Endpoint(url)], loading=lambda: young, transport=transport) as model:
        assert await model.state() == "loading"
        assert isinstance(await failure(model), ModelLoading)
        young = False
        error = await failure(model)
        assert type(error) is ModelUnavailable and "maker status" in str(error)
        assert await model.state() == "down"


@in_loop
async def test_the_state_follows_the_server(transport: Transport) -> None:
    async with FakeLlama() as fake, client(fake, transport=transport) as model:
        assert await model.state() == "ready"
    async with FakeLlama(loading_s=60) as fake, client(fake, transport=transport) as model:
        assert await model.state() == "loading"


@in_loop
async def test_callers_side_by_side_share_one_probe_and_it_is_kept_for_a_second() -> None:
    async with FakeLlama() as fake, client(fake) as model:
        impatient, patient = (asyncio.create_task(model.state()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await asyncio.gather(patient, *(model.state() for _ in range(20))) == ["ready"] * 21
        await model.state()
        assert fake.health_checks == 1


class Slow(FakeLlama):
    """It takes longer than an ordinary probe to say how it is, and then says nothing any more."""

    async def _health(self, request: web.Request) -> web.Response:
        if self.health_checks:
            await asyncio.Event().wait()
        await asyncio.sleep((PROBE_S + FIRST_PROBE_S) / 2)
        return await super()._health(request)


@in_loop
async def test_the_first_word_of_a_server_may_be_late_and_one_that_says_nothing_is_down() -> None:
    async with Slow() as fake, client(fake) as model, client(fake) as other:
        assert await model.state() == "ready"
        assert await other.state() == "down"


@in_loop
async def test_a_server_without_health_is_asked_for_its_models() -> None:
    async with FakeLlama(no_health=True) as fake, client(fake) as model:
        assert await model.state() == "ready"


@in_loop
async def test_a_restarted_server_is_not_noticed(transport: Transport) -> None:
    (port,) = free_ports(1)
    async with LlamaModel("coder", [Endpoint(f"http://127.0.0.1:{port}/v1")], transport=transport) as model:
        for _ in range(3):
            async with FakeLlama(slots=8, port=port):
                # Eight connections are left idle in the pool, and the server that held them goes away.
                answers = await asyncio.gather(*(complete(model, ask()) for _ in range(8)))
            assert [answer[0].text for answer in answers] == ["hello big world"] * 8


@in_loop
async def test_a_dead_replica_is_skipped() -> None:
    dead = Endpoint(f"http://127.0.0.1:{free_ports(1)[0]}/v1")
    async with FakeLlama() as fake, LlamaModel("coder", [dead, Endpoint(fake.url)]) as model:
        for _ in range(3):
            assert (await complete(model, ask()))[0].text == "hello big world"
        assert await model.state() == "ready"
        assert fake.requests == 3


def elsewhere(fake: FakeLlama, *, key: str | None = None, model: str | None = None) -> LlamaModel:
    return LlamaModel("coder", [Endpoint(fake.url, key, model=model, elsewhere=True)])


@in_loop
async def test_a_server_elsewhere_with_one_model_is_asked_for_that_one() -> None:
    async with FakeLlama(model="only:7b") as fake, elsewhere(fake) as model, client(fake) as ours:
        for one in (model, ours):
            await complete(one, ask())
            await complete(one, ask())
        with_gap = replace(ask(), fill=Fill("def f(", "\n"))
        await complete(model, with_gap)

        assert [body.get("model") for body in fake.bodies] == ["only:7b", "only:7b", None, None, "only:7b"]
        assert fake.lists == 1


@in_loop
async def test_a_server_elsewhere_with_several_models_is_asked_for_the_one_that_was_named() -> None:
    async with FakeLlama(models=("a", "b")) as fake:
        async with elsewhere(fake, model="b") as model:
            await complete(model, ask())
            assert await model.count(ask()) == 3
        async with elsewhere(fake) as model:
            await complete(model, ask())
            assert fake.bodies[-1].get("model") is None
            fake.behave(status=400, refusal="model is required")
            error = await failure(model)

        assert fake.bodies[0]["model"] == "b"
        assert isinstance(error, RequestError) and "roles.coder.model_id" in str(error)


@in_loop
async def test_a_refusal_of_a_server_elsewhere_leads_to_maker_toml() -> None:
    async with FakeLlama(key="right-key") as fake, elsewhere(fake, key="wrong-key", model="a") as model:
        assert "look at [roles.coder] in maker.toml" in str(await failure(model))


class Gateway(FakeLlama):
    """Its health is for those with a key, and then takes all models to generate: LiteLLM's."""

    async def _health(self, request: web.Request) -> web.Response:
        if "Authorization" not in request.headers:
            return web.json_response({"error": {"message": "no key"}}, status=401)
        raise AssertionError("every model would generate")


@in_loop
async def test_a_health_that_wants_a_key_is_not_asked_with_it() -> None:
    async with Gateway(key="a-key") as fake, elsewhere(fake, key="a-key") as model:
        assert await model.state() == "ready"


SICK: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 503},
    {"stall_first_byte": True},
    {"stall_at": 0},
    {"status": 503, "refusal": "Loading model"},
    {"reset_first_byte": True},
]
QUICK = Timeouts(first_token_s=0.3, idle_s=30)


@pytest.mark.parametrize("behaviour", SICK, ids=str)
@in_loop
async def test_a_replica_that_is_sick_and_says_it_is_well_costs_no_request(behaviour: dict[str, Any]) -> None:
    async with FakeLlama(**behaviour) as sick, FakeLlama() as well, client(sick, well, timeouts=QUICK) as model:
        assert await model.state() == "ready"
        for _ in range(4):
            assert (await complete(model, ask()))[0].text == "hello big world"
        assert await model.state() == "ready"

        assert (sick.requests, well.requests) == (1, 4)
        await sick.until(lambda: sick.open == 0)


@in_loop
async def test_a_replica_that_failed_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maker.models.replica.REST_S", 0.0)
    async with FakeLlama(status=500, times=1) as one, FakeLlama() as two, client(one, two) as model:
        await complete(model, ask())
        await complete(model, ask())

        assert (one.requests, two.requests) == (2, 1)


@in_loop
async def test_a_replica_that_failed_is_asked_where_the_others_failed_too() -> None:
    async with FakeLlama(status=500) as one, FakeLlama(status=500) as two, client(one, two) as model:
        assert isinstance(await failure(model), ModelHTTPError)
        assert (one.requests, two.requests) == (1, 1)
        two.behave()
        for _ in range(3):
            assert (await complete(model, ask()))[0].text == "hello big world"
        assert (one.requests, two.requests) == (2, 4)


@pytest.mark.parametrize("behaviour", [{"stall_at": 1}, {"reset_at": 1}, {"error_at": 1}], ids=str)
@in_loop
async def test_no_other_replica_is_asked_once_an_answer_has_begun(behaviour: dict[str, Any]) -> None:
    timeouts = Timeouts(first_token_s=30, idle_s=0.2)
    async with FakeLlama(**behaviour) as sick, FakeLlama() as well, client(sick, well, timeouts=timeouts) as model:
        assert isinstance(await failure(model), ModelTimeout | ModelReplyError)
        assert (sick.requests, well.requests) == (1, 0)
        assert (await complete(model, ask()))[0].text == "hello big world"
        assert (sick.requests, well.requests) == (1, 1)


@in_loop
async def test_what_the_caller_did_wrong_is_asked_of_no_other_replica() -> None:
    async with FakeLlama(context=2) as one, FakeLlama(context=2) as two, client(one, two) as model:
        assert isinstance(await failure(model), ContextOverflow)
        assert (one.requests, two.requests) == (1, 0)


@in_loop
async def test_requests_go_to_the_replica_with_the_least_to_do() -> None:
    async with FakeLlama(stall_at=1) as one, FakeLlama(stall_at=1) as two, client(one, two) as model:
        tasks = [asyncio.create_task(complete(model, ask())) for _ in range(6)]
        await one.until(lambda: one.open + two.open == 6)
        assert (one.open, two.open) == (3, 3)
        one.release()
        two.release()
        await asyncio.gather(*tasks)


@in_loop
async def test_forty_at_once_never_mix(transport: Transport) -> None:
    async with FakeLlama(slots=4, token_delay_s=0.001) as fake, client(fake, transport=transport) as model:
        markers = [f"marker-{number} and more" for number in range(40)]
        answers = await asyncio.gather(*(complete(model, ask(marker)) for marker in markers))

    assert [answer[0].text for answer in answers] == markers


@in_loop
async def test_nothing_is_left_behind_by_faults_and_cancellation(transport: Transport, tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = [{}, {"reset_at": 1}, {"cut_at": 1}, {"status": 500}, {"malformed_at": 0}]
    limiter = SlotLimiter(tmp_path, 4, "high")
    async with FakeLlama(slots=4) as fake:
        async with LlamaModel("coder", [Endpoint(fake.url, limiter=limiter)], transport=transport) as model:
            await asyncio.gather(*(complete(model, ask()) for _ in range(4)))
            files, tasks = open_files(), len(asyncio.all_tasks())
            for number in range(60):
                fake.behave(**faults[number % len(faults)], token_delay_s=0.002)
                seen = fake.requests
                asked = [asyncio.create_task(complete(model, ask(n=2))) for _ in range(3)]
                await fake.until(lambda seen=seen: fake.requests > seen)
                asked[number % 3].cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            await fake.until(lambda: fake.open == fake.busy == 0)
            assert in_use(tmp_path) == (0, 4)
            # Idle connections may differ by one for each slot; both of their ends, and the fake's tasks, are here.
            assert open_files() <= files + 2 * 4
            assert len(asyncio.all_tasks()) <= tasks + 4


@in_loop
async def test_a_model_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="open the model"):
        await complete(LlamaModel("coder", [Endpoint("http://127.0.0.1:1/v1")]), ask())


@in_loop
async def test_a_model_may_be_opened_again_after_it_was_closed() -> None:
    async with FakeLlama() as fake:
        model = client(fake)
        for _ in range(2):
            async with model:
                assert await model.state() == "ready"
                assert len(await complete(model, ask())) == 1


def test_every_model_failure_names_its_role() -> None:
    assert ModelTimeout("x", role="coder").role == "coder"
    assert issubclass(ModelLoading, ModelUnavailable) and issubclass(ModelUnavailable, ModelError)
