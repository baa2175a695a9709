"""Who may talk to maker over HTTP, decided before a body is read; the same rules for the orchestrators and for mcp.

What is covered: pages in a browser (any Origin that is not allowed is refused, simple requests too, and so is what a
page of another site loads without naming one), DNS rebinding (the Host must be a loopback name with our port), form
posts and other bodies that are not JSON, bodies that are too long, and, where a key is configured, callers without it.

What is not covered: other programs of the same user (they can read the key file), and other users of the machine where
no key is configured: loopback is shared between them.
"""

import asyncio
import contextlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from maker.chat.encode import error_body
from maker.chat.encode_messages import message_error
from maker.errors import Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_S = 60.0
"""How long a body may take to come."""
DISCARDED_S = 5.0
DISCARDED_BYTES = 64 * 1024 * 1024
"""How long, and how much of, a body is still read that was refused before it was here whole."""
ANTHROPIC = "/v1/messages"
"""Where paths begin whose clients know errors in Anthropic's shape."""
OPEN_PATHS = frozenset(("/health", "/ready"))
"""Paths that need no key: they say whether maker runs, nothing else."""
USUAL_HEADERS = "authorization, content-type, x-api-key"
"""What a page may send if its browser does not ask in a way that can be answered."""
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")


@dataclass(frozen=True, slots=True)
class Rules:
    """What one port accepts."""

    port: int
    max_body_bytes: int
    allowed_origins: frozenset[str] = frozenset()
    api_key: str | None = None

    @property
    def hosts(self) -> frozenset[str]:
        """The Host headers that mean this port on this machine."""
        return frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))


class Headers:
    """Request headers by lower-case name, repeated ones kept apart."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())

    def every(self, name: str) -> list[str]:
        """All values of a header."""
        return self._values.get(name, [])

    def first(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next(iter(self.every(name)), "")


def check(rules: Rules, method: str, path: str, raw_path: bytes, headers: Headers) -> None:
    """Let the request pass or say why not.

    Raises:
        Refused: 421 wrong Host, 403 foreign Origin, 401 no key, 415 not JSON, 413 too long, 400 a broken length.
    """
    _check_host(rules, raw_path, headers)
    _check_origin(rules, headers)
    if is_preflight(method, headers):
        return  # browsers send no key along; the guard answers it, and no app sees it
    _check_key(rules, path, headers)
    if method in ("POST", "PUT", "PATCH"):
        _check_body(rules, headers)


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a browser asks on behalf of a page what that page may send."""
    return method == "OPTIONS" and bool(headers.every("origin"))


def _check_host(rules: Rules, raw_path: bytes, headers: Headers) -> None:
    hosts = headers.every("host")
    if len(hosts) != 1 or hosts[0].lower() not in rules.hosts or not raw_path.startswith((b"/", b"*")):
        raise Refused(
            f"only localhost:{rules.port} is served here; the request was for {', '.join(hosts) or 'no host'!r}",
            status=421,
            code="misdirected_request",
        )


def _check_origin(rules: Rules, headers: Headers) -> None:
    for origin in headers.every("origin"):
        if origin not in rules.allowed_origins:
            raise Refused(
                f"pages from {origin!r} may not call maker; add the origin to server.allowed_origins in maker.toml",
                status=403,
                code="origin_refused",
            )
    # A page that loads something, or sends its visitor here, names no origin.
    if headers.first("sec-fetch-site").lower() == "cross-site" and not headers.every("origin"):
        raise Refused("pages of other sites may not call maker", status=403, code="origin_refused")


def _check_key(rules: Rules, path: str, headers: Headers) -> None:
    if rules.api_key is None or path in OPEN_PATHS:
        return
    bearer = headers.first("authorization")
    given = bearer[7:] if bearer.lower().startswith("bearer ") else headers.first("x-api-key")
    if not hmac.compare_digest(given.encode(), rules.api_key.encode()):
        raise Refused(
            "a key is needed: send server.api_key of maker.toml as a bearer token", status=401, code="invalid_api_key"
        )


