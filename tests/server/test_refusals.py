"""What cannot work is refused on every wire, in its own form, before anything is generated, and says what to do."""

import asyncio
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from maker.config import ModeName, Server
from maker.models.scripted import ScriptedModel
from maker.server.app import create_app
from tests.requests.shapes import tool, user
from tests.server.orchestra import Orchestra, bare_parts, orchestra

Json = dict[str, Any]

CONTEXT = 300
LONG = "word " * (CONTEXT + 100)
IMAGE = "data:image/png;base64,AAA"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
CHAT, TEXT, FILL = "/v1/chat/completions", "/v1/completions", "/v1/fim/completions"
RESPONSES, MESSAGES, COUNT = "/v1/responses", "/v1/messages", "/v1/messages/count_tokens"
LEAST: dict[str, Json] = {
    CHAT: {"messages": [user("hi")]},
    TEXT: {"prompt": "hi"},
    FILL: {"prompt": "hi", "suffix": "ho"},
    RESPONSES: {"input": "hi"},
    MESSAGES: {"messages": [user("hi")], "max_tokens": 9},
    COUNT: {"messages": [user("hi")]},
}
READ_CHAT = {"tools": [tool("read")]}
READ_RESPONSES = {"tools": [{"type": "function", "name": "read", "parameters": SCHEMA}]}
READ_MESSAGES = {"tools": [{"name": "read", "input_schema": SCHEMA}]}


@dataclass(frozen=True)
class Refusal:
    """A request that cannot work: what is wrong with it, and what the answer must say of that."""

    path: str
    change: Json
    param: str
    advice: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.path} {self.change}"[:100]


def called(arguments: str) -> list[Json]:
    call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": arguments}}
    result = {"role": "tool", "tool_call_id": "c1", "content": "x"}
    return [user("hi"), {"role": "assistant", "content": None, "tool_calls": [call]}, result]


def called_in_response(arguments: str) -> list[Json]:
    call = {"type": "function_call", "call_id": "c1", "name": "read", "arguments": arguments}
    return [user("hi"), call, {"type": "function_call_output", "call_id": "c1", "output": "x"}]


def called_in_message(given: object) -> list[Json]:
    call = {"type": "tool_use", "id": "c1", "name": "read", "input": given}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "x"}
    return [user("hi"), {"role": "assistant", "content": [call]}, user([result])]


def function(name: str) -> Json:
    return {"type": "function", "function": {"name": name}}


# A tool that must be called, and is not offered.
CHOICES = [
    Refusal(CHAT, {"tool_choice": "required"}, "tool_choice", "offer the tool, or send 'auto'"),
    Refusal(CHAT, {**READ_CHAT, "tool_choice": function("write")}, "tool_choice", "offered: read; offer the tool"),
    Refusal(RESPONSES, {"tool_choice": "required"}, "tool_choice", "offer the tool, or send 'auto'"),
    Refusal(
        RESPONSES,
        {**READ_RESPONSES, "tool_choice": {"type": "function", "name": "write"}},
        "tool_choice",
        "offered: read",
    ),
    Refusal(MESSAGES, {"tool_choice": {"type": "any"}}, "tool_choice", "offer the tool, or send 'auto'"),
    Refusal(MESSAGES, {**READ_MESSAGES, "tool_choice": {"type": "tool", "name": "write"}}, "", "offered: read"),
]
# Arguments of a past call that are no JSON object.
ARGUMENTS = [
    *(
        Refusal(CHAT, {"messages": called(given)}, "messages[1].tool_calls[0].function.arguments", "mend it, or leave")
        for given in ('{"path": "a', "[1]", "null")
    ),
    *(
        Refusal(RESPONSES, {"input": called_in_response(given)}, "input[1].arguments", "mend it, or leave")
        for given in ('{"path": "a', "[1]", "null")
    ),
    *(
        Refusal(path, {"messages": called_in_message(given)}, "", "'messages[1].content[0].input' must be an object")
        for path in (MESSAGES, COUNT)
        for given in ('{"path": "a"}', [1], None)
    ),
]
IMAGES = [
    Refusal(
        CHAT, {"messages": [user([{"type": "image_url", "image_url": {"url": IMAGE}}])]}, "messages", "send no images"
    ),
    Refusal(RESPONSES, {"input": [user([{"type": "input_image", "image_url": IMAGE}])]}, "input", "send no images"),
    Refusal(
        MESSAGES,
        {"messages": [user([{"type": "image", "source": {"type": "url", "url": IMAGE}}])]},
        "",
        "send no images",
    ),
]
TOO_LONG = [
    Refusal(path, {field: [user(LONG)] if field == "messages" else LONG}, field, "send less")
    for path, field in ((CHAT, "messages"), (TEXT, "prompt"), (RESPONSES, "input"), (MESSAGES, "messages"))
]
# The other wires have no `n`, and what a wire does not know is ignored.
CHOICES_TOO_MANY = [Refusal(path, {"n": 17}, "n", "between 1 and 16") for path in (CHAT, TEXT, FILL)]


