"""What a live run would show of a program: it is run on a tester's calls and checks, and a vote is drawn.

Only programs of this folder's own templates are run here, in this process; endless loops are stopped by a count.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from maker.pipeline.plan import examples, usable
from maker.pipeline.values import Candidate, Vote
from maker.pipeline.vote import Race
from maker.sandbox.inside.canonical import canonical
from maker.sandbox.values import Call, Evidence, Input, Observation
from training import values
from training.inputs import arguments
from training.mutate import mutated
from training.template import Task

MAX_INPUTS = 6
MAX_CANDIDATES = 9
K = 3
"""As the tiny profile is configured."""

LOOP = re.compile(r"while (.*):$", re.MULTILINE)
TURNS = 3000


class TimedOut(BaseException):
    """A loop took more turns than any right program needs."""


class Failed(Exception):
    """A program cannot be loaded."""


def load(source: str, name: str) -> Callable[..., Any]:
    """The function that a source defines.

    Raises:
        Failed: it does not load.
    """
    turns = [0]

    def tick() -> bool:
        turns[0] += 1
        if turns[0] > TURNS:
            turns[0] = 0
            raise TimedOut
        return True

    names: dict[str, Any] = {"_tick": tick}
    try:
        exec(LOOP.sub(r"while _tick() and (\1):", source), names)
    except SyntaxError as error:
        raise Failed(str(error)) from error
    function: Callable[..., Any] = names[name]
    return function


def observe(function: Callable[..., Any], args: Sequence[object]) -> Observation:
    """What calling it does, as the sandbox reports it."""
    try:
        return Observation("returned", canonical(function(*_copied(args))))
    except TimedOut:
        return Observation("timed out")
    except (Exception, RecursionError) as error:  # noqa: BLE001 - what a program raises is its behaviour
        return Observation("raised", type(error).__qualname__, described(error))


def described(error: BaseException) -> str:
    """As `maker.sandbox.inside.candidate.described`."""
    message = str(error)[:300]
    return f"{type(error).__qualname__}: {message}" if message else type(error).__qualname__


def _copied(args: Sequence[object]) -> list[Any]:
    return [
        [list(row) if isinstance(row, list) else row for row in one] if isinstance(one, list) else one for one in args
    ]


def call(name: str, args: Sequence[object]) -> str:
    """The call as a tester writes it."""
    return f"{name}({', '.join(map(repr, args))})"


@dataclass(frozen=True, slots=True)
class Written:
    """What a tester writes: calls, and checks as calls with results."""

    calls: tuple[str, ...]
    checks: tuple[str, ...]
    known: dict[str, tuple[object, ...]]
    """Call -> its arguments."""
    expected: dict[str, tuple[str, object]]
    """Check -> its call, and what it expects."""


def write(task: Task, rng: random.Random, wrong: float = 0.0) -> Written:
    """A tester's calls and checks; each check expects something wrong with this probability."""
    reference = load(task.sources[0], task.name)
    known: dict[str, tuple[object, ...]] = {}
    for number in range(24):
        args = arguments(task.kinds, task.constants, rng, edge=number == 5)
        known.setdefault(call(task.name, args), args)
        if len(known) == MAX_INPUTS:
            break
    calls = tuple(known)
    expected: dict[str, tuple[str, object]] = {}
    for _ in range(8):
        args = arguments(task.kinds, task.constants, rng, small=True)
        said = call(task.name, args)
        if said in known and said not in calls:
            continue
        try:
            result = reference(*_copied(args))
        except Exception:  # noqa: BLE001 - no check where the right program raises
            continue
        if len(repr(result)) > 40:
            continue
        known[said] = args
        if rng.random() < wrong:
            result = corrupted(result, rng)
        expected[f"assert {said} == {result!r}"] = (said, result)
        if len(expected) == 3:
            break
    return Written(calls, tuple(expected), known, expected)