def _check_body(rules: Rules, headers: Headers) -> None:
    lengths = headers.every("content-length")
    if any(not length.isascii() or not length.isdigit() for length in lengths):
        raise Refused("Content-Length is not a number", status=400, code="bad_content_length")
    length = max((int(length) for length in lengths), default=0)
    if length > rules.max_body_bytes:
        raise _too_long(rules)
    media_type = headers.first("content-type").split(";")[0].strip().lower()
    # A type is looked at even where no length announces a body: HTTP/2 needs none.
    if media_type != "application/json" and (media_type or length or headers.every("transfer-encoding")):
        given = f"as {media_type!r}" if media_type else "without a Content-Type"
        raise Refused(
            f"the body must be sent as application/json, not {given}",
            status=415,
            code="unsupported_media_type",
        )


def _too_long(rules: Rules) -> Refused:
    return Refused(
        f"the body is longer than {rules.max_body_bytes} bytes (server.max_body_bytes in maker.toml)",
        status=413,
        code="body_too_long",
    )


def _too_slow() -> Refused:
    return Refused(f"the body was not here whole within {BODY_S:.0f} s", status=408, code="body_too_slow")


class Guard:
    """ASGI middleware that applies the rules; what passes reaches `app` untouched."""

    def __init__(
        self,
        app: App,
        *,
        port: int,
        max_body_bytes: int,
        allowed_origins: Iterable[str] = (),
        api_key: str | None = None,
    ) -> None:
        self._app = app
        self._rules = Rules(port, max_body_bytes, frozenset(allowed_origins), api_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope["headers"])
        origins = headers.every("origin")
        if origins and self._rules.allowed_origins.issuperset(origins):
            send = _with_origin(send, origins[0])
        try:
            check(self._rules, scope["method"], scope["path"], scope.get("raw_path") or b"/", headers)
        except Refused as refusal:
            await _refuse(send, refusal, scope["path"], receive)
            return
        if is_preflight(scope["method"], headers):
            await _preflight(send, headers.first("access-control-request-headers"))
            return
        limited = _LimitedBody(self._rules, scope["path"], receive, send)
        await self._app(scope, limited.receive, limited.send)


class _LimitedBody:
    """Counts a body and waits for it only so long; past a limit it answers itself and the app sees a disconnect."""

    def __init__(self, rules: Rules, path: str, receive: Receive, send: Send) -> None:
        self._rules, self._path, self._receive, self._send = rules, path, receive, send
        self._seen = 0
        self._started = self._refused = False
        self._whole_by: float | None = asyncio.get_running_loop().time() + BODY_S

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout_at(self._whole_by):
                message = await self._receive()
        except TimeoutError:
            return await self._cut(_too_slow())
        if not message.get("more_body"):
            self._whole_by = None
        self._seen += len(message.get("body", b""))
        return message if self._seen <= self._rules.max_body_bytes else await self._cut(_too_long(self._rules))

    async def _cut(self, refusal: Refused) -> Message:
        if not self._started:
            self._refused = True
            await _refuse(self._send, refusal, self._path, self._receive)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._refused:
            self._started = True
            await self._send(message)


async def _refuse(send: Send, refusal: Refused, path: str, receive: Receive) -> None:
    """Say why, then end the exchange once the body is read: who is cut off while still sending reads no answer."""
    if path.startswith(ANTHROPIC):
        said = message_error(str(refusal), refusal.status)
    else:
        said = error_body(str(refusal), type="invalid_request_error", code=refusal.code)
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await _discard(receive)
    await send({"type": "http.response.body", "body": b""})


async def _discard(receive: Receive) -> None:
    left = DISCARDED_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARDED_S):
            while left > 0 and (message := await receive()).get("more_body"):
                left -= len(message["body"])


async def _preflight(send: Send, asked: str) -> None:
    """Let the page send what it asks for: clients have headers of their own, and none of them opens anything here."""
    allowed = asked if _HEADER_NAMES.fullmatch(asked) else USUAL_HEADERS
    headers = [
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (b"access-control-allow-headers", allowed.encode("ascii")),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _with_origin(send: Send, origin: str) -> Send:
    """As `send`, with what lets a page of that origin read the answer, whatever it is."""
    cors = [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *cors]}
        await send(message)

    return marked
