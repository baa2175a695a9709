"""What a model server tells without generating: how it is, what it can take, how long a prompt is, why it refused."""

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx

from maker.chat.types import ChatRequest
from maker.chat.upstream import request_body
from maker.models.model import Limits, ModelState

TELL_S = 2.0
"""How long a server may take to tell."""


async def state(http: httpx.AsyncClient, base: str, v1: str) -> ModelState:
    """Whether the server says that it would answer.

    `/health` is asked without the key: LiteLLM's has every model generate for those who have one.

    Raises:
        httpx.TransportError: it does not say.
    """
    asked = http.build_request("GET", f"{base}/health")
    asked.headers.pop("Authorization", None)
    status = (await http.send(asked)).status_code
    if status in (401, 403, 404):
        # Not every OpenAI-compatible server has /health for everybody; all have a list of models.
        status = (await http.get(f"{v1}/models")).status_code
    if status == 503:
        return "loading"
    return "ready" if status == 200 else "down"


async def ids(http: httpx.AsyncClient, v1: str, headers: Mapping[str, str] | None = None) -> tuple[str, ...] | None:
    """The ids of the models that the server lists; None where it does not tell."""
    said = await _ask(http, "GET", f"{v1}/models", headers=headers)
    models = said.get("data") if said else None
    if not isinstance(models, list):
        return None
    return tuple(one["id"] for one in models if isinstance(one, dict) and isinstance(one.get("id"), str))


async def limits(http: httpx.AsyncClient, base: str, model: str | None = None) -> Limits | None:
    """What the server at `base` says it can take; None where it does not tell."""
    query = f"?{urlencode({'model': model})}" if model else ""
    props = await _ask(http, "GET", f"{base}/props{query}")
    if props is None:
        return None
    settings, modalities = props.get("default_generation_settings"), props.get("modalities")
    context = settings.get("n_ctx") if isinstance(settings, dict) else None
    images = modalities.get("vision") if isinstance(modalities, dict) else None
    return Limits(
        context if isinstance(context, int) and context > 0 else None, images if isinstance(images, bool) else None
    )


async def count(http: httpx.AsyncClient, base: str, request: ChatRequest, model: str | None = None) -> int | None:
    """The tokens of the prompt, by the server's own template and tokenizer; None where it cannot tell."""
    text: object
    if request.fill is None:
        body = request_body(request, model)
        rendering = {name: body[name] for name in ("model", "messages", "tools", "tool_choice") if name in body}
        rendered = await _ask(http, "POST", f"{base}/apply-template", rendering)
        text = rendered.get("prompt") if rendered else None
    else:
        text = request.fill.prefix + (request.fill.suffix or "")
    if not isinstance(text, str):
        return None
    counted = await _ask(http, "POST", f"{base}/tokenize", {"content": text, "add_special": True, **_named(model)})
    tokens = counted.get("tokens") if counted else None
    return len(tokens) if isinstance(tokens, list) else None


async def is_token(http: httpx.AsyncClient, base: str, text: str, model: str | None = None) -> bool:
    """Whether the text is one token of the model; not where the server does not tell."""
    body = {"content": text, "add_special": False, "parse_special": True, **_named(model)}
    told = await _ask(http, "POST", f"{base}/tokenize", body)
    tokens = told.get("tokens") if told else None
    return isinstance(tokens, list) and len(tokens) == 1


def _named(model: str | None) -> dict[str, object]:
    return {"model": model} if model else {}


async def _ask(
    http: httpx.AsyncClient, method: str, url: str, body: object = None, *, headers: Mapping[str, str] | None = None
) -> dict[str, object] | None:
    content = None if body is None else json.dumps(body)
    try:
        async with asyncio.timeout(TELL_S):
            reply = await http.request(method, url, content=content, headers=headers)
        answer = reply.json() if reply.status_code == 200 else None
    except (TimeoutError, httpx.HTTPError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def error_object(text: str) -> dict[str, object]:
    """The error that an answer other than 200 brings; empty where it brings none."""
    try:
        error = json.loads(text).get("error")
    except (ValueError, AttributeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}
