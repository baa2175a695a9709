"""A client that is gone before its request was begun."""

import asyncio
import json
from typing import Any

from maker.models.scripted import ScriptedModel
from maker.server.app import create_app
from tests.models.support import in_loop
from tests.server.orchestra import bare_parts, question

HEADERS = [(b"host", b"localhost:8080"), (b"content-type", b"application/json")]


@in_loop
async def test_who_leaves_with_the_last_byte_of_the_request_costs_no_model_anything() -> None:
    models = {role: ScriptedModel(role, ["too late"]) for role in ("planner", "coder")}
    body = json.dumps(question(stream=True)).encode()
    messages = iter(({"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}))
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    path = "/v1/chat/completions"
    scope: Any = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "root_path": ""}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": HEADERS, "extensions": {}}
    await create_app(bare_parts(models))(scope, receive, send)

    assert sent == []
    assert [model.calls for model in models.values()] == [[], []]
