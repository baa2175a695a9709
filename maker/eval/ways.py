"""The ways to have a request answered that are measured against each other, over the HTTP interface of what runs.

`low` and `high` are the orchestrators. `direct` is one answer of the coder's own server to the request alone, drawn
several times so that its mean is known better than by one draw, and `direct0` the same at temperature 0, once.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx

from maker.catalog import identity, profiles
from maker.catalog.profiles import RolePlan
from maker.config import MODES, ROLES, Config, ModeName
from maker.errors import MakerError, NotReady, NotRunning
from maker.eval.suite import Exercise
from maker.models import told

Json = dict[str, Any]

NAMES = ("direct", "direct0", *reversed(MODES))
DRAWS = 5
"""How often direct is asked for each exercise: what one draw comes to swings by points between two seeds."""
GREETING_S = 5.0
SPARE_S = 30.0
"""How much longer than the longest run an answer is waited for."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have a request answered."""

    name: str
    url: str
    """Of an OpenAI-compatible server; ends in /v1."""
    service: str
    """Who answers there."""
    settings: Json
    """All that its answers depend on: answers under other settings are other answers."""
    mode: ModeName | None = None
    """None where one model is asked."""
    key: str | None = None
    sampling: Json | None = None
    """What the request says beside the messages."""
    draws: int = 1
    """How often each exercise is asked."""
    file: str | None = None
    """The name of the file that a model asked by itself is read from; None where a server of somebody else's has it."""

    @property
    def digest(self) -> str:
        """Stands for the settings."""
        return hashlib.sha256(json.dumps([self.name, self.settings], sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `error` is a code where it is no answer."""

    text: str
    seconds: float
    usage: Json
    maker: Json | None = None
    """The `maker` object; None where a model was asked by itself."""
    record: Json | None = None
    """What the orchestrator remembers of the run; None where it has no memory of it."""
    error: str | None = None


def ways(config: Config, names: tuple[str, ...], *, temperature: float, seed: int, draws: int = 1) -> tuple[Way, ...]:
    """The ways of these names; direct is asked `draws` times.

    Raises:
        ConfigError: as `profiles.plan`; there is no key yet.
    """
    plans = profiles.plan(config)
    made = (_way(config, plans, name, temperature, seed) for name in names)
    return tuple(_drawn(way, draws) if way.name == "direct" else way for way in made)


def _drawn(way: Way, draws: int) -> Way:
    """The way that is asked so often; one that is asked once is what it was before it could be more."""
    return way if draws == 1 else replace(way, draws=draws, settings={**way.settings, "draws": draws})


def _way(config: Config, plans: dict[str, RolePlan], name: str, temperature: float, seed: int) -> Way:
    for mode in MODES:
        if name == mode:
            service = f"orchestrator-{mode}"
            settings = identity.settings(config, mode)
            url = f"http://127.0.0.1:{config.port(service)}/v1"
            return Way(name, url, service, settings, mode, config.server.api_key, {})
    plan = plans["coder"]
    sampling = {
        "temperature": 0.0 if name == "direct0" else temperature,
        "max_tokens": config.modes.low.max_tokens,
        "seed": seed,
    }
    ours, secret = plan.served_by in ROLES, config.role("coder").api_key
    key = secret.get_secret_value() if secret else None
    return Way(
        name=name,
        url=plan.urls[0],
        service=plan.served_by,
        settings={"model": identity.model(plan), **sampling},
        key=config.home.read_key() if ours else key,
        sampling=_named(sampling, plan.model_id),
        file=plan.model.name if ours else None,
    )


def _named(sampling: Json, model: str | None) -> Json:
    return {**sampling, "model": model} if model else sampling


async def greet(client: httpx.AsyncClient, way: Way) -> Way:
    """Find out at once whether there is somebody to ask, who is whole and runs as is wanted; the way to ask them.

    Raises:
        NotRunning: nothing listens there.
        NotReady: it runs with another model or other settings than its answers would be kept under, or without one of
            its roles.
    """
    try:
        await (_greet_model(client, way) if way.mode is None else _greet_mode(client, way))
    except httpx.ConnectError as error:
        raise _absent(way) from error
    except (httpx.HTTPError, ValueError, AttributeError, LookupError, TypeError):
        pass
    if way.mode is None and way.file is None and way.sampling and "model" not in way.sampling:
        # As the orchestrators ask it: many servers want an id even where they have one model.
        ids = await told.ids(client, way.url, _authorization(way)) or ()
        return replace(way, sampling=_named(way.sampling, ids[0] if len(ids) == 1 else None))
    return way


async def _greet_model(client: httpx.AsyncClient, way: Way) -> None:
    said = await client.get(f"{way.url.removesuffix('/v1')}/props", headers=_authorization(way), timeout=GREETING_S)
    path = said.json().get("model_path") if said.status_code == 200 else None
    if way.file and path and Path(path).name != way.file:
        raise NotReady(
            f"{way.service} was started with {Path(path).name}, and maker.toml has {way.file} now; run `maker restart`"
        )


async def _greet_mode(client: httpx.AsyncClient, way: Way) -> None:
    said = (await client.get(f"{way.url.removesuffix('/v1')}/health", timeout=GREETING_S)).json()
    in_force, lacking = said.get("digests", {}), said.get("degraded", ())
    roles = [f"{one['name']} {one['reason']}" for one in lacking if one["name"] in ROLES]
    other = _others(way, in_force)
    if other:
        raise NotReady(
            f"{way.service} was started with another {', '.join(other)} than maker.toml has now; run `maker restart`"
        )
    if roles:
        raise NotReady(f"{way.service} would answer without all of its roles: {', '.join(roles)}; run `maker start`")


def _others(way: Way, in_force: Mapping[str, str]) -> list[str]:
    """The settings that are not in force as they are wanted; what is not told is not compared."""
    wanted = identity.digests(way.settings)
    return sorted(name for name, digest in wanted.items() if in_force.get(name, digest) != digest)


def _authorization(way: Way) -> dict[str, str]:
    return {"Authorization": f"Bearer {way.key}"} if way.key else {}


def _absent(way: Way) -> NotRunning:
    return NotRunning(f"{way.service} does not answer at {way.url}; run `maker start`")


async def ask(client: httpx.AsyncClient, way: Way, exercise: Exercise, *, limit_s: float, draw: int = 0) -> Answer:
    """The answer, however it ends, as long as there is somebody to answer.

    Raises:
        NotRunning: nothing listens there.
        NotReady: a needed role is down, or the answer did not come in time.
    """
    headers = _authorization(way)
    body = {"messages": [{"role": "user", "content": exercise.request}], **(way.sampling or {})}
    if "seed" in body:
        # Of its own for each exercise and draw, whatever else is asked.
        number = f"/{draw}" if draw else ""
        body["seed"] = crc32(f"{body['seed']}/{exercise.id}{number}".encode())
    begun = time.monotonic()
    try:
        response = await client.post(f"{way.url}/chat/completions", json=body, headers=headers, timeout=limit_s)
        seconds = time.monotonic() - begun
        answer = _answer(way, response, seconds)
        if answer.maker is None:
            return answer
        run = await client.get(f"{way.url.removesuffix('/v1')}/api/runs/{answer.maker['run']}", headers=headers)
    except httpx.ConnectError as error:
        raise _absent(way) from error
    except httpx.TimeoutException as error:
        raise NotReady(f"{way.service} did not answer in {limit_s:g} s; see `maker logs {way.service}`") from error
    except httpx.HTTPError as error:
        raise MakerError(f"the connection to {way.service} broke: {error}") from error
    record = run.json() if run.status_code == 200 else None
    return Answer(answer.text, seconds, answer.usage, answer.maker, record)


def _answer(way: Way, response: httpx.Response, seconds: float) -> Answer:
    """The answer in a response.

    A failure that the next request would meet too ends the measurement; any other is an answer that is not right.

    Raises:
        NotReady: nobody could answer now.
        MakerError: what answers there does not speak this language.
    """
    try:
        body = response.json()
        if response.status_code == 200:
            message = body["choices"][0]["message"]
            return Answer(message.get("content") or "", seconds, body.get("usage") or {}, body.get("maker"))
        said, code = str(body["error"]["message"]), str(body["error"].get("code"))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise MakerError(
            f"what answers at {way.url} is not {way.service} of maker (HTTP status {response.status_code})"
        ) from error
    if response.status_code in (401, 403, 404, 421, 429, 503):
        raise NotReady(f"{way.service}: {said}")
    return Answer("", seconds, {}, error=code)
