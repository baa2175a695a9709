"""POST /v1/chat/completions: parse, refuse what can be refused, run, encode."""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quart import Request, Response

from maker.chat.encode import ChunkEncoder, completion_body
from maker.chat.parse import parse_chat
from maker.chat.types import ChatRequest
from maker.config import ModeName
from maker.errors import ModelNotFound, RequestError
from maker.pipeline.checkpoint import Checkpoint
from maker.pipeline.classify import by_rules
from maker.pipeline.events import Emit, Event, RunFinished, ignore
from maker.pipeline.ready import NEEDED, unavailable
from maker.pipeline.run import run
from maker.pipeline.values import Outcome, Task
from maker.server.body import EventBody
from maker.server.encode import EventEncoder, maker_object, total_usage
from maker.server.inflight import Inflight
from maker.server.metrics import Metrics
from maker.server.parts import Parts
from maker.server.record import Recorder
from maker.server.resume import Retries, replay

MODEL_IDS: dict[ModeName, str] = {"high": "maker-high", "low": "maker-low"}
ALIASES = frozenset(("multi-agent", "multi-agent-orchestrator"))
"""Ids of the Docker version; they mean the mode of the port they are sent to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that is to be answered: what is asked, and where its run keeps how far it has come."""

    task: Task
    checkpoint: Checkpoint
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Desk:
    """What the chat handler works with: the parts, and this process's own counters."""

    parts: Parts
    inflight: Inflight
    metrics: Metrics
    retries: Retries
    degraded: Callable[[], Awaitable[dict[str, str]]]

    def listen(self, asked: Asked, *more: Emit) -> Emit:
        """The listener of one run: the run store first, so that who has the answer finds the run; the client next."""
        listeners = (
            Recorder(asked.task, self.parts.store, asked.checkpoint).listener,
            *more,
            self.metrics.listener,
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
            return await run(asked.task, tools=self.parts.tools, emit=self.listen(asked, *more), checkpoint=checkpoint)
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
        RequestError: it is not JSON; NaN and Infinity are not either.
    """
    try:
        return json.loads(await request.get_data(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not valid JSON: {error}", code="invalid_json") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def check_model(request: ChatRequest, mode: ModeName, port: int) -> None:
    """Pass if this port serves the id.

    Raises:
        ModelNotFound: it does not; the sentence names id and port.
    """
    own = MODEL_IDS[mode]
    if request.model in (None, "", own) or request.model in ALIASES:
        return
    other = next((name for name in MODEL_IDS.values() if name == request.model), None)
    advice = f"{other} is on the other port" if other else f"ask for {own}"
    raise ModelNotFound(f"model {request.model!r} is not served on port {port}; {advice}", param="model")


async def check_roles(parts: Parts) -> None:
    """Pass if every role the mode needs is there, if only loading.

    Raises:
        ModelUnavailable: the first one that is down.
    """
    needed = NEEDED[parts.mode]
    present = [parts.models[role] for role in needed if role in parts.models]
    states = await asyncio.gather(*(model.state() for model in present))
    down = {model.role for model, state in zip(present, states, strict=True) if state == "down"}
    for role in needed:
        if role not in parts.models or role in down:
            raise unavailable(role)


async def chat_completions(desk: Desk, request: Request) -> Response:
    """Answer one chat request, streamed or whole."""
    body = await read_json(request)
    chat = parse_chat(body)
    check_model(chat, desk.parts.mode, desk.parts.port)
    checkpoint = await desk.retries.checkpoint(request.headers, body)
    try:
        run_id = checkpoint.progress.run_id
        if checkpoint.progress.answer is None:
            await check_roles(desk.parts)
            run_id = f"run-{secrets.token_hex(12)}"
        task = Task(run_id, desk.parts.mode, chat, by_rules(chat))
        desk.inflight.check_room()  # last: nothing is awaited between this and being counted
        answer = _streamed if chat.stream else _whole
        return await answer(desk, Asked(task, checkpoint, request.headers.get("traceparent")))
    except BaseException:
        desk.retries.release(checkpoint)
        raise


async def _streamed(desk: Desk, asked: Asked) -> Response:
    task = asked.task
    chunks = ChunkEncoder(
        id=_wire_id(task),
        created=int(time.time()),
        model=MODEL_IDS[task.mode],
        include_usage=task.request.include_usage,
        reasoning=task.kind != "utility",
    )

    encoder = EventEncoder(chunks)

    async def work(emit: Emit) -> Outcome:
        async def listen(event: Event) -> None:
            if isinstance(event, RunFinished):
                encoder.degraded = await desk.degraded()
            await emit(event)

        return await desk.work(asked, listen)

    body = EventBody(
        task.run_id,
        work,
        encoder.encode,
        inflight=desk.inflight,
        keep_alive_s=desk.parts.limits.keep_alive_s,
    )
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "x-maker-run": task.run_id}
    response = Response(body, mimetype="text/event-stream", headers=headers)
    response.timeout = None
    return response


async def _whole(desk: Desk, asked: Asked) -> Response:
    task = asked.task
    with desk.inflight.admit(task.run_id) as ticket:
        outcome = await ticket.run(desk.work(asked))
    degraded = await desk.degraded()
    body = completion_body(
        outcome.completions,
        id=_wire_id(task),
        created=int(time.time()),
        model=MODEL_IDS[task.mode],
        usage=total_usage(outcome),
        maker=maker_object(outcome, degraded),
        reasoning=task.kind != "utility",
    )
    headers = {"x-maker-run": task.run_id, "x-maker-overhead-ms": f"{outcome.overhead_ms:.2f}"}
    if degraded:
        headers["x-maker-degraded"] = ",".join(sorted(degraded))
    return Response(json.dumps(body), mimetype="application/json", headers=headers)


def _wire_id(task: Task) -> str:
    return f"chatcmpl-{task.run_id.removeprefix('run-')}"
