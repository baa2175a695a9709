"""From an answer to a result: what is right is what passes the hidden test, in the sandbox."""

from collections.abc import Sequence
from typing import Any

from maker.errors import ServiceError
from maker.eval.results import Result, Round, Tried
from maker.eval.suite import Exercise, answered_code, program
from maker.eval.ways import Answer, Json
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Check, Limits, Trial, Unavailable

LIMITS = Limits(input_s=3.0, load_s=5.0, total_s=12.0)
"""A hidden test has many calls, all with small arguments."""
OWN = "(stands in the request)"
"""What a record has in the place of an example that the user wrote."""


class Judge:
    """Says whether programs for one exercise are right; each different one is run once."""

    def __init__(self, exercise: Exercise, sandbox: Sandbox) -> None:
        self._exercise, self._sandbox = exercise, sandbox
        self._known: dict[str, bool] = {}

    async def right(self, code: str) -> bool:
        """Whether the code passes the hidden test.

        Raises:
            ServiceError: the sandbox stopped working.
        """
        source = program(self._exercise, code)
        if source not in self._known:
            hidden = Check(f"{self._exercise.test}\ncheck({self._exercise.entry_point})\n")
            found = await self._sandbox.run(Trial("python", source, (hidden,), self._exercise.entry_point, LIMITS))
            if isinstance(found, Unavailable):
                raise ServiceError(f"{found.reason}; {found.fix}")
            self._known[source] = bool(found.observations) and found.observations[0].kind == "passed"
        return self._known[source]


async def result(exercise: Exercise, answer: Answer, judge: Judge) -> Result:
    """What the answer is worth."""
    if answer.error is not None:
        return Result(exercise.key, exercise.id, False, answer.seconds, 0, samples=0, error=answer.error)
    steps = (answer.maker or {}).get("steps") or []
    code = answered_code(answer.text, exercise.entry_point, steps=len(steps))
    own = Result(
        exercise=exercise.key,
        id=exercise.id,
        right=await judge.right(code),
        seconds=answer.seconds,
        tokens=sum(_tokens(usage) for usage in (answer.maker or {}).get("usage", {"": answer.usage}).values()),
    )
    return own if answer.maker is None else await _of_run(own, answer.maker, answer.record or {}, judge)


def _tokens(usage: Json) -> int:
    return sum(int(usage.get(key) or 0) for key in ("prompt_tokens", "completion_tokens"))


async def _of_run(own: Result, maker: Json, record: Json, judge: Judge) -> Result:
    """The result with what an orchestrator tells of its run; a record that was not kept leaves out the rounds."""
    steps: list[Json] = maker.get("steps") or []
    written: list[Json] = record.get("steps") or []
    made = [one for step in written for round in rounds(step) for one in round["candidates"]]
    verdicts = [step["verdict"] for step in steps]
    return Result(
        exercise=own.exercise,
        id=own.id,
        right=own.right,
        seconds=own.seconds,
        tokens=own.tokens,
        samples=len(made) or int(maker["candidates"]) or 1,
        flagged=sum(bool(one["flags"]) for one in made) if made else int(maker["flagged"]),
        kind=record.get("kind"),
        voted=bool(steps),
        converged=bool(steps) and all(step["converged"] for step in steps),
        margin=min((int(step["margin"]) for step in steps), default=0),
        confidence=float(maker["confidence"]),
        accepted=None if not steps or None in verdicts else all(verdict == "accepted" for verdict in verdicts),
        notes=tuple(maker["notes"]),
        # What a part of a task should do, no hidden test says.
        rounds=tuple([await _round(one, written[0]["inputs"], judge) for one in rounds(written[0])])
        if len(written) == 1
        else (),
    )


def rounds(step: Json) -> list[Json]:
    """The votes of one step of a record, in their order."""
    others = list(step.get("other_rounds") or [])
    at = min(int(step["rounds"]) - 1, len(others))
    return [*others[:at], step, *others[at:]]


async def _round(voted: Json, inputs: Sequence[Json], judge: Judge) -> Round:
    tried = [
        Tried(
            right=(not one["flags"] or one["number"] == voted["chosen"]) and await judge.right(one["code"]),
            flagged=bool(one["flags"]),
            signature=one["signature"],
        )
        for one in voted["candidates"]
    ]
    by_number = {one["number"]: found for one, found in zip(voted["candidates"], tried, strict=True)}
    chosen = by_number.get(voted["chosen"])
    return Round(
        right=chosen is not None and chosen.right,
        accepted=None if voted["verdict"] is None else voted["verdict"] == "accepted",
        tried=tuple(tried),
        checks=_checks(voted["candidates"], tried, inputs),
    )


def _checks(candidates: Sequence[Json], tried: Sequence[Tried], inputs: Sequence[Json]) -> tuple[int, int] | None:
    """How many of the tester's checks the first right candidate passed, and of how many."""
    ran: Any = next((one["results"] for one, found in zip(candidates, tried, strict=True) if found.right), None)
    if not ran:
        return None
    own = [seen for item, seen in zip(inputs, ran, strict=False) if item.get("check", OWN) != OWN]
    return sum(seen.startswith("passed") for seen in own), len(own)
