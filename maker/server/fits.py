"""Refusing, before anything is generated, what a model cannot take: images, and prompts that are too long."""

import json

from maker.chat.types import ChatRequest
from maker.errors import ContextOverflow, RequestError
from maker.models.images import has_image
from maker.models.model import Model


async def check_fits(model: Model, request: ChatRequest) -> None:
    """Pass if the model's server can take the request, or does not tell.

    A prompt is counted only where it might be too long: a token is at least a byte.

    Raises:
        RequestError: there are images, and the model takes none.
        ContextOverflow: the prompt is longer than a slot.
    """
    has_images = has_image(request)
    size = _size(request)
    if size < _SMALL and not has_images:
        return
    limits = await model.limits()
    if has_images and limits.images is False:
        raise RequestError(
            f"the {model.role} takes only text; send no images, or give it a model with vision in maker.toml",
            param="messages",
        )
    if limits.context is None or size <= limits.context:
        return
    tokens = await model.count(request)
    if tokens is not None and tokens >= limits.context:
        raise ContextOverflow(
            f"the prompt is longer than this model's maximum context length of {limits.context} tokens: it has "
            f"{tokens}; send less",
            param="messages",
        )


_SMALL = 256
"""Bytes of a request that fits any model: a slot has at least so many tokens."""


def _size(request: ChatRequest) -> int:
    if request.fill is not None:
        return len(request.fill.prefix.encode()) + len((request.fill.suffix or "").encode())
    return len(json.dumps([request.messages, request.tools], ensure_ascii=False).encode())
