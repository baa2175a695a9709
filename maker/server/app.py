"""The orchestrator's Quart application: its routes in one place, and one handler for every failure."""

import logging
import time

from quart import Quart, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from maker.chat.encode import model_body, models_body
from maker.errors import MakerError, ModelNotFound, RequestError
from maker.guard import App, Guard
from maker.pipeline.checkpoint import Checkpoints
from maker.server import errors, health
from maker.server.chat import MODEL_IDS, Desk, chat_completions
from maker.server.inflight import Inflight
from maker.server.metrics import CONTENT_TYPE, Metrics
from maker.server.parts import Parts
from maker.server.resume import Retries

log = logging.getLogger(__name__)
RECENT_RUNS = 100


def create_app(parts: Parts) -> Quart:
    """The application over built collaborators; `app.inflight` is what a stop drains."""
    app = Quart(__name__)
    app.config["RESPONSE_TIMEOUT"] = None  # Quart cuts every response, streams too, silently after 60 s otherwise
    # In Python 3.11 asyncio.wait_for, which guards it, loses a cancel that comes with the last byte of a body.
    app.config["BODY_TIMEOUT"] = None
    app.config["MAX_CONTENT_LENGTH"] = parts.limits.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    retries = Retries(parts.mode, Checkpoints(parts.store))
    desk = Desk(parts, Inflight(parts.limits.max_requests), Metrics(parts.mode), retries, health.Degraded(parts))
    app.extensions["inflight"] = desk.inflight
    _openai_routes(app, desk)
    _own_routes(app, desk)
    _error_handlers(app)
    return app


def guarded(app: Quart, parts: Parts) -> App:
    """The application behind the rules for who may call it."""
    return Guard(
        app,  # type: ignore[arg-type]
        port=parts.port,
        max_body_bytes=parts.limits.max_body_bytes,
        allowed_origins=parts.limits.allowed_origins,
        api_key=parts.limits.api_key,
    )


def _openai_routes(app: Quart, desk: Desk) -> None:
    own = MODEL_IDS[desk.parts.mode]
    began = int(time.time())

    @app.post("/v1/chat/completions")
    async def chat() -> Response:
        return await chat_completions(desk, request)

    @app.get("/v1/models")
    async def models() -> Response:
        return jsonify(models_body([own], created=began))

    @app.get("/v1/models/<path:name>")
    async def model(name: str) -> Response:
        if name != own:
            raise ModelNotFound(
                f"model {name!r} is not served on port {desk.parts.port}; it serves {own}", param="model"
            )
        return jsonify(model_body(own, created=began))


def _own_routes(app: Quart, desk: Desk) -> None:
    parts = desk.parts

    @app.get("/")
    async def root() -> str:
        return f"maker, {parts.mode} mode\n"

    @app.get("/health")
    async def alive() -> Response:
        return jsonify(await health.health(parts, desk.degraded))

    @app.get("/ready")
    async def ready() -> tuple[Response, int]:
        body, status = await health.ready(parts)
        return jsonify(body), status

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(desk.metrics.render(), content_type=CONTENT_TYPE)

    @app.get("/api/runs")
    async def runs() -> Response:
        return jsonify([record.as_json() for record in await parts.store.recent(RECENT_RUNS)])

    @app.get("/api/runs/<run_id>")
    async def one_run(run_id: str) -> Response:
        record = await parts.store.load(run_id)
        if record is None:
            raise _no_run(run_id)
        return jsonify(record.as_json())

    @app.post("/api/runs/<run_id>/cancel")
    async def cancel(run_id: str) -> Response:
        if not desk.inflight.cancel(run_id):
            raise _no_run(run_id)
        return jsonify({"id": run_id, "cancelled": True})


def _no_run(run_id: str) -> RequestError:
    error = ModelNotFound(f"there is no run {run_id!r} here", param="id")
    error.code = "run_not_found"
    return error


def _error_handlers(app: Quart) -> None:
    @app.errorhandler(MakerError)
    async def known(error: MakerError) -> tuple[Response, int, dict[str, str]]:
        return jsonify(errors.body(error)), errors.classify(error)[0], errors.headers(error)

    @app.errorhandler(HTTPException)
    async def http(error: HTTPException) -> tuple[Response, int]:
        said = RequestError(f"{request.method} {request.path}: {error.description or error.name}", code=_code(error))
        return jsonify(errors.body(said)), error.code or 400

    @app.errorhandler(Exception)
    async def unknown(error: Exception) -> tuple[Response, int]:
        log.exception("request failed", exc_info=error)
        return jsonify(errors.body(errors.INTERNAL)), 500


def _code(error: HTTPException) -> str:
    return error.name.lower().replace(" ", "_").replace("'", "")
