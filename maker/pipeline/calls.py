"""An agent's tool calls as policy: which are discarded, which only read, when two turns are the same. Pure.

Whether a call is wise is not asked here: that is the vote's and the validator's business.
"""

import ast
import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maker.chat.toolcalls import parse_calls
from maker.chat.toolvalues import decode
from maker.chat.types import ChatRequest, Completion, FinishReason, ToolCall
from maker.config import Mode
from maker.pipeline.calls_reading import only_reads, plain
from maker.pipeline.calls_schema import Check, check, fault
from maker.pipeline.redflag import marked_docstrings
from maker.pipeline.values import Candidate

FINAL_TEXT = "final text"
"""The signature of every turn without calls: that the work is done is what turns agree on, not how it is said."""

PATH_KEYS = frozenset(("path", "filepath", "dirpath", "file", "directory", "dir", "cwd", "workdir", "absolutepath"))
TALKING_KEYS = frozenset(("description", "explanation", "reason", "justification", "thought", "taskprogress"))
"""Arguments that only tell people what a call is for: no two turns say it in the same words. In a call that nothing
else describes, as in `create_issue(title, description)`, they are what it does."""
CONTENT_KEYS = frozenset(("content", "contents", "filetext"))
TELLING_KEYS = (*sorted(PATH_KEYS), "command", "cmd", "pattern", "query", "url", "name")
ACTING_KEYS = PATH_KEYS | {"command", "cmd", "script", "code", "patch", "diff", "input", "pattern", "query", "url"}
SHOWN_VALUE = 60


@dataclass(frozen=True, slots=True)
class Offer:
    """What a request lets the coder call."""

    request: ChatRequest
    tools: Mapping[str, Check | None]
    """The check of each offered tool's arguments; None where its schema is no schema."""
    read_only: frozenset[str]
    own_limit: bool
    """The client itself says how long an answer may be: text that is cut there is what it asked for."""

    @property
    def unchecked(self) -> list[str]:
        """Tools whose arguments cannot be checked."""
        return [name for name, check in self.tools.items() if check is None]


def offer(request: ChatRequest, mode: Mode) -> Offer:
    """What the request offers, under the mode's limits."""
    functions = [(tool, tool["function"]) for tool in request.tools]
    configured = {plain(name) for name in mode.read_only_tools}
    limit = request.sampling.max_tokens
    return Offer(
        request,
        {function["name"]: check(function.get("parameters")) for _, function in functions},
        frozenset(function["name"] for tool, function in functions if only_reads(tool, function, configured)),
        limit is not None and limit <= mode.max_tokens,
    )


def judge(offered: Offer, completion: Completion, number: int) -> Candidate:
    """The candidate in a coder's reply: its calls, native or written as text, what is wrong with it, its signature."""
    written = None if completion.tool_calls else parse_calls(completion.text, offered.request.tools)
    text = written.text if written else completion.text
    calls = tuple(map(_whole, written.calls if written else completion.tool_calls))
    if offered.request.parallel_tool_calls is False:
        calls = calls[:1]  # one at a time: the next turn makes the next one, and knows this one's result
    finish: FinishReason = "tool_calls" if calls else "length" if completion.finish_reason == "length" else "stop"
    flags = [*_call_flags(offered, calls), *_form_flags(offered, completion, text, calls)]
    flags += ["imitates a tool call"] if written and written.imitates else []
    action = ", ".join(map(shown, calls)) or FINAL_TEXT
    signature = _signature(calls) if calls and not flags else FINAL_TEXT
    return Candidate(
        number,
        completion.text,
        flags=tuple(dict.fromkeys(flags)),
        signature="" if flags else signature,
        action=action,
        turn=Completion(text, completion.reasoning, calls, finish),
    )


def changes_nothing(offered: Offer, candidate: Candidate) -> bool:
    """Whether the turn may be taken back at no cost: text, or calls that only read."""
    return all(call.name in offered.read_only for call in calls_of(candidate))


