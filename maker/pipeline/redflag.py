"""Red flags: what is wrong with a reply's form. A flagged reply is discarded before it counts, never repaired.

The paper's two (section 3.3) are over-long answers and wrong format; the others are what "wrong format" means for code.
"""

import ast
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from maker.chat.types import Completion
from maker.pipeline import syntax
from maker.pipeline.exact import Thoughtless
from maker.pipeline.fences import blocks
from maker.pipeline.language import SCRIPTS

PLACEHOLDERS = re.compile(
    r"^\s*((#|//|/\*|--|<!--)\s*(\.\.\.|…)?|\.\.\.|…)\s*[(\[]?\s*("
    r"((the )?rest of (the|your) |rest of )(code|file|function|implementation)"
    r"( (is|remains|stays|goes|unchanged|here)\b.*)?|"
    r"existing (code|imports|functions|methods)( here)?|(your )?(code|logic|implementation) (goes )?here|"
    r"implement(ation)? (this|here|goes here)|(add|insert) (your )?(code|logic|implementation) here|same as before"
    r")\W*$",
    re.IGNORECASE | re.MULTILINE,
)
"""A comment that stands for code; one that says more is about code."""
NOTHING = r"(None|null|undefined|True|False|true|false|0|-1|''|\"\"|\[\]|\{\}|\(\))"
BARE_TODO = re.compile(
    r"^\s*(#|//)\s*(TODO|FIXME)\b[^\n]*\n\s*"
    rf"(pass|return( {NOTHING})?|\.\.\.|raise NotImplemented\w*(\([^\n]*\))?|throw new Error\([^\n]*\));?\s*$",
    re.MULTILINE,
)
REFUSAL = re.compile(r"^\s*(i('m| am) (sorry|unable|not able)|i can(no|')t|as an ai)\b", re.IGNORECASE)
NO_CODE = frozenset(("", "text", "txt", "plain", "plaintext", "output", "console", "terminal", "bash", "json", "diff"))
"""Languages of blocks that stand beside code more often than they are what was asked for."""
TELLING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.Call)
"""What bare text must have one of to be taken for Python."""
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
FILLED_IN = re.compile(r"\b(abstractmethod|overload|Protocol|ABC)\b")
"""What marks functions that are stubs on purpose."""
STRING = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|(?:#|//).*""")
REPEATED_LINES = 12
"""So many equal lines in a row, or a short block so often, is a model that loops."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a reply, with what its fence says of it."""

    text: str
    language: str
    path: str = ""


def extract(text: str, language: str | None = None, name: str | None = None) -> Code | None:
    """The code in a reply: its longest fenced block, or all of it where it is bare Python.

    A block in the wanted language, where there is one, goes before all others, else any code before what is none: what
    a program prints, or a shell line that installs something, may well be longer. A thought before the reply is none
    of it.
    """
    thought = Thoughtless()
    said = thought.feed(text) + thought.end()
    found = [Code(block.text, block.language or _guess(block.text), block.path) for block in blocks(said)]
    if found:
        return max(found, key=lambda code: (_fits(code.language, language), _defines(code.text, name), len(code.text)))
    if "```" not in said and _is_bare_python(said):
        return Code(said, "python")
    return None


def _fits(language: str, wanted: str | None) -> int:
    """How much a block of this language is what is wanted; more is better."""
    same = language == wanted or (language in SCRIPTS and wanted in SCRIPTS)
    return 2 if same else int(language not in NO_CODE)


def _defines(code: str, name: str | None) -> bool:
    """Whether the wanted name, or where none is told, anything but a test, is defined: tests may well be longer."""
    wanted = re.escape(name) if name else r"(?!test_|Test)\w+"
    return re.search(rf"\b(?:def|class|function\*?|const|let|var)\s+{wanted}\b", code) is not None


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
    """Whether it defines functions and every one of them does nothing, though none is one that others fill in."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not functions or not all(_does_nothing(function) for function in functions):
        return False
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    marks = [mark for node in functions for mark in node.decorator_list] + [
        base for one in classes for base in one.bases
    ]
    return not any(FILLED_IN.search(ast.unparse(mark)) for mark in marks)


def _does_nothing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    def idle(node: ast.stmt) -> bool:
        if isinstance(node, ast.Raise):
            return "NotImplementedError" in ast.dump(node)
        return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))

    return all(idle(node) for node in function.body)


def _repeats(code: str) -> bool:
    lines = list(_statements(code))
    for period in (1, 2, 3):
        run = 0
        for index in range(period, len(lines)):
            run = run + 1 if lines[index] == lines[index - period] else 0
            if run >= REPEATED_LINES * period:
                return True
    return False


def _statements(code: str) -> Iterator[str]:
    """The lines that begin outside of round and square brackets: a table's rows may well be equal."""
    depth = 0
    for line in map(str.strip, code.splitlines()):
        if line and depth <= 0:
            yield line
        line = STRING.sub("", line)
        depth = max(0, depth + sum(line.count(one) for one in "([") - sum(line.count(one) for one in ")]"))


def canonical(code: Code) -> str:
    """A form in which code that differs only in layout and comments is equal: for votes where nothing can be run."""
    if code.language == "python" and _python_error(code.text) is None:
        return ast.dump(_without_docstrings(ast.parse(code.text)))
    tree = syntax.canonical(code.text, code.language)
    return tree or "\n".join(" ".join(line.split()) for line in code.text.splitlines() if line.strip())


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node, _ in _docstrings(tree):
        node.body = node.body[1:] or [ast.Pass()]
    return tree


def marked_docstrings(tree: ast.Module) -> ast.Module:
    """The tree, in which all docstrings say the same."""
    for _, said in _docstrings(tree):
        said.value = ""
    return tree


def _docstrings(tree: ast.Module) -> Iterator[tuple[Documented, ast.Constant]]:
    """What has a docstring, and that."""
    for node in ast.walk(tree):
        first = node.body[0] if isinstance(node, Documented) and node.body else None
        said = first.value if isinstance(first, ast.Expr) else None
        if isinstance(node, Documented) and isinstance(said, ast.Constant) and isinstance(said.value, str):
            yield node, said
