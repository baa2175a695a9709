"""The tests' process: evaluates tests; the candidate's functions are handles to the candidate's own process.

A test that can leave nothing behind is evaluated here, one after the other; any other in a fork of this process.
"""

import ast
import builtins
import importlib
import inspect
import os
import random
import socket
import types
from collections.abc import Iterator
from typing import Any

from maker.sandbox.inside.candidate import described, print_to
from maker.sandbox.inside.frames import Broken, read_frame, write_frame
from maker.sandbox.inside.limits import confine, keep_only
from maker.sandbox.inside.link import Link
from maker.sandbox.inside.packing import SAFE, STANDARD
from maker.sandbox.inside.remote import OPERATIONS, finish

MODULE = "check"
CONTROL = 3
REACHING = frozenset("exec eval compile setattr delattr globals vars open exit quit __import__ __builtins__".split())


def live(control: int, job: dict[str, Any]) -> None:
    """Serve the harness until it closes; returns never."""
    keep_only({CONTROL: control})
    confine(job["limits"], address_space=True)
    link = socket.socket(fileno=CONTROL)
    try:
        while True:
            _, fds, _, _ = socket.recv_fds(link, 1, 3)
            code = read_frame(CONTROL)["code"]
            evaluate(code, job["entry"], *fds)
    except (Broken, TypeError, OSError):
        os._exit(0)


def evaluate(code: str, entry: str | None, candidate: int, result: int, prints: int) -> None:
    """Evaluate the test, and report on `result`."""
    print_to(prints)
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        write_frame(result, {"kind": "failed", "text": type(error).__qualname__, "message": described(error)})
    else:
        pid = -1 if leaves_nothing(tree) else os.fork()
        if pid <= 0:
            link = Link(candidate, guard)
            report = check(tree, entry, link)
            write_frame(result, {"kind": "crashed"} if link.broken else report)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            os.waitpid(pid, 0)
    for fd in (candidate, result, prints):
        os.close(fd)


def leaves_nothing(tree: ast.Module) -> bool:
    """Whether evaluating the test cannot change what the next one sees in this process."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                clean = all(alias.name in SAFE for alias in names)
            case ast.ImportFrom(module=module):
                clean = module in SAFE
            case ast.Attribute(attr=name, ctx=context):
                clean = isinstance(context, ast.Load) and not name.startswith("_")
            case ast.Name(id=name):
                clean = name not in REACHING
            case ast.AsyncFunctionDef() | ast.ClassDef() | ast.Await():
                clean = False
            case _:
                continue
        if not clean:
            return False
    return True


def check(tree: ast.Module, entry: str | None, link: Link) -> dict[str, str]:
    """What evaluating the test came to."""
    random.seed(0)
    names = types.ModuleType(MODULE).__dict__
    try:
        compiled = compile(explained(tree), "check.py", "exec", dont_inherit=True)
        own = modules(tree)
        for name in set(used(compiled)):
            # A candidate may not stand in for the functions and modules that a test relies on.
            if name == entry or not (name in own or hasattr(builtins, name)):
                _bind(names, name, link)
            elif name in own:
                names[name] = importlib.import_module(name)
        names["_got"] = _Got()
        exec(compiled, names)
        _call_test_functions(names)
    except BaseException as error:  # noqa: BLE001 - a test fails by whatever it raises
        return {"kind": "failed", "text": type(error).__qualname__, "message": described(error)}
    return {"kind": "passed"}


def modules(tree: ast.Module) -> set[str]:
    """The standard modules that the test takes something from, whether it imports them or not."""
    taken = {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return taken & STANDARD


def _bind(names: dict[str, Any], name: str, link: Link) -> None:
    try:
        names[name] = link.name(name)
    except KeyError:
        return


def _call_test_functions(names: dict[str, Any]) -> None:
    for name, thing in list(names.items()):
        if (
            name.startswith("test")
            and isinstance(thing, types.FunctionType)
            and not inspect.signature(thing).parameters
        ):
            value = thing()
            if isinstance(value, types.CoroutineType):
                finish(value)


def used(code: types.CodeType) -> Iterator[str]:
    """The global names that the code and the functions in it may read."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from used(constant)


class _Got:
    """Remembers the left side of the comparison that an assertion makes, to say what it was."""

    def __init__(self) -> None:
        self._value: object = None

    def note(self, value: object) -> object:
        self._value = value
        return value

    def say(self) -> str:
        return f"got {self._value!r}"[:300]


def explained(tree: ast.Module) -> ast.Module:
    """The test, its assertions changed so that those which compare say what they got."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and node.msg is None:
            node.test.left = _method("note", node.test.left)
            node.msg = _method("say")
    return ast.fix_missing_locations(tree)


def _method(name: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(ast.Name("_got", ast.Load()), name, ast.Load()), list(args), [])


def guard(op: str, target: Any, args: tuple[Any, ...]) -> bool:
    """Let the candidate use what the test handed it, and nothing behind that.

    It may call functions and classes that the test defined, iterate over iterators, and read or set public attributes
    of instances of the test's own classes, but not put its own code in place of theirs.
    """
    if isinstance(target, types.MethodType):
        target = target.__func__
    if isinstance(target, types.FunctionType | type):
        return op in {"call", "isinstance"} and target.__module__ == MODULE
    if isinstance(target, types.GeneratorType) or type(target).__module__ != MODULE:
        return op in {"__iter__", "__next__"} and hasattr(type(target), "__next__")
    if op in {"__getattr__", "__setattr__", "__delattr__"}:
        name = str(args[0])
        code = callable(getattr(type(target), name, None))
        return not name.startswith("_") and (op == "__getattr__" or not code)
    return op.startswith("__") and op in OPERATIONS
