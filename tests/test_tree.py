"""Rules that hold for the whole source tree."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import maker
from maker import errors
from maker.errors import MakerError

PACKAGE = Path(maker.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

BANNED_MODULES = {"pickle", "marshal", "shelve", "dill"}
# What runs nowhere but within the sandbox, and is there to execute candidates and tests.
CONFINED = {
    "sandbox/inside/candidate.py": ["eval", "exec"],
    "sandbox/inside/importing.py": ["exec"],
    "sandbox/inside/tester.py": ["exec"],
}
BANNED_CALLS = {"eval", "exec", "yaml.load", "torch.load", "os.system"}


def test_the_layers_of_the_architecture_hold() -> None:
    script = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([script, "--no-cache"], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _dangers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in BANNED_MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in BANNED_MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            if _dotted(node.func) in BANNED_CALLS:
                yield _dotted(node.func)
            yield from ("shell=True" for word in node.keywords if word.arg == "shell")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_unpickles_evaluates_or_calls_a_shell(file: Path) -> None:
    allowed = CONFINED.get(str(file.relative_to(PACKAGE)), [])
    assert list(_dangers(ast.parse(file.read_text(encoding="utf-8")))) == allowed


def test_the_danger_finder_finds_dangers() -> None:
    code = "import pickle\nfrom shelve import open\neval('1')\nyaml.load(x)\nrun('x', shell=True)"
    assert list(_dangers(ast.parse(code))) == ["pickle", "shelve", "eval", "yaml.load", "shell=True"]


def test_every_error_is_drawn_in_the_tree() -> None:
    classes = [thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, MakerError)]
    assert len(classes) > 15
    for kind in classes:
        assert kind.__name__ in (errors.__doc__ or "")


def test_every_error_has_a_code_of_its_own() -> None:
    classes = [thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, MakerError)]
    assert len({kind.code for kind in classes}) == len(classes)


def test_every_module_can_be_imported_alone() -> None:
    launchers = {"maker.services.phoenix_launcher", "maker.__main__"}
    names = [module.name for module in pkgutil.walk_packages(maker.__path__, "maker.")]
    assert len(names) > 30
    for name in names:
        if name not in launchers:
            importlib.import_module(name)
