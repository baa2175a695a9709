"""POST /v1/chat/completions over real HTTP, against fake llama servers."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from maker.config import Mode, Server
from maker.pipeline.events import CallFinished, RunFailed, RunFinished
from tests.conformance import check_stream
from tests.fake_llama import FakeLlama
from tests.server.orchestra import Orchestra, orchestra, question

CALL = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}
Scenario = Callable[[Orchestra], Coroutine[Any, Any, None]]


def play(scenario: Scenario, mode: Any = "high", **settings: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(30), orchestra(mode, **settings) as running:
            await scenario(running)

    asyncio.run(whole())


def chunks(raw: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in raw.decode().split("\n\n") if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def text(raw: bytes) -> str:
    deltas = [choice["delta"] for chunk in chunks(raw) for choice in chunk.get("choices", ())]
    return "".join(delta.get("content") or "" for delta in deltas)


@pytest.mark.parametrize("mode", ["high", "low"])
def test_a_whole_answer_says_which_model_and_what_it_cost(mode: str) -> None:
    async def scenario(running: Orchestra) -> None:
        reply = await running.ask("say this back", model=f"maker-{mode}")
        body = reply.json()
        assert reply.status_code == 200
        assert body["choices"][0]["message"] == {"role": "assistant", "content": "say this back"}
        assert body["model"] == f"maker-{mode}"
        assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] > 0
        assert body["maker"]["mode"] == mode
        assert reply.headers["x-maker-run"] == body["maker"]["run"]
        assert float(reply.headers["x-maker-overhead-ms"]) >= 0

    play(scenario, mode)


@pytest.mark.parametrize("usage_asked", [True, False])
def test_a_stream_keeps_every_invariant(usage_asked: bool) -> None:
    async def scenario(running: Orchestra) -> None:
        options = {"stream_options": {"include_usage": True}} if usage_asked else {}
        reply = await running.ask("a b c d e f", stream=True, **options)
        assert check_stream(reply.content, usage_asked=usage_asked, reasoning_allowed=True) == []
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert text(reply.content) == "a b c d e f"
        assert chunks(reply.content)[-1]["maker"]["mode"] == "high"

    play(scenario)


def test_the_role_chunk_comes_before_the_model_has_said_anything() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(stall_first_byte=True)
        async with running.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as reply:
            first = await anext(reply.aiter_raw())
            assert chunks(first)[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}

    play(scenario)


def test_silence_is_broken_by_comments() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(stall_at=1)
        async with running.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as reply:
            seen = b""
            async for piece in reply.aiter_raw():
                seen += piece
                if seen.count(b": keep-alive\n\n") == 2:
                    running.coder.release()
        assert check_stream(seen, usage_asked=False, reasoning_allowed=True) == []
        assert b": ping" not in seen
        assert text(seen) == "hello there"

    play(scenario, limits=Server(keep_alive_s=0.05))


def test_the_whole_conversation_reaches_the_coder_as_it_was_sent() -> None:
    tool = {"type": "function", "function": {"name": "read", "parameters": {"b": 1, "a": {"type": "object"}}}}
    messages = [
        {"role": "system", "content": "Be brief.\u2028And kind.", "name": "boss"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": " ", "tool_calls": [CALL | {"index": 0}]},
        {"role": "tool", "tool_call_id": "c1", "content": "result  with\ttabs"},
    ]  # fmt: skip

    async def scenario(running: Orchestra) -> None:
        await running.client.post("/v1/chat/completions", json={"messages": messages, "tools": [tool], "store": True})
        sent = running.coder.bodies[0]
        assert json.dumps(sent["messages"]) == json.dumps(messages)
        assert json.dumps(sent["tools"]) == json.dumps([tool])
        assert "store" not in sent

    play(scenario)


def test_nothing_that_a_client_invents_reaches_a_model_server() -> None:
    async def scenario(running: Orchestra) -> None:
        sly = {"chat_parser": "x", "n_discard": -1, "id_slot": 0, "grammar": "root ::= x", "cache_prompt": False}
        await running.client.post(
            "/v1/chat/completions", json=question(**sly), headers={"X-Conversation-Id": "keep-me"}
        )
        assert not sly.keys() & running.coder.bodies[0].keys()
        assert not [name for name in running.coder.headers[0] if "conversation" in name.lower()]

    play(scenario)


def test_the_clients_limits_hold_within_the_modes() -> None:
    async def scenario(running: Orchestra) -> None:
        await running.ask(temperature=0.1, max_tokens=9)
        await running.ask(max_tokens=900)
        await running.ask()
        assert [(body["temperature"], body["max_tokens"]) for body in running.coder.bodies] == [
            (0.1, 9),
            (0.7, 50),
            (0.7, 50),
        ]

    play(scenario, answering=Mode(temperature=0.7, max_tokens=50))


def test_tool_calls_come_through_streamed_and_whole() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(
            replies=[{"tool_calls": [{"id": "c1", **CALL["function"]}], "finish_reason": "tool_calls"}] * 2
        )
        whole = (await running.ask()).json()["choices"][0]
        assert whole["message"]["tool_calls"][0]["function"] == CALL["function"]
        assert whole["finish_reason"] == "tool_calls"
        streamed = await running.ask(stream=True)
        assert check_stream(streamed.content, usage_asked=False, reasoning_allowed=True) == []
        assert b'"name":"read"' in streamed.content

    play(scenario)


def test_a_model_that_thinks_is_heard_beside_its_answer() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(reasoning="let me see")
        message = (await running.ask("ok")).json()["choices"][0]["message"]
        assert (message["content"], message["reasoning_content"]) == ("ok", "let me see")

    play(scenario)


def test_several_choices_are_numbered_through() -> None:
    async def scenario(running: Orchestra) -> None:
        body = (await running.ask("x y", n=3)).json()
        assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
        streamed = await running.ask("x y", n=3, stream=True)
        assert check_stream(streamed.content, usage_asked=False, reasoning_allowed=True) == []

    play(scenario)


@pytest.mark.parametrize("model", ["maker-low", "multi-agent", "multi-agent-orchestrator", None])
def test_the_ids_of_this_port_are_served(model: str | None) -> None:
    async def scenario(running: Orchestra) -> None:
        assert (await running.ask(model=model)).status_code == 200

    play(scenario, "low")


@pytest.mark.parametrize("model", ["maker-high", "gpt-4o", "maker-low "])
def test_any_other_id_is_not_found_naming_id_and_port(model: str) -> None:
    async def scenario(running: Orchestra) -> None:
        reply = await running.ask(model=model)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
        assert repr(model) in error["message"]
        assert str(running.port) in error["message"]
        assert running.coder.requests == 0

    play(scenario, "low")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("role", ["planner", "coder", "reviewer"])
def test_a_needed_role_that_is_down_is_503_before_anything_is_sent(role: str, stream: bool) -> None:
    async def whole() -> None:
        async with FakeLlama(key="sesame") as fake, asyncio.timeout(10):
            gone = FakeLlama(key="sesame", port=1)
            fakes = {name: gone if name == role else fake for name in ("planner", "coder", "reviewer")}
            async with orchestra("high", fakes=fakes) as running:
                reply = await running.ask(stream=stream)
                assert reply.status_code == 503
                assert reply.json()["error"]["code"] == f"{role}_unavailable"
                assert reply.json()["error"]["type"] != "server_error"
                assert int(reply.headers["retry-after"]) > 0
                assert fake.requests == 0

    asyncio.run(whole())


def test_low_mode_does_not_need_the_reviewer() -> None:
    async def whole() -> None:
        async with FakeLlama(key="sesame") as fake, asyncio.timeout(10):
            fakes = {"planner": fake, "coder": fake, "reviewer": FakeLlama(port=1)}
            async with orchestra("low", fakes=fakes) as running:
                assert (await running.ask()).status_code == 200

    asyncio.run(whole())


def test_a_role_that_is_loading_holds_the_stream_open_and_says_so() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(loading_s=1.2)
        reply = await running.ask(stream=True)
        assert reply.status_code == 200
        assert check_stream(reply.content, usage_asked=False, reasoning_allowed=True) == []
        assert b"waiting for the coder to load" in reply.content
        assert text(reply.content) == "hello there"

    play(scenario)


def test_a_role_that_never_finishes_loading_ends_the_stream_with_an_error() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(loading_s=60)
        reply = await running.ask(stream=True)
        assert chunks(reply.content)[-1]["error"]["code"] == "model_loading"
        assert b"[DONE]" not in reply.content
        assert b'"finish_reason":"stop"' not in reply.content

    play(scenario, answering=Mode(start_budget_s=0.5))


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ({"error_at": 1}, "model_reply_error"),
        ({"malformed_at": 1}, "model_reply_error"),
        ({"reset_at": 1}, "model_reply_error"),
        ({"cut_at": 1}, "model_reply_error"),
        ({"end_at": 1}, "model_reply_error"),
        ({"stall_at": 1}, "model_timeout"),
        ({"broken": True}, "model_http_error"),
    ],
)
def test_a_failing_model_is_an_error_never_a_clean_end(behaviour: dict[str, Any], code: str) -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(**behaviour)
        streamed = await running.ask("a b c d", stream=True)
        error = chunks(streamed.content)[-1]["error"]
        assert error["code"] == code
        assert b"[DONE]" not in streamed.content
        assert check_stream(streamed.content, usage_asked=False, reasoning_allowed=True) == []
        whole = await running.ask("a b c d")
        assert whole.status_code in (502, 504)
        assert whole.json()["error"]["code"] == code

    play(scenario, answering=Mode(idle_timeout_s=0.3))


def test_what_the_model_server_calls_a_bad_request_is_the_callers_error() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(status=400)
        reply = await running.ask()
        assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")
        assert "the model refuses" in reply.json()["error"]["message"]

    play(scenario)


def test_a_prompt_that_does_not_fit_is_the_callers_error() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(context=3)
        reply = await running.ask("one two three four five six")
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")

    play(scenario)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "behaviour", [{"stall_first_byte": True}, {"stall_at": 2}, {"tokens": 500, "token_delay_s": 0.02}]
)
def test_a_client_that_leaves_closes_the_upstream_and_frees_the_slot(stream: bool, behaviour: dict[str, Any]) -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(**behaviour)
        closed = await running.leave(question("a b c d", stream=stream), lambda: running.coder.busy == 1)
        await running.coder.until(lambda: running.coder.open == 0, within_s=2)
        upstream_closed = running.coder.generations[0].closed
        assert upstream_closed is not None
        assert upstream_closed - closed <= 0.5
        await running.coder.until(lambda: running.coder.busy == 0, within_s=2)
        await running.coder.until(lambda: any(isinstance(event, RunFailed) for event in running.events), within_s=2)
        assert [event.error for event in running.events if isinstance(event, RunFailed | CallFinished)] == [
            "cancelled"
        ] * 2
        assert len(running.app.extensions["inflight"]) == 0

    play(scenario)


def test_a_client_that_leaves_while_the_role_loads_leaves_nothing_behind() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(loading_s=60)
        await running.leave(question(stream=True), lambda: len(running.app.extensions["inflight"]) == 1)
        await running.coder.until(lambda: len(running.app.extensions["inflight"]) == 0, within_s=2)
        assert running.coder.requests == 0

    play(scenario)


def test_no_reply_carries_anothers_marker() -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), orchestra("high") as high, orchestra("low", fakes=high.fakes) as low:
            high.coder.behave(first_byte_delay_s=0.02)

            async def one(number: int) -> tuple[str, str]:
                marker = f"marker-{number:03d}-{number * 7919 % 1000:03d}"
                running = high if number % 2 else low
                reply = await running.ask(f"please echo {marker} back", stream=number % 4 < 2)
                said = text(reply.content) if number % 4 < 2 else reply.json()["choices"][0]["message"]["content"]
                return f"please echo {marker} back", said

            for asked, said in await asyncio.gather(*(one(number) for number in range(40))):
                assert said == asked
            assert high.coder.requests == 40

    asyncio.run(whole())


def test_more_requests_than_the_queue_takes_are_told_when_to_come_back() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(stall_first_byte=True)
        waiting = [asyncio.create_task(running.ask(stream=bool(number))) for number in range(2)]
        await running.coder.until(lambda: running.coder.requests == 2)
        reply = await running.ask()
        assert (reply.status_code, reply.json()["error"]["code"]) == (429, "too_busy")
        assert int(reply.headers["retry-after"]) > 0
        running.coder.release()
        assert [(await task).status_code for task in waiting] == [200, 200]

    play(scenario, limits=Server(max_requests=2))


def test_a_run_can_be_cancelled_by_its_id() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(stall_at=1)
        asking = asyncio.create_task(running.ask("a b c", stream=True))
        await running.coder.until(lambda: running.coder.busy == 1)
        run_id = next(event.task.run_id for event in running.events if hasattr(event, "task"))
        reply = await running.client.post(f"/api/runs/{run_id}/cancel")
        assert reply.json() == {"id": run_id, "cancelled": True}
        assert chunks((await asking).content)[-1]["error"]["code"] == "cancelled"
        await running.coder.until(lambda: running.coder.open == 0, within_s=2)
        gone = await running.client.post(f"/api/runs/{run_id}/cancel")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "run_not_found")

    play(scenario)


def test_a_finished_run_is_remembered_without_its_words() -> None:
    async def scenario(running: Orchestra) -> None:
        await running.ask("very secret words")
        finished = next(event for event in running.events if isinstance(event, RunFinished))
        found = (await running.client.get(f"/api/runs/{finished.outcome.task.run_id}")).json()
        assert (found["status"], found["mode"], found["finish_reason"]) == ("complete", "high", "stop")
        assert found["usage"]["coder"]["completion_tokens"] > 0
        everything = (await running.client.get("/api/runs")).text
        assert found["run_id"] in everything
        assert "secret" not in everything

    play(scenario)


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("seconds", [65, pytest.param(122, marks=pytest.mark.full)])
def test_a_stream_of_more_than_a_minute_completes_in_full(seconds: int) -> None:
    """Quart cuts every response after 60 s unless told otherwise, silently."""

    async def whole() -> None:
        async with asyncio.timeout(180), orchestra() as running:
            running.coder.behave(tokens=seconds, token_delay_s=1)
            reply = await running.client.post("/v1/chat/completions", json=question(stream=True), timeout=180)
            assert check_stream(reply.content, usage_asked=False, reasoning_allowed=True) == []
            assert len(text(reply.content).split()) == seconds

    asyncio.run(whole())


def test_requests_after_a_stop_was_asked_for_are_turned_away_and_running_ones_end() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(stall_at=1)
        asking = asyncio.create_task(running.ask("a b c", stream=True))
        await running.coder.until(lambda: running.coder.busy == 1)
        draining = asyncio.create_task(running.app.extensions["inflight"].drain(0.2))
        await asyncio.sleep(0)
        assert (await running.ask()).status_code == 503
        await draining
        error = chunks((await asking).content)[-1]["error"]
        assert "stopped before the answer was complete" in error["message"]

    play(scenario)


def test_a_draining_orchestrator_lets_answers_finish() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(tokens=10, token_delay_s=0.02)
        asking = asyncio.create_task(running.ask("a", stream=True))
        await running.coder.until(lambda: running.coder.busy == 1)
        await running.app.extensions["inflight"].drain(10)
        assert b"[DONE]" in (await asking).content

    play(scenario)


def test_the_connection_is_kept_between_requests() -> None:
    async def scenario(running: Orchestra) -> None:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{running.port}", limits=httpx.Limits(max_connections=1), trust_env=False
        ) as client:
            for _ in range(5):
                assert (await client.post("/v1/chat/completions", json=question())).status_code == 200

    play(scenario)
