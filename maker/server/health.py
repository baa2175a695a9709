"""What an orchestrator says of itself: alive and what is degraded (/health), able to serve its mode (/ready).

Nobody waits for what is silent: services and roles are asked in the background, and who wants to know waits a moment at
most and then takes what was found last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from maker.errors import ModelUnavailable
from maker.models.model import ModelState
from maker.pipeline.ready import NEEDED
from maker.server.parts import Parts

T = TypeVar("T")

FRESH_S = 1.0
"""How long one look at the services serves every caller; a model keeps its own state as long."""
PATIENCE_S = 0.05
"""How long an answer waits for a look that is still going on."""
ASKED_S = 0.5
"""How long /health and /ready do: well below the time-out of those who probe them."""


class Look(Generic[T]):
    """One question, asked in the background whenever its answer is older than `fresh_s`; `found` is the last answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], unknown: T, fresh_s: float = 0.0) -> None:
        self.found = unknown
        self._ask, self._fresh_s = ask, fresh_s
        self._at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def begin(self) -> "asyncio.Task[None] | None":
        """The question that is being asked, now or since before; None while the last answer is fresh."""
        if self._asking is None or self._asking.done():
            is_fresh = asyncio.get_running_loop().time() - self._at <= self._fresh_s
            self._asking = None if is_fresh else asyncio.create_task(self._look())
        return self._asking

    def cancel(self) -> None:
        """Ask no longer."""
        if self._asking is not None:
            self._asking.cancel()

    async def _look(self) -> None:
        self.found = await self._ask()
        self._at = asyncio.get_running_loop().time()


class Health:
    """The services and roles of one orchestrator, as they were found last."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._services = Look[Mapping[str, str]](parts.missing, {}, FRESH_S)
        # Low mode runs without the reviewer, so it does not miss it either.
        asked = [role for role in parts.models if parts.mode == "high" or role != "reviewer"]
        self._roles = {role: Look[ModelState | None](parts.models[role].state, None) for role in asked}

    async def begin(self) -> None:
        """Start looking, for those who will want to know."""
        for look in self._looks():
            look.begin()

    async def aclose(self) -> None:
        """End the looks that are still going on."""
        for look in self._looks():
            look.cancel()

    async def degraded(self, within_s: float = PATIENCE_S) -> dict[str, str]:
        """What does not work now, by name with the reason: services, roles, and the filling of gaps."""
        await _settle(self._looks(), within_s)
        states = {role: look.found for role, look in self._roles.items()}
        roles = {role: _WHY[state] for role, state in states.items() if state in _WHY}
        unfilled = self._parts.tools.fill.missing
        autocomplete = {"autocomplete": unfilled} if unfilled else {}
        return {**self._services.found, **roles, **autocomplete}

    async def alive(self) -> dict[str, object]:
        """Liveness: always 200 while the process serves; never asks a model to generate. The settings are those in
        force, which maker.toml may have left behind; what else answers depend on is told by its digests."""
        parts = self._parts
        degraded = await self.degraded(ASKED_S)
        return {
            "status": "ok",
            "mode": parts.mode,
            "settings": parts.tools.mode.model_dump(mode="json"),
            "digests": dict(parts.digests),
            "degraded": [{"name": name, "reason": reason} for name, reason in sorted(degraded.items())],
            "embedded": dict(parts.embedded),
        }

    async def ready(self) -> tuple[dict[str, object], int]:
        """Whether this mode would answer now, with the state of the roles it needs."""
        needed = NEEDED[self._parts.mode]
        await _settle([self._roles[role] for role in needed if role in self._roles], ASKED_S)
        states = {role: (self._roles[role].found if role in self._roles else None) or "down" for role in needed}
        is_ready = all(state == "ready" for state in states.values())
        return {"ready": is_ready, "mode": self._parts.mode, "roles": states}, 200 if is_ready else 503

    def _looks(self) -> "list[Look[Any]]":
        return [self._services, *self._roles.values()]


_WHY: Mapping[ModelState | None, str] = {"loading": "still loading its model", "down": ModelUnavailable.silent}


async def _settle(looks: "Iterable[Look[Any]]", within_s: float) -> None:
    """Look, and wait so long for what is found."""
    if asking := [task for look in looks if (task := look.begin()) is not None]:
        done, _ = await asyncio.wait(asking, timeout=within_s)
        for task in done:
            task.result()
