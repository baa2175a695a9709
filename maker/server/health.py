"""What an orchestrator says of itself: alive and what is degraded (/health), able to serve its mode (/ready)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from maker.errors import ModelUnavailable
from maker.models.model import ModelState
from maker.pipeline.ready import NEEDED
from maker.server.parts import Parts

FRESH_S = 1.0
"""How long one look at the services serves every caller."""


class Degraded:
    """What does not work now, by name with the reason; looked up at most once a second."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._clock = parts, clock
        self._at = float("-inf")
        self._found: dict[str, str] = {}
        self._looking = asyncio.Lock()

    async def __call__(self) -> dict[str, str]:
        """Services and roles that do not answer."""
        async with self._looking:
            if self._clock() - self._at > FRESH_S:
                missing, states = await asyncio.gather(self._parts.missing(), role_states(self._parts))
                roles = {role: _WHY[state] for role, state in states.items() if state != "ready"}
                unfilled = self._parts.tools.fill.missing
                autocomplete = {"autocomplete": unfilled} if unfilled else {}
                self._found, self._at = {**missing, **roles, **autocomplete}, self._clock()
        return self._found


_WHY: Mapping[ModelState, str] = {"loading": "still loading its model", "down": ModelUnavailable.silent}


async def role_states(parts: Parts) -> dict[str, ModelState]:
    """The state of every role that the mode asks; low mode runs without the reviewer, so it does not miss it either."""
    roles = [role for role in parts.models if parts.mode == "high" or role != "reviewer"]
    states = await asyncio.gather(*(parts.models[role].state() for role in roles))
    return dict(zip(roles, states, strict=True))


async def health(parts: Parts, degraded: Callable[[], Awaitable[dict[str, str]]]) -> dict[str, object]:
    """Liveness: always 200 while the process serves; never asks a model to generate. The settings are those in force,
    which maker.toml may have left behind; what else answers depend on is told by its digests."""
    return {
        "status": "ok",
        "mode": parts.mode,
        "settings": parts.tools.mode.model_dump(mode="json"),
        "digests": dict(parts.digests),
        "degraded": [{"name": name, "reason": reason} for name, reason in sorted((await degraded()).items())],
        "embedded": dict(parts.embedded),
    }


async def ready(parts: Parts) -> tuple[dict[str, object], int]:
    """Whether this mode would answer now, with the state of the roles it needs."""
    states = await role_states(parts)
    needed = {role: states.get(role, "down") for role in NEEDED[parts.mode]}
    is_ready = all(state == "ready" for state in needed.values())
    return {"ready": is_ready, "mode": parts.mode, "roles": needed}, 200 if is_ready else 503
