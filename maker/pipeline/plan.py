"""Decomposing the task, and writing what its candidates will be run on. The coder does neither."""

import ast
import asyncio
import re
from collections.abc import Iterable, Sequence

from maker.chat.types import JsonObject
from maker.errors import ModelError, ModelReplyError, ModelUnavailable, RequestError
from maker.pipeline import prompts, syntax
from maker.pipeline.events import InputsWritten, PlanMade
from maker.pipeline.examples import examples, firm_examples
from maker.pipeline.language import DEFAULT, SCRIPTS, language_of
from maker.pipeline.naming import function_named, phrase, wanted_name
from maker.pipeline.own_tests import own_tests
from maker.pipeline.replies import PlanReply, TestsReply, calling
from maker.pipeline.values import Plan, Step
from maker.pipeline.work import Work
from maker.sandbox.values import Call, Check, Input, Unavailable

WORD, CALLED = re.compile(r"\w+"), re.compile(r"(?<![\w.])(\w+)\(")


async def plan(work: Work) -> Plan:
    """The planner's plan; one whole step where what it says is no plan.

    Raises:
        ModelUnavailable: the planner is down.
    """
    async with work.stage("plan"):
        try:
            named = phrase(function_named(prompts.text_of(work.task.request.messages)))
            messages = work.prompt("plan", max_steps=work.mode.max_steps, named=named)
            reply = await work.reply("planner", messages, PlanReply, stage="plan")
            made = reply.plan(work.mode.max_steps)
        except (ModelReplyError, RequestError) as error:
            made = Plan("", ())
            await work.note(f"the task was done in one step: {error}")
        if not made.steps:
            made = Plan(made.summary, (Step(1, "Do what the request asks for"),))
        await work.emit(PlanMade(made))
        return made


async def inputs(work: Work, step: Step) -> tuple[Input, ...]:
    """What the step's candidates are run on, in the step's language: the user's own examples first, then the tester's
    calls and checks, then what a trusted repository has for the step's files. Nothing where they cannot be run."""
    limit = work.mode.max_inputs
    language = language_of(step, prompts.text_of(work.task.request.messages))
    if not limit or not await _can_run(work, language):
        return ()
    async with work.stage("tests"):
        calls: list[str] = []
        checks = _examples_of(work, step, language)
        tester = await _tester(work)
        name = wanted_name(work)
        text = "tests" if language == DEFAULT else "tests_js"
        messages = work.prompt(text, title=step.title, detail=step.detail, max_inputs=limit, named=phrase(name))
        try:
            # The most likely call is soon written twice; different calls are what tells candidates apart.
            warm = work.mode.temperature
            form = calling(name) if name else None
            reply = await _tests(work, tester, messages, form, warm)
            calls, checks = reply.calls, [*checks, *(one for one in reply.checks if not name or f"{name}(" in one)]
        except (ModelError, RequestError) as error:
            await work.note(f"no tests were written for step {step.number}: {error}")
        found = usable(calls, checks, limit, language)
        own = await _own_tests(work, step, limit) if language == DEFAULT else ()
        count = sum(isinstance(item, Call) for item in found)
        await work.emit(InputsWritten(step.number, count, len(found) - count + len(own), len(own)))
        return (*found, *own)


async def _can_run(work: Work, language: str) -> bool:
    """Whether tests are worth writing; where they are not, the candidates' own note says why they are not run."""
    if language not in SCRIPTS:
        return language == DEFAULT
    async with work.waiting():
        sandbox = await work.tools.sandbox()
    if isinstance(sandbox, Unavailable):
        return False
    if why := sandbox.supports("typescript" if language == "typescript" else "javascript"):
        await work.note(f"{language} code is not run: {why.reason}; {why.fix}")
        return False
    return True


async def _own_tests(work: Work, step: Step, limit: int) -> tuple[Input, ...]:
    if work.copy is None or not work.copy.trusted:
        return ()
    return await asyncio.to_thread(own_tests, work.copy.root, step.files, limit)


async def _tester(work: Work) -> str:
    """gpt-oss where it runs, for a second opinion on what is meant; else the planner."""
    model = work.tools.models.get("gpt-oss")
    if model is None:
        return "planner"
    state = await model.state()
    if state != "ready":
        why = "gpt-oss is still loading its model" if state == "loading" else str(ModelUnavailable.of("gpt-oss"))
        await work.note(f"the planner wrote the tests: {why}")
    return "gpt-oss" if state == "ready" else "planner"


async def _tests(
    work: Work, tester: str, messages: Sequence[JsonObject], form: JsonObject | None, temperature: float
) -> TestsReply:
    """The tester's reply; the planner's, where gpt-oss has gone since it was looked at."""

    async def said(role: str) -> TestsReply:
        return await work.reply(role, messages, TestsReply, stage="tests", form=form, temperature=temperature)

    try:
        return await said(tester)
    except ModelUnavailable as error:
        if tester == "planner":
            raise
        await work.note(f"the planner wrote the tests: {error}")
        return await said("planner")


def _examples_of(work: Work, step: Step, language: str) -> list[str]:
    """The user's examples that the step can satisfy: all if it is the last, else those of what its own words name."""
    found = examples(prompts.text_of(work.task.request.messages), language)
    plan = work.progress.plan
    if plan is None or step.number == len(plan.steps):
        return found
    said = set(WORD.findall(" ".join((step.title, step.detail, *step.acceptance))))
    return [one for one in found if said & set(CALLED.findall(one))]


def own_examples(work: Work) -> list[str]:
    """The firm examples, which the run's only step has to satisfy; with more steps nobody says which of them does."""
    plan = work.progress.plan
    if plan is None or len(plan.steps) != 1:
        return []
    text = prompts.text_of(work.task.request.messages)
    return firm_examples(text, language_of(plan.steps[0], text))


def usable(calls: Iterable[str], checks: Iterable[str], limit: int, language: str = DEFAULT) -> tuple[Input, ...]:
    """What of it has the right form, each once and at most `limit` of each kind; checks lend their calls."""
    forms = (
        (syntax.is_call, syntax.is_check, syntax.calls_in) if language in SCRIPTS else (_is_call, _is_check, _calls_in)
    )
    is_call, is_check, calls_in = forms
    good = [check for check in dict.fromkeys(map(str.strip, checks)) if is_check(check)][:limit]
    borrowed = [call for check in good for call in calls_in(check)]
    wanted = [call for call in dict.fromkeys([*map(str.strip, calls), *borrowed]) if is_call(call)][:limit]
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
