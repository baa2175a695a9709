"""Which settings a service's process depends on: it keeps those it read at its start, and maker.toml may change.

Every process notes the digest of its settings in its pid file (`maker.process.record`); a digest of now that differs
says that the process was started with others.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace

from maker.catalog import profiles
from maker.config import MODES, ROLES, Config
from maker.process import read_pid


def digest(config: Config, service: str) -> str:
    """What stands for all the settings that the service's process depends on, without telling them.

    Raises:
        ConfigError: the profile or a role in maker.toml cannot be used.
    """
    return hashlib.sha256(json.dumps(_settings(config, service), default=str).encode()).hexdigest()[:12]


def outdated(config: Config, pids: Mapping[str, int]) -> frozenset[str]:
    """The services of those with these processes that were started with other settings than these.

    Raises:
        ConfigError: as `digest`.
    """
    return frozenset(name for name, pid in pids.items() if _is_outdated(config, name, pid))


def _is_outdated(config: Config, service: str, pid: int) -> bool:
    noted = read_pid(config.home, service)
    # One that has not come to noting it reads its settings just now.
    return noted is not None and noted.pid == pid and noted.settings not in {"", digest(config, service)}


def _settings(config: Config, service: str) -> object:
    if service in ROLES:
        plan = profiles.plan(config)[service]
        return [config.port(service), asdict(replace(plan, planned_bytes=0, trust_template=False))]
    for mode in MODES:
        if service == f"orchestrator-{mode}":
            return _orchestrator(config, {other for other in MODES if other != mode})
    match service:
        case "mcp":
            return [config.port("mcp"), config.port("qdrant"), config.qdrant.model_dump(), config.server.model_dump()]
        case "redis":
            return [config.port("redis"), config.redis.model_dump()]
        case "qdrant":
            return [config.port("qdrant"), config.qdrant.model_dump()]
        case "phoenix":
            return [config.port("phoenix"), config.phoenix.retention_days]
    return []  # the listener follows maker.toml by itself


def _orchestrator(config: Config, others: set[str]) -> object:
    """Nearly everything: which modes and stores there are, where they are, and what the models take."""
    said = config.model_dump(
        mode="json",
        exclude={
            "home": True,
            "modes": others,
            "ports": {f"orchestrator_{other}" for other in others},
            "redis": {"max_memory_mib"},
            "phoenix": {"retention_days"},
        },
    )
    # The dump has asterisks in their place, whatever they are.
    secrets = {role: secret.get_secret_value() for role in ROLES if (secret := config.role(role).api_key)}
    return [said, secrets]
