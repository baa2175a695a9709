"""The composition root: configuration in, collaborators out. The only place that builds things.

What a service needs is imported when it is that service's turn: twelve of them start at once, on small machines too.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maker import config as configuration
from maker.config import ROLES, Config
from maker.errors import ConfigError
from maker.process import become, record
from maker.services.settings import digest
from maker.services.spec import LISTENER

if TYPE_CHECKING:
    from maker.services.bundle import Bundle


def bundle(config: Config) -> "Bundle":
    """The verbs of `maker start`, `stop` and `status`."""
    from maker.engine import launch
    from maker.services.bundle import Bundle

    return Bundle(config, verify=partial(launch.verify, config))


def serve(name: str) -> None:
    """Become the service `name`; returns only when a service that lives in this process has stopped.

    Raises:
        ConfigError: no service has that name, or the configuration is wrong.
        MakerError: what the service needs is missing; its log has the sentence.
    """
    config = configuration.load()
    jobs: dict[str, Callable[[Config], None]] = {
        LISTENER: _serve_listener,
        "mcp": _serve_mcp,
        "redis": _become_redis,
        "qdrant": _become_qdrant,
        "phoenix": _become_phoenix,
        "orchestrator-high": _serve_orchestrator,
        "orchestrator-low": _serve_orchestrator,
    }
    if name not in jobs and name not in ROLES:
        raise ConfigError(f"there is no service {name!r}; there are {', '.join([*ROLES, *jobs])}")
    _log_to_stderr()
    record(config.home, name, digest(config, name))
    if name in ROLES:
        _become_model_server(config, name)
    else:
        jobs[name](config)


def serve_mcp_stdio() -> None:
    """Serve the codebase tools of the current folder over standard input and output."""
    from maker.tools import server

    server.serve_stdio(configuration.load(), Path.cwd())


def _log_to_stderr() -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=form, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _become_model_server(config: Config, role: str) -> None:
    from maker.catalog import profiles
    from maker.engine import launch

    profiles.verify(profiles.plan(config)[role])
    become(launch.command(config, role))


def _become_redis(config: Config) -> None:
    from maker.services import stores

    become(stores.redis_command(config))


def _become_qdrant(config: Config) -> None:
    from maker.services import stores

    become(stores.qdrant_command(config))


def _become_phoenix(config: Config) -> None:
    from maker.services import phoenix

    become(phoenix.command(config))


def _serve_listener(config: Config) -> None:
    from maker.services import listener

    listener.main(config)


def _serve_mcp(config: Config) -> None:
    from maker.wiring import mcp

    asyncio.run(mcp.run(config))


def _serve_orchestrator(config: Config) -> None:
    from maker.wiring import orchestrator

    asyncio.run(orchestrator.run(config, configuration.mode()))
