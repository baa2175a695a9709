"""The client of a server that turns texts into vectors, or ranks documents; maker starts none itself."""

import asyncio
from typing import Any, Self

import httpx

from maker.errors import ModelHTTPError, ModelReplyError, ModelTimeout, ModelUnavailable, RequestError

CONNECT_S = 2.0
ANSWER_S = 120.0
"""How long a whole answer may take; a batch on a slow machine takes a while."""

Json = dict[str, Any]


class VectorServer:
    """One such server; open it (`async with`) in the event loop that uses it. `name` is its section in maker.toml."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        model: str | None = None,
        key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.model = model
        self._name, self._url = name, url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout, trust_env=False, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._http.aclose()

    async def ask(self, path: str, body: Json) -> Json:
        """The server's answer to one request, a JSON object.

        Raises:
            ModelError: it does not answer, or not so that it can be used.
            RequestError: it refuses this request.
        """
        sent = {**body, "model": self.model or body.get("model")}
        try:
            async with asyncio.timeout(ANSWER_S):
                reply = await self._http.post(f"{self._url}/{path}", json=sent)
        except (TimeoutError, httpx.TimeoutException):
            raise ModelTimeout(
                f"the server of [{self._name}] did not answer in {ANSWER_S:.0f} s", role=self._name
            ) from None
        except httpx.HTTPError as error:
            raise ModelUnavailable(
                f"the server of [{self._name}] does not answer; look at {self._name}.url in maker.toml", role=self._name
            ) from error
        return self._body(reply)

    def _body(self, reply: httpx.Response) -> Json:
        try:
            body = reply.json()
        except ValueError:
            body = None
        if reply.status_code == 200 and isinstance(body, dict):
            return body
        if reply.status_code == 200:
            raise ModelReplyError(f"what the server of [{self._name}] answers is no JSON object", role=self._name)
        if reply.status_code in (400, 413, 422):
            raise RequestError(f"the server of [{self._name}] cannot take this request: {_said(body)}", param="input")
        raise ModelHTTPError(
            f"the server of [{self._name}] refused with status {reply.status_code}; look at {self._name} in maker.toml",
            role=self._name,
            status=reply.status_code,
            body=reply.text,
        )


def _said(body: object) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    return "".join(char for char in str(text or "no reason") if char.isprintable())[:300]
