"""The code path over real HTTP: fake model servers with scripted replies, the real clients, the real application."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from maker.config import Mode
from maker.pipeline.elect import LATER_WAVE
from maker.pipeline.progress import line
from maker.sandbox.values import Evidence, Trial
from tests.conformance import check_stream
from tests.llama_wire import prompt_text
from tests.pipeline.support import (
    ALSO_GOOD,
    FIRST,
    GOOD,
    IMPLEMENTED,
    LAST,
    MINUS,
    PLAN,
    TIMES,
    InProcess,
    fenced,
)
from tests.server.orchestra import ALL_ROLES, Orchestra, check_left, coding, in_process, no_sandbox, orchestra, script

Scenario = Callable[[Orchestra], Coroutine[Any, Any, None]]
FOUND = {"severity": "low", "category": "performance", "where": "add", "what": "a name too many", "fix": "drop total"}
SUGGESTED = {"accepted": True, "findings": [FOUND]}
REFUSED = {"accepted": False, "findings": [FOUND | {"severity": "high", "category": "bug", "what": "it subtracts"}]}
FOUR = [fenced(GOOD), fenced(MINUS), fenced(ALSO_GOOD), fenced(GOOD)]
"""Four candidates, decided 3:1 by the fourth."""


def play(scenario: Scenario, mode: Any = "high", **settings: Any) -> None:
    settings = {"roles": ALL_ROLES, "sandbox": in_process, **settings}

    async def whole() -> None:
        async with asyncio.timeout(60), orchestra(mode, **settings) as running:
            await scenario(running)

    asyncio.run(whole())


def chunks(raw: bytes) -> list[dict[str, Any]]:
    lines = [text.removeprefix("data: ") for text in raw.decode().split("\n\n") if text.startswith("data: {")]
    return [json.loads(text) for text in lines]


def joined(raw: bytes, kind: str) -> str:
    deltas = [choice["delta"] for chunk in chunks(raw) for choice in chunk["choices"]]
    return "".join(delta.get(kind) or "" for delta in deltas)


def spent(running: Orchestra) -> dict[str, tuple[int, int]]:
    """Prompt and completion tokens that each fake reported."""
    return {
        role: (sum(len(prompt_text(body).split()) for body in fake.bodies), fake.tokens_predicted_total)
        for role, fake in running.fakes.items()
        if fake.requests
    }


def asked(running: Orchestra) -> int:
    """How many candidates were asked for."""
    return sum(body.get("n", 1) for body in running.coder.bodies)


@pytest.mark.parametrize("mode", ["high", "low"])
@pytest.mark.parametrize("usage_asked", [True, False])
def test_a_streamed_task_keeps_every_invariant_and_its_progress_out_of_the_content(
    mode: str, usage_asked: bool
) -> None:
    async def scenario(running: Orchestra) -> None:
        script(running.fakes, coder=FOUR, reviewer=[SUGGESTED])
        options = {"stream_options": {"include_usage": True}} if usage_asked else {}
        raw = (await running.code(stream=True, **options)).content
        assert check_stream(raw, usage_asked=usage_asked, reasoning_allowed=True) == []
        said = [text for event in running.events if (text := line(event))]
        assert joined(raw, "reasoning_content") == "".join(f"{text}\n" for text in said)
        content = joined(raw, "content")
        assert f"```python\n{GOOD}```\n" in content
        assert ("a name too many" in content) == (mode == "high")
        assert not [text for text in said if text in content]
        assert {text.split()[0] for text in said} >= {"plan:", "candidate", "step"}
        assert "candidate 4 of 8: 2 of 2 checks; vote 3:1" in said
        assert "step 1: vote 3:1, margin 2; candidate 1" in said

    play(scenario, mode)


def expected_maker(mode: str) -> dict[str, Any]:
    return {
        "mode": mode,
        "candidates": 4,
        "flagged": 0,
        "notes": [],
        "degraded": [],
        "steps": [
            {
                "title": "Write add(a, b)",
                "candidates": 4,
                "flagged": 0,
                "votes": [3, 1],
                "margin": 2,
                "converged": True,
                "rounds": 1,
                "verdict": "accepted",
                "findings": [FOUND] if mode == "high" else [],
            }
        ],
    }


def told(body: dict[str, Any]) -> dict[str, Any]:
    """The maker object without what no test can foresee; confidence is a share."""
    found = body["maker"]
    for part in [found, *found["steps"]]:
        assert 0 < part.pop("confidence") <= 1
    assert found.pop("run").startswith("run-")
    assert found.pop("overhead_ms") >= 0
    return dict(found)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("mode", ["high", "low"])
def test_the_maker_object_tells_the_vote_and_usage_is_that_of_one_answer(mode: str, stream: bool) -> None:
    async def scenario(running: Orchestra) -> None:
        script(running.fakes, coder=FOUR, reviewer=[SUGGESTED])
        options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        reply = await running.code(**options)
        body = chunks(reply.content)[-1] if stream else reply.json()
        maker = told(body)
        by_role = {role: (use["prompt_tokens"], use["completion_tokens"]) for role, use in maker.pop("usage").items()}
        assert by_role == spent(running)
        # A client measures by it how full its context is: the conversation and one answer, not all that was spent.
        coder = running.coder
        assert body["usage"]["prompt_tokens"] == len(prompt_text(coder.bodies[0]).split())
        assert body["usage"]["completion_tokens"] == round(coder.tokens_predicted_total / asked(running))
        assert {name: maker[name] for name in expected_maker(mode)} == expected_maker(mode)

    play(scenario, mode)


@pytest.mark.parametrize("mode", ["high", "low"])
def test_a_whole_answer_is_the_streamed_one(mode: str) -> None:
    async def scenario(running: Orchestra) -> None:
        script(running.fakes, coder=FOUR, reviewer=[SUGGESTED])
        streamed = await running.code(stream=True)
        script(running.fakes, coder=FOUR, reviewer=[SUGGESTED])
        whole = await running.code()
        assert whole.json()["choices"][0]["message"]["content"] == joined(streamed.content, "content")
        assert whole.json()["choices"][0]["finish_reason"] == "stop"
        assert whole.headers["x-maker-run"] == whole.json()["maker"]["run"]
        assert float(whole.headers["x-maker-overhead-ms"]) >= 0
        assert "x-maker-degraded" not in whole.headers

    play(scenario, mode)


def test_each_role_is_asked_as_often_as_its_part_needs() -> None:
    async def scenario(running: Orchestra) -> None:
        script(running.fakes, coder=FOUR)
        await running.code()
        assert {role: fake.requests for role, fake in running.fakes.items()} == {
            "preprocessor": 1,
            "planner": 1,
            "gpt-oss": 1,
            "coder": 2,
            "reviewer": 1,
            "voter": 0,
        }
        assert [body.get("n", 1) for body in running.coder.bodies] == [2, 2]

    play(scenario)


def test_low_mode_never_sends_the_reviewer_a_request() -> None:
    async def scenario(running: Orchestra) -> None:
        refused = {"accepted": False, "missing": ["it subtracts"]}
        script(running.fakes, coder=[fenced(MINUS)] * 2 + FOUR, planner=[PLAN, refused, IMPLEMENTED])
        body = (await running.code()).json()
        assert body["maker"]["steps"][0]["rounds"] == 2
        reviewer = running.fakes["reviewer"]
        assert (reviewer.requests, reviewer.health_checks) == (0, 0)

    play(scenario, "low")


def test_low_mode_does_not_call_itself_degraded_for_want_of_the_reviewer() -> None:
    async def scenario(running: Orchestra) -> None:
        running.fakes["reviewer"].behave(loading_s=60)
        script({role: fake for role, fake in running.fakes.items() if role != "reviewer"})
        reply = await running.code()
        assert (reply.status_code, reply.json()["maker"]["degraded"]) == (200, [])
        assert (await running.client.get("/health")).json()["degraded"] == []

    play(scenario, "low")


@pytest.mark.parametrize("stream", [True, False])
def test_what_does_not_work_is_named_in_the_maker_object(stream: bool) -> None:
    async def scenario(running: Orchestra) -> None:
        script(running.fakes, coder=[fenced(GOOD)] * 2)
        reply = await running.code(stream=stream)
        body = chunks(reply.content)[-1] if stream else reply.json()
        assert body["maker"]["degraded"] == ["sandbox"]
        assert body["maker"]["notes"] == ["code was not run: this test has no sandbox; none is needed"]

    play(scenario, missing={"sandbox": "it is not there"}, sandbox=no_sandbox)


def test_a_refusal_is_revised_and_both_rounds_are_paid_for() -> None:
    async def scenario(running: Orchestra) -> None:
        script(running.fakes, coder=[fenced(MINUS)] * 2 + [fenced(GOOD)] * 2, reviewer=[REFUSED, SUGGESTED])
        body = (await running.code()).json()
        assert "it subtracts" in prompt_text(running.coder.bodies[-1])
        assert GOOD in body["choices"][0]["message"]["content"]
        assert body["maker"]["steps"][0]["verdict"] == "accepted"
        use = body["maker"]["usage"]["coder"]
        assert (use["prompt_tokens"], use["completion_tokens"]) == spent(running)["coder"]

    play(scenario)


def needed(replies: list[str], k: int, limit: int) -> int:
    """After how many candidates, taken one by one, some behaviour is ahead of every other by k."""
    votes: Counter[str] = Counter()
    for number, reply in enumerate(replies[:limit], start=1):
        votes[reply] += 1
        (_, first), second = votes.most_common(1)[0], sorted(votes.values())[-2] if len(votes) > 1 else 0
        if first - second >= k:
            return number
    return limit


@pytest.mark.parametrize("k", [1, 2, 3])
def test_candidates_asked_for_never_exceed_what_the_vote_needs_by_a_wave(k: int) -> None:
    draw = random.Random(k)

    async def scenario(running: Orchestra) -> None:
        for _ in range(12):
            replies = draw.choices([GOOD, MINUS, TIMES, FIRST, LAST], [5, 2, 1, 1, 1], k=20)
            script(running.fakes, coder=[fenced(code) for code in replies])
            running.coder.bodies.clear()
            body = (await running.code()).json()
            enough = needed(replies, k, limit=9)
            assert enough <= asked(running) <= min(9, enough + LATER_WAVE)
            assert body["maker"]["candidates"] == enough

    play(scenario, answering=Mode(k=k, max_candidates=9))


class Hanging(InProcess):
    """A sandbox whose trials never end."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = self.cancelled = 0

    async def run(self, trial: Trial) -> Evidence:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1
        raise AssertionError("unreachable")


