"""Who may call: a matrix over headers, on the pure rules and through the middleware."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from maker import guard
from maker.errors import Refused
from maker.guard import Guard, Headers, Rules, check

RULES = Rules(port=8080, max_body_bytes=100, allowed_origins=frozenset(("https://ok.example",)))
KEYED = Rules(port=8080, max_body_bytes=100, api_key="sesame-sesame")
JSON = [(b"Host", b"localhost:8080"), (b"Content-Type", b"application/json"), (b"Content-Length", b"2")]


def status(rules: Rules, method: str, headers: list[tuple[bytes, bytes]], path: str = "/v1/models") -> int:
    try:
        check(rules, method, path, path.encode(), Headers(headers))
    except Refused as refused:
        return refused.status
    return 200


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:8080"])
def test_loopback_names_with_our_port_are_served(host: str) -> None:
    assert status(RULES, "GET", [(b"host", host.encode())]) == 200


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.test"],
        ["evil.test:8080"],
        ["localhost"],
        ["localhost:8081"],
        ["localhost:8080.evil.test"],
        [],
        [""],
        ["localhost:8080", "evil.test"],
        ["localhost:8080", "localhost:8080"],
    ],
)
def test_any_other_host_is_misdirected(hosts: list[str]) -> None:
    assert status(RULES, "GET", [(b"Host", host.encode()) for host in hosts]) == 421


def test_an_absolute_target_is_misdirected() -> None:
    headers = Headers([(b"host", b"localhost:8080")])
    with pytest.raises(Refused) as caught:
        check(RULES, "GET", "/v1/models", b"http://evil.test/v1/models", headers)
    assert caught.value.status == 421


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost:3000", "vscode-webview://x", ""])
def test_no_page_may_call_unless_its_origin_is_allowed(method: str, origin: str) -> None:
    assert status(RULES, method, [*JSON, (b"Origin", origin.encode())]) == 403


def test_an_allowed_origin_may_call_and_a_second_one_beside_it_not() -> None:
    allowed = (b"Origin", b"https://ok.example")
    assert status(RULES, "POST", [*JSON, allowed]) == 200
    assert status(RULES, "POST", [*JSON, allowed, (b"Origin", b"https://evil.test")]) == 403


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_is_not_json_is_refused_by_type(media_type: str) -> None:
    headers = [(b"Host", b"localhost:8080"), (b"Content-Type", media_type.encode()), (b"Content-Length", b"2")]
    assert status(RULES, "POST", headers) == 415


def test_a_type_that_is_not_json_is_refused_without_a_length_too() -> None:
    assert status(RULES, "POST", [(b"Host", b"localhost:8080"), (b"Content-Type", b"text/plain")]) == 415


def test_the_refusal_says_what_type_there_was() -> None:
    sized = [(b"Host", b"localhost:8080"), (b"Content-Length", b"2")]
    with pytest.raises(Refused, match="not as 'text/plain'"):
        check(RULES, "POST", "/", b"/", Headers([*sized, (b"Content-Type", b"text/plain")]))
    with pytest.raises(Refused, match="not without a Content-Type"):
        check(RULES, "POST", "/", b"/", Headers(sized))


def test_a_chunked_body_needs_the_type_too() -> None:
    assert status(RULES, "POST", [(b"Host", b"localhost:8080"), (b"Transfer-Encoding", b"chunked")]) == 415


@pytest.mark.parametrize("media_type", [b"application/json", b"application/json; charset=utf-8", b"Application/JSON"])
def test_json_passes_with_and_without_a_charset(media_type: bytes) -> None:
    headers = [(b"Host", b"localhost:8080"), (b"Content-Type", media_type), (b"Content-Length", b"2")]
    assert status(RULES, "POST", headers) == 200


@pytest.mark.parametrize(("length", "expected"), [(b"100", 200), (b"101", 413), (b"x", 400), (b"-1", 400), (b"", 400)])
def test_the_length_is_checked_before_the_body_is_read(length: bytes, expected: int) -> None:
    headers = [(b"Host", b"localhost:8080"), (b"Content-Type", b"application/json"), (b"Content-Length", length)]
    assert status(RULES, "POST", headers) == expected


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_what_a_page_of_another_site_loads_is_refused_though_it_names_no_origin(method: str) -> None:
    assert status(RULES, method, [*JSON, (b"Sec-Fetch-Site", b"cross-site")]) == 403
    for site in (b"same-origin", b"none"):
        assert status(RULES, method, [*JSON, (b"Sec-Fetch-Site", site)]) == 200
    allowed = [*JSON, (b"Sec-Fetch-Site", b"cross-site"), (b"Origin", b"https://ok.example")]
    assert status(RULES, method, allowed) == 200


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ((b"Authorization", b"Bearer sesame-sesame"), 200),
        ((b"authorization", b"bearer sesame-sesame"), 200),
        ((b"x-api-key", b"sesame-sesame"), 200),
        ((b"Authorization", b"Bearer sesame"), 401),
        ((b"Authorization", b"Basic sesame-sesame"), 401),
        ((b"x-api-key", b""), 401),
    ],
)
def test_a_configured_key_is_needed(header: tuple[bytes, bytes], expected: int) -> None:
    assert status(KEYED, "POST", [*JSON, header]) == expected


def test_health_needs_no_key() -> None:
    assert status(KEYED, "GET", JSON, path="/health") == 200


class Exchange:
    """One request through a guard over an app that reads its body and answers with what it read."""

    def __init__(self, guard_settings: dict[str, Any], headers: list[tuple[bytes, bytes]], chunks: list[bytes]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.app_ran = False
        self.guard = Guard(self.app, port=8080, max_body_bytes=100, **guard_settings)
        self.headers, self.pending = headers, list(chunks)
        self.unread: list[int] = []
        """How many parts of the body were not read yet when each message was sent."""

    async def app(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        self.app_ran = True
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body += message["body"]
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def run(self, method: str = "POST") -> dict[str, Any]:
        async def receive() -> dict[str, Any]:
            if not self.pending:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": self.pending.pop(0), "more_body": bool(self.pending)}

        async def send(message: Any) -> None:
            self.sent.append(dict(message))
            self.unread.append(len(self.pending))

        scope = {"type": "http", "method": method, "path": "/", "raw_path": b"/", "headers": self.headers}
        asyncio.run(self.guard(scope, receive, send))
        return self.sent[0]


def test_a_refusal_is_an_openai_error_and_the_app_never_runs() -> None:
    exchange = Exchange({}, [*JSON, (b"Origin", b"https://evil.test")], [b"{}"])
    assert exchange.run()["status"] == 403
    error = json.loads(exchange.sent[1]["body"])["error"]
    assert error["code"] == "origin_refused"
    assert "server.allowed_origins" in error["message"]
    assert not exchange.app_ran


def test_no_cors_header_is_ever_sent_to_an_origin_that_is_not_allowed() -> None:
    exchange = Exchange({}, [*JSON, (b"Origin", b"https://evil.test")], [b"{}"])
    assert not [name for name, _ in exchange.run("OPTIONS")["headers"] if name.startswith(b"access-control")]


def test_a_preflight_of_an_allowed_origin_is_answered_without_the_app() -> None:
    settings = {"allowed_origins": ["https://ok.example"]}
    exchange = Exchange(settings, [(b"Host", b"localhost:8080"), (b"Origin", b"https://ok.example")], [b""])
    start = exchange.run("OPTIONS")
    assert start["status"] == 204
    assert dict(start["headers"])[b"access-control-allow-origin"] == b"https://ok.example"
    assert not exchange.app_ran


ASKED = b"authorization,anthropic-version,idempotency-key,mcp-protocol-version,x-maker-workspace,x-stainless-lang"
PAGE = [(b"Host", b"localhost:8080"), (b"Origin", b"https://ok.example")]
PAGE_AND_KEY = {"allowed_origins": ["https://ok.example"], "api_key": "sesame-sesame"}


def test_a_preflight_is_asked_for_no_key_and_may_send_what_it_asks_for() -> None:
    exchange = Exchange(PAGE_AND_KEY, [*PAGE, (b"Access-Control-Request-Headers", ASKED)], [b""])
    start = exchange.run("OPTIONS")
    assert start["status"] == 204
    assert dict(start["headers"])[b"access-control-allow-headers"] == ASKED
    assert not exchange.app_ran


@pytest.mark.parametrize("asked", [b"", b"x-evil\x00", b"x: y", b"x\r\ny", b"\xe4", b"x-a, " * 1000])
def test_what_is_no_list_of_header_names_is_not_said_back(asked: bytes) -> None:
    exchange = Exchange(PAGE_AND_KEY, [*PAGE, (b"Access-Control-Request-Headers", asked)], [b""])
    start = exchange.run("OPTIONS")
    assert dict(start["headers"])[b"access-control-allow-headers"] == guard.USUAL_HEADERS.encode()


def test_only_a_preflight_of_an_allowed_origin_needs_no_key() -> None:
    assert status(KEYED, "OPTIONS", JSON) == 401
    evil = [(b"Host", b"localhost:8080"), (b"Origin", b"https://evil.test")]
    assert Exchange(PAGE_AND_KEY, evil, [b""]).run("OPTIONS")["status"] == 403


@pytest.mark.parametrize(
    ("more", "refused"), [((b"Content-Type", b"text/plain"), 415), ((b"Content-Length", b"x"), 400)]
)
def test_a_page_of_an_allowed_origin_can_read_why_it_was_refused(more: tuple[bytes, bytes], refused: int) -> None:
    key = (b"x-api-key", b"sesame-sesame")
    for headers, expected in (([*PAGE, key, more], refused), ([*PAGE, more], 401)):
        start = Exchange(PAGE_AND_KEY, headers, [b""]).run()
        assert start["status"] == expected
        assert dict(start["headers"])[b"access-control-allow-origin"] == b"https://ok.example"
    beside = Exchange(PAGE_AND_KEY, [*PAGE, (b"Origin", b"https://evil.test")], [b""]).run()
    assert beside["status"] == 403
    assert b"access-control-allow-origin" not in dict(beside["headers"])


def test_a_body_without_a_length_is_counted_and_cut_off() -> None:
    headers = [(b"Host", b"localhost:8080"), (b"Content-Type", b"application/json"), (b"Transfer-Encoding", b"chunked")]
    exchange = Exchange({}, headers, [b"x" * 60, b"x" * 60, b"x" * 60])
    assert exchange.run()["status"] == 413
    assert exchange.unread == [1, 1, 0]  # what the app answers to the disconnect it saw goes nowhere


def test_a_body_at_the_limit_reaches_the_app_whole() -> None:
    headers = [(b"Host", b"localhost:8080"), (b"Content-Type", b"application/json"), (b"Transfer-Encoding", b"chunked")]
    exchange = Exchange({}, headers, [b"x" * 60, b"x" * 40])
    assert exchange.run()["status"] == 200
    assert exchange.sent[1]["body"] == b"x" * 100


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.0)
    monkeypatch.setattr(guard, "DISCARDED_S", 0.0)
    exchange = Exchange({}, JSON, [])
    assert exchange.run()["status"] == 408
    assert len(exchange.sent) == 3


def test_a_refusal_is_said_at_once_and_ends_when_the_body_is_read() -> None:
    exchange = Exchange({}, [*JSON[:2], (b"Content-Length", b"300")], [b"x" * 100] * 3)
    assert exchange.run()["status"] == 413
    assert exchange.unread == [3, 3, 0]
    assert [message.get("more_body", False) for message in exchange.sent[1:]] == [True, False]


def test_of_a_body_without_end_only_so_much_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "DISCARDED_BYTES", 250)
    exchange = Exchange({}, [*JSON[:2], (b"Content-Length", b"1000")], [b"x" * 100] * 10)
    assert exchange.run()["status"] == 413
    assert exchange.unread == [10, 10, 7]


def test_the_time_for_a_body_does_not_count_once_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.05)
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])

    async def run() -> None:
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        messages = iter(({"type": "http.request", "body": b"{}", "more_body": False}, {"type": "http.disconnect"}))
        sent: list[Any] = []

        async def receive() -> Any:
            message = next(messages)
            if message["type"] == "http.disconnect":
                loop.call_later(0.2, gone.set)
                await gone.wait()
            return message

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "headers": JSON}
        await guard.Guard(app, port=8080, max_body_bytes=100)(scope, receive, send)
        assert not sent

    asyncio.run(run())
    assert seen == ["http.request", "http.disconnect"]


def test_a_websocket_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    exchange = Exchange({}, [], [])
    asyncio.run(exchange.guard({"type": "websocket", "headers": []}, send, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert not exchange.app_ran
