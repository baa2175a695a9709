"""Functions in namespaces, which Codex offers: one flat name for a model, name and namespace for the client."""

import re
from typing import Any

import pytest

from maker.chat.encode_responses import ResponseEncoder, response_body
from maker.chat.parse_responses import parse_responses
from maker.chat.types import Completion, ToolCall, Usage
from maker.errors import RequestError

Json = dict[str, Any]

SCHEMA = {"type": "object", "properties": {"task": {"type": "string"}}}


def function(name: str) -> Json:
    return {"type": "function", "name": name, "description": "Does.", "strict": False, "parameters": SCHEMA}


def namespace(name: str, *functions: str) -> Json:
    return {
        "type": "namespace",
        "name": name,
        "description": "Agents.",
        "tools": [function(each) for each in functions],
    }


AGENTS = [function("exec_command"), namespace("multi_agent_v1", "spawn_agent", "wait"), {"type": "web_search"}]


def offered(tools: list[Json]) -> list[str]:
    return [tool["function"]["name"] for tool in parse_responses({"input": "x", "tools": tools}).tools]


def called(name: str, tools: list[Json]) -> Json:
    """The call as the client gets it."""
    encoder = ResponseEncoder(id="resp_1", created=1, model="m", asked={"tools": tools})
    completion = Completion(tool_calls=(ToolCall("c", name, '{"task": "x"}'),), finish_reason="tool_calls")
    [item] = response_body(encoder, completion, usage=Usage(), maker={})["output"]
    return {key: item[key] for key in ("name", "namespace") if key in item}


def test_the_functions_of_a_namespace_are_offered_by_one_name_each() -> None:
    request = parse_responses({"input": "x", "tools": AGENTS})
    spawn = {"name": "multi_agent_v1__spawn_agent", "description": "Does.", "parameters": SCHEMA}
    assert request.tools[1] == {"type": "function", "function": spawn}
    assert offered(AGENTS) == ["exec_command", "multi_agent_v1__spawn_agent", "multi_agent_v1__wait"]


def test_a_call_goes_back_with_its_own_name_and_namespace() -> None:
    assert called("multi_agent_v1__wait", AGENTS) == {"name": "wait", "namespace": "multi_agent_v1"}
    assert called("exec_command", AGENTS) == {"name": "exec_command"}
    assert called("never_offered", AGENTS) == {"name": "never_offered"}


@pytest.mark.parametrize("tools", [AGENTS, []], ids=["offered", "offered no more"])
def test_a_past_call_has_the_name_that_is_offered(tools: list[Json]) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "wait", "namespace": "multi_agent_v1", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "x"}
    [said, _] = parse_responses({"input": [call, result], "tools": tools}).messages
    assert said["tool_calls"][0]["function"]["name"] == "multi_agent_v1__wait"


@pytest.mark.parametrize(
    "tools",
    [
        [namespace("n" * 40, "f" * 40, "f" * 41)],
        [namespace("näm espace", "f", "g"), namespace("n m espace", "f")],
        [function("a__b"), namespace("a", "b")],
        [namespace("a", "b__c"), namespace("a__b", "c")],
    ],
    ids=["long", "letters", "a plain one", "two namespaces"],
)
def test_every_name_is_one_that_models_take_and_leads_back(tools: list[Json]) -> None:
    names = offered(tools)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)
    own = [(None, tool["name"]) for tool in tools if tool["type"] == "function"]
    own += [(tool["name"], inner["name"]) for tool in tools for inner in tool.get("tools", ())]
    back = [called(name, tools) for name in names]
    assert [(item.get("namespace"), item["name"]) for item in back] == own


def test_a_namespace_without_functions_offers_none() -> None:
    assert offered([{"type": "namespace", "name": "n", "description": "", "tools": []}]) == []
    assert offered([{"type": "namespace", "name": "n", "description": "", "tools": [{"type": "custom"}]}]) == []


def test_a_function_of_a_namespace_that_cannot_be_read_names_the_field() -> None:
    with pytest.raises(RequestError) as refused:
        offered([{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}])
    assert refused.value.param == "tools[0].tools[0].name"


def test_a_response_repeats_what_was_asked_even_where_it_is_false_or_nothing() -> None:
    asked = {"parallel_tool_calls": False, "temperature": 0, "top_p": 0.0, "tools": None}
    encoder = ResponseEncoder(id="resp_1", created=1, model="m", asked=asked)
    body = response_body(encoder, Completion("hi"), usage=Usage(), maker={})
    assert (body["parallel_tool_calls"], body["temperature"], body["top_p"]) == (False, 0, 0.0)
    assert (body["tools"], body["tool_choice"], body["instructions"]) == ([], "auto", None)
