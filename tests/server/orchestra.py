"""A whole orchestrator in one event loop: fake llama servers, real model clients, the real application."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hypercorn.asyncio import serve as hypercorn_serve
from quart import Quart

from maker.catalog import identity
from maker.config import Mode, ModeName, Server
from maker.loopback import settings
from maker.models.endpoint import Endpoint, Limiter, Timeouts, Unlimited
from maker.models.llama import LlamaModel
from maker.models.model import Model
from maker.models.slots import SlotLimiter, in_use
from maker.pipeline.events import Emit, Event, RunFailed, ignore
from maker.pipeline.repository import Repository
from maker.pipeline.work import Tools
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Unavailable
from maker.server.app import create_app, guarded
from maker.server.parts import Parts
from maker.stores.memory import MemoryRunStore
from tests.fake_llama import CLOCK, FakeLlama
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, IMPLEMENTED, PLAN, TASK, TESTS, InProcess, fenced
from tests.support import free_ports

ROLES = ("planner", "coder", "reviewer")
ALL_ROLES = (*ROLES, "preprocessor", "voter", "gpt-oss")
CLOSED_S = 0.5
"""How long an upstream connection may outlive the client that caused it."""
IDLE_S = 2.0
"""How long a slot may."""
Trusted = Callable[[], Awaitable[Sandbox | Unavailable]]


@dataclass
class Orchestra:
    """One running orchestrator and everything a test looks at."""

    port: int
    parts: Parts
    app: Quart
    fakes: Mapping[str, FakeLlama]
    client: httpx.AsyncClient
    events: list[Event] = field(default_factory=list)

    @property
    def coder(self) -> FakeLlama:
        return self.fakes["coder"]

    async def code(self, **body: Any) -> httpx.Response:
        """Ask for code: the request takes the whole pipeline."""
        return await self.client.post("/v1/chat/completions", json=coding(**body))

    async def leave(
        self, body: dict[str, Any], until: Callable[[], object], path: str = "/v1/chat/completions"
    ) -> float:
        """Send a request on a connection of its own and close it once `until` is true; when that was (monotonic)."""
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(head.encode() + data)
            await writer.drain()
            await self.coder.until(until)
            return CLOCK()
        finally:
            writer.close()
            await writer.wait_closed()

    async def ask(self, text: str = "hello there", **body: Any) -> httpx.Response:
        return await self.client.post("/v1/chat/completions", json=question(text, **body))


async def no_sandbox() -> Unavailable:
    return Unavailable("this test has no sandbox", "none is needed")


async def in_process() -> InProcess:
    """A sandbox for code that the tests wrote."""
    return InProcess()


def question(text: str = "hello there", **body: Any) -> dict[str, Any]:
    """A request that goes straight to the coder: `stop` keeps it out of the pipeline."""
    body.setdefault("stop", ["<never>"])
    return {"messages": [{"role": "user", "content": text}], **body}


def coding(text: str = TASK, **body: Any) -> dict[str, Any]:
    """A request for code, whose kind the preprocessor decides."""
    return {"messages": [{"role": "user", "content": text}], **body}


def script(fakes: Mapping[str, FakeLlama], **replies: Sequence[Any]) -> None:
    """What each role says, in turn, `gpt_oss` for gpt-oss; every other says what leads to one step that is accepted."""
    said: dict[str, Sequence[Any]] = {
        "preprocessor": [{"kind": "code"}],
        "planner": [PLAN, IMPLEMENTED],
        "gpt-oss": [TESTS],
        "coder": [fenced(GOOD), fenced(ALSO_GOOD)],
        "reviewer": [ACCEPTED],
        **{role.replace("_", "-"): given for role, given in replies.items()},
    }
    for role, fake in fakes.items():
        fake.behave(replies=[json.dumps(one) if isinstance(one, dict) else one for one in said.get(role, ())])


@asynccontextmanager
async def orchestra(
    mode: ModeName = "high",
    *,
    fakes: Mapping[str, FakeLlama] | None = None,
    limits: Server | None = None,
    answering: Mode | None = None,
    missing: Mapping[str, str] | None = None,
    loading: bool = False,
    roles: Sequence[str] = ROLES,
    sandbox: Trusted = no_sandbox,
    slots: Path | None = None,
    repository: Repository | None = None,
    **parts_changes: Any,
) -> AsyncIterator[Orchestra]:
    """Start it all on free ports; `fakes` are shared with another orchestra, or made here for the `roles`.

    With `slots`, the directory of lock files, the fakes' slots are shared with other orchestras too.
    """
    async with AsyncExitStack() as stack:
        if fakes is None:
            fakes = {role: await stack.enter_async_context(FakeLlama(key="sesame")) for role in roles}
        mode_settings = answering or Mode()
        models: dict[str, Model] = {}
        for role, fake in fakes.items():
            model = LlamaModel(
                role,
                [Endpoint(fake.url, "sesame", _limiter(slots, role, fake, mode))],
                timeouts=Timeouts(mode_settings.first_token_timeout_s, mode_settings.idle_timeout_s),
                loading=lambda: loading,
            )
            models[role] = await stack.enter_async_context(model)
        events: list[Event] = []

        async def listen(event: Event) -> None:
            events.append(event)

        async def named_missing() -> Mapping[str, str]:
            return missing or {}

        parts = Parts(
            mode=mode,
            port=free_ports(1)[0],
            limits=limits or Server(),
            tools=Tools(models, mode_settings, sandbox, repository=repository),
            store=MemoryRunStore(),
            trace=lambda traceparent: listen,
            missing=named_missing,
            digests=identity.digests({"mode": mode_settings.model_dump(mode="json")}),
            embedded={"redis": "run state is kept in this process"},
            **parts_changes,
        )
        app = create_app(parts)
        await stack.enter_async_context(_served(app, parts))
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{parts.port}", timeout=20, trust_env=False)
        await stack.enter_async_context(client)
        yield Orchestra(parts.port, parts, app, fakes, client, events)


def slots_held(slots: Path) -> dict[str, int]:
    """How many slots of each server are held, by whichever process."""
    return {server.name: in_use(server)[0] for server in slots.iterdir()}


async def check_left(running: Orchestra, slots: Path, left: float) -> None:
    """After a client has gone: every upstream connection closes in time, the slots are idle, the run is cancelled."""
    for role, fake in running.fakes.items():
        await fake.until(lambda fake=fake: fake.open == 0 and fake.busy == 0, within_s=IDLE_S)  # type: ignore[misc]
        for generation in fake.generations:
            assert generation.closed is not None
            assert generation.closed - left <= CLOSED_S, role
    await running.coder.until(lambda: len(running.app.extensions["inflight"]) == 0, within_s=IDLE_S)
    assert set(slots_held(slots).values()) == {0}
    assert [event.error for event in running.events if isinstance(event, RunFailed)] == ["cancelled"]


def _limiter(slots: Path | None, role: str, fake: FakeLlama, mode: ModeName) -> Limiter:
    return Unlimited() if slots is None else SlotLimiter(slots / role, fake.slots, mode, kept=role == "voter")


@asynccontextmanager
async def _served(app: Quart, parts: Parts) -> AsyncIterator[None]:
    stop = asyncio.Event()
    serving = asyncio.create_task(
        hypercorn_serve(guarded(app, parts), settings(parts.port), shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    )
    try:
        await _listening(parts.port, serving)
        yield
    finally:
        stop.set()
        await asyncio.wait({serving}, timeout=5)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _listening(port: int, serving: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                assert not serving.done(), serving
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return


def bare_parts(models: Mapping[str, Model], mode: ModeName = "low", listener: Emit = ignore, **changes: Any) -> Parts:
    """Parts around doubles, for the tests that need no network."""

    async def nothing() -> Mapping[str, str]:
        return {}

    values: dict[str, Any] = {
        "mode": mode,
        "port": 8080,
        "limits": Server(),
        "tools": Tools(models, Mode(), no_sandbox),
        "store": MemoryRunStore(),
        "trace": lambda traceparent: listener,
        "missing": nothing,
        "embedded": {},
    }
    return Parts(**(values | changes))
