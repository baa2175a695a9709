"""One model server: its connections, its health, and one streamed answer from it.

A foreign error becomes one of ours here and nowhere else.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import NoReturn, cast

import httpx

from maker.chat.types import ChatRequest, Delta
from maker.chat.upstream import ReplyDecoder, context_overflow, request_body
from maker.chat.upstream_fill import fill_body, goes_on
from maker.errors import ModelHTTPError, ModelLoading, ModelReplyError, ModelTimeout, ModelUnavailable, RequestError
from maker.models import told
from maker.models.endpoint import Endpoint, Timeouts
from maker.models.model import Limits, ModelState

log = logging.getLogger(__name__)

CONNECT_S = 2.0
PROBE_S = 0.8
# Until it was ready once: first answers are slow where everything starts side by side.
FIRST_PROBE_S = 2.5
# A server that was ready this recently and is slow to answer a probe is busy, not gone.
TRUST_S = 30.0
# After [DONE] only the end of the body can come; how long a server may take for it.
DRAIN_S = 0.2
ERROR_BODY_S = 2.0
# How long a server that failed is asked only where no other is left: /health may say "ok" while it answers nothing.
REST_S = 30.0


class ConnectionFailed(Exception):
    """The connection could not be made, or broke before the first delta: worth another try."""


class Replica:
    """The client of one model server; `open` it in the event loop that uses it."""

    def __init__(
        self,
        role: str,
        endpoint: Endpoint,
        *,
        timeouts: Timeouts,
        loading: Callable[[], bool],
        transport: Callable[[], httpx.AsyncBaseTransport],
    ) -> None:
        self.endpoint = endpoint
        self.in_flight = 0
        self.last_state: ModelState = "ready"
        self._role, self._timeouts, self._loading, self._transport = role, timeouts, loading, transport
        self._client: httpx.AsyncClient | None = None
        self._ready_at = float("-inf")
        self._rests_until = float("-inf")
        self._limits: Limits | None = None
        self._ids: tuple[str, ...] | None = None

    def open(self) -> None:
        """Build the client; nothing is sent yet."""
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        if self.endpoint.key:
            headers["Authorization"] = f"Bearer {self.endpoint.key}"
        timeout = httpx.Timeout(None, connect=CONNECT_S)
        self._client = httpx.AsyncClient(transport=self._transport(), headers=headers, timeout=timeout, trust_env=False)

    async def aclose(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def probe(self) -> ModelState:
        """Ask the server whether it would answer; takes at most `PROBE_S` seconds, at first `FIRST_PROBE_S`."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(PROBE_S if self._ready_at > 0 else FIRST_PROBE_S):
                self.last_state = await told.state(self._http, self._base, self._v1)
        except httpx.TransportError:
            self.last_state = self._silent()
        except TimeoutError:
            if self.last_state != "ready" or now - self._ready_at > TRUST_S:
                self.last_state = self._silent()
            return self.last_state
        if self.last_state == "ready":
            self._ready_at = now
        return self.last_state

    @property
    def rests(self) -> bool:
        """Whether it failed within the last `REST_S` seconds, and did not answer since."""
        return self._in(0) < self._rests_until

    def rest(self) -> None:
        """Note that it failed, whatever it says of itself: others are asked before it for a while."""
        self._rests_until = self._in(REST_S)

    def answered(self) -> None:
        """Note that it gave a whole answer."""
        self.last_state, self._rests_until = "ready", float("-inf")

    def failed(self) -> ModelUnavailable:
        """Note that no connection could be made; the failure to report."""
        self.rest()
        self.last_state = self._silent()
        self._limits = self._ids = None  # it may come back with another model
        if self.last_state == "loading":
            return self._is_loading()
        return ModelUnavailable.of(self._role)

    async def answer(self, request: ChatRequest, decoder: ReplyDecoder) -> AsyncGenerator[Delta, None]:
        """One streamed answer; closing the iterator closes the connection, and so ends the work on the server.

        Raises:
            ConnectionFailed: nothing was answered, and another try may help.
            ModelError: one of its kinds.
            ContextOverflow: the prompt does not fit a slot.
            RequestError: the server cannot take this kind of content.
        """
        begun = False
        path, body = self._asked(request, await self._model())
        deadline = self._in(self._timeouts.first_token_s)
        try:
            async with self._post(path, body, deadline) as response:
                async with aclosing(self._deltas(response, decoder, deadline)) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
        except httpx.HTTPError as error:
            if begun:
                raise ModelReplyError(f"the answer of the {self._role} was cut short", role=self._role) from error
            raise ConnectionFailed from error

    def _asked(self, request: ChatRequest, model: str | None) -> tuple[str, bytes]:
        """Where the request goes and what is sent there."""
        if request.fill is None:
            return f"{self._v1}/chat/completions", _sent(request_body(request, model))
        path = f"{self._v1}/completions" if goes_on(request.fill) else f"{self._base}/infill"
        return path, _sent(fill_body(request, request.fill, model))

    async def _model(self) -> str | None:
        """The id to ask for: the one that was given, or the only one that a server elsewhere lists."""
        if self.endpoint.model or not self.endpoint.elsewhere:
            return self.endpoint.model
        if self._ids is None:
            self._ids = await told.ids(self._http, self._v1)
        return self._ids[0] if self._ids and len(self._ids) == 1 else None

    async def limits(self) -> Limits:
        """What the server says it can take, asked once; nothing from one that does not tell."""
        if self._limits is None:
            self._limits = await told.limits(self._http, self._base, await self._model())
        return self._limits or Limits()

    async def count(self, request: ChatRequest) -> int | None:
        """The tokens of the prompt, by the server's own template and tokenizer; None where it cannot tell."""
        return await told.count(self._http, self._base, request, await self._model())

    async def is_token(self, text: str) -> bool:
        """Whether the text is one token of the model; not where the server does not tell."""
        return await told.is_token(self._http, self._base, text, await self._model())

    @property
    def _v1(self) -> str:
        return self.endpoint.url.rstrip("/")

    @property
    def _base(self) -> str:
        return self._v1.removesuffix("/v1")

    @asynccontextmanager
    async def _post(self, path: str, body: bytes, deadline: float) -> AsyncIterator[httpx.Response]:
        """Send the request: the status is 200, the body of the response is still to come."""
        request = self._http.build_request("POST", path, content=body)
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._http.send(request, stream=True)
        except TimeoutError:
            raise self._silent_for("first token", self._timeouts.first_token_s) from None
        try:
            if response.status_code != 200:
                self._refused(response.status_code, await self._error_text(response))
            yield response
        finally:
            await response.aclose()

    async def _deltas(
        self, response: httpx.Response, decoder: ReplyDecoder, deadline: float
    ) -> AsyncGenerator[Delta, None]:
        begun = False
        async with aclosing(cast(AsyncGenerator[bytes, None], response.aiter_raw())) as chunks:
            while (deltas := await self._next(chunks, decoder, deadline, begun)) is not None:
                for delta in deltas:
                    begun = True
                    yield delta
                deadline = self._in(DRAIN_S if decoder.done else self._timeouts.idle_s)
        try:
            rest = decoder.end()
        except ModelReplyError as error:
            if begun:
                raise
            raise ConnectionFailed from error
        for delta in rest:
            yield delta

    async def _next(
        self, chunks: AsyncIterator[bytes], decoder: ReplyDecoder, deadline: float, begun: bool
    ) -> list[Delta] | None:
        """The next deltas, or None at the end of the body. Comments that keep the connection alive are not deltas."""
        try:
            async with asyncio.timeout_at(deadline):
                async for chunk in chunks:
                    if (deltas := decoder.feed(chunk)) or decoder.done:
                        return deltas
            return None
        except TimeoutError:
            if decoder.done:
                return None
            what, limit = ("token", self._timeouts.idle_s) if begun else ("first token", self._timeouts.first_token_s)
            raise self._silent_for(what, limit) from None

    async def _error_text(self, response: httpx.Response) -> str:
        try:
            async with asyncio.timeout(ERROR_BODY_S):
                return (await response.aread()).decode("utf-8", errors="replace")
        except (TimeoutError, httpx.TransportError):
            return ""

    def _refused(self, status: int, text: str) -> NoReturn:
        """Raise what an answer other than 200 means."""
        error, self._ids = told.error_object(text), None
        if error.get("type") == "exceed_context_size_error" or "maximum context length" in text:
            raise context_overflow(error)
        if status == 503 and "oading" in text:
            self.last_state = "loading"
            raise self._is_loading()
        if status == 503:
            raise ModelUnavailable(f"the {self._role} is too busy to answer; try again", role=self._role)
        if "input is not supported" in text:
            raise RequestError(f"the {self._role} takes only text; send no images or audio", param="messages")
        if status == 400:
            said = "".join(character for character in str(error.get("message", "")) if character.isprintable())
            raise RequestError(
                f"the {self._role}'s model server cannot take this request: {said[:300] or 'no reason'}{self._wanted}"
            )
        log.warning("%s answered %d: %.300s", self.endpoint.url, status, error.get("type", ""))
        elsewhere = self.endpoint.elsewhere
        advice = f"look at [roles.{self._role}] in maker.toml" if elsewhere else f"`maker logs {self._role}` says why"
        sentence = f"the {self._role} refused the request with status {status}; {advice}"
        raise ModelHTTPError(sentence, role=self._role, status=status, body=text)

    @property
    def _wanted(self) -> str:
        """What to do where a server elsewhere has several models, and none was named."""
        unnamed = self.endpoint.elsewhere and not self.endpoint.model
        return f"; roles.{self._role}.model_id in maker.toml says which model to ask for" if unnamed else ""

    def _silent(self) -> ModelState:
        return "loading" if self._loading() else "down"

    def _is_loading(self) -> ModelLoading:
        return ModelLoading(f"the {self._role} is still loading; try again in a moment", role=self._role)

    def _silent_for(self, what: str, limit_s: float) -> ModelTimeout:
        return ModelTimeout(f"the {self._role} sent no {what} for {limit_s:g} s", role=self._role)

    def _in(self, seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds

    @property
    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            raise RuntimeError("open the model before using it")
        return self._client


def _sent(body: object) -> bytes:
    return json.dumps(body).encode("ascii")