def ids(mode: ModeName) -> list[Refusal]:
    """The other port's id, and one of nobody."""
    other = "low" if mode == "high" else "high"
    wrong = {f"maker-{other}": f"maker-{other} is on the other port", "gpt-x": f"ask for maker-{mode}"}
    return [Refusal(path, {"model": model}, "model", advice, 404) for path in LEAST for model, advice in wrong.items()]


ALL = [*CHOICES, *ARGUMENTS, *IMAGES, *TOO_LONG, *CHOICES_TOO_MANY]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("mode", ["high", "low"])
def test_what_cannot_work_is_refused_before_anything_is_generated(mode: ModeName, stream: bool) -> None:
    async def all_of_them() -> dict[str, str]:
        async with asyncio.timeout(100), orchestra(mode) as running:
            running.coder.behave(context=CONTEXT)
            found = {str(refusal): await fault(running, refusal, stream) for refusal in [*ALL, *ids(mode)]}
            assert sum(fake.requests for fake in running.fakes.values()) == 0
            return found

    assert {name: said for name, said in asyncio.run(all_of_them()).items() if said} == {}


async def fault(running: Orchestra, refusal: Refusal, stream: bool) -> str:
    """What is wrong with the answer; empty where it is as it should be."""
    reply = await running.client.post(refusal.path, json={**LEAST[refusal.path], "stream": stream, **refusal.change})
    body = reply.json()
    error = body.get("error", {})
    if reply.status_code != refusal.status or refusal.advice not in error.get("message", ""):
        return f"{reply.status_code} {reply.text[:300]}"
    if refusal.path.startswith(MESSAGES):
        wanted = {"type": "not_found_error" if refusal.status == 404 else "invalid_request_error"}
        return "" if (body["type"], {**error, "message": ""}) == ("error", {**wanted, "message": ""}) else reply.text
    right = error["type"] == "invalid_request_error" and error["param"] == refusal.param and error["code"]
    return "" if right and set(body) == {"error"} else reply.text


SHOWN = "[image left out: only the text of a tool's result can be read here]"
WITH_IMAGES: list[tuple[str, Json]] = [
    (
        RESPONSES,
        {
            "input": [
                *called_in_response('{"path": "a"}')[:-1],
                {
                    "type": "function_call_output",
                    "call_id": "c1",
                    "output": [{"type": "input_image", "image_url": IMAGE}],
                },
            ]
        },
    ),
    (
        MESSAGES,
        {
            "messages": [
                *called_in_message({"path": "a"})[:-1],
                user(
                    [
                        {
                            "type": "tool_result",
                            "tool_use_id": "c1",
                            "content": [{"type": "image", "source": {"type": "url", "url": IMAGE}}],
                        }
                    ]
                ),
            ]
        },
    ),
]


