"""Probes, over a transport that answers as servers do."""

import asyncio
import json
import socket
from collections.abc import Callable

import httpx
import pytest

from maker.config import Config, Home
from maker.services import readiness
from maker.services.places import Place, places, processes
from maker.services.readiness import READY, Readiness, canary, probe, probe_all
from maker.services.spec import specs
from tests.services.bundles import make_home

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def config(home: Home) -> Config:
    return make_home(home.root)


def ask(config: Config, place: Place, answer: Answer) -> Readiness:
    async def run() -> Readiness:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return await probe(http, config, place)

    return asyncio.run(run())


def try_token(config: Config, answer: Answer) -> str | None:
    async def run() -> str | None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return await canary(http, config, places(config)["coder"].spec)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("coder", "/health"),
        ("orchestrator-high", "/ready"),
        ("mcp", "/health"),
        ("phoenix", "/readyz"),
        ("qdrant", "/readyz"),
    ],
)
def test_each_kind_is_asked_in_its_own_way_and_never_told_the_key(config: Config, name: str, path: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    spec = next(spec for spec in specs(config) if spec.name == name)
    assert ask(config, Place(spec, None), answer) == READY
    (request,) = asked
    assert str(request.url) == f"http://127.0.0.1:{spec.port}{path}"
    assert config.home.read_key() not in str(request.headers)


def test_a_loading_server_says_what_it_is_doing(config: Config) -> None:
    body = {"error": {"code": 503, "message": "Loading model\x1b[31m", "type": "unavailable_error"}}
    answer = ask(config, places(config)["coder"], lambda _request: httpx.Response(503, json=body))
    assert answer == Readiness(False, "HTTP 503 Loading model [31m")


def test_a_server_without_health_is_asked_for_its_models_with_the_key(config: Config) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/models":
            return httpx.Response(404)
        allowed = request.headers.get("Authorization") == f"Bearer {config.home.read_key()}"
        return httpx.Response(200 if allowed else 401)

    assert ask(config, places(config)["coder"], answer) == READY


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (httpx.ConnectError("refused"), "not listening yet"),
        (httpx.ReadError("reset"), "no answer: reset"),
        (httpx.ReadError(""), "no answer: ReadError"),
        (httpx.RemoteProtocolError("Server disconnected"), "no answer: Server disconnected"),
    ],
)
def test_failures_are_values(config: Config, error: Exception, detail: str) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    assert ask(config, places(config)["coder"], answer) == Readiness(False, detail)


def test_a_silent_server_takes_its_own_time_only(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PROBE_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", config.port("coder"))):
        answers = probe_all(config, [places(config)[name] for name in ("coder", "planner", "redis")])
    assert answers["coder"].detail == "no answer within 0 s"
    assert answers["planner"].detail == answers["redis"].detail == "not listening yet"


def test_one_token_is_asked_for_with_the_key(config: Config) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"choices": [{"text": "x"}]})

    assert try_token(config, answer) is None
    (request,) = asked
    assert (request.method, request.url.path) == ("POST", "/v1/completions")
    assert json.loads(request.content)["max_tokens"] == 1
    assert request.headers["Authorization"] == f"Bearer {config.home.read_key()}"


def test_a_failed_token_says_what_the_server_said(config: Config) -> None:
    failure = try_token(config, lambda _request: httpx.Response(500, json={"error": {"message": "Compute error."}}))
    assert failure == "one-token trial failed: HTTP 500 Compute error."

    def broken(_request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset")

    assert try_token(config, broken) == "one-token trial failed: reset"


def test_a_token_that_never_comes_is_a_timeout(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CANARY_TIMEOUT_S", 0.2)

    async def run() -> None:
        async with readiness.client() as http:
            await canary(http, config, places(config)["coder"].spec)

    with socket.create_server(("127.0.0.1", config.port("coder"))), pytest.raises(TimeoutError):
        asyncio.run(run())


def test_a_role_elsewhere_is_ready_when_one_of_its_servers_answers_and_never_gets_our_key(home: Home) -> None:
    config = make_home(home.root, '[roles.coder]\nurls = ["http://one.test/v1", "https://two.test:9/v1/"]')
    place = places(config)["coder"]
    assert place.embedded == "runs elsewhere: http://one.test/v1, https://two.test:9/v1"
    assert "coder" not in processes(config, "all")

    def answer(request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        assert request.url.path == "/v1/models"
        if request.url.host == "one.test":
            raise httpx.ConnectTimeout("slow")
        return httpx.Response(status)

    status = 401
    assert ask(config, place, answer) == READY, "it answers; which key it wants is not for us to know"
    status = 502
    assert ask(config, place, answer).detail == "http://one.test/v1: slow; https://two.test:9/v1: HTTP 502"


def test_a_role_with_the_file_of_another_shares_its_server(home: Home) -> None:
    config = make_home(home.root, '[roles.gpt-oss]\nmodel = "tiny-planner.gguf"')
    place = places(config)["gpt-oss"]
    assert (place.embedded, place.served_by) == ("shares the server of planner", "planner")
    assert "gpt-oss" not in processes(config, "low") and "planner" in processes(config, "low")


@pytest.mark.parametrize(
    ("target", "missing"),
    [("all", set()), ("high", {"orchestrator-low"}), ("low", {"orchestrator-high", "reviewer"}), (None, None)],
)
def test_each_target_needs_its_own_processes(config: Config, target: str | None, missing: set[str] | None) -> None:
    every = {spec.name for spec in specs(config)} - {"qdrant"}
    expected = set() if missing is None else every - missing
    assert processes(config, target) == expected  # type: ignore[arg-type]
