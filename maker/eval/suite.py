"""Suites: requests for a function, each with a hidden test that says whether an answer is right.

A file has one JSON object a line, in one of two forms: our own, `{"id", "request", "entry_point", "test", "split"?}`,
or HumanEval's, `{"task_id", "prompt", "entry_point", "test"}`, whose prompt is the beginning of a module to complete.
"""

import ast
import hashlib
import json
import keyword
import random
import re
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from maker.errors import RequestError
from maker.eval.problems import Name, lines, sentence
from maker.pipeline.fences import blocks

FOLDER = Path(__file__).parent / "suites"
NO_NAME = re.compile(r"[^\w.-]+")
"""What the name of a folder of results does without."""
COMPLETE = (
    "Complete this Python function. Answer with the whole function, its imports included.\n\n```python\n{}\n```\n"
)


@dataclass(frozen=True, slots=True)
class Exercise:
    """One request and its hidden test."""

    id: str
    request: str
    entry_point: str
    """The function's name."""
    test: str
    """Defines `check(candidate)`. No model ever sees it."""
    prompt: str = ""
    """The code that is to be completed; empty where the request is in words alone."""
    split: str = ""
    """The part of the suite it belongs to, where the suite has parts."""

    @property
    def key(self) -> str:
        """Stands for the exercise and all that is in it."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Suite:
    """Exercises under one name."""

    name: str
    exercises: tuple[Exercise, ...]


class _Own(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    id: Name
    request: Name
    entry_point: Name
    test: Name
    split: str = ""

    def exercise(self) -> Exercise:
        return Exercise(self.id, self.request, self.entry_point, self.test, split=self.split)


class _HumanEval(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    task_id: Name
    prompt: Name
    entry_point: Name
    test: Name

    def exercise(self) -> Exercise:
        request = COMPLETE.format(self.prompt.strip("\n"))
        return Exercise(self.task_id, request, self.entry_point, self.test, self.prompt)


def named(name: str) -> Suite:
    """A suite that comes with maker.

    Raises:
        RequestError: there is none of that name.
    """
    known = {found.stem: found for found in FOLDER.glob("*.jsonl")}
    if name not in known:
        raise RequestError(f"there is no suite {name!r}; there are: {', '.join(sorted(known))}", param="suite")
    return Suite(name, load(known[name]))


def own(path: Path) -> Suite:
    """The suite in somebody's file, by whose name its results are kept.

    Raises:
        RequestError: as `load`.
    """
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    return Suite(NO_NAME.sub("-", name).strip(".-") or "own", load(path))


def load(path: Path) -> tuple[Exercise, ...]:
    """Read a file of exercises; gzip where it is compressed.

    Raises:
        RequestError: it cannot be read, a line is no exercise, or two have one id; names the line.
    """
    found: dict[str, Exercise] = {}
    for number, line in lines(path):
        exercise = _parse(line, f"{path}: line {number}")
        if exercise.id in found:
            raise _refusal(f"{path}: line {number}: a second exercise with the id {exercise.id!r}; remove one")
        found[exercise.id] = exercise
    if not found:
        raise _refusal(f"{path}: no exercises in it; expected one JSON object a line")
    return tuple(found.values())


def some(exercises: Sequence[Exercise], limit: int | None, seed: int) -> tuple[Exercise, ...]:
    """At most `limit` of the exercises in their order, drawn by the seed: the first ones may be all of one kind."""
    if limit is None or limit >= len(exercises):
        return tuple(exercises)
    return tuple(exercises[index] for index in sorted(random.Random(seed).sample(range(len(exercises)), limit)))


def answered_code(text: str, name: str, *, steps: int = 1) -> str:
    """The code of an answer: that of every step; of one step the longest fence that defines the function, else the
    longest, as the pipeline reads a candidate (a coder asked alone likes to add an example); without any all the text.

    A fence that was cut off is taken as far as it goes.
    """
    found = [block.text for block in blocks(text)]
    if found and steps > 1:
        return "\n\n".join(found[-steps:])
    if found:
        return max([block for block in found if _defines(block, name)] or found, key=len)
    _, fence, cut = text.partition("```")
    return cut.partition("\n")[2] if fence else text


def program(exercise: Exercise, code: str) -> str:
    """The module that the hidden test is run on: the code, behind the prompt that it completes where there is one.

    Code that defines the function stands behind a prompt that is a module by itself, for its imports and helpers.
    """
    if not exercise.prompt or (_defines(code, exercise.entry_point) and _tree(exercise.prompt) is None):
        return code
    if _defines(code, exercise.entry_point):
        return f"{exercise.prompt.rstrip()}\n\n\n{code}"
    body = exercise.prompt + code
    indented = exercise.prompt + "".join(f"    {line}\n" for line in code.splitlines())
    return body if _compiles(body) or not _compiles(indented) else indented


def _defines(code: str, name: str) -> bool:
    tree = _tree(code)
    return tree is not None and any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name for node in tree.body
    )


def _compiles(code: str) -> bool:
    """Whether Python takes it: unlike its parser, its compiler refuses a `return` that stands in no function."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code, "<answer>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _tree(code: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a string, which models do write
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _parse(line: str, where: str) -> Exercise:
    form: type[_Own | _HumanEval] = _HumanEval if '"task_id"' in line else _Own
    try:
        exercise = form.model_validate_json(line).exercise()
    except ValidationError as error:
        raise _refusal(sentence(error, where)) from error
    if not exercise.entry_point.isidentifier() or keyword.iskeyword(exercise.entry_point):
        raise _refusal(f"{where}: entry_point: {exercise.entry_point!r} cannot be the name of a function")
    if exercise.entry_point not in exercise.request:
        raise _refusal(f"{where}: the request does not say that the function is called {exercise.entry_point!r}")
    if not _takes_candidate(exercise.test):
        raise _refusal(f"{where}: test: not Python that defines check(candidate), so that no answer would be right")
    return exercise


def _takes_candidate(test: str) -> bool:
    """Whether it defines a `check` that can be called with one argument."""
    tree = _tree(test)
    body = tree.body if tree is not None else []
    return any(_takes_one(node.args) for node in body if isinstance(node, ast.FunctionDef) and node.name == "check")


def _takes_one(args: ast.arguments) -> bool:
    places = len(args.posonlyargs) + len(args.args)
    return places - len(args.defaults) <= 1 <= places and None not in args.kw_defaults


def _refusal(said: str) -> RequestError:
    return RequestError(said, param="data")