@pytest.mark.parametrize(("path", "history"), WITH_IMAGES, ids=[path for path, _ in WITH_IMAGES])
def test_an_image_that_a_tool_gave_does_not_stop_the_conversation(path: str, history: Json) -> None:
    """It stays in the client's history: a refusal would meet every later request."""

    async def scenario() -> None:
        async with asyncio.timeout(30), orchestra("high") as running:
            reply = await running.client.post(path, json={**LEAST[path], **history})
            assert reply.status_code == 200, reply.text
            sent = running.coder.bodies[-1]["messages"]
            assert sent[2] == {"role": "tool", "tool_call_id": "c1", "content": SHOWN}

    asyncio.run(scenario())


HISTORIES = [
    (CHAT, {"messages": called('{"path": "a"}')}),
    (RESPONSES, {"input": called_in_response('{"path": "a"}')}),
    (MESSAGES, {"messages": called_in_message({"path": "a"})}),
]


@pytest.mark.parametrize(("path", "history"), HISTORIES, ids=[path for path, _ in HISTORIES])
def test_a_past_call_of_a_tool_that_is_offered_no_more_reaches_the_coder(path: str, history: Json) -> None:
    """Clients change their tools with the user's mode in the middle of a conversation; the past stays what it was."""

    async def scenario() -> None:
        async with asyncio.timeout(30), orchestra("high") as running:
            tools = {CHAT: {"tools": [tool("write")]}, MESSAGES: {"tools": [{"name": "write", "input_schema": SCHEMA}]}}
            for offered in ({}, tools.get(path, {})):
                reply = await running.client.post(path, json={**LEAST[path], **history, **offered})
                assert reply.status_code == 200, reply.text
            for sent in running.coder.bodies:
                [call] = sent["messages"][1]["tool_calls"]
                assert call["function"] == {"name": "read", "arguments": '{"path": "a"}'}
                assert sent["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "x"}

    asyncio.run(scenario())


@pytest.mark.parametrize("number", ["1e999", "-1e999", "Infinity", "NaN"])
def test_a_number_that_could_not_be_sent_back_is_no_json(number: str) -> None:
    async def ask() -> tuple[int, Json]:
        models = {"planner": ScriptedModel("planner"), "coder": ScriptedModel("coder", ["hi"])}
        client = create_app(bare_parts(models)).test_client()
        body = f'{{"input": "say hi", "metadata": {{"a": {number}}}}}'
        reply = await client.post(RESPONSES, data=body, headers={"Content-Type": "application/json"})
        return reply.status_code, await reply.get_json()

    status, said = asyncio.run(ask())
    assert (status, said["error"]["code"]) == (400, "invalid_json")
    assert number.removeprefix("-") in said["error"]["message"]


LARGE = b" " * (16 * 1024 * 1024)
"""More than the buffers of a connection take."""


def _posted(url: str, headers: dict[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, data=LARGE, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20)
    with caught.value as refused:
        return refused.code, refused.read().decode()


@pytest.mark.parametrize(
    ("media_type", "limit", "status"), [("application/json", 100_000, 413), ("text/plain", len(LARGE), 415)]
)
def test_a_client_that_is_still_sending_reads_why_it_is_refused(media_type: str, limit: int, status: int) -> None:
    async def ask() -> tuple[int, str]:
        async with asyncio.timeout(60), orchestra(limits=Server(max_body_bytes=limit)) as running:
            url = f"http://127.0.0.1:{running.port}{CHAT}"
            return await asyncio.to_thread(_posted, url, {"Content-Type": media_type})

    refused, said = asyncio.run(ask())
    assert refused == status
    assert "body" in said


def test_openais_client_reads_that_its_body_is_too_long() -> None:
    async def ask() -> None:
        async with asyncio.timeout(60), orchestra(limits=Server(max_body_bytes=100_000)) as running:
            base = f"http://127.0.0.1:{running.port}/v1"
            async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as client:
                with pytest.raises(openai.APIStatusError) as caught:
                    message = {"role": "user", "content": LARGE.decode()}
                    await client.chat.completions.create(model="maker-high", messages=[message])  # type: ignore[list-item]
                assert caught.value.status_code == 413
                assert (await client.models.list()).data

    asyncio.run(ask())
