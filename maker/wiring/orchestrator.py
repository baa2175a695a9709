"""One orchestrator, put together from the configuration and run until it is told to stop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import httpx

from maker.catalog import identity, profiles
from maker.catalog.profiles import RolePlan
from maker.config import ROLES, Config, ModeName, Outside
from maker.engine import launch
from maker.models.endpoint import Endpoint, Timeouts
from maker.models.llama import LlamaModel
from maker.models.model import Model
from maker.models.slots import SlotLimiter
from maker.models.vectors import VectorServer
from maker.pipeline.work import Tools
from maker.process import read_pid
from maker.sandbox.available import SWITCHED_OFF, available
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Unavailable
from maker.server.app import create_app, guarded
from maker.server.parts import Parts
from maker.server.serve import serve
from maker.services import readiness
from maker.services.places import Place, places
from maker.stores.memory import MemoryRunStore
from maker.stores.redis import RedisRunStore
from maker.stores.run_store import RunStore
from maker.telemetry import open_telemetry
from maker.tools import copying
from maker.wiring.repository import COPIES, Repositories

log = logging.getLogger(__name__)

RETEST_S = 20.0
SELFTEST_PATIENCE_S = 0.2
"""How long a look at what is missing waits for a self-test that is still going on."""
STORES = ("redis", "qdrant", "phoenix")
BANNER: Mapping[ModeName, str] = {"high": "Reviewer validation", "low": "Planner reflection validation"}


async def run(config: Config, mode: ModeName) -> None:
    """Serve one mode until SIGTERM or SIGINT."""
    figure = profiles.mode_figure(config, mode)
    log.info("[Orchestrator] 🎚️  MAKER Mode: %s (%s, %s)", mode.upper(), BANNER[mode], figure)
    async with open_parts(config, mode) as parts:
        app = create_app(parts)
        await serve(
            guarded(app, parts),
            port=parts.port,
            inflight=app.extensions["inflight"],
            drain_s=config.server.drain_s,
        )


@asynccontextmanager
async def open_parts(config: Config, mode: ModeName) -> AsyncIterator[Parts]:
    """The collaborators of one orchestrator, opened; closed when the context ends."""
    where = places(config)
    embedded = {name: place.embedded for name, place in where.items() if place.embedded and place.spec.kind in STORES}
    async with AsyncExitStack() as stack:
        telemetry = open_telemetry(config, f"orchestrator-{mode}")
        stack.push_async_callback(telemetry.aclose)
        store = _run_store(config, embedded)
        stack.push_async_callback(store.aclose)
        plans = launch.settled(config)
        models: dict[str, Model] = {
            role: await stack.enter_async_context(_model(config, mode, plans[role])) for role in ROLES
        }
        await asyncio.to_thread(copying.prune, config.home.run / COPIES)
        http = await stack.enter_async_context(readiness.client())
        trusted = TestedSandbox(config, mode)
        stack.push_async_callback(trusted.aclose)
        yield Parts(
            mode=mode,
            port=config.port(f"orchestrator-{mode}"),
            limits=config.server,
            tools=Tools(
                models,
                config.mode(mode),
                trusted,
                profile=config.profile,
                own_coder=profiles.is_own(config, "coder"),
                edits=profiles.edits(config),
                repository=Repositories(config, http),
                slot_tokens=min(plan.context for role, plan in plans.items() if role != "preprocessor"),
            ),
            store=store,
            trace=telemetry.listener,
            missing=partial(_missing, http, config, where, trusted),
            embedded=embedded,
            digests=identity.digests(identity.settings(config, mode)),
            embeddings=await _outside(stack, "embeddings", config.embeddings),
            rerank=await _outside(stack, "rerank", config.rerank),
        )


async def _outside(stack: AsyncExitStack, name: str, said: Outside) -> VectorServer | None:
    if said.url is None:
        return None
    return await stack.enter_async_context(VectorServer(name, said.url, model=said.model, key=said.api_key))


def _run_store(config: Config, embedded: Mapping[str, str]) -> RunStore:
    if "redis" in embedded:
        return MemoryRunStore()
    return RedisRunStore(config.home.redis_socket, config.home.read_key())


def _model(config: Config, mode: ModeName, plan: RolePlan) -> LlamaModel:
    settings = config.mode(mode)
    return LlamaModel(
        plan.role,
        _endpoints(config, mode, plan),
        name=plan.model_id or plan.model.name,
        timeouts=Timeouts(settings.first_token_timeout_s, settings.idle_timeout_s),
        loading=partial(_is_young, config, plan.served_by, settings.start_budget_s),
    )


def _endpoints(config: Config, mode: ModeName, plan: RolePlan) -> list[Endpoint]:
    if plan.served_by not in ROLES:
        secret = config.role(plan.role).api_key
        key = secret.get_secret_value() if secret else None
        return [Endpoint(url, key, model=plan.model_id, elsewhere=True) for url in plan.urls]
    slots = config.home.run / "slots" / plan.served_by
    keeps = plan.served_by == "voter"
    limiter = SlotLimiter(slots, plan.slots, mode, kept=keeps)
    kept = SlotLimiter(slots, plan.slots, "autocomplete", kept=True) if keeps else None
    url = f"http://127.0.0.1:{config.port(plan.served_by)}/v1"
    return [Endpoint(url, config.home.read_key(), limiter, kept=kept)]


def _is_young(config: Config, service: str, seconds: float) -> bool:
    """Whether the service's process is alive and so young that silence means it is still loading."""
    process = read_pid(config.home, service)
    return process is not None and time.time() - process.started < seconds


