"""What clients may ask beside a plain chat, over real HTTP against fake llama servers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from maker.config import Mode, Server
from maker.errors import RequestError
from maker.pipeline.events import RunStarted
from maker.server import asking
from tests.conformance import check_stream
from tests.requests.shapes import APPLY_PROMPT, FIM, NEW, chatml
from tests.server.orchestra import ALL_ROLES, Orchestra, coding, orchestra, question, script


def play(scenario: Callable[[Orchestra], Awaitable[None]], mode: Any = "high", **settings: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(40), orchestra(mode, **settings) as running:
            await scenario(running)

    asyncio.run(whole())


def image() -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAA"}}]}


def test_an_image_goes_to_a_model_with_vision() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(vision=True)
        reply = await running.client.post("/v1/chat/completions", json={"messages": [image()], "stop": ["x"]})
        assert reply.status_code == 200
        assert running.coder.bodies[0]["messages"] == [image()]

    play(scenario)


@pytest.mark.parametrize(("path", "setting"), [("/v1/embeddings", "embeddings.url"), ("/v1/rerank", "rerank.url")])
def test_without_a_server_for_vectors_the_setting_is_named(path: str, setting: str) -> None:
    async def scenario(running: Orchestra) -> None:
        body = {"input": "x", "query": "q", "documents": ["a"]}
        reply = await running.client.post(path, json=body)
        assert reply.status_code == 400
        assert f"set {setting} in maker.toml" in reply.json()["error"]["message"]

    play(scenario)


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "background"])
def test_what_a_server_would_have_to_remember_is_refused(name: str) -> None:
    async def scenario(running: Orchestra) -> None:
        reply = await running.client.post("/v1/responses", json={"input": "x", name: "resp_1"})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, name)
        assert "send the whole conversation in 'input'" in reply.json()["error"]["message"]

    play(scenario)


def test_a_gap_is_filled_by_the_models_own_markers_not_by_the_clients() -> None:
    async def scenario(running: Orchestra) -> None:
        reply = await running.client.post("/v1/completions", json={"prompt": FIM, "max_tokens": 9, "stop": ["\n\n"]})
        assert reply.json()["choices"][0]["text"] == "filled"
        probe, asked = running.fakes["voter"].bodies
        assert probe["n_predict"] == 2
        assert (asked["input_prefix"], asked["input_suffix"], asked["n_predict"]) == ("def add(a, b):\n    ", "\n", 9)
        assert "fim" not in json.dumps(asked)
        assert running.coder.requests == 0

    play(scenario, roles=ALL_ROLES)


def test_models_that_cannot_fill_gaps_turn_autocomplete_off_with_advice_and_are_probed_once() -> None:
    async def scenario(running: Orchestra) -> None:
        running.fakes["voter"].behave(fim=False)
        running.coder.behave(replies=["nonsense"])
        replies = [
            await running.client.post("/v1/completions", json={"prompt": FIM, "stream": stream})
            for stream in (True, False)
        ]
        assert [reply.status_code for reply in replies] == [400, 400]
        assert replies[0].text == replies[1].text
        error = replies[0].json()["error"]
        assert error["code"] == "autocomplete_unsupported"
        assert "roles.voter.model" in error["message"]
        assert running.coder.requests == 1

    play(scenario, roles=ALL_ROLES)


def test_an_applied_edit_is_the_exact_file_whatever_stands_around_it() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(
            replies=[f"```python\n{NEW}```\n\nI changed the return value."] * 2, reasoning="let me see"
        )
        rendered = {"prompt": chatml(APPLY_PROMPT, "```\n")}
        whole = (await running.client.post("/v1/completions", json=rendered)).json()
        assert whole["choices"][0] == {"index": 0, "text": NEW, "logprobs": None, "finish_reason": "stop"}
        messages = [{"role": "user", "content": APPLY_PROMPT}, {"role": "assistant", "content": "```\n"}]
        assert running.coder.bodies[0]["messages"] == messages
        assert running.coder.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}
        streamed = await running.client.post("/v1/chat/completions", json={"messages": messages, "stream": True})
        assert check_stream(streamed.content, usage_asked=False, reasoning_allowed=False) == []
        assert "".join(_texts(streamed.content)) == NEW

    play(scenario)


def test_a_client_that_leaves_while_a_gap_is_filled_frees_the_slot() -> None:
    async def scenario(running: Orchestra) -> None:
        voter = running.fakes["voter"]
        await running.client.post("/v1/completions", json={"prompt": FIM})
        voter.behave(stall_at=0)
        body = {"messages": [{"role": "user", "content": FIM}], "stream": True}
        await running.leave(body, lambda: voter.busy == 1)
        await voter.until(lambda: voter.open == 0 and voter.busy == 0, within_s=2)

    play(scenario, roles=ALL_ROLES)


def test_health_says_that_autocomplete_is_off_once_that_is_known() -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(fim=False)
        assert (await running.client.post("/v1/completions", json={"prompt": FIM})).status_code == 400
        told = (await running.client.get("/health")).json()["degraded"]
        assert [one["name"] for one in told] == ["autocomplete"]

    play(scenario)


def test_a_refusal_of_the_guard_is_in_the_shape_of_its_endpoint() -> None:
    async def scenario(running: Orchestra) -> None:
        for path, shaped in (("/v1/messages", True), ("/v1/chat/completions", False)):
            reply = await running.client.post(path, content=b"x", headers={"Content-Type": "text/plain"})
            assert reply.status_code == 415
            assert (reply.json().get("type") == "error") == shaped

    play(scenario)


def _texts(raw: bytes) -> list[str]:
    chunks = [json.loads(line[6:]) for line in raw.decode().split("\n\n") if line.startswith("data: {")]
    return [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"])
def test_every_wire_gives_a_sign_of_life_before_the_model_has_said_anything(path: str) -> None:
    async def scenario(running: Orchestra) -> None:
        running.coder.behave(stall_first_byte=True)
        body = {"messages": [{"role": "user", "content": "x"}], "input": "x", "prompt": "x", "stream": True}
        async with running.client.stream("POST", path, json=body, timeout=5) as reply:
            assert reply.status_code == 200
            assert await anext(reply.aiter_raw())

    play(scenario)


@pytest.mark.parametrize("header", ["file://[/x", "file://[::1/x", "file:", "file:x"])
def test_a_workspace_that_cannot_be_read_is_the_callers_error(header: str) -> None:
    with pytest.raises(RequestError, match="absolute path"):
        asking.workspace(Headers({"x-maker-workspace": header}))


def test_the_workspace_of_a_request_is_the_tasks() -> None:
    async def scenario(running: Orchestra) -> None:
        for header in ("/home/me/my project/", "file:///home/me/my%20project"):
            reply = await running.client.post(
                "/v1/chat/completions", json=question(), headers={"x-maker-workspace": header}
            )
            assert reply.status_code == 200
        refused = await running.client.post(
            "/v1/chat/completions", json=question(), headers={"x-maker-workspace": "project"}
        )
        started = [event.task.workspace for event in running.events if isinstance(event, RunStarted)]
        assert started == ["/home/me/my project"] * 2
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "x-maker-workspace")
        assert "absolute path" in refused.json()["error"]["message"]

    play(scenario)


def test_a_request_may_lower_its_budget() -> None:
    async def scenario(running: Orchestra) -> None:
        for header, wanted in (("max_tokens=7", 7), ('{"max_tokens": 9000}', 50)):
            await running.client.post("/v1/chat/completions", json=question(), headers={"x-maker-budget": header})
            assert running.coder.bodies[-1]["max_tokens"] == wanted
        refused = await running.client.post(
            "/v1/chat/completions", json=question(), headers={"x-maker-budget": "speed=9"}
        )
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "x-maker-budget")

    play(scenario, answering=Mode(max_tokens=50))


def test_whoever_follows_the_events_sees_runs_as_they_happen_and_no_words() -> None:
    async def scenario(running: Orchestra) -> None:
        async with running.client.stream("GET", "/api/events") as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            lines = reply.aiter_lines()
            await anext(lines)  # it listens now
            script(running.fakes)
            await running.client.post("/v1/chat/completions", json=coding("Write add(a, b), secretly."))
            seen: list[dict[str, Any]] = []
            async for line in lines:
                if line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
                if seen and seen[-1]["event"] == "run_finished":
                    break
        names = [one["event"] for one in seen]
        assert names[0] == "run_started"
        assert {"kind_decided", "plan_made", "candidate_judged", "step_decided", "verdict_given"} <= set(names)
        assert "answer_delta" not in names
        assert len({one["run"] for one in seen}) == 1
        assert "secretly" not in json.dumps(seen)

    play(scenario, roles=ALL_ROLES)


def test_silence_on_the_events_is_broken_and_a_stop_ends_them() -> None:
    async def scenario(running: Orchestra) -> None:
        async with running.client.stream("GET", "/api/events") as reply:
            pieces = reply.aiter_raw()
            seen = b""
            while seen.count(b": keep-alive\n\n") < 3:
                seen += await anext(pieces)
            await running.app.extensions["inflight"].drain(1)
            assert b"data" not in b"".join([piece async for piece in pieces])

    play(scenario, limits=Server(keep_alive_s=0.05))


def test_a_connection_on_which_only_the_events_head_was_asked_for_is_used_again() -> None:
    async def scenario(running: Orchestra) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        for method, path in (("HEAD", "/api/events"), ("GET", "/ready")):
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost:{running.port}\r\n\r\n".encode())
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == b"200"
            assert method == "GET" or b"text/event-stream" in head
        writer.close()
        await writer.wait_closed()

    play(scenario)
