"""What real clients send, in both modes, streamed and whole: each reply keeps every promise of its wire."""

import asyncio
import base64
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from maker.config import ModeName
from maker.models.vectors import VectorServer
from tests.conformance import check_stream
from tests.conformance_named import check_messages, check_responses, check_text
from tests.requests.shapes import FIM, SHAPES, Shape
from tests.server.orchestra import ALL_ROLES, Orchestra, orchestra

CAPTURED = Path(__file__).resolve().parents[3] / "shared" / "data" / "client-requests"
"""Requests as they were recorded, where they lie beside the repository; every shape of them is built here as well."""
MODES: tuple[ModeName, ...] = ("high", "low")


async def vectors(request: web.Request) -> web.Response:
    """A server with an embedding model and a reranking one."""
    body = await request.json()
    if request.path.endswith("rerank"):
        ranks = [{"index": n, "relevance_score": n / 10} for n in range(len(body["documents"]))]
        return web.json_response({"results": ranks, "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    data = [{"index": n, "embedding": [0.5, float(n)]} for n in range(len(body["input"]))]
    return web.json_response({"data": data[::-1], "usage": {"prompt_tokens": 2, "total_tokens": 2}})


class Clients:
    """An orchestrator with every role, and a server for vectors beside it."""

    def __init__(self, mode: ModeName) -> None:
        self.mode = mode

    async def __aenter__(self) -> Orchestra:
        app = web.Application()
        app.router.add_post("/v1/{what}", vectors)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        self._server = await VectorServer("embeddings", url).__aenter__()
        self._orchestra = orchestra(self.mode, roles=ALL_ROLES, embeddings=self._server, rerank=self._server)
        return await self._orchestra.__aenter__()

    async def __aexit__(self, *exc: Any) -> None:
        await self._orchestra.__aexit__(None, None, None)
        await self._server.__aexit__()
        await self._runner.cleanup()


async def violations(running: Orchestra, shape: Shape, mode: ModeName, *, stream: bool) -> list[str]:
    body = shape.asked(mode, stream=stream)
    reply = await running.client.post(shape.path, json=body)
    if reply.status_code != shape.status:
        return [f"status {reply.status_code}: {reply.text[:200]}"]
    if shape.status >= 400:
        return [] if _is_error(reply.json(), shape.path) else [f"not an error object: {reply.text[:200]}"]
    if shape.path in ("/v1/embeddings", "/v1/rerank"):
        return _vector_faults(reply.json())
    return _streamed_faults(reply, shape) if stream else _whole_faults(reply.json(), shape, mode)


def _streamed_faults(reply: httpx.Response, shape: Shape) -> list[str]:
    if not reply.headers["content-type"].startswith("text/event-stream"):
        return ["not an event stream"]
    if shape.path == "/v1/responses":
        return check_responses(reply.content, reasoning_allowed=shape.reasoning)
    if shape.path == "/v1/messages":
        return check_messages(reply.content, thoughts_allowed=shape.reasoning)
    if shape.path == "/v1/completions":
        return check_text(reply.content, usage_asked=shape.usage_asked)
    return check_stream(reply.content, usage_asked=shape.usage_asked, reasoning_allowed=shape.reasoning)


def _whole_faults(body: Mapping[str, Any], shape: Shape, mode: ModeName) -> list[str]:
    found = [] if body["model"] == f"maker-{mode}" else ["another model"]
    if shape.path == "/v1/responses":
        return found if body["status"] == "completed" and body["output"] else [*found, "not complete"]
    if shape.path == "/v1/messages":
        return found if body["stop_reason"] == "end_turn" and body["content"] else [*found, "not complete"]
    choice = body["choices"][0]
    if choice["finish_reason"] not in ("stop", "length", "tool_calls"):
        found.append("no finish")
    if shape.path == "/v1/completions":
        return found if isinstance(choice["text"], str) else [*found, "no text"]
    if not shape.reasoning and "reasoning_content" in choice["message"]:
        found.append("reasoning is not allowed here")
    return found


def _vector_faults(body: Mapping[str, Any]) -> list[str]:
    first = body["data"][0]
    if "relevance_score" in first:
        return [] if [rank["index"] for rank in body["data"]] == [1, 0] else ["not the best first"]
    values = [struct.unpack("<2f", base64.b64decode(one["embedding"])) for one in body["data"]]
    return [] if values == [(0.5, 0.0), (0.5, 1.0)] else [f"wrong vectors: {values}"]


def _is_error(body: Mapping[str, Any], path: str) -> bool:
    error = body.get("error", {})
    return {"message", "type"} <= set(error) and (path != "/v1/messages" or body.get("type") == "error")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("mode", MODES)
def test_every_request_that_clients_send_gets_a_reply_as_its_wire_promises(mode: ModeName, stream: bool) -> None:
    async def all_of_them() -> dict[str, list[str]]:
        async with asyncio.timeout(120), Clients(mode) as running:
            return {shape.name: await violations(running, shape, mode, stream=stream) for shape in SHAPES}

    found = asyncio.run(all_of_them())
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert len(found) == len(SHAPES)


@pytest.mark.parametrize("mode", MODES)
def test_the_recorded_requests_get_such_replies_too(mode: ModeName) -> None:
    """Where they lie beside the repository; the shapes above are the same without them."""
    shapes = {shape.name: shape for shape in SHAPES}
    recorded = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(CAPTURED.glob("*.json"))}
    posted = {name: one for name, one in recorded.items() if isinstance(one, dict) and one.get("body")}

    async def all_of_them() -> dict[str, list[str]]:
        found = {}
        async with asyncio.timeout(120), Clients(mode) as running:
            for name, one in posted.items():
                shape = shapes[name]
                body = {**one["body"], "model": f"maker-{mode}"} if shape.own else one["body"]
                replayed = Shape(name, body, shape.path, shape.own, shape.reasoning, shape.status)
                for stream in (True, False):
                    found[f"{name}, {stream}"] = await violations(running, replayed, mode, stream=stream)
        return found

    assert {name: faults for name, faults in asyncio.run(all_of_them()).items() if faults} == {}


@pytest.mark.parametrize("mode", MODES)
def test_the_models_of_a_port_are_listed(mode: ModeName) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(20), orchestra(mode) as running:
            listed = (await running.client.get("/v1/models")).json()
            assert [one["id"] for one in listed["data"]] == [f"maker-{mode}"]

    asyncio.run(scenario())


def test_utility_requests_go_to_one_model_and_to_the_small_one_where_it_suits() -> None:
    """A title and a completion cost the small model; an edit the coder; nobody else is asked."""
    wanted = {
        "ide-12-chat-title-max16": "voter",
        "client-opencode-title": "voter",
        "ide-05-autocomplete-default-completions": "voter",
        "ide-06-autocomplete-useLegacy-false": "voter",
        "ide-16-fim-endpoint": "voter",
        "ide-08-edit-default-completions": "coder",
        "ide-09-edit-useLegacy-false": "coder",
        "ide-10-apply-default-completions": "coder",
        "ide-22-apply-glm-named-messages": "coder",
    }

    async def scenario() -> None:
        shapes = {shape.name: shape for shape in SHAPES}
        async with asyncio.timeout(60), orchestra("high", roles=ALL_ROLES) as running:
            await running.client.post("/v1/completions", json={"prompt": FIM})  # the probe is done with
            for name, role in wanted.items():
                before = {who: fake.requests for who, fake in running.fakes.items()}
                await running.client.post(shapes[name].path, json=shapes[name].asked("high", stream=True))
                asked = {who: fake.requests - before[who] for who, fake in running.fakes.items()}
                assert {who: count for who, count in asked.items() if count} == {role: 1}, name
                assert "chat_template_kwargs" in running.fakes[role].bodies[-1] or "input_prefix" in str(
                    running.fakes[role].bodies[-1]
                )

    asyncio.run(scenario())
