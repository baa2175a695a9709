"""An agent at work over real HTTP: both orchestrators, fake model servers, a client that runs the tools."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from maker.cli.runs import lines as shown
from maker.config import Mode
from maker.pipeline.events import StageStarted
from tests.conformance import check_stream
from tests.fake_llama import FakeLlama
from tests.llama_wire import Behaviour
from tests.pipeline.agent_support import ACCEPTED, REFUSED, RIGHT, TOOLS
from tests.server.orchestra import Orchestra, check_left, orchestra

ROLES = ("planner", "coder", "reviewer")
SYSTEM = {"role": "system", "content": "Du bist ein Agent.\u2028  Be <|careful|> \t with spaces…\n"}
ASKED = [SYSTEM, {"role": "user", "content": "Put a limit of 10 into limits.py."}]


def play(scenario: Callable[[Orchestra], Coroutine[Any, Any, None]], mode: Any = "high", **settings: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), orchestra(mode, roles=ROLES, **settings) as running:
            await scenario(running)

    asyncio.run(whole())


def calls(*made: tuple[str, dict[str, Any]], text: str = "") -> dict[str, Any]:
    """A reply of the fake coder with tool calls."""
    wanted = [{"name": name, "arguments": json.dumps(given), "id": f"call_{n}"} for n, (name, given) in enumerate(made)]
    return {"text": text, "tool_calls": wanted, "finish_reason": "tool_calls"}


def wrote(content: str = "LIMIT = 10\n", path: str = "limits.py") -> dict[str, Any]:
    return calls(("write_file", {"path": path, "content": content}))


def script(running: Orchestra, coder: list[Any], verdicts: list[Any]) -> None:
    judge = "reviewer" if running.parts.mode == "high" else "planner"
    running.coder.behave(replies=coder)
    running.fakes[judge].behave(replies=[json.dumps(verdict) for verdict in verdicts])


def verdict(running: Orchestra, *, accepted: bool = True) -> dict[str, Any]:
    if running.parts.mode == "high":
        return ACCEPTED if accepted else REFUSED
    return RIGHT if accepted else {"accepted": False, "missing": ["a limit of 10"]}


def request(messages: list[Any], **more: Any) -> dict[str, Any]:
    options = {"stream_options": {"include_usage": True}} if more.get("stream") else {}
    return {"messages": messages, "tools": list(TOOLS), "parallel_tool_calls": False, **options, **more}


def chunks(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(text[6:]) for text in raw.decode().split("\n\n") if text.startswith("data: {")]


def message_of(raw: bytes) -> tuple[dict[str, Any], str]:
    """The message a client makes of it, as Continue does (pieces without id belong to the last call), and thoughts."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    thoughts = ""
    for choice in (choice for chunk in chunks(raw) for choice in chunk["choices"]):
        delta = choice["delta"]
        message["content"] += delta.get("content") or ""
        thoughts += delta.get("reasoning_content") or ""
        for piece in delta.get("tool_calls") or ():
            made = message.setdefault("tool_calls", [])
            if piece.get("id"):
                made.append({"id": piece["id"], "type": "function", "function": dict(piece["function"])})
            else:
                made[-1]["function"]["arguments"] += piece["function"]["arguments"]
    return message, thoughts