class TestedSandbox:
    """The sandbox behind its self-test, which begins at once and is waited for by whoever needs it first.

    One orchestrator tests at a time: the other finds the verdict. A test that failed, on a machine that was too busy
    starting everything, say, is made again by who asks later than `RETEST_S` seconds after it. Switched off, there is
    no test and no sandbox.
    """

    __test__ = False  # pytest takes the name for a test class

    def __init__(self, config: Config, mode: ModeName) -> None:
        self._config = config
        self._turn = SlotLimiter(config.home.run / "selftest", 1, mode)
        self._begin()

    def _begin(self) -> None:
        self._begun = time.monotonic()
        self._testing = asyncio.create_task(self._test())

    async def _test(self) -> Sandbox | Unavailable:
        if not self._config.sandbox.enabled:
            return SWITCHED_OFF
        async with self._turn.take():
            return await available(self._config)

    async def __call__(self) -> Sandbox | Unavailable:
        """The sandbox, or why code is not run."""
        stale = time.monotonic() - self._begun > RETEST_S
        if stale and self._testing.done() and isinstance(self._testing.result(), Unavailable):
            self._begin()
        return await asyncio.shield(self._testing)

    async def aclose(self) -> None:
        """End a test that is still going on."""
        self._testing.cancel()
        await asyncio.gather(self._testing, return_exceptions=True)


async def _missing(
    http: httpx.AsyncClient, config: Config, where: Mapping[str, Place], trusted: TestedSandbox
) -> Mapping[str, str]:
    """What beside the models does not work now; what is embedded in mcp goes with mcp."""
    watched = [place for place in where.values() if place.spec.kind in (*STORES, "mcp") and not place.embedded]
    answers = await readiness.probe_each(http, config, watched)
    missing = {name: answer.detail for name, answer in answers.items() if not answer.ready}
    if "mcp" in missing and where["qdrant"].embedded:
        missing["qdrant"] = "runs inside mcp, which does not answer"
    with contextlib.suppress(TimeoutError):
        sandbox = await asyncio.wait_for(trusted(), SELFTEST_PATIENCE_S)
        if isinstance(sandbox, Unavailable):
            missing["sandbox"] = f"{sandbox.reason}; {sandbox.fix}"
    return missing
