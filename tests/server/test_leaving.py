"""Ctrl-C in a client, whatever wire it speaks: nothing is generated for nobody, and every slot is free."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from maker.config import ModeName
from tests.requests.shapes import tool, user
from tests.server.orchestra import Orchestra, check_left, orchestra

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
SAID = "one two three four"
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": [user(SAID)]}),
    "chat, agent": ("/v1/chat/completions", {"messages": [user(SAID)], "tools": [tool("read")]}),
    "completion": ("/v1/completions", {"prompt": SAID}),
    "response": ("/v1/responses", {"input": SAID}),
    "response, agent": (
        "/v1/responses",
        {"input": SAID, "tools": [{"type": "function", "name": "read", "parameters": SCHEMA}]},
    ),
    "message": ("/v1/messages", {"messages": [user(SAID)], "max_tokens": 99}),
    "message, agent": (
        "/v1/messages",
        {"messages": [user(SAID)], "max_tokens": 99, "tools": [{"name": "read", "input_schema": SCHEMA}]},
    ),
}


@pytest.mark.parametrize("stall", [{"stall_first_byte": True}, {"stall_at": 2}], ids=["waiting", "writing"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name in ASKED for mode in ("high", "low")])
def test_a_client_that_leaves_frees_every_slot(
    name: str, mode: ModeName, stream: bool, stall: dict[str, Any], tmp_path: Path
) -> None:
    path, body = ASKED[name]

    async def scenario(running: Orchestra) -> None:
        coder = running.coder
        coder.behave(**stall)

        def writes() -> bool:
            return coder.busy == 1 and (not stall.get("stall_at") or coder.generations[0].sent == 2)

        left = await running.leave({**body, "stream": stream}, writes, path)
        await check_left(running, tmp_path, left)
        assert coder.requests == 1

    async def whole() -> None:
        async with asyncio.timeout(40), orchestra(mode, slots=tmp_path) as running:
            await scenario(running)

    asyncio.run(whole())
