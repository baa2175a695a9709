"""What a model server tells without generating: what it can take, how long a prompt is, why it refused."""

import asyncio
import json

import httpx

from maker.chat.types import ChatRequest
from maker.chat.upstream import request_body
from maker.models.model import Limits

TELL_S = 2.0
"""How long a server may take to tell."""


async def limits(http: httpx.AsyncClient, base: str) -> Limits | None:
    """What the server at `base` says it can take; None where it does not tell."""
    props = await _ask(http, "GET", f"{base}/props")
    if props is None:
        return None
    settings, modalities = props.get("default_generation_settings"), props.get("modalities")
    context = settings.get("n_ctx") if isinstance(settings, dict) else None
    images = modalities.get("vision") if isinstance(modalities, dict) else None
    return Limits(
        context if isinstance(context, int) and context > 0 else None, images if isinstance(images, bool) else None
    )


async def count(http: httpx.AsyncClient, base: str, request: ChatRequest) -> int | None:
    """The tokens of the prompt, by the server's own template and tokenizer; None where it cannot tell."""
    text: object
    if request.fill is None:
        body = request_body(request)
        rendering = {name: body[name] for name in ("messages", "tools", "tool_choice") if name in body}
        rendered = await _ask(http, "POST", f"{base}/apply-template", rendering)
        text = rendered.get("prompt") if rendered else None
    else:
        text = request.fill.prefix + (request.fill.suffix or "")
    if not isinstance(text, str):
        return None
    counted = await _ask(http, "POST", f"{base}/tokenize", {"content": text, "add_special": True})
    tokens = counted.get("tokens") if counted else None
    return len(tokens) if isinstance(tokens, list) else None


async def is_token(http: httpx.AsyncClient, base: str, text: str) -> bool:
    """Whether the text is one token of the model; not where the server does not tell."""
    told = await _ask(http, "POST", f"{base}/tokenize", {"content": text, "add_special": False, "parse_special": True})
    tokens = told.get("tokens") if told else None
    return isinstance(tokens, list) and len(tokens) == 1


async def _ask(http: httpx.AsyncClient, method: str, url: str, body: object = None) -> dict[str, object] | None:
    try:
        async with asyncio.timeout(TELL_S):
            reply = await http.request(method, url, content=None if body is None else json.dumps(body))
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
