"""Tool calls that a model wrote as text, in the formats that the common families were trained on. Nothing here raises.

What a format says of a tool that is not offered is no call. Text behind the first call is dropped: it was written
without the result. What still looks like a call, but is none, is an imitation, for the pipeline to discard.
Values between XML tags are text; the tool's own schema says which of them are numbers, lists or objects.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maker.chat.toolvalues import call_of, calls_of, decode, render, skip, typed
from maker.chat.types import JsonObject, ToolCall

MAX_TRIES = 200
"""Places of one text that are looked at: a model that loops must not cost seconds."""

_NAME = r"[^\s<>\"'{}\[\]()]+"
_OPENINGS = re.compile(
    r"(?P<tagged><tool_call>|<\|tool_call\|?>|\[TOOL_CALLS\]|<\|python_tag\|>)"
    rf"|(?P<xml><(?:function=|invoke name=)\"?(?P<function>{_NAME})\"?>)"
    rf"|(?P<deepseek><｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<called>{_NAME}?)(?:<｜tool▁sep｜>|\s))"
    rf"|(?P<harmony><\|channel\|>\w+ to=functions\.(?P<to>{_NAME}?)\s*(?:<\|constrain\|>\s*\w+\s*)?<\|message\|>)"
    rf"|^[ \t]*+(?P<tag><(?P<element>{_NAME})>)"
    r"|^[ \t]*+(?P<fence>(?P<ticks>`{3,}+)(?P<info>[\w-]*+)[ \t]*+\n)"
    r"|^[ \t]*+(?P<json>(?=[\[{]))",
    re.MULTILINE,
)
_CLOSINGS = re.compile(
    r"(?:\s*(?:</tool_call>|<\|/tool_call\|>|<\|tool_call\|>|</function_calls>|<\|eom_id\|>|<\|eot_id\|>|<\|call\|>"
    r"|<｜tool▁call▁end｜>|<｜tool▁calls▁end｜>|</s>|<\|im_end\|>))*"
)
_LEADING = re.compile(r"(?:<function_calls>|<｜tool▁calls▁begin｜>|<\|start\|>assistant)\s*+\Z")
_PARAMETER = re.compile(
    rf"\s*<parameter(?:=| name=)\"?(?P<name>{_NAME})\"?>(?P<value>.*?)</parameter>"
    r"(?=\s*(?:<parameter|</function>|</invoke>|</tool_call>|\Z))",
    re.DOTALL,
)
_ARGUMENT = re.compile(r"\s*<arg_key>(?P<name>[^<]*)</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>", re.DOTALL)
_ELEMENT = re.compile(r"\s*<(?P<name>[\w-]+)>(?P<value>.*?)</(?P=name)>", re.DOTALL)
_END_OF_FUNCTION = re.compile(r"\s*(?:</(?:function|invoke)>|\Z)")
_END_OF_CALL = re.compile(r"\s*(?:</tool_call>|\Z)")
_BARE_NAME = re.compile(rf"\s*(?P<name>{_NAME})")
_MISTRAL = re.compile(rf"\s*(?P<name>{_NAME})(?:\[CALL_ID\]\w+)?\[ARGS\]")
_FENCED = re.compile(r"\s*```(?:json)?")
_UNFENCED = re.compile(r"\s*```")
_SEPARATOR = re.compile(r"\s*(?:;|,|\[TOOL_CALLS\])?\s*")
_FENCE_INFOS = ("", "json", "tool_call", "tool_calls", "tool", "xml")

# Quantifiers are possessive or bounded here and above wherever a model that loops could make them quadratic.
_CODE = re.compile(r"^[ \t]*+(`{3,}+).*?^[ \t]*+\1`*+[ \t]*+$|`[^`\n]++`", re.MULTILINE | re.DOTALL)
_MARKS = re.compile(
    r"</?tool_calls?>|<\|/?tool_call\|?>|</?function_calls>|<function=|</function>|<invoke name=|\[TOOL_CALLS\]"
    r"|<\|python_tag\|>|<｜tool▁|<\|channel\|>\w+ to=|<arg_key>|\[ARGS\]"
)
_JSON_CALL = re.compile(
    r"(?:\[\s{0,20}+)?+\{\s{0,20}+\"(?:name|type|function|id|tool_calls)\"\s*+:"
    r"[^\x00]{0,300}?\"(?:arguments|parameters)\"\s*+:\s*+[{\"]"
)
_FENCED_CALL = re.compile(rf"\A\s*+`{{3,}}+[\w-]*+\s*+(?:{_JSON_CALL.pattern}|{_MARKS.pattern})")

Found = tuple[int, list[ToolCall]]
"""Where the calls end, and the calls."""
Span = tuple[int, int, list[ToolCall]]
"""Where the calls begin and end, and the calls."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a reply's text says."""

    text: str
    """What stands before the first call; all of it where there is none."""
    calls: tuple[ToolCall, ...] = ()
    """Their ids are empty: text has none."""
    imitates: bool = False
    """Something in it looks like a tool call and is none."""


