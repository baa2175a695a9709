"""The orchestrator's Quart application: its routes in one place, and one handler for every failure."""

import logging

from quart import Quart, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from maker.errors import MakerError, ModelNotFound, RequestError
from maker.guard import ANTHROPIC, App, Guard
from maker.pipeline.checkpoint import Checkpoints
from maker.server import errors
from maker.server.chat import STREAM_HEADERS, Desk
from maker.server.dialects import anthropic_error
from maker.server.feed import FeedBody
from maker.server.health import Health
from maker.server.inflight import Inflight
from maker.server.metrics import CONTENT_TYPE, Metrics
from maker.server.parts import Parts
from maker.server.resume import Retries
from maker.server.routes import add_routes

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
    desk = Desk(parts, Inflight(parts.limits.max_requests), Metrics(parts.mode), retries, Health(parts))
    app.before_serving(desk.health.begin)
    app.after_serving(desk.health.aclose)
    app.extensions["inflight"] = desk.inflight
    add_routes(app, desk)
    _own_routes(app, desk)
    _run_routes(app, desk)
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


def _own_routes(app: Quart, desk: Desk) -> None:
    parts = desk.parts

    @app.get("/")
    async def root() -> str:
        return f"maker, {parts.mode} mode\n"

    @app.get("/health")
    async def alive() -> Response:
        return jsonify(await desk.health.alive())

    @app.get("/ready")
    async def ready() -> tuple[Response, int]:
        body, status = await desk.health.ready()
        return jsonify(body), status

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(desk.metrics.render(), content_type=CONTENT_TYPE)


def _run_routes(app: Quart, desk: Desk) -> None:
    parts = desk.parts

    @app.get("/api/runs")
    async def runs() -> Response:
        return jsonify([record.as_json() for record in await parts.store.recent(RECENT_RUNS)])

    @app.get("/api/runs/<run_id>")
    async def one_run(run_id: str) -> Response:
        record = await parts.store.load(run_id)
        if record is None:
            raise _no_run(run_id)
        return jsonify(record.as_json())

    @app.get("/api/events")
    async def events() -> Response:
        desk.feed.check_room()
        if request.method == "HEAD":  # a body that nobody is sent would last for ever
            return Response(mimetype="text/event-stream", headers=STREAM_HEADERS)
        frames = desk.feed.frames(desk.inflight.draining, parts.limits.keep_alive_s)
        return Response(FeedBody(frames), mimetype="text/event-stream", headers=STREAM_HEADERS)

    @app.post("/api/runs/<run_id>/cancel")
    async def cancel(run_id: str) -> Response:
        if not desk.inflight.cancel(run_id):
            raise _no_run(run_id)
        return jsonify({"id": run_id, "cancelled": True})


def _no_run(run_id: str) -> RequestError:
    error = ModelNotFound(f"there is no run {run_id!r} here", param="id")
    error.code = "run_not_found"
    return error


def _said(error: MakerError) -> Response:
    """The error in the shape of the endpoint that was asked."""
    if request.path.startswith(ANTHROPIC):
        return jsonify(anthropic_error(error))
    return jsonify(errors.body(error))


def _error_handlers(app: Quart) -> None:
    @app.errorhandler(MakerError)
    async def known(error: MakerError) -> tuple[Response, int, dict[str, str]]:
        return _said(error), errors.classify(error)[0], errors.headers(error)

    @app.errorhandler(HTTPException)
    async def http(error: HTTPException) -> tuple[Response, int]:
        said = RequestError(f"{request.method} {request.path}: {error.description or error.name}", code=_code(error))
        return _said(said), error.code or 400

    @app.errorhandler(Exception)
    async def unknown(error: Exception) -> tuple[Response, int]:
        log.exception("request failed", exc_info=error)
        return _said(errors.INTERNAL), 500


def _code(error: HTTPException) -> str:
    return error.name.lower().replace(" ", "_").replace("'", "")
