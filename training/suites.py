"""The evaluation suite of held-out tasks: `python -m training.suites` writes it, the same for the same seed."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from maker.sandbox.inside.canonical import canonical
from training import values
from training.evidence import load
from training.inputs import arguments
from training.split import HELD, Split
from training.tasks import task
from training.template import Task

SEED = 2026
SIZE = 240
ASSERTS = 12
TINY = Path(__file__).parents[1] / "maker" / "eval" / "suites" / "tiny.jsonl"


def tiny() -> Iterator[tuple[Task, dict[str, str]]]:
    """The tasks of the suite, the splits in turn, and the line of each."""
    rng = random.Random(SEED)
    for number in range(SIZE):
        split = HELD[number % len(HELD)]
        one = _testable(rng, split)
        line = {"id": f"tiny/{split}/{number}", "request": one.request, "entry_point": one.name, "test": test(one)}
        yield one, {**line, "split": split}


def _testable(rng: random.Random, split: Split) -> Task:
    """A task whose right results differ: a test that a constant passes tells nothing."""
    while True:
        one = task(rng, split)
        if len({canonical(result) for _, result in cases(one)}) > 1:
            return one


def cases(one: Task) -> list[tuple[tuple[object, ...], Any]]:
    """What the function is tried on, edges first, and the reference's results.

    Where there is no result and the request does not say what then, nothing is asked.
    """
    rng = random.Random(f"{one.name} {one.request}")
    reference = load(one.sources[0], one.name)
    found: dict[str, tuple[tuple[object, ...], Any]] = {}
    for number in range(60):
        args = _drawn(one, rng, number)
        result = reference(*_copies(args))
        told = result is not None or "None" in one.request
        if told and len(repr(result)) < 400:
            found.setdefault(repr(args), (args, result))
        if len(found) == ASSERTS:
            break
    return list(found.values())


def _drawn(one: Task, rng: random.Random, number: int) -> tuple[object, ...]:
    if number < 2:
        return arguments(one.kinds, one.constants, rng, edge=number == 0, small=True)
    if number % 2:
        return arguments(one.kinds, one.constants, rng)
    return values.draw(one.kinds, rng, small=number % 4 == 0)


def _copies(args: tuple[object, ...]) -> tuple[Any, ...]:
    return tuple(json.loads(json.dumps(one)) for one in args)


def test(one: Task) -> str:
    """The hidden test, as HumanEval writes it."""
    name = "candidate"
    lines = [_assertion(f"{name}({', '.join(map(repr, args))})", result) for args, result in cases(one)]
    return f"def check({name}):\n" + "".join(f"    {line}\n" for line in lines)


test.__test__ = False  # type: ignore[attr-defined] # pytest takes the name for a test


def _assertion(call: str, result: Any) -> str:
    if isinstance(result, float):
        return f"assert abs({call} - {result!r}) < 1e-9"
    return f"assert {call} == {result!r}"


def write(path: Path, lines: Callable[[], Iterator[tuple[Task, dict[str, str]]]] = tiny) -> None:
    """Write the suite, one JSON object a line."""
    path.write_text("".join(json.dumps(line) + "\n" for _, line in lines()), encoding="utf-8")


if __name__ == "__main__":
    write(TINY)