def parse_calls(text: str, tools: Sequence[JsonObject]) -> Written:
    """The calls of offered tools in a reply's text; `tools` as the client sent them."""
    reader = _Reader(text, _offered(tools))
    spans = list(reader.spans())
    calls = tuple(call for _, _, made in spans for call in made)
    before, *rest = _outside(text, spans)
    before = _LEADING.sub("", before)
    imitates = reader.met_another or any(map(_imitates, [before, *rest]))
    return Written(before.rstrip() if calls else text, calls, imitates)


def _outside(text: str, spans: Sequence[Span]) -> list[str]:
    """What stands before, between and behind the stretches that are calls."""
    marks = [0, *(mark for start, end, _ in spans for mark in (start, end)), len(text)]
    return [text[start:end] for start, end in zip(marks[::2], marks[1::2], strict=True)]


def _imitates(text: str) -> bool:
    return bool(_MARKS.search(_CODE.sub("", text)) or _FENCED_CALL.search(text))


def _offered(tools: Sequence[JsonObject]) -> dict[str, JsonObject]:
    """The offered names, each with the schemas of its arguments."""
    found: dict[str, JsonObject] = {}
    for tool in tools:
        function = tool.get("function")
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            parameters = function.get("parameters")
            properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
            found[function["name"]] = properties if isinstance(properties, Mapping) else {}
    return found


