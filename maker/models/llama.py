"""The model behind a role: llama.cpp servers, one or several, over their OpenAI interface."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Self

import httpx

from maker.chat.types import ChatRequest, Delta, Sampling, Usage
from maker.chat.upstream import ReplyDecoder
from maker.errors import ModelError, ModelHTTPError, ModelTimeout, ModelUnavailable
from maker.models.endpoint import DEFAULT_TIMEOUTS, Endpoint, Timeouts
from maker.models.model import Limits, ModelState
from maker.models.replica import ConnectionFailed, Replica
from maker.models.transport import aiohttp_transport

# The first may meet a server that is just ending, or is sick; the second goes to another one, or, where there is no
# other, to the same one started anew.
TRIES = 2
STATE_S = 1.0


def _never() -> bool:
    return False


class LlamaModel:
    """A role's model. Open it (`async with`, or `open` and `aclose`) in the event loop that uses it.

    `loading` tells of a process that is alive and young, so that a refused connection means "not yet"; leave it out
    for servers that maker does not start. Only our own headers are ever sent: `X-Conversation-Id`, say, would let a
    generation live on after its client has gone.
    """

    def __init__(
        self,
        role: str,
        endpoints: Sequence[Endpoint],
        *,
        name: str | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        loading: Callable[[], bool] = _never,
        transport: Callable[[], httpx.AsyncBaseTransport] = aiohttp_transport,
    ) -> None:
        self._role, self._name = role, name or role
        self._replicas = [
            Replica(role, endpoint, timeouts=timeouts, loading=loading, transport=transport) for endpoint in endpoints
        ]
        self._probe: asyncio.Task[ModelState] | None = None
        self._probed_at = 0.0

    @property
    def role(self) -> str:
        """The role it plays."""
        return self._role

    @property
    def name(self) -> str:
        """What it is called in traces."""
        return self._name

    def open(self) -> None:
        """Build the HTTP clients; nothing is sent yet."""
        for replica in self._replicas:
            replica.open()

    async def aclose(self) -> None:
        """Close every connection."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        for replica in self._replicas:
            await replica.aclose()

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def state(self) -> ModelState:
        """The best state of the servers, at most a second old; callers side by side share one probe."""
        now = asyncio.get_running_loop().time()
        if self._probe is None or (self._probe.done() and now - self._probed_at >= STATE_S):
            self._probe = asyncio.create_task(self._probe_all())
        # Shielded: one caller that is cancelled must not take the probe from the others.
        return await asyncio.shield(self._probe)

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """Ask for `n` choices; where fewer slots are free, the rest follow in further requests.

        Raises:
            ModelError, ContextOverflow, RequestError: while iterating; see `Replica.answer`.
        """
        async with aclosing(self._choices(request)) as deltas:
            yield deltas

    async def limits(self) -> Limits:
        """What the best server says it can take."""
        return await self._best().limits()

    async def count(self, request: ChatRequest) -> int | None:
        """The tokens of the prompt, by the best server's own template and tokenizer."""
        return await self._best().count(request)

    async def is_token(self, text: str) -> bool:
        """Whether the text is one token of the best server's model."""
        return await self._best().is_token(text)

    async def _choices(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Every choice, numbered through, then the usage of all requests together."""
        made, usage = 0, Usage()
        while made < request.sampling.n:
            begun = 0
            async with aclosing(self._request(request, made)) as deltas:
                async for delta in deltas:
                    if isinstance(delta, Usage):
                        usage = usage + delta
                        continue
                    begun = max(begun, delta.choice + 1)
                    yield replace(delta, choice=delta.choice + made) if made else delta
            made += begun
        if usage != Usage():
            yield usage

    async def _request(self, request: ChatRequest, made: int) -> AsyncGenerator[Delta, None]:
        """One request for what is missing after `made` choices; tried again until the first delta is there."""
        tried: list[Replica] = []
        failure: ModelError | None = None
        for _ in range(TRIES):
            replica, begun = self._best(tried), False
            tried.append(replica)
            replica.in_flight += 1
            try:
                wanted = request.sampling.n - made if request.fill is None else 1
                async with replica.endpoint.limiter_of(request).take(wanted) as slots:
                    asked = replace(request, sampling=_part(request.sampling, slots, made))
                    async with aclosing(replica.answer(asked, ReplyDecoder(self._role, slots))) as deltas:
                        async for delta in deltas:
                            begun = True
                            yield delta
                replica.answered()
                return
            except ConnectionFailed:
                failure = replica.failed()
                self._forget_state()
            except ModelError as error:
                replica.rest()
                if begun or not self._may_help(error):
                    raise
                failure = error
            finally:
                replica.in_flight -= 1
        assert failure is not None
        raise failure

    def _best(self, tried: Sequence[Replica] = ()) -> Replica:
        """The server to ask next: one that was not tried, if there is one."""
        return min(self._replicas, key=lambda replica: (replica in tried, *_rank(replica)))

    def _may_help(self, error: ModelError) -> bool:
        """Whether another try may help; a server that is busy, loading or silent is not asked again at once."""
        if isinstance(error, ModelHTTPError):
            return error.status >= 500
        return len(self._replicas) > 1 and isinstance(error, ModelUnavailable | ModelTimeout)

    async def _probe_all(self) -> ModelState:
        states = await asyncio.gather(*(replica.probe() for replica in self._replicas))
        self._probed_at = asyncio.get_running_loop().time()
        return next((state for state in ("ready", "loading") if state in states), "down")

    def _forget_state(self) -> None:
        if self._probe is not None and self._probe.done():
            self._probe = None


def _rank(replica: Replica) -> tuple[bool, int, int]:
    """Lower is better: servers that did not fail of late, then those that answer, then the least busy."""
    return replica.rests, ("ready", "loading", "down").index(replica.last_state), replica.in_flight


def _part(sampling: Sampling, slots: int, made: int) -> Sampling:
    """The settings for `slots` more choices; a fixed seed moves on, or the choices would repeat."""
    seed = None if sampling.seed is None else sampling.seed + made
    return replace(sampling, n=slots, seed=seed)
