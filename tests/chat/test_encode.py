"""Encoding: whatever the deltas are, the chunks keep the promises that clients depend on."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.encode import ChunkEncoder, completion_body, error_body, model_body, models_body
from maker.chat.sse import DONE, frame
from maker.chat.types import (
    Completion,
    Delta,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from tests.conformance import check_stream


def encoder(**options: bool) -> ChunkEncoder:
    return ChunkEncoder(id="chatcmpl-1", created=7, model="maker-high", **options)


def encoded(deltas: Sequence[Delta], *, maker: dict[str, Any] | None = None, **options: bool) -> list[dict[str, Any]]:
    chunks = encoder(**options)
    return [chunk for delta in deltas for chunk in chunks.encode(delta)] + chunks.closing(maker=maker)


def wire(chunks: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(map(frame, chunks)) + DONE


def deltas_in(chunks: Sequence[dict[str, Any]]) -> list[Any]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_a_plain_answer() -> None:
    chunks = encoded([TextDelta("Hel"), TextDelta("lo"), Finish("stop"), Usage(3, 2, 1)], include_usage=True)

    assert deltas_in(chunks) == [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[-1] == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "maker-high",
        "choices": [],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 1},
        },
    }


def test_the_opening_comes_once() -> None:
    chunks = encoder()

    assert deltas_in(chunks.opening()) == [{"role": "assistant", "content": ""}]
    assert chunks.opening() == []
    assert deltas_in(chunks.encode(TextDelta("a"))) == [{"content": "a"}]


def test_usage_is_silent_unless_asked_for_and_nought_is_an_answer() -> None:
    deltas: list[Delta] = [TextDelta("a"), Finish("stop"), Usage(3, 2)]

    assert not any("usage" in chunk for chunk in encoded(deltas))
    assert encoded(deltas[:2], include_usage=True)[-1]["usage"]["total_tokens"] == 0


def test_the_usage_of_a_whole_run_replaces_that_of_the_deltas() -> None:
    chunks = encoder(include_usage=True)
    for delta in (TextDelta("a"), Finish("stop"), Usage(3, 2)):
        chunks.encode(delta)

    assert chunks.closing(usage=Usage(30, 20))[-1]["usage"]["total_tokens"] == 50


@pytest.mark.parametrize("include_usage", [True, False])
def test_how_the_answer_came_about_travels_in_the_last_chunk(include_usage: bool) -> None:
    chunks = encoded([TextDelta("a"), Finish("stop")], maker={"mode": "high"}, include_usage=include_usage)

    assert ["maker" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert check_stream(wire(chunks), usage_asked=include_usage, reasoning_allowed=False) == []


def test_a_tool_call_opens_with_id_and_name_and_empty_arguments() -> None:
    chunks = encoded([ToolCallDelta(0, "c1", "read", '{"a"'), ToolCallDelta(0, arguments=":1}"), Finish("tool_calls")])

    assert [delta["tool_calls"] for delta in deltas_in(chunks)[1:-1]] == [
        [{"index": 0, "id": "c1", "type": "function", "function": {"name": "read", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"a"'}}],
        [{"index": 0, "function": {"arguments": ":1}"}}],
    ]


def arguments(deltas: Sequence[Delta]) -> list[str]:
    calls = [call for delta in deltas_in(encoded(deltas)) for call in delta.get("tool_calls", ())]
    return [call["function"]["arguments"] for call in calls if call["function"]["arguments"]]


def test_a_placeholder_is_dropped_and_empty_arguments_arrive() -> None:
    first, second = ToolCallDelta(0, "c1", "read"), ToolCallDelta(1, "c2", "list")
    empty = ToolCallDelta(0, arguments="{}")

    assert arguments([first, empty, ToolCallDelta(0, arguments='{"a":1}'), Finish("tool_calls")]) == ['{"a":1}']
    assert arguments([first, empty, Finish("tool_calls")]) == ["{}"]
    assert arguments([first, empty, second, ToolCallDelta(1, arguments="[]"), Finish("tool_calls")]) == ["{}", "[]"]
    assert arguments([first, empty, TextDelta("x"), Finish("tool_calls")]) == ["{}"]


def test_choices_side_by_side_each_have_role_and_finish() -> None:
    deltas: list[Delta] = [
        TextDelta("b", 1),
        TextDelta("a", 0),
        Finish("stop", 1),
        TextDelta("a", 0),
        Finish("length", 0),
    ]

    chunks = encoded(deltas)

    assert check_stream(wire(chunks), usage_asked=False, reasoning_allowed=False) == []
    finishes = [(one["index"], one["finish_reason"]) for chunk in chunks for one in chunk["choices"]]
    assert [finish for finish in finishes if finish[1]] == [(0, "length"), (1, "stop")]


def test_choices_begin_in_the_order_of_their_numbers_whoever_speaks_first() -> None:
    """OpenAI's own library takes the first chunk of a choice for the next one of its list."""
    chunks = encoded([TextDelta("c", 2), Finish("stop", 2), Finish("stop", 0), Finish("stop", 1)])

    begun = [one["index"] for chunk in chunks for one in chunk["choices"] if "role" in one["delta"]]
    assert begun == [0, 1, 2]


