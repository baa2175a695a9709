"""Several Python sources as one module, in their order: a later one sees, and may replace, what the earlier declare."""

import ast
from collections.abc import Sequence

FUTURE = "__future__"


def joined(sources: Sequence[str]) -> str:
    """The sources as one text; `from __future__ import` of the later ones is moved to its top, or it would not load."""
    first, *later = sources
    parted = [_parted(source) for source in later]
    names = dict.fromkeys(name for _, found in parted for name in found)
    return "\n\n".join([_headed(first, ", ".join(names)), *(text for text, _ in parted)])


def _parted(source: str) -> tuple[str, list[str]]:
    """The source with `pass` where it imports from the future, and what it imports from there."""
    found: list[str] = []
    for node in reversed(_statements(source) if FUTURE in source else []):
        if isinstance(node, ast.ImportFrom) and node.module == FUTURE:
            source = _spliced(source, (node.lineno, node.col_offset), _end(node), "pass")
            found += [one.name for one in node.names]
    return source, found


def _headed(source: str, names: str) -> str:
    """The source with these imported from the future; a docstring stays what stands first."""
    line = f"from {FUTURE} import {names}"
    if not names:
        return source
    match _statements(source)[:1]:
        case [ast.Expr(value=ast.Constant(value=str())) as docstring]:
            return _spliced(source, _end(docstring), _end(docstring), f"; {line}")
    return f"{line}\n{source}"


def _statements(source: str) -> list[ast.stmt]:
    """The module's statements; none where it cannot be parsed."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _end(node: ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _spliced(source: str, start: tuple[int, int], end: tuple[int, int], text: str) -> str:
    """The source with this text between two places, as the parser counts: lines, and bytes within them."""
    data = source.encode()
    lines = data.splitlines(keepends=True)
    begin, stop = (sum(map(len, lines[: line - 1])) + column for line, column in (start, end))
    return (data[:begin] + text.encode() + data[stop:]).decode()
