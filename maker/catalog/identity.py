"""What an answer depends on besides the request: measurements are kept by it, and `/health` tells it in short.

An orchestrator answers by the settings that it was started with, which maker.toml may have left behind.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from maker import __version__
from maker.catalog import profiles
from maker.catalog.profiles import RolePlan
from maker.config import ROLES, Config, ModeName

Json = dict[str, Any]


def settings(config: Config, mode: ModeName) -> Json:
    """All that a mode's answers depend on.

    Raises:
        ConfigError: as `profiles.plan`.
    """
    plans = profiles.plan(config)
    return {
        "maker": __version__,
        "profile": config.profile,
        "mode": config.mode(mode).model_dump(mode="json"),
        "sandbox": config.sandbox.model_dump(mode="json"),
        "models": {role: model(plans[role]) for role in ROLES},
    }


def model(plan: RolePlan) -> list[object]:
    """Which model it is: the servers and the id they are asked for, or the file.

    The file is told with its size and time, so that new weights are another model.
    """
    if plan.served_by not in ROLES:
        return [*plan.urls, *([plan.model_id] if plan.model_id else [])]
    found = plan.model.stat() if plan.model.is_file() else None
    return [plan.model.name, found and found.st_size, found and found.st_mtime_ns, plan.context]


def digests(said: Mapping[str, Any]) -> dict[str, str]:
    """Each setting's name as maker.toml has it, and what stands for its value without telling it."""
    named: dict[str, object] = {}
    for name, value in said.items():
        if not isinstance(value, Mapping):
            named[name] = value
        elif name == "mode":
            named |= value
        else:
            section = "roles" if name == "models" else name
            named |= {f"{section}.{key}": one for key, one in value.items()}
    return {name: hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12] for name, value in named.items()}