class Client:
    """An agent's client: sends the conversation, runs the tools that come back, goes on until there is only text."""

    def __init__(self, running: Orchestra, folder: Path) -> None:
        self.running, self.folder, self.messages = running, folder, list[dict[str, Any]](ASKED)
        self.thoughts: list[str] = []
        self.tellings: list[dict[str, Any]] = []

    async def work(self) -> str:
        while True:
            sent = request(self.messages, stream=True)
            before = len(self.running.coder.bodies)
            raw = (await self.running.client.post("/v1/chat/completions", json=sent)).content
            assert check_stream(raw, usage_asked=True, reasoning_allowed=True) == []
            self.check_upstream(sent, before)
            message, thoughts = message_of(raw)
            self.thoughts.append(thoughts)
            self.tellings.append(chunks(raw)[-1]["maker"])
            self.messages.append(message)
            if "tool_calls" not in message:
                return str(message["content"])
            self.messages += [self.run(call) for call in message["tool_calls"]]

    def check_upstream(self, sent: dict[str, Any], before: int) -> None:
        """Every model server that was asked for a turn got what the client sent, byte for byte."""
        for body in self.running.coder.bodies[before:]:
            assert json.dumps(body["messages"]) == json.dumps(sent["messages"])
            assert json.dumps(body["tools"]) == json.dumps(sent["tools"])
            assert body["parallel_tool_calls"] is False

    def run(self, call: dict[str, Any]) -> dict[str, Any]:
        given = json.loads(call["function"]["arguments"])
        file = self.folder / given["path"]
        if call["function"]["name"] == "read_file":
            result = file.read_text(encoding="utf-8")
        else:
            result = f"{file.write_text(given['content'], encoding='utf-8')} characters written"
        return {"role": "tool", "tool_call_id": call["id"], "content": result}


@pytest.mark.parametrize("mode", ["high", "low"])
def test_an_agent_reads_writes_reads_again_and_finishes(mode: str, tmp_path: Path) -> None:
    file = tmp_path / "limits.py"
    file.write_text("LIMIT = 5\n", encoding="utf-8")
    look = calls(("read_file", {"path": "limits.py"}), text="I look first.")
    coder = [look, wrote("LIMIT = 100\n"), wrote(), wrote(), wrote(), look, "The limit is 10 now."]

    async def scenario(running: Orchestra) -> None:
        script(running, coder, [verdict(running)])
        client = Client(running, tmp_path)
        assert await client.work() == "The limit is 10 now."
        assert file.read_text(encoding="utf-8") == "LIMIT = 10\n"
        assert [body.get("n", 1) for body in running.coder.bodies] == [1, 1, 1, 2, 1, 1]
        assert client.messages[2]["content"] == "I look first."
        ids = [call["id"] for message in client.messages for call in message.get("tool_calls", ())]
        assert len(set(ids)) == 3
        assert "turn 2 of 8: write_file(limits.py); vote 1:1" in client.thoughts[1]
        assert "turn: vote 3:1, margin 2; write_file(limits.py)" in client.thoughts[1]
        judge = "reviewer" if mode == "high" else "planner"
        assert f"{judge}: accepted" in client.thoughts[1]
        assert {role: fake.requests for role, fake in running.fakes.items() if role != "coder"} == {
            "reviewer": int(mode == "high"),
            "planner": int(mode == "low"),
        }
        if mode == "low":
            assert running.fakes["reviewer"].health_checks == 0
        [step] = client.tellings[1]["steps"]
        assert (step["title"], step["candidates"], step["votes"], step["margin"], step["verdict"]) == (
            ("write_file(limits.py)", 4, [3, 1], 2, "accepted")
        )

    play(scenario, mode)


@pytest.mark.parametrize("mode", ["high", "low"])
def test_a_whole_turn_is_the_streamed_one(mode: str) -> None:
    async def scenario(running: Orchestra) -> None:
        said = {**wrote(), "text": "I write."}
        script(running, [said, said], [verdict(running)])
        raw = (await running.client.post("/v1/chat/completions", json=request(ASKED, stream=True))).content
        script(running, [said, said], [verdict(running)])
        body = (await running.client.post("/v1/chat/completions", json=request(ASKED))).json()
        [choice] = body["choices"]
        assert choice["message"] == message_of(raw)[0]
        assert choice["finish_reason"] == "tool_calls"
        assert body["maker"]["candidates"] == 2

    play(scenario, mode)


