"""What looks like a tool call and is none: discarded, where text that is only about calls is not."""

import pytest

from maker.chat.toolcalls import Written, parse_calls
from tests.chat.toolcall_forms import FORMS, TOOLS, Form

UNREADABLE = {
    "hermes, never closed": '<tool_call>{"name": "ls", "arguments": {}</tool_call>',
    "hermes, a list for arguments": '<tool_call>{"name": "ls", "arguments": [1]}</tool_call>',
    "hermes, no JSON": '<tool_call>{"name": "ls", "arguments": {"a": NaN}}</tool_call>',
    "hermes, the second": '<tool_call>{"name": "ls"}</tool_call>\n<tool_call>{"name": "l</tool_call>',
    "hermes, nothing behind it": "I look.\n<tool_call>",
    "hermes, cut behind a sentence": "I look. <tool_call>\n",
    "hermes, only the end": 'I look.\n{"nam": 1}\n</tool_call>',
    "hermes, not JSON": "<tool_call>\nls now\n</tool_call>",
    "hermes, python": "<tool_call>ls(a=1)</tool_call>",
    "hermes, fenced": '<tool_call>\n```json\n{"name": "ls", "arguments": [}\n```\n</tool_call>',
    "hermes, in a sentence": 'I call <tool_call>{"name": "rm", "arguments": {}}</tool_call> now.',
    "xml": "<function=ls><parameter=path>a",
    "xml, nothing in it": "<function=rm></function>",
    "xml, cut in the tag": "Now:\n<function=ls",
    "xml, arguments in the tag": '<function=ls{"a": 1}</function>',
    "xml, python": "<function=ls(a=1)>",
    "glm": "I look. <tool_call>rm<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>",
    "invoke": '<invoke name="rm">\n</invoke>',
    "a block of calls, nothing in it": "Now:\n<function_calls>",
    "mistral": "[TOOL_CALLS] ls",
    "mistral, no JSON": "[TOOL_CALLS]ls[ARGS]{a",
    "mistral, without its mark": 'ls[ARGS]{"a": 1}',
    "mistral, with an id": 'I call ls[CALL_ID]x1[ARGS] {"a": 1}',
    "llama, its own tools": 'x <|python_tag|>brave_search.call(query="a")',
    "llama, code": "<|python_tag|>import os",
    "llama, pythonic and cut": '[ls(path="a"',
    "llama, pythonic with a value that is none": "[ls(a=b)]",
    "bare JSON": '{"name": "nothing", "arguments": {}}',
    "fenced JSON": '```json\n{"name": "nothing", "arguments": {}}\n```',
    "nemotron": '<TOOLCALL>[{"name": "ls", "arguments": {]</TOOLCALL>',
    "nemotron, in a sentence": 'I call <TOOLCALL>[{"name": "rm"}]</TOOLCALL>.',
    "harmony": '<|channel|>commentary to=functions.ls <|constrain|>json<|message|>{"a": ',
    "harmony, in the role": '<|start|>assistant to=functions.ls<|channel|>commentary json<|message|>{"a": ',
    "harmony, without its marks": 'assistantcommentary to=functions.ls json{"a": 1}',
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{",
    "kimi, no arguments": "Now: <|tool_call_begin|>functions.ls:0<|tool_call_end|>",
    "deepseek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>ls\n```json\n{",
    "DSML": '<｜DSML｜function_calls>\n<｜DSML｜invoke name="ls">\n<｜DSML｜parameter name="a"',
    "DSML, only a call": '<｜DSML｜invoke name="ls">\nwhat\n</｜DSML｜invoke>',
    "phi": 'functools[{"name": "ls", "arguments": {]',
    "command-r": 'Action: ```json\n[{"tool_name": "ls", "parameters": {}\n```',
    "command-r, another tool": 'Plan: none.\nAction:\n```json\n[{"tool_name": "rm", "parameters": {}}]\n```',
    "command-r7b": '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "ls", "parameters": {]<|END_ACTION|>',
    "lfm2": "<|tool_call_start|>[ls(a=b)]<|tool_call_end|>",
    "lfm2, cut": "<|tool_call_start|>[ls(a=",
    "gemma": "I look.\n```tool_code\nls(a=b)\n```",
    "gemma, code": "```tool_code\nimport os\nos.listdir()\n```",
    "internlm": '<|action_start|><|plugin|>{"name": "ls", "parameters": {<|action_end|>',
    "internlm, code": "<|action_start|><|interpreter|>\n```python\nx = 1\n```",
    "react": "Thought: I look.\nAction: ls\nAction Input: the folder",
    "react, another tool": 'Action: rm\nAction Input: {"path": "/"}',
    "functiongemma": "<start_function_call>call:ls{a:<escape>x<escape>}<end_function_call>",
}
MENTIONS = {
    "in backticks": "Models write `<tool_call>` before a call.",
    "in code": 'Like this:\n```python\nsend("<tool_call>")\n{"name": "ls", "arguments": {}}\n```\nThat is all.',
    "a package": '```json\n{"name": "left-pad", "version": "1.0.0"}\n```',
    "a list of tools": '{"tools": [\n{"name": "ls", "parameters": {}}\n]}',
    "other JSON": 'A list:\n[1, 2, {"name": "ls"}]',
    "HTML": "<p>\nHTML\n</p>",
    "nothing": "",
    "usage": "Usage: deploy [OPTIONS] COMMAND [ARGS]...",
    "usage, fenced": "```\nUsage: deploy [OPTIONS] COMMAND [ARGS]...\n```",
    "usage, of a word": "Call it as deploy[ARGS] or deploy [ARGS] {name}.",
    "tags in prose": "Hermes puts JSON between <tool_call> and </tool_call>; GLM uses <arg_key> too.",
    "tags at the ends of lines": "- Hermes: the <tool_call> tag\n- Mistral: [TOOL_CALLS] mark\n- <invoke name=x>\nEnd.",
    "tags side by side": "Wrap the call in <tool_call></tool_call> or in <function=name></function>.",
    "tags that begin a line": "<tool_call> is what Hermes writes.\n<function_calls> is what others write.\n"
    "<function=name> and <invoke name=...> follow.\n[TOOL_CALLS] is Mistral's.",
    "tags with words": "The <tool_call> tag (Hermes) and the <TOOLCALL> tag [Nemotron] hold JSON.",
    "special tokens": "Llama writes <|python_tag|> first, Kimi <|tool_call_begin|>, DeepSeek <｜tool▁calls▁begin｜>.",
    "special tokens, in backticks": "Harmony has `<|channel|>commentary to=functions.ls` before a call.",
    "DSML": "The <｜DSML｜function_calls> block holds one <｜DSML｜invoke name=...> for each call.",
    "an argument's tag": "Each <parameter=name> stands in a <function=name> of its own.",
    "functools": "Use functools.partial, or index it: functools[0]; functools[...] is no Python.",
    "functools, in code": "from functools import partial\nx = functools['name']",
    "an action": "Action: restart the service.\nAction: [1, 2]",
    "two actions": "Action: read the file\nAction Input: none is needed",
    "an action of one word": "Action: Restart\nOwner: ops",
    "a recipient": "Set to=functions.ls in the header, and keep {braces}\nout of it.",
    "a link": "[ls](https://example.org) and\n[read(2)](https://example.org/read)",
    "a list in Python": "[rm(path='/') for path in paths]",
    "Python's list of calls, in prose": "The tests are\n[rm(path='/')]\nand no more.",
    "positional": "[ls(2) failed]",
    "markers of LFM2": "LFM2 writes <|tool_call_start|> and <|tool_call_end|> around a Python list.",
    "markers of Cohere": "Command R7B writes <|START_ACTION|> before its actions, InternLM <|action_start|>.",
    "Python": "```python\nls(a=1)\n```",
    "closing a component": "Close it with </function> or </tool_calls>.",
    "subscripts": "x = f[ARGS]\ny = {}",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_only_looks_like_a_call_is_an_imitation(text: str) -> None:
    assert parse_calls(text, TOOLS).imitates


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_beginning_of_a_call_in_any_format_is_an_imitation(form: Form) -> None:
    text = form("write_file", {"path": "a", "content": "b"})
    read = parse_calls("I write it.\n" + text[: text.index("content") + 2], TOOLS)
    assert read.imitates or read.calls or text.startswith(("<write_file>", "```json", "```xml", "{", "[{"))


@pytest.mark.parametrize("text", MENTIONS.values(), ids=MENTIONS)
def test_text_about_calls_and_other_json_is_text(text: str) -> None:
    assert parse_calls(text, TOOLS) == Written(text)
