"""Programs with the evidence that a live run would show, for those who judge them and for the coder's second try."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from maker.pipeline.prompts import ask, render
from maker.pipeline.validate import failures, listed, report
from maker.pipeline.values import Finding
from maker.sandbox.values import Call, Evidence, Input
from training.conversation import PROFILE, Conversation, asked, told
from training.evidence import Failed, candidate, evidence, vote, write, wrong_program
from training.template import Task

TRIES = 3
NOT_RUN = 0.05
"""Share of programs without evidence: where nothing can be executed."""
MISTAKEN = (0.3, 0.6, 0.9)
"""Shares of a tester's checks that expect something wrong: of this size, models are bad at foretelling results."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A program as validators see it."""

    right: bool
    source: str
    report: str
    failures: str
    culprit: str
    """The call that shows that it is wrong; empty if it is right."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A client's conversation, and the program that was chosen for it."""

    said: Conversation
    judged: Judged


def kept(path: Path) -> tuple[Shown, ...]:
    """What a file of live runs (`training.live`) holds; wrong programs twice, because there are few of them."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [Shown(tuple(one["said"]), Judged(**one["judged"])) for one in lines]
    return (*found, *(one for one in found if not one.judged.right))


def judged(rng: random.Random, task: Task) -> Judged:
    """A right or a wrong program, its vote, and what it does on a tester's inputs."""
    right, signature, votes = vote(rng)
    written = write(task, rng, wrong=rng.choice(MISTAKEN))
    for left in reversed(range(TRIES)):
        source = rng.choice(task.sources) if right else wrong_program(task, rng)
        if source is not None:
            inputs, seen = evidence(task, source, written)
            blamed = "" if right else culprit(inputs, seen, evidence(task, task.sources[0], written)[1])
            if right or blamed:
                if rng.random() < NOT_RUN:
                    text = report(candidate(source, None, signature), (), votes)
                    return Judged(right, source, text, "", "" if right else task.name)
                shown = candidate(source, seen, signature)
                return Judged(right, source, report(shown, inputs, votes), failures(shown, inputs), blamed)
        # A slip that none of the inputs shows is the same behaviour: nobody could tell, and it votes with the right.
        while not right and left == 1:
            right, signature, votes = vote(rng)
    raise AssertionError("unreachable: the right program is always shown")


def culprit(inputs: tuple[Input, ...], seen: Evidence, wanted: Evidence) -> str:
    """The first input on which they differ: a check that only the wrong program fails, else a call."""
    differing = [
        item for item, one, other in zip(inputs, seen.observations, wanted.observations, strict=True) if one != other
    ]
    for item in differing:
        if not isinstance(item, Call):
            return item.code.removeprefix("assert ").split(" == ")[0]
    return differing[0].expression if differing and isinstance(differing[0], Call) else ""


def blame(culprit: str) -> str:
    """What is wrong, in few words."""
    return f"{culprit} is wrong"


def validated(one: Shown, name: str) -> Conversation:
    """The conversation as the validator gets it."""
    return asked(one.said, name, code=one.judged.source + "\n", evidence=one.judged.report)


def revision(rng: random.Random, task: Task, said: Conversation) -> Conversation:
    """The coder asked once more: a refused program, what is said against it, and what failed."""
    source = wrong_program(task, rng) or task.sources[0]
    try:
        written = write(task, rng, wrong=0.2)
        inputs, seen = evidence(task, source, written)
        blamed = culprit(inputs, seen, evidence(task, task.sources[0], written)[1])
    except Failed:
        return asked(said, "code")
    blamed = blamed or rng.choice(written.calls)
    severity, category = ("high", "bug") if rng.random() < 0.5 else ("medium", "incomplete")
    found = Finding(severity, category, "", blame(blamed))  # type: ignore[arg-type]
    return revised(said, source, found, failures(candidate(source, seen, ""), inputs))


def revised(said: Conversation, source: str, found: Finding, failed: str) -> Conversation:
    """The conversation as the coder gets it after a refusal."""
    text = render(PROFILE, "revise", code=source + "\n", findings=listed([found]), failures=failed)
    return tuple(map(dict, ask(said, told(said, "code") + "\n\n" + text)))
