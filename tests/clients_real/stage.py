"""maker as clients meet it: the orchestrators and mcp as real processes, and model servers that play a script."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from maker.config import ROLES, Config, Home, child_environment
from maker.models.slots import in_use
from tests.clients_real.client import Room
from tests.fake_llama import FakeLlama
from tests.llama_wire import Behaviour, Reply, reply_to
from tests.pipeline.support import ACCEPTED, IMPLEMENTED
from tests.support import tail, wait_until, write_toml

SOURCE = Path(__file__).parents[2]
START_S = 120.0
EXTRA = '[phoenix]\nenabled = false\n[redis]\nenabled = false\n[qdrant]\nbinary = "no-such-qdrant"\n'
MODES = ("high", "low")
SERVED = ("orchestrator-high", "orchestrator-low", "mcp")


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """A turn of the coder that calls one tool."""
    return {"tool_calls": [{"name": name, "arguments": json.dumps(arguments)}], "finish_reason": "tool_calls"}


class Player(FakeLlama):
    """A model server whose reply follows from the request alone, however often it is sampled."""

    def __init__(self, say: Callable[[Any], Any], **settings: Any) -> None:
        super().__init__(**settings)
        self.say = say

    def _reply(self, body: Any, how: Behaviour) -> Reply:
        return reply_to(body, self.say(body), tokens=how.tokens, reasoning=how.reasoning)


@dataclass
class Script:
    """What the coder does after so many tool results of the conversation, and what it says where no tool is offered."""

    turns: Sequence[Any] = ()
    without_tools: str = ""
    kind: str = "question"
    """What the preprocessor takes a request for."""

    def __call__(self, body: Any) -> Any:
        if not body.get("tools") or not self.turns:
            return self.without_tools
        taken = sum(message["role"] == "tool" for message in body.get("messages", ()))
        return self.turns[min(taken, len(self.turns) - 1)]


class Models:
    """The six model servers, in an event loop of their own thread."""

    def __init__(self, config: Config, key: str) -> None:
        self.script = Script()
        says: Mapping[str, Callable[[Any], Any]] = {
            "preprocessor": lambda body: json.dumps({"kind": self.script.kind}),
            "planner": lambda body: json.dumps(IMPLEMENTED),
            "reviewer": lambda body: json.dumps(ACCEPTED),
            "coder": lambda body: self.script(body),
            "voter": lambda body: self.script.without_tools,
            "gpt-oss": lambda body: None,
        }
        self.fakes: dict[str, Player] = {role: Player(says[role], key=key, port=config.port(role)) for role in ROLES}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._ready, self._stop = threading.Event(), asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            for fake in self.fakes.values():
                await stack.enter_async_context(fake)
            self._ready.set()
            await self._stop.wait()

    def behave(self, role: str, **how: Any) -> None:
        """As FakeLlama.behave, from another thread."""

        async def behave() -> None:
            self.fakes[role].behave(**how)

        asyncio.run_coroutine_threadsafe(behave(), self._loop).result(10)


@dataclass
class Stage:
    """What a test of a client looks at."""

    config: Config
    models: Models
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    def url(self, mode: str, path: str = "/v1") -> str:
        return f"http://127.0.0.1:{self.config.port(f'orchestrator-{mode}')}{path}"

    @property
    def home(self) -> Home:
        return self.config.home

    @property
    def coder(self) -> Player:
        return self.models.fakes["coder"]

    def play(self, *turns: Any, without_tools: str = "Some title", kind: str = "question") -> None:
        """Forget what was asked before, and let the models say this."""
        self.models.script = Script(turns, without_tools, kind)
        for role, fake in self.models.fakes.items():
            self.models.behave(role)
            fake.bodies.clear()
            fake.generations.clear()

    def tool_results(self) -> str:
        """What the tools of the conversation said, as the coder read it last."""
        messages = self.coder.bodies[-1]["messages"]
        return "\n".join(str(message["content"]) for message in messages if message["role"] == "tool")

    def runs(self, mode: str) -> list[dict[str, Any]]:
        """The runs of the mode as maker recorded them, the latest first."""
        found: list[dict[str, Any]] = self.http.get(self.url(mode, "/api/runs")).json()
        return found

    def slots_held(self) -> int:
        """How many slots are held, of all servers together."""
        return sum(in_use(server)[0] for server in (self.config.home.run / "slots").iterdir())


@contextmanager
def open_stage(home: Home, user: Room) -> Iterator[Stage]:
    """Set up an empty MAKER_HOME for the full profile, as its user would, and start everything but the models."""
    config = write_toml(home, EXTRA, profile='"full"')
    user.maker(home, "init", "--yes", "--no-phoenix", "--no-link")
    with ExitStack() as stack:
        models = stack.enter_context(Models(config, home.read_key()))
        stage = Stage(config, models)
        stack.callback(stage.http.close)
        for name in SERVED:
            stack.enter_context(_service(name, stage))
        for name in SERVED:
            _wait(name, stage)
        yield stage


@contextmanager
def _service(name: str, stage: Stage) -> Iterator[None]:
    home = stage.config.home
    environment = child_environment(MAKER_HOME=str(home.root), MAKER_MODE=name.rpartition("-")[2])
    argv = [sys.executable, "-m", "maker", "serve", name]
    with (home.log / f"{name}.log").open("ab") as log:
        running = subprocess.Popen(argv, cwd=SOURCE, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
        running.terminate()
        running.wait(10)
    finally:
        running.kill()
        running.wait(10)


def _wait(name: str, stage: Stage) -> None:
    path = "/health" if name == "mcp" else "/ready"
    url = f"http://127.0.0.1:{stage.config.port(name)}{path}"

    def answers() -> bool:
        try:
            return stage.http.get(url).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, within_s=START_S, why=f"{name} is ready\n{tail(stage.config.home.log / f'{name}.log')}")
