"""Samples of the helper's roles: preprocessor, planner, tester, reviewer, reflection and voter."""

import json
import random

from maker.pipeline.ballot import LABELS
from training import outside
from training.conversation import asked, opened
from training.evidence import write, wrong_program
from training.review import Shown, blame, judged, validated
from training.sample import Sample
from training.template import Task


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def preprocessor(rng: random.Random, task: Task) -> Sample:
    """Code, if it is of the domain; else a question."""
    code = rng.random() < 0.5
    said = opened(rng, task.request if code else outside.request(rng))
    return Sample("preprocessor", asked(said, "classify"), _json({"kind": "code" if code else "question"}))


def planner(rng: random.Random, task: Task) -> Sample:
    """One step, which names the function."""
    plan = {"summary": f"The function {task.name}", "steps": [{"title": f"Write {task.name}"}]}
    return Sample("planner", asked(opened(rng, task.request), "plan"), _json(plan), 0.7)


def tester(rng: random.Random, task: Task) -> Sample:
    """Calls and true checks."""
    written = write(task, rng)
    answer = _json({"calls": list(written.calls), "checks": list(written.checks)})
    return Sample("tester", asked(opened(rng, task.request), "tests"), answer, 0.5)


def reviewer(one: Shown) -> Sample:
    """The verdict, with one finding that names the call that goes wrong."""
    right, culprit = one.judged.right, one.judged.culprit
    found = [] if right else [{"severity": "high", "category": "bug", "what": blame(culprit)}]
    return Sample("reviewer", validated(one, "review"), _json({"accepted": right, "findings": found}), 1.2)


def reflection(one: Shown) -> Sample:
    """The planner's verdict on its plan."""
    right, culprit = one.judged.right, one.judged.culprit
    answer = _json({"accepted": right, "missing": [] if right else [blame(culprit)]})
    return Sample("reflection", validated(one, "reflect"), answer, 1.2)


def simulated(rng: random.Random, task: Task) -> Shown:
    """A program and its evidence as nearly as they can be had without a run."""
    one = judged(rng, task)
    return Shown(opened(rng, task.request), one)


def voter(rng: random.Random, task: Task) -> Sample:
    """The right one of two or three candidates."""
    count = rng.choice((2, 2, 3))
    wrong = {text for _ in range(count - 1) if (text := wrong_program(task, rng, tries=4))}
    if not wrong:
        return reviewer(simulated(rng, task))
    order = [rng.choice(task.sources), *sorted(wrong)]
    right = order[0]
    rng.shuffle(order)
    labels = LABELS[: len(order)]
    text = "\n\n".join(f"Candidate {label}:\n```\n{one}\n\n```" for label, one in zip(labels, order, strict=True))
    said = asked(opened(rng, task.request), "ballot", candidates=text, first=labels[0])
    return Sample("voter", said, _json({"choice": labels[order.index(right)]}), 2.0)
