"""Broken bodies for every other endpoint: whatever is sent, the answer is an error object and never a 5xx."""

import asyncio
import copy
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maker.server.app import create_app
from tests.requests.shapes import CODEX, CODEX_LATER, SHAPES
from tests.server.orchestra import bare_parts
from tests.server.test_fuzz import Endless, _change

CLAUDE = next(shape.body for shape in SHAPES if shape.path == "/v1/messages")
AGAIN: Any = CODEX["input"]
VALID: dict[str, dict[str, Any]] = {
    "/v1/completions": {"prompt": "x", "suffix": None, "max_tokens": 5, "stop": ["a"], "stream": True, "logprobs": 1},
    "/v1/fim/completions": {"prompt": "<fim_prefix>a<fim_suffix>b<fim_middle>", "suffix": "y"},
    "/v1/responses": {**CODEX, "input": [*AGAIN, *CODEX_LATER], "text": {"format": {"type": "text"}}},
    "/v1/messages": {**CLAUDE, "stop_sequences": ["x"], "tool_choice": {"type": "auto"}},
    "/v1/messages/count_tokens": CLAUDE,
    "/v1/embeddings": {"input": ["a"], "encoding_format": "base64", "dimensions": 3},
    "/v1/rerank": {"query": "q", "documents": ["a", {"text": "b"}], "top_n": 1},
}  # fmt: skip


@pytest.mark.parametrize("path", VALID)
def test_broken_bodies_never_break_an_endpoint(path: str) -> None:
    app = create_app(bare_parts({role: Endless(role) for role in ("planner", "coder")}))
    seen: set[int] = set()

    async def post(raw: bytes) -> None:
        reply = await app.test_client().post(path, data=raw, headers={"Content-Type": "application/json"})
        text = (await reply.get_data()).decode()
        assert reply.status_code < 500, text
        assert "Traceback" not in text
        seen.add(reply.status_code)
        if reply.status_code >= 400:
            body = json.loads(text)
            assert body["error"]["message"]
            assert (body.get("type") == "error") == path.startswith("/v1/messages")

    with asyncio.Runner() as runner:

        @settings(
            max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(st.randoms(use_true_random=False))
        def every(rng: random.Random) -> None:
            body: Any = copy.deepcopy(VALID[path])
            for _ in range(rng.choice([1, 1, 2, 4])):
                if isinstance(body, dict | list):
                    body = _change(rng, body)
            runner.run(post(json.dumps(body).encode()))

        every()
    assert 400 in seen
