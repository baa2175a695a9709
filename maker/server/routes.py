"""The routes of the clients' own wires: one answer per dialect, token counts, vectors and the list of models."""

import time
from collections.abc import Callable
from typing import NoReturn

from quart import Quart, Response, jsonify, request

from maker.chat.encode import model_body, models_body
from maker.chat.parse_messages import parse_messages
from maker.chat.vectors import embeddings_body, parse_embeddings, parse_rerank, rerank_body
from maker.errors import ModelNotFound, ModelUnavailable, RequestError
from maker.models.vectors import VectorServer
from maker.server.chat import Desk, answer, check_model, check_roles, read_json
from maker.server.dialects import MODEL_IDS, Chat, Completions, Dialect, Infill, Messages, Responses

DIALECTS: dict[str, Callable[[object], Dialect]] = {
    "/v1/chat/completions": Chat,
    "/v1/completions": Completions,
    "/v1/fim/completions": Infill,
    "/v1/responses": Responses,
    "/v1/messages": Messages,
}


def add_routes(app: Quart, desk: Desk) -> None:
    """Everything below `/v1`."""
    for path, dialect in DIALECTS.items():
        _add_answer(app, desk, path, dialect)
    _add_counts(app, desk)
    _add_vectors(app, desk)
    _add_models(app, desk)


def _add_answer(app: Quart, desk: Desk, path: str, dialect: Callable[[object], Dialect]) -> None:
    @app.post(path, endpoint=path)
    async def answered() -> Response:
        return await answer(desk, request, dialect)


def _add_counts(app: Quart, desk: Desk) -> None:
    parts = desk.parts

    @app.post("/v1/messages/count_tokens")
    async def count_tokens() -> Response:
        asked = parse_messages(await read_json(request))
        check_model(asked.model, parts.mode, parts.port)
        await check_roles(parts, ("coder",))
        tokens = await parts.models["coder"].count(asked)
        if tokens is None:
            raise ModelUnavailable("the coder's server cannot count tokens now; try again in a moment", role="coder")
        return jsonify({"input_tokens": tokens})


def _add_vectors(app: Quart, desk: Desk) -> None:
    parts = desk.parts

    @app.post("/v1/embeddings")
    async def embeddings() -> Response:
        asked, as_base64 = parse_embeddings(await read_json(request))
        server = _configured(desk, parts.embeddings, "embeddings", asked.get("model"))
        found = await server.ask("embeddings", {**asked, "encoding_format": "float"})
        model = server.model or MODEL_IDS[parts.mode]
        return jsonify(embeddings_body(found, len(asked["input"]), model=model, as_base64=as_base64))

    @app.post("/v1/rerank")
    async def rerank() -> Response:
        asked = parse_rerank(await read_json(request))
        server = _configured(desk, parts.rerank, "rerank", asked.get("model"))
        found = await server.ask("rerank", asked)
        model = server.model or MODEL_IDS[parts.mode]
        return jsonify(rerank_body(found, len(asked["documents"]), model=model, top=asked.get("top_n")))


def _configured(desk: Desk, server: VectorServer | None, section: str, model: str | None) -> VectorServer:
    """The section's server, if this port serves the model that was asked for.

    Raises:
        RequestError: none is configured; the sentence names the setting.
        ModelNotFound: the model is neither this mode's nor the server's own.
    """
    if server is None:
        raise RequestError(
            f"no server for {section} is configured; set {section}.url in maker.toml to one that has such a model",
            code=f"{section}_not_configured",
        )
    if model is None or model != server.model:
        check_model(model, desk.parts.mode, desk.parts.port)
    return server


def _add_models(app: Quart, desk: Desk) -> None:
    own = MODEL_IDS[desk.parts.mode]
    began = int(time.time())

    @app.get("/v1/models")
    async def models() -> Response:
        return jsonify(models_body([own], created=began))

    @app.get("/v1/models/<path:name>")
    async def model(name: str) -> Response:
        if name != own:
            _not_served(name, desk)
        return jsonify(model_body(own, created=began))


def _not_served(name: str, desk: Desk) -> NoReturn:
    own = MODEL_IDS[desk.parts.mode]
    raise ModelNotFound(f"model {name!r} is not served on port {desk.parts.port}; it serves {own}", param="model")
