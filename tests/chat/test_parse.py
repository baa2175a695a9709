"""Chat requests: what clients send is taken, what cannot be used is refused with one sentence, nothing else happens."""

import copy
import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.fields import MAX_DEPTH
from maker.chat.parse import MAX_CHOICES, MAX_STOPS, MAX_TOKENS, parse_chat
from maker.chat.types import ChatRequest, Sampling
from maker.chat.upstream import request_body
from maker.errors import RequestError

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "read", "description": "reads", "parameters": {"type": "object"}}}


def body(**fields: Any) -> dict[str, Any]:
    return {"messages": [USER], **fields}


def refusal(value: object) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse_chat(value)
    assert "\n" not in str(caught.value)
    return caught.value


def agent_turn() -> dict[str, Any]:
    """The shape of an agent's second turn, with every field that clients are known to send."""
    call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
    return {
        "model": "maker-high",
        "messages": [
            {"role": "system", "content": "You help."},
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "auto"}},
                ],
            },
            {"role": "assistant", "content": " ", "tool_calls": [call]},
            {"role": "assistant", "content": None, "tool_calls": [{**call, "id": "c2"}]},
            {"role": "tool", "content": "data", "tool_call_id": "c1"},
            {"role": "tool", "content": [{"type": "text", "text": "data"}], "tool_call_id": "c2", "name": "read"},
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "read"}},
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 100,
        "max_completion_tokens": 200,
        "stop": ["a", "b"],
        "seed": 7,
        "n": 2,
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "logprobs": True,
        "top_logprobs": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "low",
        "store": False,
        "maker": {"mode": "high"},
        "anything": [1, {"else": None}],
    }


def test_every_field_that_clients_send_is_taken() -> None:
    wire = agent_turn()

    request = parse_chat(wire)

    assert request == ChatRequest(
        messages=tuple(wire["messages"]),
        model="maker-high",
        tools=(TOOL,),
        tool_choice=wire["tool_choice"],
        parallel_tool_calls=False,
        response_format=wire["response_format"],
        sampling=Sampling(0.5, 0.9, 200, ("a", "b"), 7, 2, 0.1, -0.1, True, 3),
        stream=True,
        include_usage=True,
    )


def test_messages_and_tools_stay_the_same_objects() -> None:
    wire = agent_turn()

    request = parse_chat(wire)

    assert all(kept is sent for kept, sent in zip(request.messages, wire["messages"], strict=True))
    assert request.tools[0] is wire["tools"][0]


def test_nulls_are_as_good_as_nothing() -> None:
    names = set(agent_turn()) - {"messages"}

    assert parse_chat(body(**dict.fromkeys(names))) == parse_chat(body())


def test_the_defaults_leave_everything_to_the_mode() -> None:
    assert parse_chat(body()) == ChatRequest(messages=(USER,))


@pytest.mark.parametrize("content", ["", "x", [], None])
def test_content_may_be_a_string_parts_or_null(content: object) -> None:
    assert parse_chat({"messages": [{"role": "user", "content": content}]})


def test_one_stop_may_be_a_bare_string_and_empty_ones_stop_nothing() -> None:
    assert parse_chat(body(stop="END")).sampling.stop == ("END",)
    assert parse_chat(body(stop=["", "END"])).sampling.stop == ("END",)


def test_the_ten_stops_of_a_known_client_are_taken() -> None:
    assert len(parse_chat(body(stop=[f"s{n}" for n in range(10)])).sampling.stop) == 10


def test_max_tokens_counts_where_there_is_no_newer_name_for_it() -> None:
    assert parse_chat(body(max_tokens=5)).sampling.max_tokens == 5
    assert parse_chat(body(max_tokens=5, max_completion_tokens=9)).sampling.max_tokens == 9


