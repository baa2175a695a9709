"""Tool calls written as text: every family's format, whatever stands around it."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maker.chat.toolcalls import Written, parse_calls
from maker.chat.types import ToolCall
from tests.chat.toolcall_forms import FORMS, JSON_FORMS, PYTHON_FORMS, TOOLS, XML_FORMS, Form, dumped

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


@pytest.mark.parametrize("form", PYTHON_FORMS.values(), ids=PYTHON_FORMS)
@given(before=PROSE, content=VALUE, mode=st.integers(-(2**53), 2**53), lines=JSON_VALUES)
@settings(max_examples=40, deadline=None)
def test_values_written_in_python_are_what_python_reads(
    form: Form, before: str, content: str, mode: int, lines: Any
) -> None:
    given = {"content": content, "mode": mode, "lines": lines}
    if "```" in dumped(given) and "```" in form("write_file", {}):
        return  # a fence within a fence has no one meaning
    read = parse_calls(f"{before}\n{form('write_file', given)}", TOOLS)
    assert [(call.name, arguments_of(call)) for call in read.calls] == [("write_file", given)]
    assert not read.imitates


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


@given(
    st.lists(
        st.sampled_from([*PIECES, "\n", "```", "<tool_call>", "</tool_call>", '{"name": "ls"', "</function>", "[ls("])
    )
)
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
        '[TOOL_CALLS]ls{}[TOOL_CALLS]ls{"a": 1}',
        '<TOOLCALL>[{"name": "ls", "arguments": {}}, {"name": "ls", "arguments": {"a": 1}}]</TOOLCALL>',
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
        '<|tool_call_begin|>functions.ls:1<|tool_call_argument_begin|>{"a": 1}<|tool_call_end|>'
        "<|tool_calls_section_end|>",
        '<｜DSML｜function_calls><｜DSML｜invoke name="ls"></｜DSML｜invoke><｜DSML｜invoke name="ls">'
        '<｜DSML｜parameter name="a" string="false">1</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls>',
        "[ls(), ls(a=1)]",
        "<|tool_call_start|>[ls(), ls(a=1)]<|tool_call_end|>",
        "```tool_code\nls()\nprint(ls(a=1))\n```",
        'Action: ls\nAction Input: {}\nAction: ls\nAction Input: {"a": 1}',
        "<function_calls><invoke name=ls></invoke></function_calls>\n"
        '<function_calls><invoke name=ls>{"a": 1}</invoke></function_calls>',
    ],
)
def test_several_calls_keep_their_order(text: str) -> None:
    read = parse_calls(text, TOOLS)
    assert ([arguments_of(call) for call in read.calls], read.imitates) == ([{}, {"a": 1}], False)


def test_what_is_written_behind_a_call_is_dropped() -> None:
    text = 'Looking.\n<tool_call>{"name": "ls"}</tool_call>\nThe folder holds three files.'
    assert parse_calls(text, TOOLS) == Written("Looking.", (ToolCall("", "ls", "{}"),))


def test_a_value_that_is_not_what_the_schema_says_stays_text_for_the_schema_to_refuse() -> None:
    text = "<function=write_file><parameter=mode>seven</parameter><parameter=other>5</parameter></function>"
    assert arguments_of(parse_calls(text, TOOLS).calls[0]) == {"mode": "seven", "other": "5"}


def test_code_that_holds_closing_tags_is_not_cut_there() -> None:
    content = "x = '</parameter>'\ny = 1"
    text = f"<function=write_file>\n<parameter=content>\n{content}\n</parameter>\n</function>"
    assert arguments_of(parse_calls(text, TOOLS).calls[0]) == {"content": content}


def test_dsml_says_itself_which_values_are_text() -> None:
    text = (
        '<｜DSML｜invoke name="write_file"><｜DSML｜parameter name="mode" string="true">7</｜DSML｜parameter>'
        '<｜DSML｜parameter name="content" string="false">{"a": 1}</｜DSML｜parameter></｜DSML｜invoke>'
    )
    assert arguments_of(parse_calls(text, TOOLS).calls[0]) == {"mode": "7", "content": {"a": 1}}


def test_python_may_hold_the_constants_of_json() -> None:
    text = "[write_file(path=\"a\", lines=null, mode=-1), ls(a=true, b=[false, {'c': 1.5}])]"
    assert [arguments_of(call) for call in parse_calls(text, TOOLS).calls] == [
        {"path": "a", "lines": None, "mode": -1},
        {"a": True, "b": [False, {"c": 1.5}]},
    ]


@pytest.mark.parametrize(
    "text",
    ["Step one.\n[ls()] lists.", "[link](ls())", "[ls(1)]", "x = [ls()]", "[ls() for _ in range(3)]", "[ls(a=b)]"],
)
def test_other_brackets_than_a_list_of_calls_are_no_call(text: str) -> None:
    assert parse_calls(text, TOOLS).calls == ()


def test_a_list_with_one_call_that_is_not_offered_calls_nothing() -> None:
    assert parse_calls("[ls(), rm(path='/')]", TOOLS) == Written("[ls(), rm(path='/')]", (), imitates=True)


@pytest.mark.parametrize(
    "value",
    ["b'x'", "{1, 2}", "1j", "1e999", "f'{x}'", "open('x')", "{1: 2}", "...", "'\\d' 'x' +", "**{}", "9" * 5000],
)
def test_python_that_is_no_json_value_is_not_read(value: str) -> None:
    read = parse_calls(f"<|tool_call_start|>[ls(a={value})]<|tool_call_end|>", TOOLS)
    assert (read.calls, read.imitates) == ((), True)


def test_python_with_an_unknown_escape_is_read_without_a_warning() -> None:
    assert arguments_of(parse_calls(r"[ls(a='\d')]", TOOLS).calls[0]) == {"a": r"\d"}


LOOPS = ['{"', "[1,\n", "<tool_call>", '{"name": ', "<function=ls><parameter=a>", "`", "```\n", " ", "\n ", "\n```\n{"]
LOOPS += [
    "[ls(",
    "\n[ls(",
    "\n[ls(a='",
    "\n[ls(a=1)]x",
    "[ls(a=" + "(" * 90,
    "\nAction:",
    "\nAction: ls\n",
    "Action: a\nAction Input:",
]
LOOPS += [
    "functools[",
    "<|tool_call_begin|>",
    "<|tool_call_begin|>a",
    "<|start|>assistant to=a ",
    "<｜DSML｜invoke name=ls>",
]
LOOPS += [
    "\n```tool_code\nls(",
    "<|tool_call_start|>[ls(a='''",
    " to=functions.a",
    "a[ARGS]",
    "<tool_call>\n```",
    "</tool_call>",
]
LOOPS += ["<arg_key>", "<tool_call> a", "a\n", "}", "-", "<|tool_call_start|>[ls(a=" + "-" * 200]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_model_that_loops_costs_no_time(loop: str) -> None:
    begun = time.monotonic()
    parse_calls(loop * (60_000 // len(loop)), TOOLS)
    parse_calls("<function=ls>" + loop * (60_000 // len(loop)), TOOLS)
    assert time.monotonic() - begun < 10
