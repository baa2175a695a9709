"""A whole orchestrator in one event loop: fake llama servers, real model clients, the real application."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from hypercorn.asyncio import serve as hypercorn_serve
from quart import Quart

from maker.config import Mode, ModeName, Server
from maker.loopback import settings
from maker.models.llama import LlamaModel
from maker.models.model import Model
from maker.models.replica import Endpoint, Timeouts
from maker.pipeline.events import Emit, Event, ignore
from maker.server.app import create_app, guarded
from maker.server.parts import Parts
from maker.stores.memory import MemoryRunStore
from tests.fake_llama import FakeLlama
from tests.support import free_ports

ROLES = ("planner", "coder", "reviewer")


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

    async def ask(self, text: str = "hello there", **body: Any) -> httpx.Response:
        return await self.client.post("/v1/chat/completions", json=question(text, **body))


def question(text: str = "hello there", **body: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **body}


@asynccontextmanager
async def orchestra(
    mode: ModeName = "high",
    *,
    fakes: Mapping[str, FakeLlama] | None = None,
    limits: Server | None = None,
    answering: Mode | None = None,
    missing: Mapping[str, str] | None = None,
    loading: bool = False,
) -> AsyncIterator[Orchestra]:
    """Start it all on free ports; `fakes` are shared with another orchestra, or made here."""
    async with AsyncExitStack() as stack:
        if fakes is None:
            fakes = {role: await stack.enter_async_context(FakeLlama(key="sesame")) for role in ROLES}
        mode_settings = answering or Mode()
        models: dict[str, Model] = {}
        for role, fake in fakes.items():
            model = LlamaModel(
                role,
                [Endpoint(fake.url, "sesame")],
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
            settings=mode_settings,
            models=models,
            store=MemoryRunStore(),
            trace=lambda traceparent: listen,
            missing=named_missing,
            embedded={"redis": "run state is kept in this process"},
        )
        app = create_app(parts)
        await stack.enter_async_context(_served(app, parts))
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{parts.port}", timeout=20, trust_env=False)
        await stack.enter_async_context(client)
        yield Orchestra(parts.port, parts, app, fakes, client, events)


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
        "settings": Mode(),
        "models": models,
        "store": MemoryRunStore(),
        "trace": lambda traceparent: listener,
        "missing": nothing,
        "embedded": {},
    }
    return Parts(**(values | changes))