STAGES = [
    ("high", "classify", "preprocessor"),
    ("high", "plan", "planner"),
    ("high", "tests", "gpt-oss"),
    ("high", "code", "coder"),
    ("high", "vote", "voter"),
    ("high", "validate", "reviewer"),
    ("low", "validate", "planner"),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("stall", [{"stall_first_byte": True}, {"stall_at": 1}])
@pytest.mark.parametrize(("mode", "stage", "role"), STAGES)
def test_a_client_that_leaves_in_any_stage_leaves_nothing_behind(
    mode: str, stage: str, role: str, stall: dict[str, Any], stream: bool, tmp_path: Path
) -> None:
    async def scenario(running: Orchestra) -> None:
        script(running.fakes, coder=[fenced(code) for code in (GOOD, MINUS, TIMES, FIRST)])
        fake, before = running.fakes[role], 0
        if (stage, role) == ("validate", "planner"):
            script(running.fakes, planner=[PLAN])
            before = 1
            await_second(fake, stall)
        else:
            fake.behave(**stall)
        left = await running.leave(coding(stream=stream), lambda: fake.requests > before and fake.busy)
        assert stage_of(running) == stage
        await check_left(running, tmp_path, left)

    sandbox = no_sandbox if stage == "vote" else in_process
    play(scenario, mode, slots=tmp_path, sandbox=sandbox, answering=Mode(max_candidates=4))


def await_second(fake: Any, stall: dict[str, Any]) -> None:
    """Let the fake answer once as it was told, and stall from then on."""
    usual = fake._take_behaviour

    def taken() -> Any:
        how = usual()
        fake.behave(**stall)
        fake._take_behaviour = usual
        return how

    fake._take_behaviour = taken


def stage_of(running: Orchestra) -> str:
    """The innermost stage that has begun and not ended before the client left."""
    return next(event.stage for event in reversed(running.events) if type(event).__name__ == "StageStarted")


def test_a_client_that_leaves_while_code_is_tried_ends_the_trial(tmp_path: Path) -> None:
    sandbox = Hanging()

    async def hanging() -> Hanging:
        return sandbox

    async def scenario(running: Orchestra) -> None:
        script(running.fakes)
        left = await running.leave(coding(stream=True), lambda: sandbox.begun)
        await check_left(running, tmp_path, left)
        assert sandbox.cancelled == sandbox.begun == 1

    play(scenario, slots=tmp_path, sandbox=hanging)
