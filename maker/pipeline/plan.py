"""Decomposing the task, and writing what its candidates will be run on. The coder does neither."""

import ast
import re
from collections.abc import Iterable

from maker.errors import ModelError, ModelReplyError
from maker.pipeline import prompts
from maker.pipeline.events import InputsWritten, PlanMade
from maker.pipeline.replies import PlanReply, TestsReply
from maker.pipeline.values import Plan, Step
from maker.pipeline.work import Work
from maker.sandbox.values import Call, Check, Input

DOCTEST = re.compile(r"^\s*>>> (.+)\n\s*(?!>>>)(\S.*)$", re.MULTILINE)
ARROW = re.compile(
    r"\b([a-zA-Z_]\w*\([^\n`]*\))`?\s*(?:->|=>|==|→|returns|gives)\s*`?([^\n`,;]+?)`?[.,;]?\s*$", re.MULTILINE
)
ASSERT = re.compile(r"^\s*(assert .+)$", re.MULTILINE)


async def plan(work: Work) -> Plan:
    """The planner's plan; one whole step where what it says is no plan.

    Raises:
        ModelUnavailable: the planner is down.
    """
    async with work.stage("plan"):
        try:
            reply = await work.reply(
                "planner", work.prompt("plan", max_steps=work.mode.max_steps), PlanReply, stage="plan"
            )
            made = reply.plan(work.mode.max_steps)
        except ModelReplyError as error:
            made = Plan("", ())
            await work.note(f"the task was done in one step: {error}")
        if not made.steps:
            made = Plan(made.summary, (Step(1, "Do what the request asks for"),))
        await work.emit(PlanMade(made))
        return made


async def inputs(work: Work, step: Step) -> tuple[Input, ...]:
    """What the step's candidates are run on: the user's own examples first, then the tester's calls and checks."""
    limit = work.mode.max_inputs
    if not limit:
        return ()
    async with work.stage("tests"):
        calls: list[str] = []
        checks = examples(prompts.text_of(work.task.request.messages))
        tester = await _tester(work)
        messages = work.prompt("tests", title=step.title, detail=step.detail, max_inputs=limit)
        try:
            reply = await work.reply(tester, messages, TestsReply, stage="tests")
            calls, checks = reply.calls, [*checks, *reply.checks]
        except ModelError as error:
            await work.note(f"no tests were written for step {step.number}: {error}")
        found = usable(calls, checks, limit)
        count = sum(isinstance(item, Call) for item in found)
        await work.emit(InputsWritten(step.number, count, len(found) - count))
        return found


async def _tester(work: Work) -> str:
    """gpt-oss where it runs, for a second opinion on what is meant; else the planner."""
    model = work.tools.models.get("gpt-oss")
    return "gpt-oss" if model is not None and await model.state() == "ready" else "planner"


def examples(text: str) -> list[str]:
    """The examples a user wrote, as assert statements: doctests, `f(1) -> 2`, `f(1) == 2`, and asserts themselves."""
    pairs = [*DOCTEST.findall(text), *ARROW.findall(text)]
    written = [*(f"assert {call} == {value}" for call, value in pairs), *ASSERT.findall(text)]
    return [one for one in dict.fromkeys(written) if _parses(one, "exec")]


def usable(calls: Iterable[str], checks: Iterable[str], limit: int) -> tuple[Input, ...]:
    """What of it is Python of the right form, each once and at most `limit` of each kind; checks lend their calls."""
    good = [check for check in dict.fromkeys(map(str.strip, checks)) if _is_check(check)][:limit]
    borrowed = [call for check in good for call in _calls_in(check)]
    wanted = [call for call in dict.fromkeys([*map(str.strip, calls), *borrowed]) if _is_call(call)][:limit]
    return (*map(Call, wanted), *map(Check, good))


def _is_call(text: str) -> bool:
    tree = _parses(text, "eval")
    return isinstance(tree, ast.Expression) and any(isinstance(node, ast.Call) for node in ast.walk(tree))


def _is_check(text: str) -> bool:
    tree = _parses(text, "exec")
    return isinstance(tree, ast.Module) and any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def _calls_in(check: str) -> list[str]:
    """The call expressions that a check compares with a constant result."""
    tree = _parses(check, "exec")
    compared = [
        node.test.left
        for node in ast.walk(tree or ast.Module([], []))
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare)
    ]
    return [ast.unparse(left) for left in compared if isinstance(left, ast.Call)]


def _parses(text: str, mode: str) -> ast.AST | None:
    try:
        return ast.parse(text, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
