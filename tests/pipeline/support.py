"""Scripts for the pipeline's roles, and a sandbox that runs the tests' own code in this process."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from maker.chat.types import ChatRequest, Delta, Finish, TextDelta, Usage
from maker.config import Mode, ModeName
from maker.errors import MakerError, ModelError
from maker.models.scripted import ScriptedModel
from maker.pipeline.checkpoint import Checkpoint
from maker.pipeline.events import AnswerDelta, CandidateJudged, Event, RunFailed
from maker.pipeline.repository import Repository
from maker.pipeline.run import run
from maker.pipeline.values import Kind, Outcome, Task
from maker.pipeline.work import Tools
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Call, Evidence, Language, Observation, Trial, Unavailable

TASK = "Write a Python function add(a, b) that adds two numbers."
GOOD = "def add(a, b):\n    return a + b\n"
ALSO_GOOD = "def add(x, y):\n    total = x + y\n    return total\n"
MINUS = "def add(a, b):\n    return a - b\n"
TIMES = "def add(a, b):\n    return a * b\n"
FIRST = "def add(a, b):\n    return a\n"
LAST = "def add(a, b):\n    return b\n"
RAISES = "def add(a, b):\n    raise KeyError(a)\n"

PLAN = {"summary": "A function that adds", "steps": [{"title": "Write add(a, b)", "detail": "Adds."}]}
TESTS = {"calls": ["add(1, 2)", "add(3, 5)", "add(0, 7)"], "checks": ["assert add(2, 2) == 4", "assert add(1, 3) == 4"]}
ACCEPTED = {"accepted": True, "findings": []}
IMPLEMENTED = {"accepted": True, "missing": []}


def fenced(code: str, info: str = "python") -> str:
    return f"Here it is.\n\n```{info}\n{code}```\n"


class InProcess:
    """A sandbox for code that the tests themselves wrote."""

    parallel = 1

    def __init__(self) -> None:
        self.trials: list[Trial] = []

    def supports(self, language: Language) -> Unavailable | None:
        return None

    async def run(self, trial: Trial) -> Evidence:
        self.trials.append(trial)
        names: dict[str, Any] = {}
        try:
            for source in (*trial.earlier, trial.source):
                exec(source, names)
        except Exception as error:
            return Evidence(False, (), load_error=repr(error))
        return Evidence(True, tuple(_observe(item, dict(names)) for item in trial.inputs))


def _observe(item: Any, names: dict[str, Any]) -> Observation:
    try:
        if isinstance(item, Call):
            return Observation("returned", repr(eval(item.expression, names)))
        exec(item.code, names)
        return Observation("passed")
    except AssertionError:
        return Observation("failed", "AssertionError", message=getattr(item, "code", ""))
    except Exception as error:
        return Observation("raised", type(error).__name__, message=str(error))


class Pool:
    """The coder's replies, handed out as many at once as a request asks for."""

    def __init__(self, *replies: str | MakerError) -> None:
        self.left = list(replies)
        self.model = ScriptedModel("coder", [self._reply] * 100)

    def _reply(self, request: ChatRequest) -> list[Delta] | MakerError:
        deltas: list[Delta] = []
        for choice in range(request.sampling.n):
            reply = self.left.pop(0)
            if isinstance(reply, MakerError):
                return reply
            deltas += [TextDelta(reply, choice), Finish("stop", choice)]
        return [*deltas, Usage(10, 20 * request.sampling.n)]


@dataclass
class Played:
    """What a run did."""

    outcome: Outcome | None
    events: list[Event]
    pool: Pool
    models: dict[str, ScriptedModel]
    sandbox: InProcess
    error: BaseException | None = None

    @property
    def text(self) -> str:
        deltas = [event.delta for event in self.events if isinstance(event, AnswerDelta)]
        return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))

    @property
    def judged(self) -> list[CandidateJudged]:
        return [event for event in self.events if isinstance(event, CandidateJudged)]

    @property
    def done(self) -> Outcome:
        assert self.outcome is not None, self.error
        return self.outcome

    def said_to(self, role: str, call: int = -1) -> str:
        content = self.models[role].calls[call].messages[-1]["content"]
        assert isinstance(content, str)
        return content


@dataclass
class Play:
    """One run over scripted models; every script must be used up to its last reply."""

    coder: Sequence[str | MakerError] = ()
    planner: Sequence[Any] = (PLAN,)
    reviewer: Sequence[Any] = ()
    voter: Sequence[Any] = ()
    tester: Sequence[Any] = (TESTS,)
    preprocessor: Sequence[Any] = ()
    mode: ModeName = "high"
    kind: Kind | None = "code"
    sandbox: Sandbox | Unavailable = field(default_factory=InProcess)
    settings: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    task: str = TASK
    checkpoint: Checkpoint | None = None
    repository: Repository | None = None
    workspace: str | None = None
    slot_tokens: int = 8192
    profile: str = "default"
    own_coder: bool = False

    def run(self) -> Played:
        return asyncio.run(self._run())

    async def _run(self) -> Played:
        pool = Pool(*self.coder)
        models = {"coder": pool.model}
        scripts = {
            "planner": self.planner,
            "reviewer": self.reviewer,
            "voter": self.voter,
            "gpt-oss": self.tester,
            "preprocessor": self.preprocessor,
        }
        for role, script in scripts.items():
            models[role] = ScriptedModel(role, [_scripted(reply) for reply in script])
        for role, state in self.states.items():
            models[role].now = state
        events: list[Event] = []

        async def listen(event: Event) -> None:
            events.append(event)

        async def sandbox() -> Sandbox | Unavailable:
            return self.sandbox

        request = ChatRequest(({"role": "user", "content": self.task},), **self.request)
        tools = Tools(
            models,
            Mode(**self.settings),
            sandbox,
            repository=self.repository,
            slot_tokens=self.slot_tokens,
            profile=self.profile,
            own_coder=self.own_coder,
        )
        played = Played(
            None, events, pool, models, self.sandbox if isinstance(self.sandbox, InProcess) else InProcess()
        )
        try:
            async with asyncio.timeout(10):
                task = Task("run-1", self.mode, request, self.kind, self.workspace)
                played.outcome = await run(task, tools=tools, emit=listen, checkpoint=self.checkpoint)
        except ModelError as error:
            played.error = error
            assert isinstance(events[-1], RunFailed)
        else:
            assert pool.left == [], "the coder was asked for less than its script has"
        for role in scripts:
            models[role].assert_done()
        return played


def _scripted(reply: Any) -> Any:
    return json.dumps(reply) if isinstance(reply, dict) else reply