def calls_of(candidate: Candidate) -> tuple[ToolCall, ...]:
    """The calls that the candidate would make."""
    return candidate.turn.tool_calls if candidate.turn else ()


def shown(call: ToolCall) -> str:
    """A call in a few words: `write_file(src/a.py)`."""
    arguments = _decoded(call.arguments)
    values = {plain(key): value for key, value in arguments.items()} if isinstance(arguments, dict) else {}
    telling = next((str(values[key]) for key in TELLING_KEYS if isinstance(values.get(key), str | int)), "")
    words = " ".join(telling.split())
    return f"{call.name}({words if len(words) <= SHOWN_VALUE else words[:SHOWN_VALUE] + '...'})"


def written(call: ToolCall) -> str:
    """A call in full, for a model to read."""
    return f"{call.name}({call.arguments})"


def _whole(call: ToolCall) -> ToolCall:
    """The call with no arguments written as the empty object, as the wire has them."""
    return call if call.arguments.strip() else replace(call, arguments="{}")


def _call_flags(offered: Offer, calls: Sequence[ToolCall]) -> Iterator[str]:
    for call in calls:
        name = _cut(call.name)
        if call.name not in offered.tools:
            yield f"unknown tool {name}"
        elif not isinstance(arguments := _decoded(call.arguments), dict):
            yield f"arguments of {name} are not a JSON object"
        elif wrong := fault(offered.tools[call.name], arguments):
            yield f"arguments of {name}: {wrong}"


def _form_flags(offered: Offer, completion: Completion, text: str, calls: Sequence[ToolCall]) -> Iterator[str]:
    choice = offered.request.tool_choice
    if not calls and not text.strip():
        yield "empty"
    if completion.finish_reason == "length" and (calls or not offered.own_limit):
        yield "cut off"
    if choice == "none" and calls:
        yield "a call where none is allowed"
    if not calls and (choice == "required" or isinstance(choice, Mapping)):
        yield "no call where one is required"
    if isinstance(choice, Mapping) and any(call.name != choice["function"]["name"] for call in calls):
        yield "not the tool that is required"


def _signature(calls: Sequence[ToolCall]) -> str:
    form = json.dumps([[call.name, _canonical(_decoded(call.arguments))] for call in calls], sort_keys=True)
    return hashlib.sha256(form.encode()).hexdigest()[:16]


def _canonical(arguments: Any) -> Any:
    """The arguments of one call with paths and files in one form each, and without what is said beside them."""
    if not isinstance(arguments, dict):
        return arguments
    if any(plain(key) in ACTING_KEYS for key in arguments):
        arguments = {key: value for key, value in arguments.items() if plain(key) not in TALKING_KEYS}
    paths = [value for key, value in arguments.items() if plain(key) in PATH_KEYS and isinstance(value, str)]
    python = any(path.strip().endswith(".py") for path in paths)
    return {key: _value(plain(key), value, python=python) for key, value in arguments.items()}


def _value(key: str, value: Any, *, python: bool) -> Any:
    if key in PATH_KEYS and isinstance(value, str) and "://" not in value:
        return posixpath.normpath(value.strip())
    if key in CONTENT_KEYS and isinstance(value, str):
        return _content(value, python=python)
    return value


def _content(text: str, *, python: bool) -> str:
    """A file: by what it parses to where it is Python, else without the white space at the ends of its lines.

    Whether there is a docstring counts, as what it says does not, and so does the line that says what runs the file.
    """
    if python:
        try:
            tree = marked_docstrings(ast.parse(text))
            return text.partition("\n")[0].rstrip() * text.startswith("#!") + ast.dump(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n")


def _decoded(arguments: str) -> Any:
    """The arguments as a value; None where they are not JSON, or hold half a surrogate pair, which no wire takes."""
    whole = decode(arguments, 0)
    if whole is None or arguments[whole[0] :].strip():
        return None
    try:
        json.dumps(whole[1], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return None
    return whole[1]


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "..."
