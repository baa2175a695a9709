"""`python -m training.written`: what the trained tester really writes for training tasks, a line of JSON each.

Validators are shown it, so that they learn how far its checks can be trusted: how many of them a right program fails
differs from task to task, and is not what a corrupted check here and there would make of it.
"""

import argparse
import ast
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from maker.chat.types import Completion
from maker.errors import ModelReplyError
from maker.pipeline.naming import function_named
from maker.pipeline.prompts import text_of
from maker.pipeline.replies import TestsReply, calling, parse, schema
from training.conversation import asked, opened
from training.evidence import Written
from training.served import Server, serving
from training.tasks import tasks
from training.template import Task

TASKS = 4000
PORT = 18945
LONGEST = 512
SIDE_BY_SIDE = 4


def make(model: Path, count: int, seed: int, out: Path, port: int = PORT) -> None:
    """The file of what the model writes for so many tasks."""
    with serving(model, port) as server, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        numbered = list(enumerate(islice(tasks(seed), count)))
        said = pool.map(lambda one: _asked(server, one[1], one[0]), numbered)
        partial = out.with_suffix(".part")
        partial.write_text("".join(json.dumps(text) + "\n" for text in said), encoding="utf-8")
        partial.replace(out)


def _asked(server: Server, task: Task, number: int) -> str:
    said = opened(random.Random(number), task.request)
    name = function_named(text_of(said))
    form = calling(name) if name else schema(TestsReply)
    return server.tests(asked(said, "tests"), form, LONGEST, seed=number)


def kept(path: Path, seed: int) -> tuple[tuple[Task, Written], ...]:
    """What such a file holds, of the same seed; replies that are no tests are left out, as a run does without them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = zip(tasks(seed), map(json.loads, lines), strict=False)
    return tuple((task, found) for task, text in pairs if (found := read(task.name, text)))


def read(name: str, text: str) -> Written | None:
    """The calls and checks of a reply that have nothing but values for arguments, and need not be run to be known."""
    try:
        reply = parse(Completion(text, finish_reason="stop"), TestsReply, "tester")
    except ModelReplyError:
        return None
    known: dict[str, tuple[object, ...]] = {}
    expected: dict[str, tuple[str, object]] = {}
    for call in reply.calls:
        known |= dict(_call(name, call))
    calls = tuple(known)
    for check in reply.checks:
        for said, args, result in _check(name, check):
            known[said] = args
            expected[check] = (said, result)
    return Written(calls, tuple(expected), known, expected) if known else None


def _call(name: str, text: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    try:
        tree = ast.parse(text, mode="eval").body
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == name:
            yield text, tuple(map(ast.literal_eval, tree.args))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return


def _check(name: str, text: str) -> Iterator[tuple[str, tuple[object, ...], object]]:
    left, _, right = text.removeprefix("assert ").rpartition(" == ")
    for _, args in _call(name, left):
        try:
            yield ast.unparse(ast.parse(left, mode="eval")), args, ast.literal_eval(right)
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
            return


def main() -> None:
    """Serve the tester and ask."""
    parser = argparse.ArgumentParser(prog="python -m training.written", description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--models", type=Path, default=Path(".build/training"), help="where the models' files are")
    parser.add_argument("out", type=Path, help="the file to write")
    given = parser.parse_args()
    make(given.models / "tester-q8_0.gguf", given.tasks, given.seed, given.out, given.port)


if __name__ == "__main__":
    main()
