"""Red flags: what is wrong with a reply's form. A flagged reply is discarded before it counts, never repaired.

The paper's two (section 3.3) are over-long answers and wrong format; the others are what "wrong format" means for code.
"""

import ast
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from maker.chat.types import Completion
from maker.pipeline import syntax

FENCE = re.compile(r"^(`{3,}|~{3,})[ \t]*([^\n`]*)\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
PLACEHOLDERS = re.compile(
    r"^\s*(#|//|/\*|--)?\s*(\.\.\.|…)?\s*("
    r"(the )?rest of (the|your) (code|file|function|implementation)|existing code( here)?|your code here|"
    r"implement(ation)? (this|here|goes here)|(add|insert) (your )?(code|logic|implementation) here|same as before"
    r")\b",
    re.IGNORECASE | re.MULTILINE,
)
BARE_TODO = re.compile(
    r"^\s*(#|//)\s*(TODO|FIXME)\b[^\n]*\n\s*(pass|return|\.\.\.|raise NotImplemented)?", re.MULTILINE
)
REFUSAL = re.compile(r"^\s*(i('m| am) (sorry|unable|not able)|i can(no|')t|as an ai)\b", re.IGNORECASE)
LANGUAGES = {
    "py": "python",
    "python3": "python",
    "js": "javascript",
    "mjs": "javascript",
    "node": "javascript",
    "ts": "typescript",
    "golang": "go",
    "rs": "rust",
    "c++": "cpp",
    "sh": "bash",
    "shell": "bash",
}
"""What people write for a language's name."""
TELLING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.Call)
"""What bare text must have one of to be taken for Python."""
REPEATED_LINES = 12
"""So many equal lines in a row, or a short block so often, is a model that loops."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a reply, with what its fence says of it."""

    text: str
    language: str
    path: str = ""


def extract(text: str) -> Code | None:
    """The code in a reply: its longest fenced block, or all of it where it is bare Python."""
    blocks = [(match.group(2).split(), match.group(3)) for match in FENCE.finditer(text)]
    if blocks:
        info, code = max(blocks, key=lambda block: len(block[1]))
        named = info[0].lower() if info else ""
        return Code(code, LANGUAGES.get(named, named) or _guess(code), info[1] if len(info) > 1 else "")
    if "```" not in text and _is_bare_python(text):
        return Code(text, "python")
    return None


def _is_bare_python(text: str) -> bool:
    """Whether it parses and does something: a single word of prose parses too."""
    if _python_error(text):
        return False
    return any(isinstance(node, TELLING) for node in ast.walk(ast.parse(text)))


def _guess(code: str) -> str:
    return "" if _python_error(code) else "python"


def form_flags(
    completion: Completion, code: Code | None, files: Sequence[str] = (), name: str | None = None
) -> tuple[str, ...]:
    """What is wrong with the form of a reply, a few words each; nothing if it may count.

    `files` are those that the step may write; any, where it names none. `name` is what Python code
    has to be about: define it, or call it as a test of it does.
    """
    if code is None:
        refused = REFUSAL.match(completion.text)
        return ("refuses",) if refused else (("cut off",) if completion.finish_reason == "length" else ("no code",))
    checks = {
        "cut off": completion.finish_reason == "length",
        "empty": not code.text.strip(),
        "placeholder": bool(PLACEHOLDERS.search(code.text) or BARE_TODO.search(code.text)),
        "repetition": _repeats(code.text),
        "syntax error": code.language == "python" and _python_error(code.text) is not None,
        f"writes {code.path}, which is not a file of the step": not _may_write(code.path, files),
        f"does not mention {name}": code.language == "python" and not _mentions(code.text, name),
        "only stubs": code.language == "python" and _only_stubs(code.text),
    }
    return tuple(name for name, found in checks.items() if found)


def _mentions(code: str, name: str | None) -> bool:
    return name is None or re.search(rf"\b{re.escape(name)}\b", code) is not None


def _may_write(path: str, files: Sequence[str]) -> bool:
    return not (path and files) or posixpath.normpath(path) in map(posixpath.normpath, files)


def _python_error(code: str) -> str | None:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def _only_stubs(code: str) -> bool:
    """Whether it defines functions and every one of them does nothing."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return bool(functions) and all(_does_nothing(function) for function in functions)


def _does_nothing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    def idle(node: ast.stmt) -> bool:
        if isinstance(node, ast.Raise):
            return "NotImplementedError" in ast.dump(node)
        return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))

    return all(idle(node) for node in function.body)


def _repeats(code: str) -> bool:
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    for period in (1, 2, 3):
        run = 0
        for index in range(period, len(lines)):
            run = run + 1 if lines[index] == lines[index - period] else 0
            if run >= REPEATED_LINES * period:
                return True
    return False


def canonical(code: Code) -> str:
    """A form in which code that differs only in layout and comments is equal: for votes where nothing can be run."""
    if code.language == "python" and _python_error(code.text) is None:
        return ast.dump(_without_docstrings(ast.parse(code.text)))
    tree = syntax.canonical(code.text, code.language)
    return tree or "\n".join(" ".join(line.split()) for line in code.text.splitlines() if line.strip())


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
