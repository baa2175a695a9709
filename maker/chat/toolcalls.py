"""Tool calls that a model wrote as text, in the formats that the common families were trained on. Nothing here raises.

What a format says of a tool that is not offered is no call. Text behind the first call is dropped: it was written
without the result. What still looks like a call, but is none, is an imitation, for the pipeline to discard.
Values between XML tags are text; the tool's own schema says which of them are numbers, lists or objects.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maker.chat.toolforms import (
    ARGUMENT,
    BARE_NAME,
    CLOSINGS,
    ELEMENT,
    END_OF_CALL,
    END_OF_FUNCTION,
    END_OF_LINE,
    FENCE_INFOS,
    FENCED,
    LEADING,
    MISTRAL,
    OPENINGS,
    PARAMETER,
    PYTHON_LIST,
    SEPARATOR,
    UNFENCED,
)
from maker.chat.toolmarks import JSON_CALL, imitates
from maker.chat.toolpython import Named, lines_of_calls, list_of_calls
from maker.chat.toolvalues import call_of, calls_of, decode, render, skip, typed, whole
from maker.chat.types import JsonObject, ToolCall

MAX_TRIES = 200
"""Places of one text that are looked at: a model that loops must not cost seconds."""

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
    if not spans:
        return Written(text, (), reader.met_another or imitates(text))
    calls = tuple(call for _, _, made in spans for call in made)
    *parts, behind = _outside(text, spans)
    parts = [LEADING.sub("", part) for part in parts]
    return Written(parts[0].rstrip(), calls, reader.met_another or any(map(imitates, [*parts, behind])))


def _outside(text: str, spans: Sequence[Span]) -> list[str]:
    """What stands before, between and behind the stretches that are calls."""
    marks = [0, *(mark for start, end, _ in spans for mark in (start, end)), len(text)]
    return [text[start:end] for start, end in zip(marks[::2], marks[1::2], strict=True)]


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
            "kimi": lambda opening: self._named(opening, "id"),
            "harmony": lambda opening: self._named(opening, "to"),
            "react": lambda opening: self._named(opening, "action"),
            "command": lambda opening: self._unfenced(opening.end(), self._data),
            "tag": self._element,
            "fence": self._fence,
            "json": self._json,
        }

    def spans(self) -> Iterator[Span]:
        """Each stretch, in order."""
        at = 0
        for _ in range(MAX_TRIES):
            opening = OPENINGS.search(self._text, at)
            if opening is None:
                return
            kind = next(name for name in self._kinds if opening[name] is not None)
            end, calls = self._kinds[kind](opening) or (opening.end(), [])
            if calls:
                closing = CLOSINGS.match(self._text, end)
                end = closing.end() if closing else end
                yield opening.start(), end, calls
            at = max(end, opening.end(), at + (opening.end() == at))

    def _tagged(self, opening: re.Match[str]) -> Found | None:
        return self._unfenced(opening.end(), lambda at: self._marked(at, opening["tagged"]))

    def _marked(self, at: int, marker: str) -> Found | None:
        """What may follow a marker: XML, JSON, Python, or a name with its arguments."""
        xml = OPENINGS.match(self._text, at)
        if xml and xml["xml"]:
            return self._xml(xml)
        if self._text[at : at + 1] in ("{", "["):
            return self._values(at, strict=False) or self._python(at)
        if named := MISTRAL.match(self._text, at):
            return self._mistral(named)
        return self._glm(at) if marker == "<tool_call>" else None

    def _unfenced(self, at: int, read: Callable[[int], Found | None]) -> Found | None:
        """What is read at this place, or in the fence that stands there."""
        fence = FENCED.match(self._text, at)
        found = read(skip(self._text, fence.end() if fence else at))
        after = UNFENCED.match(self._text, found[0]) if fence and found else None
        return (after.end(), found[1]) if after and found else found

    def _values(self, at: int, *, strict: bool) -> Found | None:
        """JSON values side by side, each one call or a list of calls."""
        made: list[ToolCall] = []
        while (value := decode(self._text, at)) is not None:
            calls = calls_of(value[1], self._offered, strict=strict)
            if calls is None:
                break
            made += calls
            end = value[0]
            separator = SEPARATOR.match(self._text, end)
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
            separator = SEPARATOR.match(self._text, end)
            named = MISTRAL.match(self._text, separator.end() if separator else end)
        return (end, made) if made else None

    def _glm(self, at: int) -> Found | None:
        named = BARE_NAME.match(self._text, at)
        if named is None or named["name"] not in self._offered:
            return None
        return self._filled(named["name"], named.end(), ARGUMENT, END_OF_CALL)

    def _xml(self, opening: re.Match[str]) -> Found | None:
        name = opening["function"]
        if name not in self._offered:
            return None
        value = decode(self._text, opening.end())
        if value is not None:
            end, call = END_OF_FUNCTION.match(self._text, value[0]), call_of(name, value[1], self._offered)
            return (end.end(), [call]) if end and call else None
        return self._filled(name, opening.end(), PARAMETER, END_OF_FUNCTION)

    def _filled(self, name: str, at: int, form: re.Pattern[str], closing: re.Pattern[str]) -> Found | None:
        """Arguments that each stand between tags of their own."""
        arguments: dict[str, Any] = {}
        while given := form.match(self._text, at):
            key = given["name"].strip()
            arguments[key] = _value(given, self._offered[name].get(key))
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
        while given := ELEMENT.match(inner, at):
            arguments[given["name"]] = typed(given["value"], self._offered[name].get(given["name"]))
            at = given.end()
        if inner[at:].strip():
            return None
        return end + len(name) + 3, [ToolCall("", name, render(arguments))]

    def _named(self, opening: re.Match[str], group: str) -> Found | None:
        """A name in the marker, its arguments as JSON behind it, perhaps in a fence."""

        def arguments(at: int) -> Found | None:
            value = decode(self._text, at)
            call = call_of(opening[group], value[1], self._offered) if value else None
            return (value[0], [call]) if value and call else None

        return self._unfenced(opening.end(), arguments)

    def _fence(self, opening: re.Match[str]) -> Found | None:
        """A fenced block that is calls and nothing else; any other is code, and is skipped whole."""
        closing = re.compile(rf"^[ \t]*{opening['ticks']}`*[ \t]*$", re.MULTILINE).search(self._text, opening.end())
        stop, end = (closing.start(), closing.end()) if closing else (len(self._text),) * 2
        inner, info = self._text[opening.end() : stop], opening["info"].lower()
        calls = self._inside(inner, info)
        self.met_another = self.met_another or (info == "tool_code" and not calls)
        return end, calls

    def _inside(self, inner: str, info: str) -> list[ToolCall]:
        """The calls that a fenced block is."""
        if info == "tool_code" and (named := lines_of_calls(inner)):
            return self._all_of(named)
        if info not in FENCE_INFOS or "```" in inner:
            return []
        spans = list(_Reader(inner, self._offered).spans())
        alone = not any(part.strip() for part in _outside(inner, spans))
        return [call for _, _, calls in spans for call in calls] if alone else []

    def _json(self, opening: re.Match[str]) -> Found | None:
        """JSON, or a Python list of calls, at the beginning of a line; other JSON is data, and is skipped whole."""
        found = self._data(opening.end()) or self._bare_list(opening.end())
        if found is not None:
            return found
        value = decode(self._text, opening.end())
        return (value[0], []) if value else None

    def _data(self, at: int) -> Found | None:
        """JSON that no marker says to be calls."""
        found = self._values(at, strict=True)
        self.met_another = self.met_another or (found is None and bool(JSON_CALL.match(self._text, at)))
        return found

    def _bare_list(self, at: int) -> Found | None:
        """A Python list of calls that no marker announces: alone on its lines, every name offered."""
        opened = PYTHON_LIST.match(self._text, at)
        named = list_of_calls(self._text, at) if opened else None
        if opened is None or named is None:
            self.met_another = self.met_another or bool(opened and opened["name"] in self._offered)
            return None
        closing = CLOSINGS.match(self._text, named[0])
        end = closing.end() if closing else named[0]
        calls = self._all_of(named[1]) if END_OF_LINE.match(self._text, end) else []
        self.met_another = self.met_another or (not calls and self._text.strip() == self._text[at:end].strip())
        return (end, calls) if calls else None

    def _python(self, at: int) -> Found | None:
        named = list_of_calls(self._text, at)
        return (named[0], self._all_of(named[1])) if named else None

    def _all_of(self, named: Sequence[Named]) -> list[ToolCall]:
        """The calls, if each of them is of an offered tool."""
        made = [call_of(name, arguments, self._offered) for name, arguments in named]
        calls = [call for call in made if call is not None]
        return calls if len(calls) == len(made) else []


def _value(given: re.Match[str], schema: object) -> Any:
    """An argument between tags; DSML says itself whether it is text."""
    is_text = given.groupdict().get("is_text")
    if is_text == "true":
        return given["value"]
    return whole(given["value"]) if is_text else typed(given["value"], schema)
