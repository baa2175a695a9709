"""Conversations as clients send them, and the role's text behind them."""

import random
from typing import Any

from maker.pipeline import naming, prompts
from training.tasks import task

Conversation = tuple[dict[str, Any], ...]

PROFILE = "tiny"
SYSTEM = (
    "You are a helpful assistant.",
    "You are a helpful coding assistant.",
    "You are an expert Python programmer.",
    "You are a coding assistant. Be concise.",
    "You write clean Python code.",
)


def opened(rng: random.Random, request: str) -> Conversation:
    """The user's words, now and then behind a system prompt or an earlier request with its answer."""
    user = {"role": "user", "content": request}
    chance = rng.random()
    if chance < 0.03:
        return {"role": "system", "content": rng.choice(SYSTEM)}, user
    if chance < 0.05:
        before = task(rng)
        answer = f"The function {before.name}:\n\n```python\n{rng.choice(before.sources)}\n```\n"
        return {"role": "user", "content": before.request}, {"role": "assistant", "content": answer}, user
    return (user,)


def asked(said: Conversation, name: str, **values: object) -> Conversation:
    """The conversation as `Work.prompt` makes it."""
    return tuple(map(dict, prompts.ask(said, told(said, name, **values))))


def told(said: Conversation, name: str, **values: object) -> str:
    """The role's text behind the conversation."""
    named = naming.phrase(naming.function_named(prompts.text_of(said)))
    return prompts.render(PROFILE, name, **{**EMPTY, "named": named, **values})


EMPTY: dict[str, object] = {
    "title": "", "detail": "", "acceptance": "", "earlier": "", "language": "python", "max_steps": 6, "max_inputs": 6,
    "first": "A",
}  # fmt: skip
"""What the pipeline gives besides; the tiny profile's texts have no room for it."""
