"""The examples that a user wrote, as assertions: doctests, `f(1) -> 2`, `f(1) == 2`, and asserts themselves; pure.

What fails one is discarded, so that nothing may be taken for an example that only might be one: no assertion about
names, and nothing that tells what the code does now where it is said to be wrong.
"""

import ast
import builtins
import re
from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from maker.pipeline import syntax
from maker.pipeline.language import DEFAULT, SCRIPTS

Pair = tuple[str, str]
"""A call, and what it is to give."""

FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
DEFINES = re.compile(r"^\s*(?:async def|def|class)\s", re.MULTILINE)
DOCTEST = re.compile(r"^[ \t]*>>> (.+)\n[ \t]*(?!>>>)(\S.*)$", re.MULTILINE)
ASSERT = re.compile(r"^[ \t]*(assert .+)$", re.MULTILINE)
NAME = re.compile(r"(?<![\w.])(?=[A-Za-z_][\w.]*\()")
FUNCTION, METHOD = re.compile(r"[\w.]+"), re.compile(r"\.\w+")
GIVES = re.compile(
    r"`?\s*(?:(?P<demand>(?:should|must|has to) (?:return|give|be|equal|yield))"
    r"|->|=>|===?|→|returns|gives|yields|equals)\s*`?"
)
STOP = re.compile(r"[`,;\n]|\.(?=\s|$)|\s(?:and|but|because|since|for|as)\s|\s+(?:#|//|\()")
"""What ends the value that a call gives; within brackets and quotes it does not."""
MORE = re.compile(r"`?,\s*[\d'\"\[({-]")
"""Behind a value: it was the first of several."""
SENTENCE = re.compile(r"[.!?:;]\s|\n|\be\.g\.|\b(?:for example|for instance|such as)\b", re.IGNORECASE)
BROKEN = re.compile(
    r"\b(fix(es)?|bugs?|buggy|debug|wrong(ly)?|incorrect(ly)?|broken|currently|fails?|failing)\b", re.IGNORECASE
)
"""Words of a request about code that does not do what it should: what it says of the code may be what is wrong."""
DOUBT = re.compile(
    r"\b(not|never|now|instead|why|if|when|unless|but|actual(ly)?|(i|we|it) (get|got|sees?|prints?))\b|n't\b",
    re.IGNORECASE,
)
DEMAND = re.compile(r"\b(should|must|has to|so that|expect(s|ed)?|want(s|ed)?)\b", re.IGNORECASE)
LONGEST = 500
"""Characters of a call's arguments, or of a value."""
AROUND = 200
"""Characters of the sentence around an example."""
MOST = 1000
"""Calls of a text that are looked at: a program in one line has very many."""
QUOTES = "'\""
OPEN, CLOSE = "([{", ")]}"


def examples(text: str, language: str = DEFAULT) -> list[str]:
    """The examples in a request, as assertions in the step's language."""
    prose = FENCED.sub(" ", text)
    broken = BROKEN.search(prose) is not None
    pairs = [*_doctests(text, broken=broken), *_said(text, broken=broken)]
    if language in SCRIPTS:
        valued = [(call, value) for call, value in pairs if syntax.is_call(call) and syntax.is_value(value)]
        return list(dict.fromkeys(f"assert.deepStrictEqual({call}, {value})" for call, value in valued))
    said = [f"assert {call} == {value}" for call, value in pairs if _is_pair(call, value)]
    return list(dict.fromkeys([*said, *filter(_is_example, ASSERT.findall(text))]))


def _doctests(text: str, *, broken: bool) -> list[Pair]:
    """What an interpreter printed; where something is broken only what a docstring says: the rest may show that."""
    shown = [found.group() for found in FENCED.finditer(text) if DEFINES.search(found.group())] if broken else [text]
    return [pair for one in shown for pair in DOCTEST.findall(one)]


def _said(text: str, *, broken: bool) -> Iterator[Pair]:
    """Calls in the text with what they are said to give."""
    for found in islice(NAME.finditer(text), MOST):
        end = _end_of_call(text, found.start())
        gives = GIVES.match(text, end) if end else None
        if gives is None:
            continue
        stop = _end_of_value(text, gives.end())
        before = SENTENCE.split(text[max(0, found.start() - AROUND) : found.start()])[-1]
        behind = SENTENCE.split(text[stop : stop + AROUND])[0]
        if not MORE.match(text, stop) and (gives["demand"] or _is_meant(before, behind, broken=broken)):
            yield text[found.start() : end], text[gives.end() : stop].strip()


def _is_meant(before: str, behind: str, *, broken: bool) -> bool:
    """Whether what is said of a call, by the rest of the sentence around it, is what is wanted."""
    doubted = DOUBT.search(before) or DOUBT.search(behind)
    return not doubted and (not broken or DEMAND.search(before) is not None)


def _end_of_call(text: str, start: int) -> int:
    """Where the call that begins here ends, on its line, with the calls on its result; 0 if it does not."""
    end, name = 0, FUNCTION.match(text, start)
    while name is not None and text[name.end() : name.end() + 1] == "(":
        closed = _scan(text, name.end(), until=None)
        if closed == 0:
            return 0
        end, name = closed, METHOD.match(text, closed)
    return end


def _end_of_value(text: str, start: int) -> int:
    return _scan(text, start, until=STOP)


def _scan(text: str, start: int, *, until: "re.Pattern[str] | None") -> int:
    """Behind the bracket that closes the one here, else before what ends a value outside of brackets; 0 for none."""
    depth, quote, at = 0, "", start
    while at < min(len(text), start + LONGEST):
        char = text[at]
        if not depth and not quote and until is not None and until.match(text, at):
            return at
        if char == "\n":
            return 0 if until is None else at
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in QUOTES:
            quote = char
        elif char in OPEN:
            depth += 1
        elif char in CLOSE:
            depth -= 1
            if depth < 0:
                return at
            if depth == 0 and until is None:
                return at + 1
        at += 1
    return 0 if until is None else at


def _is_pair(call: str, value: str) -> bool:
    """Whether both read no names but those of functions: `f(a, b) -> a + b` says what f does and is no example."""
    tree, given = _parsed(f"assert {call} == {value}"), _parsed(value)
    return (
        tree is not None
        and given is not None
        and not _nodes(given, ast.BoolOp)
        and not _read(tree)
        and "print" not in _called(call)
    )


def _is_example(check: str) -> bool:
    """Whether it is about what a function gives, and needs nothing beside it."""
    tree = _parsed(check)
    if tree is None or not _called(check) - set(dir(builtins)):
        return False
    bound = {node.id for node in _nodes(tree, ast.Name) if isinstance(node.ctx, ast.Store)}
    return not _read(tree) - bound - set(dir(builtins))


def _called(check: str) -> set[str]:
    """The functions that a check calls by their names."""
    tree = _parsed(check)
    return {node.func.id for node in _nodes(tree, ast.Call) if isinstance(node.func, ast.Name)}


def _read(tree: ast.Module) -> set[str]:
    """The names that are read but not called."""
    functions = {id(node.func) for node in _nodes(tree, ast.Call)}
    names = (node for node in _nodes(tree, ast.Name) if isinstance(node.ctx, ast.Load) and id(node) not in functions)
    return {node.id for node in names}


N = TypeVar("N", bound=ast.AST)


def _nodes(tree: ast.Module | None, kind: type[N]) -> list[N]:
    return [node for node in ast.walk(tree or ast.Module([], [])) if isinstance(node, kind)]


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
