"""The structured replies that roles give, parsed strictly: what does not parse is a failed call, never an approval."""

import copy
import functools
import json
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from maker.chat.types import Completion, JsonObject
from maker.errors import ModelReplyError
from maker.pipeline.values import Category, Finding, Plan, Severity, Step, Verdict

Line = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Reply(BaseModel):
    """Base of every reply: exactly these keys."""

    model_config = ConfigDict(extra="forbid", strict=True)


R = TypeVar("R", bound=Reply)


class KindReply(Reply):
    """The preprocessor's: what kind of request it is."""

    kind: Literal["code", "question"]


class StepReply(Reply):
    """One step, as the planner writes it."""

    title: Line
    detail: str = ""
    files: list[str] = []
    acceptance: list[str] = []


class PlanReply(Reply):
    """The planner's."""

    summary: str
    steps: list[StepReply]

    def plan(self, max_steps: int) -> Plan:
        """The plan; what is beyond `max_steps` is joined to the last step."""
        steps = self.steps[: max_steps - 1] + _merged(self.steps[max_steps - 1 :])
        return Plan(
            self.summary,
            tuple(
                Step(number, said.title, said.detail, tuple(said.files), tuple(said.acceptance))
                for number, said in enumerate(steps, start=1)
            ),
        )


def _merged(steps: list[StepReply]) -> list[StepReply]:
    if len(steps) < 2:
        return steps
    return [
        StepReply(
            title="; ".join(step.title for step in steps),
            detail="\n".join(step.detail for step in steps if step.detail),
            files=[file for step in steps for file in step.files],
            acceptance=[point for step in steps for point in step.acceptance],
        )
    ]


class TestsReply(Reply):
    """The tester's: call expressions, and assert statements."""

    __test__ = False  # pytest takes the name for a test class

    calls: list[str]
    checks: list[str]


class FindingReply(Reply):
    """One finding, as the reviewer writes it."""

    severity: Severity
    category: Category
    where: str = ""
    what: Line
    fix: str = ""


class ReviewReply(Reply):
    """The reviewer's."""

    accepted: bool
    findings: list[FindingReply]

    def verdict(self) -> Verdict:
        """The verdict; a finding of high severity refuses, whatever `accepted` says."""
        findings = tuple(Finding(**said.model_dump()) for said in self.findings)
        return Verdict(self.accepted and not any(found.severity == "high" for found in findings), findings)


class ReflectionReply(Reply):
    """The planner's answer to whether the code implements its plan."""

    accepted: bool
    missing: list[Line]

    def verdict(self) -> Verdict:
        """The verdict; anything missing refuses."""
        findings = tuple(Finding("medium", "incomplete", "", what) for what in self.missing)
        return Verdict(self.accepted and not findings, findings)


class BallotReply(Reply):
    """The voter's: the label of one candidate."""

    choice: Annotated[str, StringConstraints(pattern="^[A-Z]$")]


def one_of(labels: str) -> JsonObject:
    """The response format that constrains a ballot to these labels."""
    form = copy.deepcopy(schema(BallotReply))
    form["json_schema"]["schema"]["properties"]["choice"] = {"type": "string", "enum": list(labels)}
    return form


INSIDE = r"""([^"\\]|\\["\\nt])*"""
"""Characters of a JSON string. Servers match a pattern against the text itself: `.` would take the closing quote too,
and with it everything that is written from there on."""
WRAPPERS = r"(not |abs\(|all\(|any\(|isinstance\(|len\(|list\(|max\(|min\(|round\(|set\(|sorted\(|str\(|sum\(|tuple\()*"
"""What a check may put around the call."""


def calling(name: str) -> JsonObject:
    """The response format that constrains tests to calls of this function."""
    form = copy.deepcopy(schema(TestsReply))
    properties = form["json_schema"]["schema"]["properties"]
    properties["calls"]["items"] = {"type": "string", "pattern": rf"^{name}\({INSIDE}\)$"}
    properties["checks"]["items"] = {"type": "string", "pattern": rf"^assert {WRAPPERS}{name}\({INSIDE}$"}
    return form


@functools.cache
def schema(reply: type[Reply]) -> JsonObject:
    """The response format that constrains a server to this reply; made once, which takes milliseconds."""
    return {
        "type": "json_schema",
        "json_schema": {"name": reply.__name__, "strict": True, "schema": reply.model_json_schema()},
    }


def parse(completion: Completion, reply: type[R], role: str) -> R:
    """The completion as this reply.

    Raises:
        ModelReplyError: it was cut off, is not JSON, or not of this shape.
    """
    try:
        if completion.finish_reason != "stop":
            raise ValueError(f"it ended with {completion.finish_reason}")
        return reply.model_validate(json.loads(completion.text))
    except (ValueError, RecursionError, ValidationError) as error:
        raise ModelReplyError(
            f"the {role}'s answer is no {reply.__name__.removesuffix('Reply').lower()}: {_first_line(error)}", role=role
        ) from error


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