def test_reasoning_is_left_out_where_clients_would_paste_it_into_code() -> None:
    deltas: list[Delta] = [ReasoningDelta("hm"), TextDelta("a"), Finish("stop")]

    assert {"reasoning_content": "hm"} in deltas_in(encoded(deltas))
    assert "hm" not in json.dumps(encoded(deltas, reasoning=False))


@pytest.mark.parametrize("deltas", [[TextDelta("a")], [TextDelta("a"), Finish("stop"), TextDelta("b", 1)]])
def test_an_unfinished_answer_cannot_be_closed_as_if_it_were_whole(deltas: list[Delta]) -> None:
    with pytest.raises(ValueError, match="not finished"):
        encoded(deltas)


def test_logprobs_travel_with_their_text() -> None:
    entry = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}

    chunks = encoded([TextDelta("a", logprobs=(entry,)), Finish("stop")])

    assert chunks[1]["choices"][0]["logprobs"] == {"content": [entry]}


PIECES = st.one_of(
    st.text(max_size=5).map(lambda text: ("text", text)),
    st.text(max_size=5).map(lambda text: ("reasoning", text)),
    st.tuples(st.booleans(), st.sampled_from(["", "{}", '{"a":{}}', '{"a": "{}"}', "[]"]), st.integers(1, 4)).map(
        lambda call: ("call", call)
    ),
)


def as_deltas(pieces: Sequence[tuple[str, Any]], choice: int) -> list[Delta]:
    deltas: list[Delta] = []
    calls = 0
    for kind, value in pieces:
        if kind == "call":
            deltas.append(ToolCallDelta(calls, f"c{calls}", "f", choice=choice))
            deltas += [ToolCallDelta(calls, arguments=part, choice=choice) for part in argument_pieces(*value)]
            calls += 1
        else:
            deltas.append((TextDelta if kind == "text" else ReasoningDelta)(value, choice))
    return [*deltas, Finish("tool_calls" if calls else "stop", choice)]


def argument_pieces(placeholder: bool, text: str, size: int) -> list[str]:
    """What model servers send: perhaps a placeholder, then the text in pieces."""
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return ["{}", *pieces] if placeholder and text != "{}" else pieces


@given(st.lists(st.lists(PIECES, max_size=5), min_size=1, max_size=3), st.booleans(), st.booleans(), st.randoms())
@settings(deadline=None, max_examples=300)
def test_any_deltas_make_a_conforming_stream(
    choices: list[list[tuple[str, Any]]], include_usage: bool, reasoning: bool, dice: Any
) -> None:
    queues = [as_deltas(pieces, number) for number, pieces in enumerate(choices)]
    deltas: list[Delta] = []
    while queues := [queue for queue in queues if queue]:
        deltas.append(dice.choice(queues).pop(0))

    chunks = encoded([*deltas, Usage(1, 1)], include_usage=include_usage, reasoning=reasoning)

    assert check_stream(wire(chunks), usage_asked=include_usage, reasoning_allowed=reasoning) == []


def test_a_whole_completion_has_every_choice() -> None:
    calls = (ToolCall("c1", "read", "{}"),)
    completions = [
        Completion("hi", "hm", usage=Usage(3, 4)),
        Completion(tool_calls=calls, finish_reason="tool_calls", usage=Usage(3, 4), logprobs=({"token": "x"},)),
    ]

    body = completion_body(completions, id="i", created=7, model="maker-low", maker={"mode": "low"})

    assert body["object"] == "chat.completion"
    assert body["maker"] == {"mode": "low"}
    assert body["usage"]["total_tokens"] == 7
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hi", "reasoning_content": "hm"},
            "finish_reason": "stop",
        },
        {
            "index": 1,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}],
            },
            "finish_reason": "tool_calls",
            "logprobs": {"content": [{"token": "x"}]},
        },
    ]


def test_a_whole_completion_without_reasoning_or_with_the_usage_of_a_run() -> None:
    body = completion_body([Completion("hi", "hm")], id="i", created=7, model="m", usage=Usage(30, 20), reasoning=False)

    assert "reasoning_content" not in body["choices"][0]["message"]
    assert body["usage"]["total_tokens"] == 50
    assert "maker" not in body


def test_errors_and_models_have_the_shapes_of_openai() -> None:
    assert error_body("no", type="invalid_request_error", code="x", param="n") == {
        "error": {"message": "no", "type": "invalid_request_error", "param": "n", "code": "x"}
    }
    entry = {"id": "maker-high", "object": "model", "created": 7, "owned_by": "maker"}
    assert model_body("maker-high", created=7) == entry
    assert models_body(["maker-high"], created=7) == {"object": "list", "data": [entry]}
