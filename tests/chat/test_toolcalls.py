"""Tool calls written as text: every family's format, whatever stands around it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maker.chat.toolcalls import Written, parse_calls
from maker.chat.types import ToolCall


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = (
    tool(
        "write_file",
        path={"type": "string"},
        content={"type": "string"},
        mode={"type": "integer"},
        lines={"type": ["array", "null"]},
    ),
    tool("ls"),
)
Form = Callable[[str, dict[str, Any]], str]


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def named(name: str, arguments: Any, key: str = "arguments") -> str:
    return dumped({"name": name, key: arguments})


def tagged(name: str, arguments: dict[str, Any], form: str) -> str:
    return "".join(
        form.format(key=key, value=value if isinstance(value, str) else dumped(value))
        for key, value in arguments.items()
    )


PARAMETER = "<parameter={key}>\n{value}\n</parameter>\n"
JSON_FORMS: dict[str, Form] = {
    "hermes": lambda name, given: f"<tool_call>\n{named(name, given)}\n</tool_call>",
    "hermes, never closed": lambda name, given: f"<tool_call>\n{named(name, given)}",
    "arguments as a string": lambda name, given: f"<tool_call>{named(name, dumped(given))}</tool_call>",
    "mistral": lambda name, given: f"[TOOL_CALLS] [{named(name, given)}]",
    "mistral, later": lambda name, given: f"[TOOL_CALLS]{name}[ARGS]{dumped(given)}",
    "granite": lambda name, given: f"<|tool_call|>[{named(name, given)}]<|/tool_call|>",
    "llama": lambda name, given: f"<|python_tag|>{named(name, given, 'parameters')}<|eom_id|>",
    "llama, bare": lambda name, given: named(name, given, "parameters"),
    "llama, function": lambda name, given: f"<function={name}>{dumped(given)}</function>",
    "fence": lambda name, given: f"```json\n{named(name, given)}\n```",
    "fence of a marker": lambda name, given: f"```xml\n<tool_call>{named(name, given)}</tool_call>\n```",
    "plain list": lambda name, given: f"[{named(name, given)}]",
    "pretty": lambda name, given: json.dumps({"name": name, "arguments": given}, indent=2),
    "openai": lambda name, given: dumped(
        {"tool_calls": [{"type": "function", "function": {"name": name, "arguments": dumped(given)}}]}
    ),
    "deepseek": lambda name, given: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{dumped(given)}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "deepseek, later": lambda name, given: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{name}<｜tool▁sep｜>{dumped(given)}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "harmony": lambda name, given: (
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{dumped(given)}<|call|>"
    ),
}
XML_FORMS: dict[str, Form] = {
    "qwen3-coder": lambda name, given: (
        f"<tool_call>\n<function={name}>\n{tagged(name, given, PARAMETER)}</function>\n</tool_call>"
    ),
    "function alone": lambda name, given: f"<function={name}>\n{tagged(name, given, PARAMETER)}</function>",
    "invoke": lambda name, given: (
        f'<function_calls>\n<invoke name="{name}">\n'
        + tagged(name, given, '<parameter name="{key}">{value}</parameter>\n')
        + "</invoke>\n</function_calls>"
    ),
    "glm": lambda name, given: (
        f"<tool_call>{name}\n"
        + tagged(name, given, "<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n")
        + "</tool_call>"
    ),
    "element": lambda name, given: f"<{name}>\n{tagged(name, given, '<{key}>{value}</{key}>')}</{name}>",
}
FORMS = JSON_FORMS | XML_FORMS
PROSE = st.text(st.characters(exclude_characters='<>[]{}`|"\r\x1c\x1d\x1e\x85\u2028\u2029', exclude_categories=["Cs"]))
"""Words around a call, without what could open one."""
VALUE = st.text(st.characters(exclude_categories=["Cs"]))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | VALUE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(VALUE, inner, max_size=3),
    max_leaves=6,
)


def arguments_of(call: ToolCall) -> Any:
    return json.loads(call.arguments)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_format_becomes_the_call_it_means(form: Form) -> None:
    given = {"path": "src/a.py", "content": "def f():\n    return {'a': [1]}", "mode": 644}
    read = parse_calls(f"I write it.\n{form('write_file', given)}", TOOLS)
    assert [(call.name, arguments_of(call)) for call in read.calls] == [("write_file", given)]
    assert (read.text, read.imitates) == ("I write it.", False)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_tool_that_is_not_offered_is_no_call_but_an_imitation(form: Form) -> None:
    text = form("rm", {"path": "/"})
    read = parse_calls(text, TOOLS)
    is_element = text.startswith("<rm>")  # any HTML looks like that
    assert read == Written(text, (), imitates=not is_element)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_without_offered_tools_there_are_no_calls(form: Form) -> None:
    assert parse_calls(form("ls", {}), ()).calls == ()


@pytest.mark.parametrize("form", JSON_FORMS.values(), ids=JSON_FORMS)
@given(before=PROSE, after=PROSE, given=st.dictionaries(VALUE, JSON_VALUES, max_size=4))
@settings(max_examples=40, deadline=None)
def test_any_arguments_survive_any_prose_around(form: Form, before: str, after: str, given: dict[str, Any]) -> None:
    read = parse_calls(f"{before}\n{form('write_file', given)}\n{after}", TOOLS)
    if "```" in dumped(given) and "```" in form("write_file", {}):
        return  # a fence within a fence has no one meaning
    assert [(call.name, arguments_of(call)) for call in read.calls] == [("write_file", given)]
    assert read.text == f"{before}\n".rstrip()


@pytest.mark.parametrize("form", XML_FORMS.values(), ids=XML_FORMS)
@given(before=PROSE, content=PROSE, mode=st.integers(), lines=st.lists(PROSE) | st.none())
@settings(max_examples=40, deadline=None)
def test_values_between_tags_are_text_unless_the_schema_says_otherwise(
    form: Form, before: str, content: str, mode: int, lines: Any
) -> None:
    given = {"content": f"x{content}x", "mode": mode, "lines": lines}
    read = parse_calls(f"{before}\n{form('write_file', given)}", TOOLS)
    assert [(call.name, arguments_of(call)) for call in read.calls] == [("write_file", given)]


@given(
    st.text()
    | st.text(alphabet='<>{}[]"`\n\\ :,=|/｜▁abcls_tool')
    | st.lists(st.sampled_from(list(FORMS))).map("".join)
)
@example("<tool_call>" * 50)
@example("[" * 5000)
@example('{"name": "ls", "arguments": {"a": ' + "[" * 960 + "]" * 960 + "}}")
@example('{"a":' * 5000)
@settings(max_examples=400, deadline=None)
def test_nothing_that_is_read_raises_and_text_without_calls_is_kept(text: str) -> None:
    read = parse_calls(text, TOOLS)
    assert read.calls or read.text == text


PIECES = [form("ls", {}) for form in FORMS.values()]


@given(st.lists(st.sampled_from([*PIECES, "\n", "```", "<tool_call>", "</tool_call>", '{"name": "ls"', "</function>"])))
@settings(max_examples=200, deadline=None)
def test_mixed_up_formats_call_only_what_is_offered(pieces: list[str]) -> None:
    read = parse_calls("".join(pieces), TOOLS)
    assert {call.name for call in read.calls} <= {"ls"}
    assert all(isinstance(arguments_of(call), dict) for call in read.calls)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "ls"}</tool_call>\n<tool_call>{"name": "ls", "arguments": {"a": 1}}</tool_call>',
        '[TOOL_CALLS] [{"name": "ls", "arguments": {}}, {"name": "ls", "arguments": {"a": 1}}]',
        '[TOOL_CALLS]ls[ARGS]{}[TOOL_CALLS]ls[CALL_ID]x1[ARGS]{"a": 1}',
        '<|python_tag|>{"name": "ls", "parameters": {}}; {"name": "ls", "parameters": {"a": 1}}',
        '<function=ls></function><function=ls>{"a": 1}</function>',
    ],
)
def test_several_calls_keep_their_order(text: str) -> None:
    assert [arguments_of(call) for call in parse_calls(text, TOOLS).calls] == [{}, {"a": 1}]


def test_what_is_written_behind_a_call_is_dropped() -> None:
    text = 'Looking.\n<tool_call>{"name": "ls"}</tool_call>\nThe folder holds three files.'
    assert parse_calls(text, TOOLS) == Written("Looking.", (ToolCall("", "ls", "{}"),))


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "ls", "arguments": {}</tool_call>',
        '<tool_call>{"name": "ls", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "ls", "arguments": {"a": NaN}}</tool_call>',
        '<tool_call>{"name": "ls"}</tool_call>\n<tool_call>{"name": "l</tool_call>',
        "<function=ls><parameter=path>a",
        "[TOOL_CALLS] ls",
        '{"name": "nothing", "arguments": {}}',
        '```json\n{"name": "nothing", "arguments": {}}\n```',
    ],
)
def test_what_only_looks_like_a_call_is_an_imitation(text: str) -> None:
    assert parse_calls(text, TOOLS).imitates


@pytest.mark.parametrize(
    "text",
    [
        "Models write `<tool_call>` before a call.",
        'It looks like this:\n```python\nsend("<tool_call>")\n{"name": "ls", "arguments": {}}\n```\nThat is all.',
        '```json\n{"name": "left-pad", "version": "1.0.0"}\n```',
        '{"tools": [\n{"name": "ls", "parameters": {}}\n]}',
        'A list:\n[1, 2, {"name": "ls"}]',
        "<p>\nHTML\n</p>",
        "",
    ],
)
def test_text_about_calls_and_other_json_is_text(text: str) -> None:
    assert parse_calls(text, TOOLS) == Written(text)


def test_a_value_that_is_not_what_the_schema_says_stays_text_for_the_schema_to_refuse() -> None:
    text = "<function=write_file><parameter=mode>seven</parameter><parameter=other>5</parameter></function>"
    assert arguments_of(parse_calls(text, TOOLS).calls[0]) == {"mode": "seven", "other": "5"}


def test_code_that_holds_closing_tags_is_not_cut_there() -> None:
    content = "x = '</parameter>'\ny = 1"
    text = f"<function=write_file>\n<parameter=content>\n{content}\n</parameter>\n</function>"
    assert arguments_of(parse_calls(text, TOOLS).calls[0]) == {"content": content}


LOOPS = ['{"', "[1,\n", "<tool_call>", '{"name": ', "<function=ls><parameter=a>", "`", "```\n", " ", "\n ", "\n```\n{"]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_model_that_loops_costs_no_time(loop: str) -> None:
    begun = time.monotonic()
    parse_calls(loop * (60_000 // len(loop)), TOOLS)
    parse_calls("<function=ls>" + loop * (60_000 // len(loop)), TOOLS)
    assert time.monotonic() - begun < 10
