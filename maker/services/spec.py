"""The services of the bundle: their names, ports, and which target needs which."""

from dataclasses import dataclass
from typing import Literal

from maker.config import ROLES, Config, Target

Kind = Literal["model", "orchestrator", "mcp", "redis", "qdrant", "phoenix"]

LISTENER = "readiness"
"""The event listener's name under supervisord; it starts what the target names and probes readiness."""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service: its name under supervisord, what it is, and its port on loopback."""

    name: str
    kind: Kind
    port: int
    targets: frozenset[Target]
    """The targets that need it."""


def specs(config: Config) -> tuple[ServiceSpec, ...]:
    """All twelve services in the order in which people read them."""
    every: frozenset[Target] = frozenset(("all", "high", "low"))
    high: frozenset[Target] = frozenset(("all", "high"))
    low: frozenset[Target] = frozenset(("all", "low"))
    models = [ServiceSpec(role, "model", config.port(role), high if role == "reviewer" else every) for role in ROLES]
    return (
        *models,
        ServiceSpec("orchestrator-high", "orchestrator", config.port("orchestrator-high"), high),
        ServiceSpec("orchestrator-low", "orchestrator", config.port("orchestrator-low"), low),
        ServiceSpec("mcp", "mcp", config.port("mcp"), every),
        ServiceSpec("redis", "redis", config.port("redis"), every),
        ServiceSpec("qdrant", "qdrant", config.port("qdrant"), every),
        ServiceSpec("phoenix", "phoenix", config.port("phoenix"), every),
    )
