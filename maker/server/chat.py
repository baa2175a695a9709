"""Answering a request, in whatever dialect it came: refuse what can be refused, run, encode."""

import asyncio
import json
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from quart import Request, Response

from maker.chat.types import ChatRequest
from maker.config import Mode, ModeName
from maker.errors import ModelNotFound, RequestError
from maker.pipeline import budget
from maker.pipeline.checkpoint import Checkpoint
from maker.pipeline.classify import by_rules
from maker.pipeline.events import Emit, Event, RunFinished, ignore
from maker.pipeline.ready import NEEDED, unavailable
from maker.pipeline.run import run
from maker.pipeline.values import Kind, Outcome, Task
from maker.server import asking
from maker.server.body import EventBody
from maker.server.dialects import MODEL_IDS, Dialect
from maker.server.encode import EventEncoder, answer_usage, maker_object
from maker.server.feed import Feed
from maker.server.fits import check_fits
from maker.server.health import Health
from maker.server.inflight import Inflight
from maker.server.metrics import Metrics
from maker.server.parts import Parts
from maker.server.record import Recorder
from maker.server.resume import Retries, replay

ALIASES = frozenset(("multi-agent", "multi-agent-orchestrator"))
"""Ids of the Docker version; they mean the mode of the port they are sent to."""
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that is to be answered: what is asked, and where its run keeps how far it has come."""

    task: Task
    checkpoint: Checkpoint
    traceparent: str | None
    dialect: Dialect
    mode: Mode
    """The limits, lowered where the request asks for less."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every handler works with: the parts, and this process's own counters."""

    parts: Parts
    inflight: Inflight
    metrics: Metrics
    retries: Retries
    health: Health
    feed: Feed = field(default_factory=Feed)

    def listen(self, asked: Asked, *more: Emit) -> Emit:
        """The listener of one run: the run store first, so that who has the answer finds the run; the client next."""
        listeners = (
            Recorder(asked.task, self.parts.store, asked.checkpoint).listener,
            *more,
            self.metrics.listener,
            self.feed.listener(asked.task),
            self.parts.trace(asked.traceparent),
        )

        async def emit(event: Event) -> None:
            for listener in listeners:
                await listener(event)

        return emit

    async def work(self, asked: Asked, *more: Emit) -> Outcome:
        """The one run, observed or not; or once more what a complete one answered."""
        checkpoint = asked.checkpoint
        try:
            if checkpoint.progress.answer is not None:
                return await replay(asked.task, checkpoint.progress, more[0] if more else ignore)
            tools = replace(self.parts.tools, mode=asked.mode)
            return await run(asked.task, tools=tools, emit=self.listen(asked, *more), checkpoint=checkpoint)
        except asyncio.CancelledError:
            # Whoever asked does not want it any more; only a stop of maker itself is an interruption.
            if checkpoint.progress.answer is None and not self.inflight.stopped:
                await checkpoint.drop()
            raise
        finally:
            self.retries.release(checkpoint)


