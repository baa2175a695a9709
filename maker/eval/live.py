"""`maker eval run`, but for the command line: every exercise by every way, judged by its hidden test.

The ways take turns on each exercise, so that a machine that is busy for a while slows all of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path

import httpx

from maker.errors import ModelUnavailable, ServiceError
from maker.eval.outcome import Judge, result
from maker.eval.results import Kept, Result, together
from maker.eval.suite import Suite
from maker.eval.ways import Way, ask, greet
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Unavailable

Report = Callable[[int, int], None]
"""Called with how many answers there are, of how many."""
Trusted = Callable[[], Awaitable[Sandbox | Unavailable]]
"""The sandbox once it is tested, or why there is none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured, and where results are kept."""

    suite: Suite
    ways: tuple[Way, ...]
    folder: Path
    limit_s: float
    """How long one answer is waited for."""
    jobs: int = 1
    """Exercises at once."""
    fresh: bool = False
    """Whether what was kept before is measured again; it stays until there is something in its place."""


async def measure(plan: Plan, trusted: Trusted, report: Report) -> Mapping[str, list[Result]]:
    """The results of each way, by its name, in the order of the exercises; what was kept before is not done again.

    Raises:
        NotRunning, NotReady: somebody who is asked does not answer; the results so far are kept.
        ServiceError: there is no sandbox for Python, or it stopped working; results cannot be kept.
    """
    below = plan.folder / plan.suite.name
    kept: dict[str, Kept] = {}
    try:
        for way in plan.ways:
            kept[way.name] = Kept(below / f"{way.name}-{way.digest}.jsonl", way.settings)
        await _all(plan, trusted, kept, report)
    finally:
        for one in kept.values():
            one.close()
    return {
        name: [found for exercise in plan.suite.exercises if (found := one.get(exercise.key))]
        for name, one in kept.items()
    }


async def _all(plan: Plan, trusted: Trusted, kept: Mapping[str, Kept], report: Report) -> None:
    exercises = plan.suite.exercises
    asked = [(one, way) for one in exercises for way in plan.ways]
    missing = [(one, way) for one, way in asked if plan.fresh or _is_open(kept[way.name].get(one.key))]
    total = len(exercises) * len(plan.ways)
    done = count(total - len(missing))
    left = iter([(one, [way for _, way in pairs]) for one, pairs in groupby(missing, key=itemgetter(0))])

    async def work(sandbox: Sandbox) -> None:
        for exercise, ways in left:
            judge = Judge(exercise, sandbox)
            for way in ways:
                drawn: list[Result] = []
                for draw in range(way.draws):
                    answer = await ask(client, met[way.name], exercise, limit_s=plan.limit_s, draw=draw)
                    drawn.append(await result(exercise, answer, judge))
                kept[way.name].add(together(drawn))
                report(next(done), total)

    report(next(done), total)
    if not missing:
        return
    # A proxy of the environment must not see what is asked on loopback.
    async with httpx.AsyncClient(trust_env=False) as client:
        needed = {way.name for _, way in missing}
        greeted = await asyncio.gather(*(greet(client, way) for way in plan.ways if way.name in needed))
        met = {way.name: way for way in greeted}
        sandbox = await _judging(trusted)
        await _first_failure(asyncio.create_task(work(sandbox)) for _ in range(plan.jobs))


def _is_open(found: Result | None) -> bool:
    """Whether it is still to be asked: never answered, or with an error or without a role, which may be over by now."""
    return found is None or found.error is not None or any(ModelUnavailable.silent in note for note in found.notes)


async def _judging(trusted: Trusted) -> Sandbox:
    """The sandbox that hidden tests run in.

    Raises:
        ServiceError: there is none, or it cannot run Python.
    """
    found = await trusted()
    if not isinstance(found, Unavailable):
        why = found.supports("python")
        if why is None:
            return found
        found = why
    raise ServiceError(f"answers are judged in the sandbox only, and there is none: {found.reason}; {found.fix}")


async def _first_failure(working: Iterable["asyncio.Task[None]"]) -> None:
    """Wait for all; where one fails the others are cancelled, and its own error is raised."""
    tasks = list(working)
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
