"""The examples that a user wrote, as assertions: doctests, what calls are said to give, and asserts themselves; pure.

What fails a firm one is discarded, so that nothing may pass for one that only might be: no assertion about names,
nothing that comes of what was done before it, and nothing that tells what code does now where it is said to be wrong.
"""

import ast
import builtins
import re
from itertools import islice
from typing import TypeVar

from maker.pipeline import syntax
from maker.pipeline.language import DEFAULT, SCRIPTS
from maker.pipeline.said import BROKEN, MOST, Said, said

FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
DEFINES = re.compile(r"^\s*(?:async def|def|class)\s", re.MULTILINE)
DOCTEST = re.compile(r"^[ \t]*>>> (.+)\n[ \t]*(?!>>>)(\S.*)$", re.MULTILINE)
ASSERT = re.compile(r"^([ \t]*)(assert .+)$", re.MULTILINE)
BLOCK = ("with ", "async with ", "if ", "for ", "while ", "try:")
HEAD = ("def ", "async def ", "class ")
BESIDE = ("assert ", "#", "@", '"""', "'''")
BEFORE = 2000
"""Characters before a doctest or an assert that are looked at."""
N = TypeVar("N", bound=ast.AST)


def examples(text: str, language: str = DEFAULT) -> list[str]:
    """The examples in a request, as assertions in the step's language: worth a check."""
    return list(_found(text, language))


def firm_examples(text: str, language: str = DEFAULT) -> list[str]:
    """Those that are surely meant: what fails one of them is not what was asked for."""
    return [check for check, firm in _found(text, language).items() if firm]


def _found(text: str, language: str) -> dict[str, bool]:
    """Each assertion, and whether it is firm."""
    broken = BROKEN.search(FENCED.sub(" ", text)) is not None
    pairs = _agreed([*_doctests(text, broken=broken), *said(text, broken=broken)])
    if language in SCRIPTS:
        valued = [one for one in pairs if syntax.is_call(one.call) and syntax.is_value(one.value)]
        return {f"assert.deepStrictEqual({one.call}, {one.value})": one.firm for one in valued}
    found = {f"assert {one.call} == {one.value}": one.firm for one in pairs if _is_pair(one)}
    return found | dict.fromkeys(filter(_is_example, _asserts(text)), True)


def _agreed(pairs: list[Said]) -> list[Said]:
    """Without the calls that are said to give two values: one of them is what they do now, or they count."""
    values: dict[str, set[str]] = {}
    for one in pairs:
        values.setdefault(one.call, set()).add(one.value)
    return [one for one in pairs if len(values[one.call]) == 1]


def _doctests(text: str, *, broken: bool) -> list[Said]:
    """What an interpreter printed; where something is broken only what a docstring says: the rest may show that."""
    shown = [found.group() for found in FENCED.finditer(text) if DEFINES.search(found.group())] if broken else [text]
    found = ((one, match) for one in shown for match in islice(DOCTEST.finditer(one), MOST))
    return [Said(match[1], match[2], firm=True) for one, match in found if _stands_alone(one, match)]


def _stands_alone(text: str, match: "re.Match[str]") -> bool:
    """Whether the value is all that is printed, and nothing was done before."""
    before = text[max(0, match.start() - BEFORE) : match.start()].rstrip().rpartition("\n")[2].strip()
    after = _parsed(text[match.end() : match.end() + BEFORE].removeprefix("\n").partition("\n")[0].strip())
    goes_on = after is not None and len(after.body) == 1 and isinstance(after.body[0], ast.Expr)
    return not goes_on and (not before.startswith(">>> ") or before.startswith((">>> from", ">>> import")))


def _asserts(text: str) -> list[str]:
    """The asserts before which nothing else is done in their block."""
    found = ((one, text[max(0, one.start() - BEFORE) : one.start()]) for one in islice(ASSERT.finditer(text), MOST))
    return [one[2] for one, before in found if not _is_prepared(before, one[1])]


def _is_prepared(before: str, indent: str) -> bool:
    """Whether the line before, asserts and comments aside, does something in the same block or opens it."""
    lines = reversed(before.splitlines())
    line = next((one for one in lines if one.strip() and not one.strip().startswith(BESIDE)), "")
    if not indent or line.strip().startswith(HEAD):
        return False
    return line.startswith(indent) or line.strip().startswith(BLOCK)


def _is_pair(one: Said) -> bool:
    """Whether both read no names but those of functions: `f(a, b) -> a + b` says what f does and is no example."""
    tree, value = _parsed(f"assert {one.call} == {one.value}"), _parsed(one.value)
    return (
        tree is not None
        and value is not None
        and not _nodes(value, ast.BoolOp)
        and not any(node.value is ... for node in _nodes(tree, ast.Constant))
        and all(isinstance(node.op, ast.Add | ast.Mult | ast.Pow) for node in _nodes(value, ast.BinOp))
        and bool(_called(one.call) - set(dir(builtins)))
        and not _read(tree)
    )


def _is_example(check: str) -> bool:
    """Whether it is about what a function gives, and needs nothing beside it."""
    tree = _parsed(check)
    if tree is None or not _called(check) - set(dir(builtins)):
        return False
    bound = {node.id for node in _nodes(tree, ast.Name) if isinstance(node.ctx, ast.Store)}
    return not _read(tree) - bound - set(dir(builtins))


def _called(code: str) -> set[str]:
    """The functions that it calls by their names; none where it prints."""
    found = {node.func.id for node in _nodes(_parsed(code), ast.Call) if isinstance(node.func, ast.Name)}
    return set() if "print" in found else found


def _read(tree: ast.Module) -> set[str]:
    """The names that are read but not called."""
    functions = {id(node.func) for node in _nodes(tree, ast.Call)}
    names = (node for node in _nodes(tree, ast.Name) if isinstance(node.ctx, ast.Load) and id(node) not in functions)
    return {node.id for node in names}


def _nodes(tree: ast.Module | None, kind: type[N]) -> list[N]:
    return [node for node in ast.walk(tree or ast.Module([], [])) if isinstance(node, kind)]


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