async def read_json(request: Request) -> object:
    """The body as JSON.

    Raises:
        RequestError: it is not JSON; NaN and Infinity are not either, nor what would become one, as 1e999.
    """
    try:
        return json.loads(await request.get_data(), parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not valid JSON: {error}", code="invalid_json") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def check_model(asked: str | None, mode: ModeName, port: int) -> None:
    """Pass if this port serves the id.

    Raises:
        ModelNotFound: it does not; the sentence names id and port.
    """
    own = MODEL_IDS[mode]
    if asked in (None, "", own) or asked in ALIASES:
        return
    other = next((name for name in MODEL_IDS.values() if name == asked), None)
    advice = f"{other} is on the other port" if other else f"ask for {own}"
    raise ModelNotFound(f"model {asked!r} is not served on port {port}; {advice}", param="model")


async def check_roles(parts: Parts, needed: Sequence[str]) -> None:
    """Pass if every role that is needed is there, if only loading.

    Raises:
        ModelUnavailable: the first one that is down.
    """
    present = [parts.models[role] for role in needed if role in parts.models]
    states = await asyncio.gather(*(model.state() for model in present))
    down = {model.role for model, state in zip(present, states, strict=True) if state == "down"}
    for role in needed:
        if role not in parts.models or role in down:
            raise unavailable(role)


async def answer(desk: Desk, request: Request, speak: Callable[[object], Dialect]) -> Response:
    """Answer one request, streamed or whole, in the dialect that `speak` reads its body as."""
    body = await read_json(request)
    dialect = speak(body)
    chat = dialect.request
    check_model(chat.model, desk.parts.mode, desk.parts.port)
    workspace = asking.workspace(request.headers)
    mode = budget.lowered(desk.parts.tools.mode, request.headers.get(budget.HEADER))
    # What a run is resumed by: everything that its answer depends on.
    whole = body if workspace is None else [workspace, body]
    checkpoint = await desk.retries.checkpoint(request.headers, whole)
    try:
        run_id, kind = checkpoint.progress.run_id, by_rules(chat)
        if checkpoint.progress.answer is None:
            await check_needed(desk.parts, chat, kind)
            run_id = f"run-{secrets.token_hex(12)}"
        task = Task(run_id, desk.parts.mode, chat, kind, workspace)
        asked = Asked(task, checkpoint, request.headers.get("traceparent"), dialect, mode)
        await desk.health.begin()  # what is missing is known by the time that the answer ends
        desk.inflight.check_room()  # last: nothing is awaited between this and being counted
        return await (_streamed if chat.stream else _whole)(desk, asked)
    except BaseException as error:
        desk.retries.release(checkpoint)
        if isinstance(error, RequestError) and error.param == "messages":
            error.param = dialect.conversation  # what a model refuses is named as the client wrote it
        raise


async def check_needed(parts: Parts, chat: ChatRequest, kind: Kind | None) -> None:
    """Pass if what the request needs is there, and can take it.

    Raises:
        ModelUnavailable: a role that is needed is down.
        RequestError: no model here fills gaps, or takes images.
        ContextOverflow: the prompt is longer than a slot.
    """
    if chat.fill is not None and chat.fill.suffix is not None:
        await check_fits(await parts.tools.fill.choose(parts.models), chat)
        return
    await check_roles(parts, ("coder",) if kind == "utility" else NEEDED[parts.mode])
    await check_fits(parts.models["coder"], chat)


async def _streamed(desk: Desk, asked: Asked) -> Response:
    task = asked.task
    stream = asked.dialect.stream(task, int(time.time()))
    encoder = EventEncoder(stream)

    async def work(emit: Emit) -> Outcome:
        async def listen(event: Event) -> None:
            if isinstance(event, RunFinished):
                encoder.degraded = await desk.health.degraded()
            await emit(event)

        return await desk.work(asked, listen)

    body = EventBody(
        task.run_id,
        work,
        encoder.encode,
        stream.failing,
        inflight=desk.inflight,
        keep_alive_s=desk.parts.limits.keep_alive_s,
    )
    return Response(body, mimetype="text/event-stream", headers={**STREAM_HEADERS, "x-maker-run": task.run_id})


async def _whole(desk: Desk, asked: Asked) -> Response:
    task = asked.task
    with desk.inflight.admit(task.run_id) as ticket:
        outcome = await ticket.run(desk.work(asked))
    degraded = await desk.health.degraded()
    told = maker_object(outcome, degraded)
    body = asked.dialect.whole(outcome, int(time.time()), answer_usage(outcome), told)
    headers = {"x-maker-run": task.run_id, "x-maker-overhead-ms": f"{outcome.overhead_ms:.2f}"}
    if degraded:
        headers["x-maker-degraded"] = ",".join(sorted(degraded))
    return Response(json.dumps(body), mimetype="application/json", headers=headers)