@pytest.mark.parametrize("value", [None, 7, "x", [], True, 1.5])
def test_a_body_that_is_no_object_is_refused(value: object) -> None:
    assert "JSON object" in str(refusal(value))


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("messages", {"messages": None}),
    ("messages", {"messages": []}),
    ("messages", {"messages": "hi"}),
    ("messages", {"messages": {"role": "user"}}),
    ("messages[0]", {"messages": ["hi"]}),
    ("messages[0].role", {"messages": [{"content": "x"}]}),
    ("messages[0].role", {"messages": [{"role": "robot", "content": "x"}]}),
    ("messages[0].role", {"messages": [{"role": ["user"], "content": "x"}]}),
    ("messages[1]", {"messages": [USER, {"role": "user"}]}),
    ("messages[0]", {"messages": [{"role": "assistant", "tool_calls": []}]}),
    ("messages[0].content", {"messages": [{"role": "user", "content": 5}]}),
    ("messages[0].content", {"messages": [{"role": "user", "content": {"type": "text"}}]}),
    ("messages[0].content[0]", {"messages": [{"role": "user", "content": ["x"]}]}),
    ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [{}]}]}),
    ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [{"type": "smell"}]}]}),
    ("messages[0].content[0].text", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("messages[0].content[0].image_url", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
    (
        "messages[0].content[0].image_url.url",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 1}}]}]},
    ),
    ("messages[0].tool_call_id", {"messages": [{"role": "tool", "content": "x"}]}),
    ("messages[0].tool_call_id", {"messages": [{"role": "user", "content": "x", "tool_call_id": 5}]}),
    ("messages[0].name", {"messages": [{"role": "user", "content": "x", "name": 5}]}),
    ("messages[0].reasoning_content", {"messages": [{"role": "user", "content": "x", "reasoning_content": 5}]}),
    ("messages[0].tool_calls", {"messages": [{"role": "assistant", "tool_calls": "x"}]}),
    ("messages[0].tool_calls[0].id", {"messages": [{"role": "assistant", "tool_calls": [{}]}]}),
    ("messages[0].tool_calls[0].type", {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "type": 1}]}]}),
    (
        "messages[0].tool_calls[0].function.arguments",
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}]},
    ),
    ("model", {"model": 5}),
    ("tools", {"tools": {}}),
    ("tools[0]", {"tools": [None]}),
    ("tools[0].type", {"tools": [{}]}),
    ("tools[0].type", {"tools": [{"type": 5}]}),
    ("tool_choice", {"tools": [{"type": "web_search"}], "tool_choice": "required"}),
    ("tools[0].function", {"tools": [{"type": "function"}]}),
    ("tools[0].function.name", {"tools": [{"type": "function", "function": {}}]}),
    ("tools[0].function.description", {"tools": [{"type": "function", "function": {"name": "f", "description": 5}}]}),
    ("tools[0].function.parameters", {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}),
    ("tool_choice", {"tool_choice": "maybe"}),
    ("tool_choice", {"tool_choice": 5}),
    ("tool_choice.type", {"tool_choice": {}}),
    ("tool_choice.function.name", {"tool_choice": {"type": "function", "function": {}}}),
    ("parallel_tool_calls", {"parallel_tool_calls": 1}),
    ("response_format", {"response_format": "json"}),
    ("response_format.type", {"response_format": {"type": ["json"]}}),
    ("response_format.json_schema", {"response_format": {"type": "json_schema"}}),
    ("response_format.json_schema.schema", {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}),
    ("temperature", {"temperature": "hot"}),
    ("temperature", {"temperature": 2.1}),
    ("temperature", {"temperature": -0.1}),
    ("temperature", {"temperature": True}),
    ("temperature", {"temperature": math.nan}),
    ("temperature", {"temperature": math.inf}),
    ("temperature", {"temperature": 10**400}),
    ("top_p", {"top_p": 1.5}),
    ("presence_penalty", {"presence_penalty": -3}),
    ("frequency_penalty", {"frequency_penalty": 3}),
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": 1.5}),
    ("max_tokens", {"max_tokens": True}),
    ("max_tokens", {"max_tokens": MAX_TOKENS + 1}),
    ("max_completion_tokens", {"max_completion_tokens": -1}),
    ("n", {"n": 0}),
    ("n", {"n": MAX_CHOICES + 1}),
    ("seed", {"seed": 2**63}),
    ("seed", {"seed": "x"}),
    ("stop", {"stop": 5}),
    ("stop", {"stop": ["a", 5]}),
    ("stop", {"stop": ["a"] * (MAX_STOPS + 1)}),
    ("logprobs", {"logprobs": 3}),
    ("top_logprobs", {"logprobs": True, "top_logprobs": 21}),
    ("top_logprobs", {"top_logprobs": 2}),
    ("stream", {"stream": "yes"}),
    ("stream_options", {"stream_options": True}),
    ("stream_options.include_usage", {"stream_options": {"include_usage": 1}}),
]