@pytest.mark.parametrize("mode", ["high", "low"])
def test_text_comes_line_by_line_behind_the_progress_that_led_to_it(mode: str) -> None:
    """Whether a turn is text is known when it is whole: before that it may still call a tool, or be discarded."""
    said = "Both are there.\n\n- limits.py\n- its test\n\nRun it."

    async def scenario(running: Orchestra) -> None:
        script(running, [calls(("delete_all", {})), said], [])
        raw = (await running.client.post("/v1/chat/completions", json=request(ASKED, stream=True))).content
        deltas = [choice["delta"] for chunk in chunks(raw) for choice in chunk["choices"]]
        shown = [(kind, text) for delta in deltas for kind, text in delta.items() if kind != "role" and text]
        assert [text for kind, text in shown if kind == "content"] == said.splitlines(keepends=True)
        thoughts = [text for kind, text in shown if kind == "reasoning_content"]
        assert shown[: len(thoughts)] == [("reasoning_content", text) for text in thoughts]
        assert thoughts[0] == "turn 1 of 8: discarded (unknown tool delete_all)\n"
        assert len(running.coder.bodies) == 2

    play(scenario, mode)


@pytest.mark.parametrize("stream", [True, False])
def test_a_refused_turn_is_remembered_with_both_its_rounds(stream: bool) -> None:
    async def scenario(running: Orchestra) -> None:
        script(running, [wrote("LIMIT = 1\n")] * 2 + [wrote()] * 2, [verdict(running, accepted=False), ACCEPTED])
        reply = await running.client.post("/v1/chat/completions", json=request(ASKED, stream=stream))
        run_id = reply.headers["x-maker-run"]
        record = (await running.client.get(f"/api/runs/{run_id}")).json()
        [step] = record["steps"]
        assert (record["kind"], step["title"], step["rounds"]) == ("agent", "write_file(limits.py)", 2)
        told = shown(record)
        assert "  candidate 1: write_file(limits.py)" in told
        assert '    write_file({"path": "limits.py", "content": "LIMIT = 10\\n"})' in told
        assert "Put a limit of 10" not in "\n".join(told)  # what was asked is not kept

    play(scenario)


def test_a_turn_whose_calls_are_all_wrong_is_text_to_the_client() -> None:
    async def scenario(running: Orchestra) -> None:
        script(running, [calls(("delete_all", {}))] * 10, [])
        raw = (await running.client.post("/v1/chat/completions", json=request(ASKED, stream=True))).content
        assert check_stream(raw, usage_asked=True, reasoning_allowed=True) == []
        message, thoughts = message_of(raw)
        assert "tool_calls" not in message
        assert "unknown tool delete_all" in message["content"]
        assert "turn: every one was discarded" in thoughts

    play(scenario)


STAGES = [
    ("high", "turn", "coder"),
    ("low", "turn", "coder"),
    ("high", "validate", "reviewer"),
    ("low", "validate", "planner"),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("stall", [{"stall_first_byte": True}, {"stall_at": 1}])
@pytest.mark.parametrize(("mode", "stage", "role"), STAGES)
def test_a_client_that_leaves_during_a_turn_leaves_nothing_behind(
    mode: str, stage: str, role: str, stall: dict[str, Any], stream: bool, tmp_path: Path
) -> None:
    async def scenario(running: Orchestra) -> None:
        script(running, [wrote(), wrote()], [])
        fake = running.fakes[role]
        fake.behave(**stall)
        left = await running.leave(request(ASKED, stream=stream), lambda: fake.requests and fake.busy)
        assert [event.stage for event in running.events if isinstance(event, StageStarted)][-1] == stage
        await check_left(running, tmp_path, left)

    play(scenario, mode, slots=tmp_path)


def test_a_client_that_leaves_during_a_later_wave_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario(running: Orchestra) -> None:
        coder = running.coder
        stalls_after(coder, [wrote("1"), wrote("2")])
        left = await running.leave(request(ASKED, stream=True), lambda: coder.requests == 3 and coder.busy == 2)
        await check_left(running, tmp_path, left)
        assert [body.get("n", 1) for body in coder.bodies] == [1, 1, 2]

    play(scenario, slots=tmp_path, answering=Mode(k=2))


def stalls_after(fake: FakeLlama, replies: list[Any]) -> None:
    """Let the fake give these replies, one a request, and fall silent within the next."""
    fake.behave(replies=list(replies))
    usual, silent = fake._take_behaviour, Behaviour(stall_at=1)
    fake._take_behaviour = lambda: usual() if fake.requests <= len(replies) else silent  # type: ignore[method-assign]
