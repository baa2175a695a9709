"""The tests that a trusted repository has for a module, each as a check that can be evaluated apart from its file.

A test counts if it is a plain function (`test_...`, no parameters, no decorators) at the top level of a Python test
file, imports the module, and uses nothing but the standard library, the repository, and what its own file defines. What
it takes from the repository is imported in the candidate's process, where the candidate stands in the module's place.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from maker.sandbox.values import Check

MAX_FILES = 2000
MAX_CHARACTERS = 200_000
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def own_tests(root: Path, files: Sequence[str], limit: int) -> tuple[Check, ...]:
    """At most `limit` tests of the repository that import one of the files, in the order of their files."""
    modules = {name for file in files if (name := module_name(file))}
    found: list[Check] = []
    if not modules:
        return ()
    inside = _packages(root)
    for path in _test_files(root):
        if len(found) >= limit:
            break
        found += checks_in(_read(path), modules, inside)
    return tuple(found[:limit])


def module_name(file: str) -> str:
    """The dotted name that a Python file is imported by, `src/` aside; empty if it has none."""
    path = PurePosixPath(file)
    parts = [part for part in path.with_suffix("").parts if part != "."]
    parts = parts[1:] if parts[:1] == ["src"] else parts
    parts = parts[:-1] if parts[-1:] == ["__init__"] else parts
    return ".".join(parts) if path.suffix == ".py" and parts and all(map(str.isidentifier, parts)) else ""


def checks_in(source: str, modules: set[str], inside: set[str]) -> list[Check]:
    """The tests of one file that import one of the modules; `inside` are the repository's packages and modules."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    defined = dict(_defined(tree))
    tests = [node for node in tree.body if isinstance(node, FUNCTION) and _is_plain_test(node)]
    return [check for test in tests if (check := _check(test, defined, modules, inside))]


def _is_plain_test(node: FUNCTION) -> bool:
    given = node.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return node.name.startswith("test") and not node.decorator_list and not any(parameters)


def _check(test: FUNCTION, defined: dict[str, ast.stmt], modules: set[str], inside: set[str]) -> Check | None:
    needed = _needed(test, defined)
    imports = [node for node in needed if isinstance(node, ast.Import | ast.ImportFrom)]
    theirs = [node for node in imports if _top(node) in inside]
    if any(_top(node) not in inside | sys.stdlib_module_names for node in imports):
        return None
    if not any(modules & _imported(node) for node in theirs):
        return None
    code = [node for node in (*needed, test) if node not in theirs]
    return Check("\n\n".join(map(ast.unparse, code)), tuple(map(ast.unparse, theirs)))


def _defined(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """What the file's top level defines, by name; an import of several things is several."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((one.asname or one.name.split(".")[0], ast.Import([one])) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((one.asname or one.name, ast.ImportFrom(node.module, [one], node.level)) for one in node.names)
        elif isinstance(node, FUNCTION | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, node) for target in targets if isinstance(target, ast.Name))


def _needed(test: ast.stmt, defined: dict[str, ast.stmt]) -> list[ast.stmt]:
    """What of it the test uses, and what that uses, in the file's order."""
    wanted, ahead = set[str](), [test]
    while ahead:
        used = {node.id for node in ast.walk(ahead.pop()) if isinstance(node, ast.Name)} & defined.keys() - wanted
        wanted |= used
        ahead += [defined[name] for name in used if defined[name] is not test]
    return list(dict.fromkeys(node for name, node in defined.items() if name in wanted and node is not test))


def _top(node: ast.Import | ast.ImportFrom) -> str:
    """The first part of what is imported; empty for a relative import, which has no meaning apart from its file."""
    if isinstance(node, ast.ImportFrom):
        return "" if node.level else (node.module or "").split(".")[0]
    return node.names[0].name.split(".")[0]


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The modules it may mean."""
    name = node.names[0].name
    return {name} if isinstance(node, ast.Import) else {node.module or "", f"{node.module}.{name}"}


def _packages(root: Path) -> set[str]:
    places = [place for above in (root, root / "src") if above.is_dir() for place in above.iterdir()]
    return {place.stem for place in places if place.is_dir() or place.suffix == ".py"} - {"src"}


def _test_files(root: Path) -> list[Path]:
    found = (path for path in root.rglob("*.py") if path.name.startswith("test") or path.stem.endswith("_test"))
    return sorted(path for path, _ in zip(found, range(MAX_FILES), strict=False))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")[:MAX_CHARACTERS]
    except (OSError, UnicodeDecodeError):
        return ""
