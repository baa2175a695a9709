"""Which roles a mode needs, and waiting for one that is still loading."""

import asyncio
import time

from maker.config import ModeName
from maker.errors import ModelLoading, ModelUnavailable
from maker.models.model import Model
from maker.pipeline.events import Emit, RoleWaited

NEEDED: dict[ModeName, tuple[str, ...]] = {"high": ("planner", "coder", "reviewer"), "low": ("planner", "coder")}
"""Roles without which a mode answers 503; the others degrade by a documented rule."""

POLL_S = 1.0


def unavailable(role: str) -> ModelUnavailable:
    """The failure that says a role has no server."""
    error = ModelUnavailable.of(role)
    error.code = f"{role.replace('-', '_')}_unavailable"
    return error


async def wait_ready(model: Model, *, budget_s: float, emit: Emit) -> float:
    """Return, once the model is ready, the seconds it took; report the wait about once a second.

    Raises:
        ModelUnavailable: no server.
        ModelLoading: still loading after `budget_s` seconds.
    """
    begun = time.monotonic()
    while (state := await model.state()) != "ready":
        waited = time.monotonic() - begun
        if state == "down":
            raise unavailable(model.role)
        if waited >= budget_s:
            raise ModelLoading(
                f"the {model.role} was still loading after {waited:.0f} s; `maker logs {model.role}` shows it",
                role=model.role,
            )
        await emit(RoleWaited(model.role, waited))
        await asyncio.sleep(POLL_S)
    return time.monotonic() - begun
