"""Steps in other languages than Python: scripts are run on inputs of their own, the rest is compared as programs."""

from typing import Any

import pytest

from maker.pipeline.candidates import trial_of, unfit
from maker.pipeline.events import CandidateJudged
from maker.pipeline.language import language_of
from maker.pipeline.plan import examples, usable
from maker.pipeline.values import Candidate, Step
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Call, Check, Language, Unavailable
from tests.pipeline.support import ACCEPTED, InProcess, Play, fenced
from tests.sandbox.conftest import confinement, sandbox

__all__ = ["confinement", "sandbox"]

SCRIPT_TASK = "Write a JavaScript function add(a, b), such that `add(1, 2)` -> `3`."
PLAN = {"summary": "", "steps": [{"title": "Write add(a, b)", "detail": "", "files": ["lib/add.js"]}]}
TESTS = {
    "calls": ["add(3, 5)", "add(", "[add(0, 1)]"],
    "checks": ["assert.strictEqual(add(2, 2), 4)", "add(1, 1) == 2"],
}
SUM = "export function add(a, b) {\n  return a + b\n}\n"
SUM_TOO = "const add = (x, y) => {\n  const total = x + y;\n  return total;\n};\n"
DIFFERENCE = "function add(a, b) { return a - b }\n"
AND_TWO = "function add(a, b) { return a + 2 }\n"
"""Right for the example of the request, and for nothing else."""
GO = "func add(a, b int) int {\n\treturn a + b\n}\n"
SAME_GO = "// add adds.\nfunc add(a, b int) int { return a + b }\n"
OTHER_GO = "func add(a, b int) int { return b + a }\n"


class WithoutTypeScript(InProcess):
    def supports(self, language: Language) -> Unavailable | None:
        return Unavailable("node 20 cannot run TypeScript", "install node 22.13") if language == "typescript" else None


def scripts(*code: str, **changes: Any) -> Play:
    return Play([fenced(one, "javascript") for one in code], **{"task": SCRIPT_TASK, "tester": [TESTS], **changes})


@pytest.mark.processes
def test_scripts_vote_by_what_they_do(sandbox: Sandbox) -> None:
    plan = [PLAN]
    coder = (DIFFERENCE, AND_TWO, SUM, SUM_TOO, SUM)
    played = scripts(*coder, SUM, planner=plan, reviewer=[ACCEPTED], sandbox=sandbox).run()
    (step,) = played.done.steps
    assert [bool(one.flags) for one in step.candidates] == [True, False, False, False, False]
    assert step.inputs == (
        Call("add(3, 5)"),
        Call("[add(0, 1)]"),
        Call("add(1, 2)"),
        Call("add(2, 2)"),
        Check("assert.deepStrictEqual(add(1, 2), 3)"),
        Check("assert.strictEqual(add(2, 2), 4)"),
    )
    assert step.vote.converged and sorted(step.vote.votes.values()) == [1, 3]
    assert step.chosen.code == SUM
    assert step.chosen.evidence is not None and step.chosen.evidence.passed == 2
    assert played.done.notes == ()
    assert "JavaScript expressions" in played.said_to("gpt-oss")


@pytest.mark.processes
def test_fractions_that_differ_in_the_last_digits_vote_together(sandbox: Sandbox) -> None:
    tests = {"calls": ["add(0.1, 0.2)"], "checks": []}
    rounded = "function add(a, b) { return Math.round((a + b) * 1e10) / 1e10 }\n"
    task = "Write a JavaScript function add(a, b)."
    played = scripts(SUM, rounded, task=task, tester=[tests], reviewer=[ACCEPTED], sandbox=sandbox).run()
    assert played.done.steps[0].vote.converged


def test_scripts_that_cannot_be_run_are_said_to_be_not_and_no_tests_are_asked_for() -> None:
    task = "Write a TypeScript function add(a, b)."
    code = ["const add = (a: number, b: number) => a + b;\n", "const add = (a:number,b:number) => a+b; // sum\n"]
    replies = [fenced(one, "typescript") for one in code]
    played = Play(replies, task=task, tester=[], reviewer=[ACCEPTED], sandbox=WithoutTypeScript()).run()
    assert played.done.steps[0].vote.converged
    assert "typescript code is not run: node 20 cannot run TypeScript; install node 22.13" in played.done.notes


def test_programs_that_differ_in_layout_only_vote_together() -> None:
    task, replies = "Write add in Golang.", [fenced(one, "go") for one in (OTHER_GO, GO, SAME_GO, GO)]
    played = Play(replies, task=task, tester=[], reviewer=[ACCEPTED]).run()
    judged = [event.candidate for event in played.events if isinstance(event, CandidateJudged)]
    assert judged[1].signature == judged[2].signature != judged[0].signature
    assert played.done.steps[0].chosen.code == GO
    assert played.done.notes == ("go code was not run: only Python, JavaScript and TypeScript are",)


@pytest.mark.parametrize(
    ("files", "title", "request_", "language"),
    [
        (("a/b.ts",), "", "in Python", "typescript"),
        (("readme.md", "x.go"), "", "", "go"),
        ((), "a Node.js script", "in Python", "javascript"),
        ((), "", "Write it in JavaScript, not Java.", "javascript"),
        ((), "", "Write a Java class", "java"),
        ((), "", "Port this Java class to Python.", "python"),
        ((), "", "Convert a Python script into plain JavaScript", "javascript"),
        ((), "", "a shell script that lists files", "bash"),
        ((), "", "as fast as C++ would be", "cpp"),
        ((), "", "Write add(a, b).", "python"),
        ((), "", "let it go", "python"),
    ],
)
def test_the_files_tell_the_language_and_then_the_words(
    files: tuple[str, ...], title: str, request_: str, language: str
) -> None:
    assert language_of(Step(1, title, files=files), request_) == language


def test_what_is_in_another_language_than_its_tests_is_not_run() -> None:
    inputs = (Call("add(1, 2)"),)
    assert unfit("python", "python", inputs) == unfit("typescript", "javascript", inputs) == ""
    assert unfit("python", "go", ()) == ""
    assert unfit("javascript", "python", inputs) == "its tests are python"
    assert unfit("python", "javascript", inputs) == "its tests are javascript"
    assert "nothing" in unfit("javascript", "javascript", ())
    assert "only Python" in unfit("rust", "rust", ())


def test_earlier_steps_of_the_language_come_before_a_candidate() -> None:
    done = [Candidate(1, "", code=code, language=language) for code, language in ((SUM, "javascript"), (GO, "go"))]
    trial = trial_of(Candidate(2, "", code=SUM_TOO, language="javascript"), (), done, None)
    assert (trial.earlier, trial.source) == ((SUM,), SUM_TOO)


def test_examples_become_assertions_of_the_language() -> None:
    text = "add(1, 2) -> 3\nadd([], x) -> y\nadd('a', 'b') => 'ab'"
    assert examples(text, "javascript") == [
        "assert.deepStrictEqual(add(1, 2), 3)",
        "assert.deepStrictEqual(add('a', 'b'), 'ab')",
    ]
    assert usable(["f(1)", "f("], ["assert(f(2) === 3)", "f(2)"], 8, "typescript") == (
        Call("f(1)"),
        Call("f(2)"),
        Check("assert(f(2) === 3)"),
    )
