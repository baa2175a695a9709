"""An agent's turns over scripted models."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from maker.chat.types import ChatRequest, Completion, Delta, ToolCall, ToolCallDelta, Usage
from maker.config import Mode, ModeName
from maker.errors import MakerError
from maker.models.scripted import ScriptedModel, deltas_of
from maker.pipeline.checkpoint import Checkpoint
from maker.pipeline.events import AnswerDelta, Event
from maker.pipeline.progress import line
from maker.pipeline.run import run
from maker.pipeline.values import Outcome, StepOutcome, Task
from maker.pipeline.work import Tools
from maker.sandbox.values import Unavailable

ACCEPTED = {"accepted": True, "findings": []}
FOUND = {"severity": "medium", "category": "incomplete", "where": "a.py", "what": "a test is missing", "fix": "add it"}
DANGER = {"severity": "high", "category": "security", "where": "rm", "what": "it deletes everything", "fix": ""}
REFUSED = {"accepted": False, "findings": [FOUND]}
REFUSED_GRAVELY = {"accepted": False, "findings": [DANGER]}
RIGHT = {"accepted": True, "missing": []}
WRONG = {"accepted": False, "missing": ["the path is another one"]}
_IDS = itertools.count(1)


def tool(name: str, *required: str, **properties: Any) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties or {key: {"type": "string"} for key in required},
        "required": list(required),
    }
    return {"type": "function", "function": {"name": name, "description": f"{name}s.", "parameters": parameters}}


READ, WRITE, RUN = tool("read_file", "path"), tool("write_file", "path", "content"), tool("run_command", "command")
TOOLS = (READ, WRITE, RUN)
ASKED = ({"role": "system", "content": "You are an agent."}, {"role": "user", "content": "Add a test to a.py."})


def called(*calls: tuple[str, Any], text: str = "", reasoning: str = "", finish: Any = "tool_calls") -> Completion:
    """A reply with tool calls: pairs of a name and arguments, as an object or as the text a model wrote."""
    made = tuple(
        ToolCall(f"call_{next(_IDS)}", name, given if isinstance(given, str) else json.dumps(given))
        for name, given in calls
    )
    return Completion(text, reasoning, made, finish)


def reads(path: str = "a.py") -> Completion:
    return called(("read_file", {"path": path}))


def writes(path: str = "a.py", content: str = "x = 1\n", **more: Any) -> Completion:
    return called(("write_file", {"path": path, "content": content}), **more)


def runs(command: str) -> Completion:
    return called(("run_command", {"command": command}))


Reply = str | Completion | MakerError


async def no_sandbox() -> Unavailable:
    return Unavailable("agents' turns are not run", "none is needed")


class Pool:
    """The coder's replies, as many at once as a request asks for; a failure stands for a whole request."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.left = list(replies)
        self.model = ScriptedModel("coder", [self._reply] * 100)

    def _reply(self, request: ChatRequest) -> list[Delta] | MakerError:
        deltas: list[Delta] = []
        for choice in range(request.sampling.n):
            reply = self.left.pop(0) if self.left else "never asked for"
            if isinstance(reply, MakerError):
                return reply
            deltas += [replace(one, choice=choice) for one in deltas_of(reply) if not isinstance(one, Usage)]
        return [*deltas, Usage(10, 20 * request.sampling.n)]


@dataclass
class Turn:
    """What one turn came to."""

    outcome: Outcome | None
    events: list[Event]
    pool: Pool
    models: dict[str, ScriptedModel]
    error: MakerError | None = None

    @property
    def completion(self) -> Completion:
        assert self.outcome is not None, self.error
        [completion] = self.outcome.completions
        return completion

    @property
    def step(self) -> StepOutcome:
        assert self.outcome is not None, self.error
        [step] = self.outcome.steps
        return step

    @property
    def calls(self) -> list[tuple[str, Any]]:
        return [(call.name, json.loads(call.arguments)) for call in self.completion.tool_calls]

    @property
    def deltas(self) -> list[Delta]:
        return [event.delta for event in self.events if isinstance(event, AnswerDelta)]

    @property
    def lines(self) -> list[str]:
        return [said for event in self.events if (said := line(event))]

    @property
    def waves(self) -> list[int]:
        """How many turns each request asked for."""
        return [request.sampling.n for request in self.models["coder"].calls]

    def said_to(self, role: str, call: int = -1) -> str:
        content = self.models[role].calls[call].messages[-1]["content"]
        assert isinstance(content, str)
        return content


@dataclass
class Agent:
    """One turn; every judge's script must be used up."""

    coder: Sequence[Reply]
    reviewer: Sequence[Any] = ()
    planner: Sequence[Any] = ()
    mode: ModeName = "high"
    settings: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    messages: Sequence[Any] = ASKED
    tools: Sequence[Any] = TOOLS
    checkpoint: Checkpoint | None = None
    slot_tokens: int = 8192

    def turn(self) -> Turn:
        return asyncio.run(self._turn())

    async def _turn(self) -> Turn:
        pool, events = Pool(self.coder), list[Event]()
        models = {"coder": pool.model}
        for role, script in (("reviewer", self.reviewer), ("planner", self.planner)):
            models[role] = ScriptedModel(role, [json.dumps(one) if isinstance(one, dict) else one for one in script])

        async def listen(event: Event) -> None:
            events.append(event)

        request = ChatRequest(tuple(self.messages), tools=tuple(self.tools), **self.request)
        tools = Tools(models, Mode(**self.settings), no_sandbox, slot_tokens=self.slot_tokens)
        turn = Turn(None, events, pool, models)
        try:
            async with asyncio.timeout(20):
                task = Task("run-1", self.mode, request, "agent")
                turn.outcome = await run(task, tools=tools, emit=listen, checkpoint=self.checkpoint)
        except MakerError as error:
            turn.error = error
        for role in ("reviewer", "planner"):
            models[role].assert_done()
        return turn


def pieces(deltas: Sequence[Delta]) -> list[ToolCallDelta]:
    return [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