class _Reader:
    """Goes through one text and finds the stretches that are calls."""

    def __init__(self, text: str, offered: Mapping[str, JsonObject]) -> None:
        self.met_another = False
        """Whether there was JSON that calls what is not offered."""
        self._text, self._offered = text, offered
        self._kinds: Mapping[str, Callable[[re.Match[str]], Found | None]] = {
            "tagged": self._tagged,
            "xml": self._xml,
            "deepseek": lambda opening: self._named(opening, "called"),
            "harmony": lambda opening: self._named(opening, "to"),
            "tag": self._element,
            "fence": self._fence,
            "json": self._json,
        }

    def spans(self) -> Iterator[Span]:
        """Each stretch, in order."""
        at = 0
        for _ in range(MAX_TRIES):
            opening = _OPENINGS.search(self._text, at)
            if opening is None:
                return
            kind = next(name for name in self._kinds if opening[name] is not None)
            end, calls = self._kinds[kind](opening) or (opening.end(), [])
            if calls:
                closing = _CLOSINGS.match(self._text, end)
                end = closing.end() if closing else end
                yield opening.start(), end, calls
            at = max(end, opening.end(), at + (opening.end() == at))

    def _tagged(self, opening: re.Match[str]) -> Found | None:
        """What may follow a marker: XML, JSON, or a name with its arguments."""
        start = skip(self._text, opening.end())
        xml = _OPENINGS.match(self._text, start)
        if xml and xml["xml"]:
            return self._xml(xml)
        if self._text[start : start + 1] in ("{", "["):
            return self._values(start, strict=False)
        if named := _MISTRAL.match(self._text, start):
            return self._mistral(named)
        return self._glm(start) if opening["tagged"] == "<tool_call>" else None

    def _values(self, at: int, *, strict: bool) -> Found | None:
        """JSON values side by side, each one call or a list of calls."""
        made: list[ToolCall] = []
        while (value := decode(self._text, at)) is not None:
            calls = calls_of(value[1], self._offered, strict=strict)
            if calls is None:
                break
            made += calls
            end = value[0]
            separator = _SEPARATOR.match(self._text, end)
            at = separator.end() if separator else end
            if strict or self._text[at : at + 1] not in ("{", "["):
                return end, made
        return (at, made) if made else None

    def _mistral(self, named: re.Match[str] | None) -> Found | None:
        made: list[ToolCall] = []
        end = 0
        while named is not None:
            value = decode(self._text, named.end())
            call = call_of(named["name"], value[1], self._offered) if value else None
            if value is None or call is None:
                break
            end = value[0]
            made.append(call)
            separator = _SEPARATOR.match(self._text, end)
            named = _MISTRAL.match(self._text, separator.end() if separator else end)
        return (end, made) if made else None

    def _glm(self, at: int) -> Found | None:
        named = _BARE_NAME.match(self._text, at)
        if named is None or named["name"] not in self._offered:
            return None
        return self._filled(named["name"], named.end(), _ARGUMENT, _END_OF_CALL)

    def _xml(self, opening: re.Match[str]) -> Found | None:
        name = opening["function"]
        if name not in self._offered:
            return None
        value = decode(self._text, opening.end())
        if value is not None:
            end, call = _END_OF_FUNCTION.match(self._text, value[0]), call_of(name, value[1], self._offered)
            return (end.end(), [call]) if end and call else None
        return self._filled(name, opening.end(), _PARAMETER, _END_OF_FUNCTION)

    def _filled(self, name: str, at: int, form: re.Pattern[str], closing: re.Pattern[str]) -> Found | None:
        """Arguments that each stand between tags of their own."""
        arguments: dict[str, Any] = {}
        while given := form.match(self._text, at):
            key = given["name"].strip()
            arguments[key] = typed(given["value"], self._offered[name].get(key))
            at = given.end()
        end = closing.match(self._text, at)
        return (end.end(), [ToolCall("", name, render(arguments))]) if end else None

    def _element(self, opening: re.Match[str]) -> Found | None:
        """The tool's name as an element, with one element for each argument."""
        name = opening["element"]
        if name not in self._offered:
            return None
        end = self._text.find(f"</{name}>", opening.end())
        if end < 0:
            return None
        inner, arguments, at = self._text[opening.end() : end], {}, 0
        while given := _ELEMENT.match(inner, at):
            arguments[given["name"]] = typed(given["value"], self._offered[name].get(given["name"]))
            at = given.end()
        if inner[at:].strip():
            return None
        return end + len(name) + 3, [ToolCall("", name, render(arguments))]

    def _named(self, opening: re.Match[str], group: str) -> Found | None:
        """A name in the marker, its arguments as JSON behind it, perhaps in a fence."""
        fence = _FENCED.match(self._text, opening.end())
        value = decode(self._text, fence.end() if fence else opening.end())
        call = call_of(opening[group], value[1], self._offered) if value else None
        if value is None or call is None:
            return None
        after = _UNFENCED.match(self._text, value[0]) if fence else None
        return after.end() if after else value[0], [call]

    def _fence(self, opening: re.Match[str]) -> Found | None:
        """A fenced block that is calls and nothing else; any other is code, and is skipped whole."""
        closing = re.compile(rf"^[ \t]*{opening['ticks']}`*[ \t]*$", re.MULTILINE).search(self._text, opening.end())
        stop, end = (closing.start(), closing.end()) if closing else (len(self._text),) * 2
        inner = self._text[opening.end() : stop]
        if opening["info"].lower() not in _FENCE_INFOS or "```" in inner:
            return end, []
        spans = list(_Reader(inner, self._offered).spans())
        alone = spans and not any(part.strip() for part in _outside(inner, spans))
        return end, [call for _, _, calls in spans for call in calls] if alone else []

    def _json(self, opening: re.Match[str]) -> Found | None:
        """JSON at the beginning of a line; other JSON is data, and is skipped whole."""
        found = self._values(opening.end(), strict=True)
        if found is not None:
            return found
        self.met_another = self.met_another or bool(_JSON_CALL.match(self._text, opening.end()))
        value = decode(self._text, opening.end())
        return (value[0], []) if value else None
