"""The judge of streams is judged: it passes a good stream and names what is wrong with each broken one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance import check_stream

Events = list[Any]


def chunk(delta: Any, *, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    head = {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": "maker-high"}
    return {**head, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def call(arguments: str, *, index: int = 0, **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": more.pop("name")} if "name" in more else {})
    return chunk({"tool_calls": [{"index": index, **more, "function": function}]})


USAGE = chunk({}, choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
ERROR = {"error": {"message": "it broke", "type": "upstream_error", "code": "model_reply_error", "param": None}}
ROLE = chunk({"role": "assistant", "content": ""})


def good() -> Events:
    return [
        ROLE,
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "a\u2028b"}),
        call("", id="c0", name="read"),
        call('{"p":'),
        call("1}"),
        call("", index=1, id="c1", name="list"),
        call("{}", index=1),
        chunk({}, finish="tool_calls"),
        USAGE,
        "[DONE]",
    ]


def render(events: Events) -> bytes:
    texts = [event if isinstance(event, str) else json.dumps(event, ensure_ascii=False) for event in events]
    return b": keep-alive\n\n" + "".join(f"data: {text}\n\n" for text in texts).encode()


def check(events: Events, *, usage_asked: bool = True, reasoning_allowed: bool = True) -> list[str]:
    return check_stream(render(events), usage_asked=usage_asked, reasoning_allowed=reasoning_allowed)


def test_a_good_stream_passes() -> None:
    assert check(good()) == []


def test_a_stream_that_fails_properly_passes() -> None:
    assert check([*good()[:4], ERROR]) == []


def replaced(position: int, *events: Any) -> Callable[[Events], Events]:
    return lambda stream: [*stream[:position], *events, *stream[position + 1 :]]


BROKEN: list[tuple[str, Callable[[Events], Events]]] = [
    ("neither [DONE] nor an error", lambda stream: stream[:-1]),
    ("[DONE] is not the last event", lambda stream: [*stream, "[DONE]"]),
    ("something follows an error", lambda stream: [*stream[:4], ERROR, "[DONE]"]),
    ("a stream that failed has a finish", replaced(10, ERROR)),
    ("no OpenAI error object", lambda stream: [*stream[:4], {"error": "it broke"}]),
    ("makes clients retry", lambda stream: [*stream[:4], {"error": {**ERROR["error"], "type": "server_error"}}]),
    ("not JSON", replaced(2, '{"choices": [')),
    ("not JSON", replaced(2, '{"x": NaN}')),
    ("not a JSON object", replaced(2, "7")),
    ("first delta of a choice has no role", lambda stream: stream[1:]),
    ("the role comes twice", replaced(1, ROLE)),
    ("several kinds", replaced(2, chunk({"content": "a", "reasoning_content": "b"}))),
    ("does not open with id", replaced(3, call("", name="read"))),
    ("does not open with id", replaced(3, call("", id="c0"))),
    ("does not open with id", replaced(3, call("{}", id="c0", name="read"))),
    ("opens twice", replaced(4, call('{"p":', id="c0"))),
    ("mixed", replaced(7, call("2", index=0))),
    ("mixed", replaced(6, call("", index=3, id="c1", name="list"))),
    ("arguments go on after they were whole", lambda stream: [*stream[:4], call("{}"), *stream[4:]]),
    ("goes on after its end", lambda stream: [*stream[:9], chunk({"content": "more"}), *stream[9:]]),
    ("the finish chunk has a delta", replaced(8, chunk({"content": "x"}, finish="stop"))),
    ("unknown finish reason", replaced(8, chunk({}, finish="tired"))),
    ("has no finish", replaced(8)),
    ("usage comes 0 times", replaced(9)),
    ("usage comes 2 times", replaced(9, USAGE, USAGE)),
    ("usage is not alone", replaced(9, chunk({}, finish="stop", index=0, usage=USAGE["usage"]))),
    ("does not add up", replaced(9, {**USAGE, "usage": {**USAGE["usage"], "total_tokens": 6}})),
    ("id is missing or changes", replaced(2, chunk({"content": "a"}, id="other"))),
    ("model is missing or changes", replaced(2, chunk({"content": "a"}, model=None))),
    ("wrong object", replaced(2, chunk({"content": "a"}, object="chat.completion"))),
    ("maker is not in the last chunk", replaced(2, chunk({"content": "a"}, maker={}))),
    ("no delta", replaced(2, chunk(None))),
    ("begins before the one before it", replaced(2, chunk({"role": "assistant", "content": ""}, index=2))),
]


@pytest.mark.parametrize(("violation", "change"), BROKEN, ids=[f"{n}-{text}" for n, (text, _) in enumerate(BROKEN)])
def test_a_broken_stream_is_found_out(violation: str, change: Callable[[Events], Events]) -> None:
    assert any(violation in line for line in check(change(good())))


def test_usage_that_nobody_asked_for_is_found_out() -> None:
    found = check(good(), usage_asked=False)

    assert found == ["usage was not asked for", "a chunk has no choices"]


@pytest.mark.parametrize("delta", [{"reasoning_content": "hm"}, {"content": "<think>hm"}])
def test_reasoning_where_it_is_not_allowed_is_found_out(delta: dict[str, str]) -> None:
    stream = [ROLE, chunk(delta), chunk({}, finish="stop"), "[DONE]"]

    assert check(stream, usage_asked=False) == []
    assert check(stream, usage_asked=False, reasoning_allowed=False) == ["reasoning is not allowed here"]


@pytest.mark.parametrize(
    ("raw", "violation"),
    [
        (b"", "no events"),
        (b"data: \xff\n\n", "not UTF-8"),
        (render(good())[:-1], "within an event"),
        (render(good()).replace(b"keep-alive", b"ping"), "says ping"),
        (b"event: x\n" + render(good()), "neither data nor comment"),
    ],
)
def test_broken_framing_is_found_out(raw: bytes, violation: str) -> None:
    assert any(violation in line for line in check_stream(raw, usage_asked=True, reasoning_allowed=True))
