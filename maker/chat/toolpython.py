"""Tool calls that a model wrote as Python: `[f(a="x", b=1), g()]`. Read, never run, and nothing here raises.

Arguments have names, and values that JSON has; its `true`, `false` and `null` count as such.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterable
from itertools import islice
from typing import Any, Literal

from maker.chat.fields import MAX_DEPTH, is_deeper

Named = tuple[str, dict[str, Any]]
"""The name that is called, and the arguments."""

MAX_TOKENS = 2000
"""Brackets and strings of one list that are looked at: a model that loops must not cost seconds."""

# A string may lack its end: were it no token then, each quote within it would be tried anew.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?+|"(?:[^"\\\n]|\\.)*+"?+'
    r"|'''(?:[^'\\]|\\.|'(?!''))*+(?:''')?+|'(?:[^'\\\n]|\\.)*+'?+"
    r"|[()\[\]{}]",
    re.DOTALL,
)


def list_of_calls(text: str, at: int) -> tuple[int, list[Named]] | None:
    """The calls in the Python list at this place, and where it ends; None where it holds anything else, or nothing."""
    end = _end_of_brackets(text, at)
    tree = _parsed(text[at:end], "eval")
    body = tree.body if isinstance(tree, ast.Expression) else None
    calls = _calls(body.elts) if isinstance(body, ast.List) else None
    return (end, calls) if calls else None


def lines_of_calls(code: str) -> list[Named] | None:
    """The calls that code makes line by line, each perhaps printed; None where it does anything else, or nothing."""
    tree = _parsed(code.strip(), "exec")
    statements = tree.body if isinstance(tree, ast.Module) else []
    made: list[ast.expr] = []
    for statement in statements:
        if not isinstance(statement, ast.Expr):
            return None
        value = _printed(statement.value)
        made += value.elts if isinstance(value, ast.List) else [value]
    return _calls(made)


def _end_of_brackets(text: str, at: int) -> int:
    """Where the bracket that opens at this place is closed; the place itself where it is not."""
    depth = 0
    for token in islice(_TOKEN.finditer(text, at), MAX_TOKENS):
        depth += (token[0] in "([{") - (token[0] in ")]}")
        if depth == 0:
            return token.end()
    return at


def _parsed(code: str, mode: Literal["eval", "exec"]) -> ast.AST | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.parse(code, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _printed(node: ast.expr) -> ast.expr:
    match node:
        case ast.Call(func=ast.Name(id="print"), args=[value], keywords=[]):
            return value
    return node


def _calls(nodes: Iterable[ast.expr]) -> list[Named] | None:
    try:
        calls = [_call(node) for node in nodes]
        json.dumps(calls, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None
    return None if is_deeper(dict(enumerate(calls)), MAX_DEPTH) else calls or None


def _call(node: ast.expr) -> Named:
    """One call. Raises ValueError where it is none, or an argument has no name or no value."""
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("no call by names")
    return _name(node.func).removeprefix("default_api."), {_key(word.arg): _value(word.value) for word in node.keywords}


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_name(value)}.{name}"
    raise ValueError("no name")


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise ValueError("no name")
    return name


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Name(id="true" | "false" | "null" as constant):
            return json.loads(constant)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {
                _key(ast.literal_eval(key) if key else None): _value(value)
                for key, value in zip(keys, values, strict=True)
            }
    return ast.literal_eval(node)
