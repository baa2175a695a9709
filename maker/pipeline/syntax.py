"""Code as syntax trees by tree-sitter: what a program is apart from its layout, and what JavaScript may be run.

Grammars are those of bash, C, C++, Go, Java, JavaScript, Rust and TypeScript; Python has its own parser. A tree with an
error in it is no tree: what a grammar does not know is not judged by it.
"""

import importlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

GRAMMARS = {
    "bash": ("tree_sitter_bash", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "jsx": ("tree_sitter_javascript", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}
"""Module and function of each language's grammar; loaded when it is first needed."""
MAX_BYTES = 400_000
WHOLE = ("string", "char", "regex", "heredoc", "text")
"""Kinds of nodes in which every space counts."""
COMPARISONS = ("==", "===")


def canonical(text: str, language: str) -> str | None:
    """A form in which programs that differ only in layout and comments are equal; None where there is no tree."""
    root = parsed(text, language)
    return None if root is None else "".join(_form(root))


def parsed(text: str, language: str) -> "Node | None":
    """The tree of a program without errors."""
    data = text.encode("utf-8", "surrogatepass")
    if language not in GRAMMARS or len(data) > MAX_BYTES:
        return None
    root = _parser(language).parse(data).root_node
    return None if root.has_error else root


@cache
def _parser(language: str) -> "Parser":
    # Loaded only here: most runs are about Python alone.
    import tree_sitter

    module, function = GRAMMARS[language]
    return tree_sitter.Parser(tree_sitter.Language(getattr(importlib.import_module(module), function)()))


def _form(root: "Node") -> Iterator[str]:
    """Kinds and leaves in order, nested; without recursion, because programs nest deeper than Python calls."""
    ahead: list[Node | str] = [root]
    while ahead:
        node = ahead.pop()
        if isinstance(node, str):
            yield node
        elif "comment" in node.type:
            continue
        elif not node.children or any(kind in node.type for kind in WHOLE):
            yield f"{node.type}={_text(node)!r} "
        else:
            yield f"({node.type} "
            ahead += [") ", *reversed(node.children)]


def _walk(root: "Node") -> Iterator["Node"]:
    ahead = [root]
    while ahead:
        node = ahead.pop()
        yield node
        ahead += reversed(node.children)


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")


def is_call(text: str) -> bool:
    """Whether it is one JavaScript expression with a call in it."""
    root = parsed(f"({text}\n)", "javascript")
    if root is None or [child.type for child in root.named_children] != ["expression_statement"]:
        return False
    return any(node.type in ("call_expression", "new_expression") for node in _walk(root))


def is_check(text: str) -> bool:
    """Whether it is JavaScript that asserts something."""
    root = parsed(text, "javascript")
    return root is not None and any(_asserts(node) for node in _walk(root))


def is_value(text: str) -> bool:
    """Whether it is one JavaScript expression that names nothing: a result that somebody wrote down."""
    root = parsed(f"({text}\n)", "javascript")
    if root is None or len(root.named_children) != 1:
        return False
    return not any(node.type in ("identifier", "call_expression", "assignment_expression") for node in _walk(root))


def calls_in(check: str) -> list[str]:
    """The calls whose results a check compares."""
    root = parsed(check, "javascript")
    found = []
    for node in _walk(root) if root is not None else ():
        given = node.child_by_field_name("arguments") if _asserts(node) else None
        first = given.named_children[0] if given is not None and given.named_children else None
        if first is not None and first.type == "binary_expression":
            operator = first.child_by_field_name("operator")
            first = first.child_by_field_name("left") if operator and _text(operator) in COMPARISONS else None
        if first is not None and first.type == "await_expression":
            first = first.named_children[0]
        if first is not None and first.type == "call_expression":
            found.append(_text(first))
    return found


def _asserts(node: "Node") -> bool:
    if node.type != "call_expression":
        return False
    function = node.child_by_field_name("function")
    return function is not None and _text(function).split(".")[0].removeprefix("console") in ("assert", "")
