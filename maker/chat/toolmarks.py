"""What looks like a tool call: the marks of every family that `toolcalls` reads, and of some that it does not. Pure.

A mark counts only together with what a call has behind it: a sentence that names a tag, or a usage line with `[ARGS]`,
is an ordinary answer.
"""

import re

from maker.chat.toolforms import DSML

JSON_CALL = re.compile(
    r"(?:\[\s{0,20}+)?+\{\s{0,20}+\"(?:name|type|function|id|tool_name|tool_call_id|tool_calls)\"\s*+:"
    r"[^\x00]{0,300}?\"(?:arguments|parameters)\"\s*+:\s*+[{\"]"
)
_OPENING = (
    r"(?:<(?:\w{1,20}+:)?(?:tool_calls?|function_calls)>|<TOOLCALL>|<start_function_call>|\[TOOL_CALLS\]"
    rf"|<{DSML}\w{{1,20}}+>|<function=\w[^<>\n]{{0,80}}+>|<(?:{DSML})?invoke name=[^<>\n]{{1,80}}+>"
    r"|<\|(?:python_tag|tool_call|START_ACTION|action_start|tool_calls?_[a-z_]{1,30}+)\|>|<\|tool_call>"
    r"|<｜tool▁[^｜\s]{1,30}+｜>)"
)
_CLOSING = (
    r"(?:</(?:\w{1,20}+:)?(?:tool_calls?|function_calls)>|</TOOLCALL>|</function>|</invoke>|<\|/tool_call\|>"
    rf"|</{DSML}\w{{1,20}}+>|<\|(?:END_ACTION|action_end|tool_calls?_(?:section_)?end)\|>)"
)
_BEHIND = r"\s*+(?:\{|\[\s*+(?:\{|\w++\()|<[\w|｜]|`{3}|[\w.:-]++(?:\s*+\{|[\[(<]))"
_MARKS = re.compile(
    rf"{_OPENING}(?:{_BEHIND}|\s*+\Z)|^[ \t]*+{_OPENING}(?:\w|\s*+</|[ \t]*+(?:[\w.:-]++[ \t]*+)?$)"
    rf"|^[ \t]*+<(?:function=|(?:{DSML})?invoke name=)[^<>\n]{{0,80}}+$"
    rf"|[}}\])]\s{{0,20}}+{_CLOSING}|^[ \t]*+{_CLOSING}[ \t]*+$"
    r"|<\|(?:start|channel)\|>\w++ to=\w"
    r"|\bto=functions\.[\w.-]++(?:\s*+(?:<\|\w++\|>|json|code|analysis|commentary)){0,6}+\s*+\{"
    r"|<arg_key>[^<\n]{1,100}+</arg_key>"
    r"|\w\[ARGS\]\s*+\{|(?<![\w.])functools\[\s*+\{"
    r"|^[ \t]*+(?:\*\*)?Action:(?:\*\*)?[ \t]*+[\w.:-]++[ \t]*+\n\s*+(?:\*\*)?Action Input:",
    re.MULTILINE,
)
_FENCED_CALL = re.compile(
    rf"\A\s*+`{{3,}}+[\w-]*+\s*+(?:{JSON_CALL.pattern}|{_MARKS.pattern})",
    re.MULTILINE,
)
_CODE = re.compile(r"^[ \t]*+(`{3,}+).*?^[ \t]*+\1`*+[ \t]*+$|`[^`\n]++`", re.MULTILINE | re.DOTALL)


def imitates(text: str) -> bool:
    """Whether something in it looks like a tool call, outside code or as a fenced block at its beginning."""
    return bool(_MARKS.search(_CODE.sub("", text)) or _FENCED_CALL.search(text))
