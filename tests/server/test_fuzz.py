"""Ten thousand broken bodies: whatever is sent, the answer is an OpenAI object and never a 5xx."""

import asyncio
import copy
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quart import Quart

from maker.chat.types import ChatRequest, Delta
from maker.models.scripted import ScriptedModel
from maker.server.app import create_app
from tests.server.orchestra import bare_parts

TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
VALID: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "hi"}]},
    {
        "model": "maker-low",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {}}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
        ],
        "tools": [TOOL],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 100,
        "stop": ["a", "b"],
        "n": 1,
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {"type": "json_object"},
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "reasoning_effort": "low",
        "store": True,
    },
]  # fmt: skip
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, -(2**70), 1e308, -0.0, "", "x", "\x00", "\ud800", "\u2028", "x" * 5000,
    [], {}, [[]], [None], {"": None}, [{}] * 50, {"type": "text"}, {"type": "function"}, "auto", "NaN",
]  # fmt: skip


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [deeper for key, item in value.items() for deeper in _paths(item, (*path, key))]
    elif isinstance(value, list):
        found += [deeper for index, item in enumerate(value) for deeper in _paths(item, (*path, index))]
    return found


def _change(rng: random.Random, body: Any) -> Any:
    """One change at a random place: another value, a missing key, a doubled item, a new key."""
    path = rng.choice(_paths(body)[1:] or [()])
    if not path:
        return copy.deepcopy(rng.choice(STRANGE))
    parent = body
    for key in path[:-1]:
        parent = parent[key]
    how = rng.randrange(4)
    if how == 0:
        del parent[path[-1]]
    elif how == 1 and isinstance(parent, dict):
        parent[rng.choice(["extra", "messages", "n", "stream", "", "role", "content"])] = copy.deepcopy(
            rng.choice(STRANGE)
        )
    elif how == 1:
        parent.append(copy.deepcopy(rng.choice(parent)))
    else:
        parent[path[-1]] = copy.deepcopy(rng.choice(STRANGE))
    return body


def _mutated(rng: random.Random) -> bytes:
    body: Any = copy.deepcopy(rng.choice(VALID))
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        if isinstance(body, dict | list):
            body = _change(rng, body)
    raw = bytearray(json.dumps(body).encode())
    if rng.random() < 0.3 and raw:
        for _ in range(rng.choice([1, 2, 8])):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
    if rng.random() < 0.05:
        del raw[rng.randrange(len(raw) + 1) :]
    return bytes(raw)


HAND_MADE: list[bytes] = [
    b"", b"null", b"[]", b"{", b"\xff\xfe", b"{} {}", b'{"messages": NaN}', b"[" * 100_000, b'{"a":' * 50_000,
    b'{"messages": [{"role": "user", "content": ' + b"[" * 3000 + b"]" * 3000 + b"}]}",
    b'{"messages": [{"role": "user", "content": "hi"}], "seed": ' + b"9" * 5000 + b"}",
    b'{"messages": [{"role": "user", "content": "hi"}], "temperature": 1e999}',
    b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
]  # fmt: skip


class AnyReply(dict[int, int]):
    """Sends bodies to one application and counts the statuses."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._app: Quart = create_app(bare_parts({role: Endless(role) for role in ("planner", "coder")}))

    def send(self, raw: bytes) -> None:
        status = self._runner.run(self._post(raw))
        self[status] = self.get(status, 0) + 1

    def close(self) -> None:
        self._runner.close()

    async def _post(self, raw: bytes) -> int:
        client = self._app.test_client()
        reply = await client.post("/v1/chat/completions", data=raw, headers={"Content-Type": "application/json"})
        text = (await reply.get_data()).decode()
        assert reply.status_code < 500, text
        assert "Traceback" not in text
        assert "/maker/" not in text
        if reply.status_code >= 400:
            error = json.loads(text)["error"]
            assert error["message"]
            assert error["type"] == "invalid_request_error"
        else:
            assert "error" not in text
        return reply.status_code


class Endless(ScriptedModel):
    """A scripted model whose script never ends."""

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        async with ScriptedModel(self.role, ["ok"]).stream(request) as deltas:
            yield deltas


@pytest.fixture
def server() -> Iterator[AnyReply]:
    running = AnyReply()
    yield running
    running.close()


def _fuzz(server: AnyReply, examples: int, *, same_every_time: bool) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=same_every_time,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def every(rng: random.Random) -> None:
        server.send(_mutated(rng))

    every()


@pytest.mark.parametrize("raw", HAND_MADE, ids=range(len(HAND_MADE)))
def test_a_hostile_body_is_the_callers_error(server: AnyReply, raw: bytes) -> None:
    server.send(raw)
    assert server == {400: 1}


def test_a_thousand_broken_bodies_never_break_the_server(server: AnyReply) -> None:
    _fuzz(server, 1000, same_every_time=True)
    assert server[200] > 20
    assert server[400] > 200


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_broken_bodies_never_break_the_server(server: AnyReply) -> None:
    _fuzz(server, 10_000, same_every_time=False)
    assert sum(server.values()) >= 10_000


def test_the_fuzzer_notices_a_server_that_breaks(server: AnyReply, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(body: object) -> ChatRequest:
        raise ZeroDivisionError

    monkeypatch.setattr("maker.server.dialects.parse_chat", broken)
    with pytest.raises(AssertionError):
        server.send(b"{}")