def corrupted(value: Any, rng: random.Random) -> Any:
    """A result as a small model gets it wrong."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + rng.choice((-2, -1, 1, 2, 10))
    if isinstance(value, str):
        return rng.choice((value[::-1], value[:-1], value + "a", value.upper()))
    if isinstance(value, list):
        return value[:-1] if value and rng.random() < 0.5 else [*value, rng.randint(0, 9)]
    return None


def evidence(task: Task, source: str, written: Written) -> tuple[tuple[Input, ...], Evidence]:
    """The inputs as the pipeline takes them, the request's own examples first, and what the program does on them.

    Raises:
        Failed: it does not load.
    """
    function = load(source, task.name)
    inputs = usable(written.calls, [*examples(task.request), *written.checks], MAX_INPUTS)
    seen: list[Observation] = []
    for item in inputs:
        if isinstance(item, Call):
            args = written.known.get(item.expression)
            seen.append(
                observe(function, args) if args is not None else _evaluated(item.expression, task.name, function)
            )
        else:
            seen.append(_checked(item.code, written, function, task.name))
    return inputs, Evidence(True, tuple(seen))


def _evaluated(expression: str, name: str, function: Callable[..., Any]) -> Observation:
    return observe(lambda: eval(expression, {name: function}), ())


def _checked(code: str, written: Written, function: Callable[..., Any], name: str) -> Observation:
    try:
        if code in written.expected:
            said, result = written.expected[code]
            got = function(*_copied(written.known[said]))
        else:  # an example of the request's: `assert CALL == RESULT`
            text, _, right = code.removeprefix("assert ").rpartition(" == ")
            got, result = eval(text, {name: function}), eval(right, {})
    except TimedOut:
        return Observation("timed out")
    except (Exception, RecursionError) as error:  # noqa: BLE001 - a check fails by whatever it raises
        return Observation("failed", type(error).__qualname__, described(error))
    if got == result:
        return Observation("passed")
    return Observation("failed", "AssertionError", f"AssertionError: got {got!r}"[:316])


def wrong_program(task: Task, rng: random.Random, tries: int = 8) -> str | None:
    """A right program with one slip that shows on some arguments; None if none was found."""
    for _ in range(tries):
        source = rng.choice(task.sources)
        changed = mutated(source, rng, task.args)
        if changed is not None and changed != source and differs(task, changed, rng):
            return changed
    return None


def differs(task: Task, source: str, rng: random.Random) -> bool:
    """Whether it loads, and does something else than the reference on one of some arguments, but not always raises."""
    try:
        right, other = load(task.sources[0], task.name), load(source, task.name)
    except Failed:
        return False
    drawn = [arguments(task.kinds, task.constants, rng) for _ in range(4)] + [
        values.draw(task.kinds, rng) for _ in range(3)
    ]
    seen = [observe(other, args) for args in drawn]
    if all(one.kind != "returned" for one in seen):
        return False
    return any(observe(right, args) != one for args, one in zip(drawn, seen, strict=True))


def vote(rng: random.Random) -> tuple[bool, str, Vote]:
    """A vote as it goes live: whether what it chose is right, the chosen's signature, and the count.

    How often a candidate is right differs from task to task; wrong ones agree with each other now and then.
    """
    right = rng.uniform(0.5, 0.97) if rng.random() < 0.6 else rng.uniform(0.02, 0.5)
    popular = rng.choice((0.1, 0.3, 0.6))
    race: Race[str] = Race(K)
    wrong = 0
    for _ in range(MAX_CANDIDATES):
        if rng.random() < right:
            race.cast("right")
        elif rng.random() < popular:
            race.cast("popular")
        else:
            wrong += 1
            race.cast(f"wrong {wrong}")
        if race.leader is not None:
            break
    most = max(race.votes.values())
    chosen = race.leader or rng.choice([one for one, count in race.votes.items() if count == most])
    return chosen == "right", chosen, Vote(dict(race.votes), race.margin, race.leader is not None, 0.0)


def candidate(source: str, seen: Evidence | None, signature: str) -> Candidate:
    """The program as the pipeline has it."""
    return Candidate(1, source, source + "\n", "python", evidence=seen, signature=signature)
