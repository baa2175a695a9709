"""The other wires: what is read, what is refused, and what is sent, without any network."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.encode_messages import MessageEncoder, message_body, usage_body
from maker.chat.encode_responses import ResponseEncoder, response_body
from maker.chat.parse import parse_chat
from maker.chat.parse_messages import parse_messages, wants_thoughts
from maker.chat.parse_responses import parse_responses
from maker.chat.sse import Decoder, named
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
from maker.errors import RequestError
from tests.conformance_named import check_messages, check_responses

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}


def test_a_response_is_read_as_a_conversation() -> None:
    request = parse_responses(
        {
            "instructions": "Be brief.",
            "input": [
                {"role": "developer", "content": [{"type": "input_text", "text": "And kind."}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "read"}]},
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I will."}]},
                {"type": "function_call", "call_id": "a", "name": "read", "arguments": "{}"},
                {"type": "function_call", "call_id": "b", "name": "read", "arguments": ""},
                {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "1"}]},
                {"type": "function_call_output", "call_id": "b", "output": "2"},
            ],
            "tools": [
                {"type": "function", "name": "read", "parameters": SCHEMA, "strict": True},
                {"type": "web_search"},
            ],
            "tool_choice": {"type": "function", "name": "read"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
            "max_output_tokens": 9,
            "store": True,
        }
    )
    calls = [
        {"id": id, "type": "function", "function": {"name": "read", "arguments": said}}
        for id, said in (("a", "{}"), ("b", ""))
    ]
    assert list(request.messages) == [
        {"role": "system", "content": "Be brief.\n\nAnd kind."},
        {"role": "user", "content": "read"},
        {"role": "assistant", "content": "I will.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
    ]
    assert request.tools == ({"type": "function", "function": {"name": "read", "parameters": SCHEMA}},)
    assert request.tool_choice == {"type": "function", "function": {"name": "read"}}
    assert request.response_format == {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    assert request.sampling.max_tokens == 9


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"type": "message", "role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "audio"}]}]}, "input[0].content[0].type"),
        ({"input": [{"type": "function_call", "call_id": "a", "name": "x", "arguments": "{"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"previous_response_id": "r"}, "previous_response_id"),
    ],
)
def test_a_response_that_cannot_be_read_names_the_field(change: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_responses({"input": "x", **change})
    assert refused.value.param == param


def test_a_message_is_read_as_a_conversation() -> None:
    body = {
        "system": [
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Now."},
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "text", "text": "ok"},
                    {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "é"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": "x"},
                    {"type": "text", "text": "and?"},
                ],
            },
        ],
        "tools": [{"name": "read", "input_schema": SCHEMA}, {"type": "bash_20250124", "name": "bash"}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "thinking": {"type": "adaptive"},
        "stop_sequences": ["\n\n"],
        "max_tokens": 7,
    }
    request = parse_messages(body)
    called = {"id": "t", "type": "function", "function": {"name": "read", "arguments": '{"path": "é"}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert list(request.messages) == [
        {"role": "system", "content": "Be brief.\nNow."},
        {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
        {"role": "assistant", "content": "ok", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "t", "content": "x"},
        {"role": "user", "content": "and?"},
    ]
    assert [tool["function"]["name"] for tool in request.tools] == ["read"]
    assert (request.tool_choice, request.parallel_tool_calls) == ("required", False)
    assert (request.sampling.stop, request.sampling.max_tokens) == (("\n\n",), 7)
    assert wants_thoughts(body)
    assert not wants_thoughts({"thinking": {"type": "disabled"}})


def test_what_a_client_says_between_messages_goes_with_the_users_words() -> None:
    """Claude Code ends its first request with a system message; templates take one at the beginning only."""
    reminder = {"role": "system", "content": [{"type": "text", "text": "Today is Sunday."}]}
    asked = parse_messages({"system": "Be brief.", "messages": [{"role": "user", "content": "hi"}, reminder]})
    assert [message["role"] for message in asked.messages] == ["system", "user"]
    assert asked.messages[-1]["content"] == "hi\n\nToday is Sunday."
    answered = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, reminder]
    assert parse_messages({"messages": answered}).messages[-1] == {"role": "user", "content": "Today is Sunday."}
    with pytest.raises(RequestError):
        parse_messages({"system": "Be brief.", "messages": [reminder]})


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        ({"messages": [{"role": "assistant", "content": [{"type": "thinking"}]}]}, "messages"),
        ({"tools": [{"name": "x"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice"),
        ({"temperature": 1.5}, "temperature"),
        ({"stop_sequences": "x"}, "stop_sequences"),
    ],
)
def test_a_message_that_cannot_be_read_names_the_field(change: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_messages({"messages": [{"role": "user", "content": "x"}], **change})
    assert refused.value.param == param


TEXT = st.text(alphabet="a\n\r {}\u2028é\U0001f600", max_size=6)
DELTAS = st.lists(
    st.one_of(
        st.builds(TextDelta, TEXT),
        st.builds(ReasoningDelta, TEXT),
        st.lists(st.sampled_from(['{"a":', "{}", " "]), max_size=1).map(lambda pieces: ("call", pieces)),
    ),
    max_size=8,
)


def stream_of(drawn: list[Any]) -> list[Delta]:
    """Deltas as a run emits them: calls numbered through, and whole."""
    deltas: list[Delta] = []
    calls = 0
    for one in drawn:
        if isinstance(one, tuple):
            arguments = ['{"a":', "1}"] if one[1] == ['{"a":'] else []
            deltas.append(ToolCallDelta(calls, f"c{calls}", "read"))
            deltas += [ToolCallDelta(calls, arguments=piece) for piece in arguments]
            calls += 1
        else:
            deltas.append(one)
    return [*deltas, Finish("tool_calls" if calls else "stop")]


@given(DELTAS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_whatever_a_run_emits_every_stream_keeps_its_promises(drawn: list[Any], reasoning: bool) -> None:
    deltas, usage = stream_of(drawn), Usage(3, 2, 1)
    response = ResponseEncoder(id="resp_1", created=1, model="maker-low", asked={}, reasoning=reasoning)
    message = MessageEncoder(id="msg_1", model="maker-low", thoughts=reasoning)
    for encoder, check in (
        (response, lambda raw: check_responses(raw, reasoning_allowed=reasoning)),
        (message, lambda raw: check_messages(raw, thoughts_allowed=reasoning)),
    ):
        events = encoder.opening()
        for delta in deltas:
            events += encoder.encode(delta)
        events += encoder.closing(usage=usage, maker={"run": "r"})
        assert check(b"".join(map(named, events))) == []


def test_named_events_decode_as_they_were_sent() -> None:
    value = {"type": "x.y", "text": "a\u2028b\n"}
    assert named(value).startswith(b"event: x.y\ndata: ")
    assert [json.loads(event) for event in Decoder().feed(named(value))] == [value]


WHOLE = Completion("hi", "hm", (ToolCall("t", "read", '{"a": 1}'), ToolCall("u", "read", "")), "tool_calls")


def test_a_whole_response_is_what_its_events_add_up_to() -> None:
    encoder = ResponseEncoder(id="resp_1", created=1, model="m", asked={"instructions": "x", "secret": 1})
    body = response_body(encoder, WHOLE, usage=Usage(3, 2, 1), maker={"run": "r"})
    assert [item["type"] for item in body["output"]] == ["reasoning", "message", "function_call", "function_call"]
    assert [item["arguments"] for item in body["output"][2:]] == ['{"a": 1}', "{}"]
    assert (body["status"], body["instructions"], body["maker"]) == ("completed", "x", {"run": "r"})
    assert "secret" not in body
    assert body["usage"]["input_tokens_details"] == {"cached_tokens": 1}


def test_an_answer_that_was_cut_is_incomplete() -> None:
    encoder = ResponseEncoder(id="resp_1", created=1, model="m", asked={})
    body = response_body(encoder, Completion("hi", finish_reason="length"), usage=Usage(), maker={})
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    message = message_body(Completion("hi", finish_reason="length"), id="m", model="m", usage=Usage(), maker={})
    assert message["stop_reason"] == "max_tokens"


def test_a_whole_message_has_its_thoughts_only_for_who_asked() -> None:
    body = message_body(WHOLE, id="m", model="m", usage=Usage(3, 2, 1), maker={}, thoughts=True)
    assert [block["type"] for block in body["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block["input"] for block in body["content"][2:]] == [{"a": 1}, {}]
    plain = message_body(WHOLE, id="m", model="m", usage=Usage(), maker={})
    assert [block["type"] for block in plain["content"]] == ["text", "tool_use", "tool_use"]


def test_cached_tokens_stand_apart_in_a_message() -> None:
    assert usage_body(Usage(10, 2, 7)) == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 7,
        "output_tokens": 2,
    }


def test_a_tool_that_the_server_would_have_to_run_is_left_out_on_every_wire() -> None:
    read = {"type": "function", "function": {"name": "read", "parameters": SCHEMA}}
    user, search = {"role": "user", "content": "read"}, {"type": "web_search"}
    chat = parse_chat({"messages": [user], "tools": [search, read]})
    flat = {"type": "function", "name": "read", "parameters": SCHEMA}
    response = parse_responses({"input": "read", "tools": [search, flat]})
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    message = parse_messages({"messages": [user], "tools": [hosted, {"name": "read", "input_schema": SCHEMA}]})
    assert chat.tools == response.tools == message.tools == (read,)
    assert parse_chat({"messages": [user], "tools": [search]}).tools == ()
