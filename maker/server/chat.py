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
from maker.pipeline.events import Emit, Event
from maker.pipeline.ready import NEEDED, unavailable
from maker.pipeline.run import run
from maker.pipeline.values import Outcome, Task
from maker.server.body import EventBody
from maker.server.encode import EventEncoder, maker_object, total_usage
from maker.server.inflight import Inflight
from maker.server.metrics import Metrics
from maker.server.parts import Parts
from maker.server.record import Recorder

MODEL_IDS: dict[ModeName, str] = {"high": "maker-high", "low": "maker-low"}
ALIASES = frozenset(("multi-agent", "multi-agent-orchestrator"))
"""Ids of the Docker version; they mean the mode of the port they are sent to."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the chat handler works with: the parts, and this process's own counters."""

    parts: Parts
    inflight: Inflight
    metrics: Metrics
    degraded: Callable[[], Awaitable[dict[str, str]]]

    def listen(self, task: Task, traceparent: str | None, *more: Emit) -> Emit:
        """The listener of one run: whoever is given first, then metrics, the trace and the run store."""
        listeners = (
            *more,
            self.metrics.listener,
            self.parts.trace(traceparent),
            Recorder(task, self.parts.store).listener,
        )

        async def emit(event: Event) -> None:
            for listener in listeners:
                await listener(event)

        return emit

    async def work(self, task: Task, emit: Emit) -> Outcome:
        """The one run, observed or not."""
        return await run(task, models=self.parts.models, mode=self.parts.settings, emit=emit)


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
    chat = parse_chat(await read_json(request))
    check_model(chat, desk.parts.mode, desk.parts.port)
    desk.inflight.check_room()
    await check_roles(desk.parts)
    task = Task(f"run-{secrets.token_hex(12)}", desk.parts.mode, chat)
    answer = _streamed if chat.stream else _whole
    return await answer(desk, task, request.headers.get("traceparent"))


async def _streamed(desk: Desk, task: Task, traceparent: str | None) -> Response:
    chunks = ChunkEncoder(
        id=_wire_id(task),
        created=int(time.time()),
        model=MODEL_IDS[task.mode],
        include_usage=task.request.include_usage,
    )

    async def work(emit: Emit) -> Outcome:
        return await desk.work(task, desk.listen(task, traceparent, emit))

    body = EventBody(
        task.run_id,
        work,
        EventEncoder(chunks).encode,
        inflight=desk.inflight,
        keep_alive_s=desk.parts.limits.keep_alive_s,
    )
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "x-maker-run": task.run_id}
    response = Response(body, mimetype="text/event-stream", headers=headers)
    response.timeout = None
    return response


async def _whole(desk: Desk, task: Task, traceparent: str | None) -> Response:
    with desk.inflight.admit(task.run_id) as ticket:
        outcome = await ticket.run(desk.work(task, desk.listen(task, traceparent)))
    degraded = await desk.degraded()
    body = completion_body(
        outcome.completions,
        id=_wire_id(task),
        created=int(time.time()),
        model=MODEL_IDS[task.mode],
        usage=total_usage(outcome),
        maker=maker_object(outcome, degraded),
    )
    headers = {"x-maker-run": task.run_id, "x-maker-overhead-ms": f"{outcome.overhead_ms:.2f}"}
    if degraded:
        headers["x-maker-degraded"] = ",".join(sorted(degraded))
    return Response(json.dumps(body), mimetype="application/json", headers=headers)


def _wire_id(task: Task) -> str:
    return f"chatcmpl-{task.run_id.removeprefix('run-')}"
