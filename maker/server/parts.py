"""What an orchestrator is made of; `wiring` builds it, tests build it from doubles."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from maker.config import ModeName
from maker.config import Server as Limits
from maker.models.model import Model
from maker.models.vectors import VectorServer
from maker.pipeline.events import Emit
from maker.pipeline.work import Tools
from maker.stores.run_store import RunStore


@dataclass(frozen=True, slots=True)
class Parts:
    """The collaborators of one orchestrator."""

    mode: ModeName
    port: int
    limits: Limits
    tools: Tools
    """What runs work with: the models by role (a missing one is not configured), the mode's limits, the sandbox."""
    store: RunStore
    trace: Callable[[str | None], Emit]
    """A listener for one run, given the request's `traceparent` header."""
    missing: Callable[[], Awaitable[Mapping[str, str]]]
    """Services beside the models that do not work now, with the reason; never asks a model."""
    embedded: Mapping[str, str]
    """Services that run inside another process, with the reason."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """What stands for all that answers depend on, by the settings' names (`catalog.identity`)."""
    embeddings: VectorServer | None = None
    """Who answers /v1/embeddings; None where nobody is configured."""
    rerank: VectorServer | None = None
    """Who answers /v1/rerank; None where nobody is configured."""

    @property
    def models(self) -> Mapping[str, Model]:
        """The models by role."""
        return self.tools.models
