"""Asking services whether they would answer now: one bounded question each, all at once.

RUNNING under supervisord means only that a process exists. A model server's "ok" means little more: one that failed to
get its memory says so too and then answers 500 (ggml-org/llama.cpp#27309), so the listener also tries one token.
"""

import asyncio
import contextlib
import functools
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import httpx

from maker.config import Config
from maker.errors import ConfigError
from maker.services.places import Place
from maker.services.spec import ServiceSpec

PROBE_TIMEOUT_S = 2.0
CANARY_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a service would answer now; if not, `detail` says why."""

    ready: bool
    detail: str = ""


READY = Readiness(True)


def client() -> httpx.AsyncClient:
    """The HTTP client for probes: never through a proxy, no redirects."""
    return httpx.AsyncClient(trust_env=False, timeout=PROBE_TIMEOUT_S, verify=_tls())


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than all the probes.
    return httpx.create_ssl_context(trust_env=False)


def probe_all(config: Config, wanted: Iterable[Place]) -> dict[str, Readiness]:
    """Probe the services, all at once; takes `PROBE_TIMEOUT_S` at most."""

    async def run() -> dict[str, Readiness]:
        async with client() as http:
            return await probe_each(http, config, wanted)

    return asyncio.run(run())


async def probe_each(http: httpx.AsyncClient, config: Config, wanted: Iterable[Place]) -> dict[str, Readiness]:
    """As `probe_all`, inside an event loop and with a client that is kept."""
    asked = list(wanted)
    answers = await asyncio.gather(*(probe(http, config, place) for place in asked))
    return {place.spec.name: answer for place, answer in zip(asked, answers, strict=True)}


async def probe(http: httpx.AsyncClient, config: Config, place: Place) -> Readiness:
    """Ask one service; never raises for what the service does."""
    question = _elsewhere(http, place) if place.urls else _QUESTIONS[place.spec.kind](http, config, place.spec)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await question
    except TimeoutError:
        return Readiness(False, f"no answer within {PROBE_TIMEOUT_S:.0f} s")
    except (httpx.ConnectError, ConnectionError, FileNotFoundError):
        return Readiness(False, "not listening yet")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Readiness(False, f"no answer: {str(error) or type(error).__name__}")
    except ConfigError as error:
        return Readiness(False, str(error))


async def canary(http: httpx.AsyncClient, config: Config, spec: ServiceSpec) -> str | None:
    """Have a model server generate one token; returns why that failed, None if it did not.

    Raises:
        TimeoutError: no answer within `CANARY_TIMEOUT_S`; the server may be broken, or its slots all at work.
    """
    try:
        async with asyncio.timeout(CANARY_TIMEOUT_S):
            reply = await http.post(
                f"http://127.0.0.1:{spec.port}/v1/completions",
                json={"prompt": "1", "max_tokens": 1},
                headers=_authorization(config),
                timeout=None,
            )
    except (httpx.HTTPError, ConfigError) as error:
        return f"one-token trial failed: {str(error) or type(error).__name__}"
    return None if reply.is_success else f"one-token trial failed: {_said(reply)}"


async def _model(http: httpx.AsyncClient, config: Config, spec: ServiceSpec) -> Readiness:
    reply = await http.get(f"http://127.0.0.1:{spec.port}/health")
    if reply.status_code == httpx.codes.NOT_FOUND:
        # llama-cpp-python's server has no /health.
        reply = await http.get(f"http://127.0.0.1:{spec.port}/v1/models", headers=_authorization(config))
    return _judge(reply)


def _get(path: str) -> Callable[[httpx.AsyncClient, Config, ServiceSpec], Awaitable[Readiness]]:
    async def ask(http: httpx.AsyncClient, _config: Config, spec: ServiceSpec) -> Readiness:
        return _judge(await http.get(f"http://127.0.0.1:{spec.port}{path}"))

    return ask


async def _redis(_http: httpx.AsyncClient, config: Config, _spec: ServiceSpec) -> Readiness:
    # Two lines of its protocol by hand: importing the client would take longer than everything else here together.
    reader, writer = await asyncio.open_unix_connection(config.home.redis_socket)
    try:
        writer.write(f"AUTH {config.home.read_key()}\r\nPING\r\n".encode())
        for expected in (b"+OK", b"+PONG"):
            if (reply := (await reader.readline()).strip()) != expected:
                return Readiness(False, _printable(reply.decode(errors="replace")) or "it closed the connection")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return READY


async def _elsewhere(http: httpx.AsyncClient, place: Place) -> Readiness:
    """Any answer but a server error counts: whose key it wants is the model client's affair, and ours stays here."""

    async def one(url: str) -> str | None:
        try:
            # One that keeps silent must not take the time of the others.
            async with asyncio.timeout(0.8 * PROBE_TIMEOUT_S):
                reply = await http.get(f"{url.rstrip('/')}/models")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return f"{url}: {str(error) or type(error).__name__}"
        return f"{url}: {_said(reply)}" if reply.is_server_error else None

    failures = await asyncio.gather(*(one(url) for url in place.urls))
    return READY if None in failures else Readiness(False, "; ".join(filter(None, failures)))


_QUESTIONS: dict[str, Callable[[httpx.AsyncClient, Config, ServiceSpec], Awaitable[Readiness]]] = {
    "model": _model,
    "orchestrator": _get("/ready"),
    "mcp": _get("/health"),
    "redis": _redis,
    "qdrant": _get("/readyz"),
    "phoenix": _get("/readyz"),
}


def _judge(reply: httpx.Response) -> Readiness:
    return READY if reply.is_success else Readiness(False, _said(reply))


def _said(reply: httpx.Response) -> str:
    """What a server said, in one short printable line: the message of its error object, if it sent one."""
    text = reply.text
    try:
        error = json.loads(text)["error"]
        text = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        pass
    return f"HTTP {reply.status_code} {_printable(text)}".rstrip()


def _printable(text: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(line.split())[:160]


def _authorization(config: Config) -> dict[str, str]:
    return {"Authorization": f"Bearer {config.home.read_key()}"}
