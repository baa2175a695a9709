"""Running every recorded sample once: what it returns, which generated tests it passes, whether it is right."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from maker.errors import ServiceError
from maker.eval.assertions import assertions, calls, equation, literal_value
from maker.eval.cache import Record, Shelf
from maker.eval.problems import Problem
from maker.sandbox.sandbox import Result, Sandbox, run_many
from maker.sandbox.values import Call, Check, Evidence, Input, Limits, Observation, Trial, Unavailable

LIMITS = Limits(input_s=0.5, load_s=3.0, total_s=4.0)
"""An input is a call with small arguments: what does not return soon never will. All take under a second together."""

TESTS_PER_REPLY = 5
"""How many assertions of one reply count, its first; as CodeT has it."""

Report = Callable[[int, int], None]
"""Called with how many samples are done, of how many."""


@dataclass(frozen=True, slots=True)
class Job:
    """A problem taken apart: what is to be run on what."""

    problem: Problem
    samples: tuple[str, ...]
    """The different ones."""
    tests: tuple[str, ...]
    """The different assertions of all replies."""
    inputs: tuple[str, ...]
    """The different calls in them."""
    replies: tuple[tuple[int, ...], ...]
    """For each reply in which there is an assertion: its tests."""
    calls: tuple[tuple[int, ...], ...]
    """For each test: its inputs."""
    literals: tuple[str | None, ...]
    """For each test that says what its one input equals: that literal, and the result decides. The others are run."""

    def trial(self, sample: str) -> Trial:
        """One sample on the hidden test, first so that no endless loop in an input uses up its time, and the rest."""
        hidden = Check(f"{self.problem.test}\ncheck({self.problem.entry_point})\n")
        checks = [Check(test) for test, literal in zip(self.tests, self.literals, strict=True) if literal is None]
        tried: tuple[Input, ...] = (hidden, *map(Call, self.inputs), *checks)
        return Trial("python", self.problem.prompt + sample, tried, self.problem.entry_point, LIMITS)


def prepare(problem: Problem) -> Job:
    """Take a problem apart."""
    found = (assertions(reply, problem.entry_point)[:TESTS_PER_REPLY] for reply in problem.generated_tests)
    replies = [reply for reply in found if reply]
    tests = _numbered(test for reply in replies for test in reply)
    per_test = [calls(test, problem.entry_point) for test in tests]
    inputs = _numbered(call for test in per_test for call in test)
    return Job(
        problem=problem,
        samples=tuple(dict.fromkeys(problem.samples)),
        tests=tuple(tests),
        inputs=tuple(inputs),
        replies=tuple(tuple(tests[test] for test in reply) for reply in replies),
        calls=tuple(tuple(inputs[call] for call in test) for test in per_test),
        literals=tuple(found and found[1] for found in (equation(test, problem.entry_point) for test in tests)),
    )


async def execute(jobs: Sequence[Job], sandbox: Sandbox, cache: Path, report: Report) -> list[list[Record]]:
    """A record for each sample of each job, from the cache or by running; what was run is kept, also when cut short.

    Raises:
        ServiceError: the sandbox stopped working.
        OSError: the cache cannot be written.
    """
    shelves = [Shelf.open(cache, job.problem.task_id, job.trial("")) for job in jobs]
    missing = [[one for one in job.samples if one not in shelf] for job, shelf in zip(jobs, shelves, strict=True)]
    total = sum(len(job.samples) for job in jobs)
    done = count(total - sum(map(len, missing)))

    def tick() -> None:
        report(next(done), total)

    tick()
    for job, shelf, samples in zip(jobs, shelves, missing, strict=True):
        with shelf:
            await _run(job, samples, sandbox, shelf, tick)
    return [[shelf[sample] for sample in job.samples] for job, shelf in zip(jobs, shelves, strict=True)]


async def _run(job: Job, samples: Sequence[str], sandbox: Sandbox, shelf: Shelf, tick: Callable[[], None]) -> None:
    def keep(index: int, result: Result) -> None:
        if isinstance(result, Evidence):
            shelf[samples[index]] = record(job, result)
            tick()

    for result in await run_many(sandbox, [job.trial(sample) for sample in samples], on_done=keep):
        if isinstance(result, Unavailable):
            raise ServiceError(f"{result.reason}; {result.fix}")


def record(job: Job, evidence: Evidence) -> Record:
    """What is kept of the evidence of one trial of the job."""
    hidden, *seen = evidence.observations
    values, checks = seen[: len(job.inputs)], iter(seen[len(job.inputs) :])
    decided = (
        next(checks).kind == "passed" if literal is None else _equals(values[of[0]], literal)
        for of, literal in zip(job.calls, job.literals, strict=True)
    )
    return Record(
        results=tuple(one.signature if one.kind == "returned" else None for one in values),
        passed=tuple(decided),
        right=hidden.kind == "passed",
    )


def _equals(seen: Observation, literal: str) -> bool:
    """Whether the value that was returned equals the literal; a value that is no literal equals none."""
    return seen.kind == "returned" and literal_value(seen.text) == literal_value(literal) is not None


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """A number for each different name, in their order."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}
