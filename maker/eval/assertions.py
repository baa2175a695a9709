"""Test-writing replies taken apart: the assertions in one, and the calls in an assertion."""

import ast
import re
import warnings

ASSERT = re.compile(r"^[ \t]*assert\b", re.MULTILINE)


def assertions(reply: str, entry_point: str) -> tuple[str, ...]:
    """The assertions about the function in a reply that continues the word `assert`, in its order and one form.

    What does not parse, and what does not name the function, is left out.
    """
    found = (_assertion(part) for part in ASSERT.split(f"assert {reply}"))
    return tuple(ast.unparse(one) for one in found if one is not None and _names(one, entry_point))


def calls(assertion: str, entry_point: str) -> tuple[str, ...]:
    """The calls of the function in an assertion, as expressions."""
    nodes = ast.walk(ast.parse(assertion))
    return tuple(
        ast.unparse(node)
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry_point
    )


def equation(assertion: str, entry_point: str) -> tuple[str, str] | None:
    """The call and the literal of an assertion that a call of the function equals a literal; None for any other."""
    test = ast.parse(assertion).body[0].test  # type: ignore[attr-defined]
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return None
    call, literal = ast.unparse(test.left), ast.unparse(test.comparators[0])
    return (call, literal) if (call,) == calls(assertion, entry_point) and literal_value(literal) is not None else None


def literal_value(text: str) -> tuple[object] | None:
    """The value of a literal, in a tuple of its own; None for what is no literal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return (ast.literal_eval(text),)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None


def _assertion(text: str) -> ast.Assert | None:
    """The statement that the text begins with behind `assert`; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a string, which models do write
            body = ast.parse(f"assert {text.strip()}").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return body[0] if isinstance(body[0], ast.Assert) else None


def _names(node: ast.Assert, entry_point: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == entry_point for part in ast.walk(node.test))