@pytest.mark.parametrize(("param", "fields"), WRONG, ids=[f"{n}-{param}" for n, (param, _) in enumerate(WRONG)])
def test_a_wrong_field_is_named(param: str, fields: dict[str, Any]) -> None:
    error = refusal(body(**fields))

    assert error.param == param
    assert f"'{param}'" in str(error)


def test_half_a_surrogate_pair_is_refused_and_a_whole_one_is_text() -> None:
    half = json.loads('{"messages": [{"role": "user", "content": "x \\ud83d"}]}')
    whole = json.loads('{"messages": [{"role": "user", "content": "x \\ud83d\\ude00"}]}')

    assert "surrogate" in str(refusal(half))
    assert parse_chat(whole).messages[0]["content"] == "x \U0001f600"


@pytest.mark.parametrize("name", ["model", "stop"])
def test_half_a_surrogate_pair_is_refused_in_every_field_that_is_kept(name: str) -> None:
    assert "surrogate" in str(refusal(body(**{name: "\udc00"})))


def test_numbers_that_json_lacks_are_refused_in_what_is_sent_on() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"maximum": math.inf}}}

    assert "NaN or Infinity" in str(refusal(body(tools=[tool])))


def nested_tool(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"items": schema}
    return {"type": "function", "function": {"name": "f", "parameters": schema}}


@pytest.mark.parametrize("depth", [MAX_DEPTH, 800, 100_000])
def test_deep_nesting_is_refused_and_not_a_crash(depth: int) -> None:
    assert "levels deep" in str(refusal(body(tools=[nested_tool(depth)])))


def test_nesting_beyond_any_real_schema_is_taken() -> None:
    assert parse_chat(body(tools=[nested_tool(60)]))


def test_what_is_ignored_may_be_anything() -> None:
    assert parse_chat(body(whatever=math.nan, user="\ud800", metadata={"deep": [[[]]]}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def check_never_worse_than_refused(value: object) -> None:
    """Parsed and sendable, or refused: nothing else may happen."""
    try:
        request = parse_chat(value)
    except RequestError as error:
        json.dumps({"message": str(error), "param": error.param}).encode()
        str(error).encode()
        return
    json.dumps(request_body(request), ensure_ascii=False, allow_nan=False).encode()


@given(JSON)
@settings(deadline=None)
def test_any_json_is_parsed_or_refused(value: object) -> None:
    check_never_worse_than_refused(value)


@given(st.dictionaries(st.sampled_from(sorted(agent_turn())), JSON))
@settings(deadline=None)
def test_any_value_in_any_known_field_is_parsed_or_refused(fields: dict[str, Any]) -> None:
    check_never_worse_than_refused({"messages": [USER], **fields})


@given(st.integers(0, 2**32), st.lists(JSON, min_size=3, max_size=3))
@settings(deadline=None, max_examples=300)
def test_any_mutation_of_a_valid_body_is_parsed_or_refused(seed: int, replacements: list[Any]) -> None:
    value = agent_turn()
    mutate(value, random.Random(seed), replacements)

    check_never_worse_than_refused(value)


def mutate(value: dict[str, Any], dice: random.Random, replacements: list[Any]) -> None:
    """Replace, remove or double a few things anywhere in the body."""
    for replacement in replacements:
        container, key = dice.choice(list(places(value)))
        action = dice.choice(["replace", "replace", "remove", "double"])
        if action == "replace":
            container[key] = copy.deepcopy(replacement)
        elif action == "remove":
            del container[key]
        elif isinstance(container, list):
            container.append(copy.deepcopy(container[key]))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in the value where something stands: its container, and the key or index."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    found = [(value, key) for key in keys]
    for key in keys:
        found += places(value[key])
    return found or ([(value, 0)] if isinstance(value, list) and value else found)
