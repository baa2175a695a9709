"""The formats of tool calls in text, as patterns: where a call opens, what its parts look like, what closes it.

Quantifiers are possessive or bounded wherever a model that loops could make them quadratic.
"""

import re

DSML = r"[｜|] ?DSML ?[｜|]"
"""What DeepSeek puts before the name of a tag."""
NAME = r"[^\s<>\"'{}\[\]()]+"
"""Of a tool or an argument; a `+` behind it makes it possessive, a `?` lazy."""
OPENINGS = re.compile(
    r"(?:^[ \t]*+)?+(?:"
    r"(?P<tagged><(?:\w{1,20}+:)?tool_call>|<TOOLCALL>|<\|tool_call\|?>|<\|tool_call_start\|>|\[TOOL_CALLS\]"
    r"|<\|python_tag\|>|<\|START_ACTION\|>|<\|action_start\|>\s*+<\|plugin\|>|(?<![\w.])functools(?=\[\s*+\{))"
    rf"|(?P<xml><(?:function=|(?:{DSML})?invoke name=)\"?(?P<function>{NAME})\"?>)"
    rf"|(?P<deepseek><｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<called>{NAME}?)(?:<｜tool▁sep｜>|\s))"
    rf"|(?P<kimi><\|tool_call_begin\|>\s*+(?:functions\.)?+(?P<id>{NAME}?)(?::\d+)?\s*+<\|tool_call_argument_begin\|>)"
    rf"|(?P<harmony><\|(?:start|channel)\|>\w++\s++to=(?:functions\.)?+(?P<to>{NAME}+)"
    r"(?:\s++\w++|\s*+<\|(?:channel|constrain)\|>\s*+\w++){0,4}+\s*+<\|message\|>)"
    r")"
    rf"|^[ \t]*+(?P<react>(?:\*\*)?Action:(?:\*\*)?[ \t]*+(?P<action>{NAME}+)[ \t]*+"
    r"\n\s*+(?:\*\*)?Action Input:(?:\*\*)?)"
    r"|^[ \t]*+(?P<command>Action:(?=\s*+[`\[{]))"
    rf"|^[ \t]*+(?P<tag><(?P<element>{NAME})>)"
    r"|^[ \t]*+(?P<fence>(?P<ticks>`{3,}+)(?P<info>[\w-]*+)[ \t]*+\n)"
    r"|^[ \t]*+(?P<json>(?=[\[{]))",
    re.MULTILINE,
)
CLOSINGS = re.compile(
    r"(?:\s*(?:</(?:\w{1,20}+:)?tool_calls?>|</TOOLCALL>|<\|/tool_call\|>|<\|tool_call\|>|<\|eom_id\|>|<\|eot_id\|>"
    rf"|</(?:{DSML})?(?:function|tool)_calls>|<\|call\|>|<\|tool_calls?_(?:section_)?end\|>|<\|END_ACTION\|>"
    r"|<\|action_end\|>|<｜tool▁call▁end｜>|<｜tool▁calls▁end｜>|<｜end▁of▁sentence｜>|</s>|<\|im_end\|>))*"
)
LEADING = re.compile(
    rf"(?:<(?:{DSML})?(?:function|tool)_calls>|<｜tool▁calls▁begin｜>|<\|tool_calls_section_begin\|>|<\|start\|>assistant)"
    r"\s*+\Z"
)
PARAMETER = re.compile(
    rf"\s*<(?:{DSML})?parameter(?:=| name=)\"?(?P<name>{NAME})\"?(?: string=\"(?P<is_text>true|false)\")?>"
    rf"(?P<value>.*?)</(?:{DSML})?parameter>"
    rf"(?=\s*(?:<(?:{DSML})?parameter|</function>|</(?:{DSML})?invoke>|</tool_call>|\Z))",
    re.DOTALL,
)
ARGUMENT = re.compile(r"\s*<arg_key>(?P<name>[^<]*)</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>", re.DOTALL)
ELEMENT = re.compile(r"\s*<(?P<name>[\w-]+)>(?P<value>.*?)</(?P=name)>", re.DOTALL)
END_OF_FUNCTION = re.compile(rf"\s*(?:</(?:function|(?:{DSML})?invoke)>|\Z)")
END_OF_CALL = re.compile(r"\s*(?:</tool_call>|\Z)")
BARE_NAME = re.compile(rf"\s*(?P<name>{NAME})")
MISTRAL = re.compile(rf"\s*(?P<name>{NAME}+)(?:\[CALL_ID\]\w+)?(?:\[ARGS\]|\s*+(?=\{{))")
PYTHON_LIST = re.compile(rf"\[\s*+(?P<name>{NAME}+)\(\s*+(?:\w++\s*+=|\)\s*+[,\]])")
END_OF_LINE = re.compile(r"[ \t]*+(?:\n|\Z)")
FENCED = re.compile(r"\s*```(?:json)?")
UNFENCED = re.compile(r"\s*```")
SEPARATOR = re.compile(r"\s*(?:;|,|\[TOOL_CALLS\])?\s*")
FENCE_INFOS = ("", "json", "tool_call", "tool_calls", "tool_code", "tool", "xml")
