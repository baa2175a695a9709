"""What maker offers to clients: its two modes, autocompletion and the tools, with figures that are true."""

import re
from dataclasses import dataclass

from maker.catalog import profiles
from maker.config import MODES, Config, ModeName

OWN_TOKENS = 1024
"""Tokens of a slot that maker's own prompts, plan and verdict take beside the conversation and the answer."""
PLACEHOLDER_KEY = "maker-local"
"""For clients that insist on a key where the server asks for none."""
AUTOCOMPLETE_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Offer:
    """One mode, or autocompletion, as a model in a client."""

    id: str
    title: str
    model: str
    root: str
    """Where its server is, without /v1."""
    context: int
    """Tokens of conversation and answer together."""
    max_tokens: int

    @property
    def url(self) -> str:
        """The OpenAI-compatible address."""
        return f"{self.root}/v1"


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything a client can be connected to."""

    modes: tuple[Offer, ...]
    autocomplete: Offer | None
    """None where no model was trained on it."""
    edits: bool
    """Whether the coder can change code that is there."""
    mcp: str
    key: str | None
    """What the server asks for, if it does."""

    @property
    def high(self) -> Offer:
        """The mode for clients that take only one."""
        return self.modes[0]

    @property
    def some_key(self) -> str:
        """A key for clients that insist on one."""
        return self.key or PLACEHOLDER_KEY

    @property
    def bearer(self) -> dict[str, str]:
        """The header that carries the key, for clients that take headers."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def offers(config: Config) -> Offers:
    """What this configuration offers.

    Raises:
        ConfigError: there is no such profile.
    """
    plans = profiles.plan(config)
    low = f"http://127.0.0.1:{config.port('orchestrator-low')}"
    completing = Offer(
        "autocomplete", "MakerCode - Autocomplete", "maker-low", low, plans["voter"].context, AUTOCOMPLETE_TOKENS
    )
    return Offers(
        modes=tuple(_mode(config, mode) for mode in MODES),
        autocomplete=completing if profiles.fills(config) else None,
        edits=profiles.edits(config),
        mcp=f"http://127.0.0.1:{config.port('mcp')}/mcp",
        key=config.server.api_key,
    )


def title(config: Config, mode: ModeName) -> str:
    """What people see in a model picker: `MakerCode - High (128GB RAM)`; the lower figure where there are two."""
    figure = re.sub(r"-\d+(?=GB)", "", profiles.mode_figure(config, mode)).removeprefix("~")
    return f"MakerCode - {mode.capitalize()} ({figure})"


def _mode(config: Config, mode: ModeName) -> Offer:
    plans = profiles.plan(config)
    roles = ("planner", "coder", "gpt-oss", *(("reviewer",) if mode == "high" else ()))
    slot = min(plans[role].context for role in roles)
    context = max(slot - OWN_TOKENS, slot // 2)
    root = f"http://127.0.0.1:{config.port(f'orchestrator-{mode}')}"
    # Continue's command line keeps the answer's room twice, and refuses to work where that is all there is.
    longest = min(config.mode(mode).max_tokens, context // 4)
    return Offer(mode, title(config, mode), f"maker-{mode}", root, context, longest)
