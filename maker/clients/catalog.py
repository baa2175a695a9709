"""Every client that maker can be connected to: its files, what belongs into them, and what is left to the user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from maker.clients import continue_dev
from maker.clients.continue_dev import Templates
from maker.clients.entry import Entry, Target, Value
from maker.clients.offers import Offer, Offers
from maker.clients.places import Places
from maker.clients.toml_text import TOML
from maker.clients.tree_syntax import JSON, YAML


@dataclass(frozen=True, slots=True)
class Client:
    """One client."""

    name: str
    title: str
    targets: Callable[[Places, Offers, Templates], list[Target]]
    hints: Callable[[Offers], list[str]]
    """What the user still has to do, or to know."""


def _continue(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    return [continue_dev.target(places.continue_config, offers, templates)]


def _vscode(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    group = {
        "name": "maker",
        "vendor": "customendpoint",
        "apiKey": offers.some_key,
        "apiType": "chat-completions",
        "models": [_vscode_model(offer) for offer in offers.modes],
    }
    server = {"type": "http", "url": offers.mcp, **_headers(offers)}
    return [
        Target(places.vscode_user / "chatLanguageModels.json", JSON, (Entry("models", (), group, by="name"),)),
        Target(places.vscode_user / "mcp.json", JSON, (Entry("mcp", ("servers",), server, key="maker"),)),
    ]


def _vscode_model(offer: Offer) -> Value:
    return {
        "id": offer.model,
        "name": offer.title,
        "url": f"{offer.url}/chat/completions",
        "toolCalling": True,
        "vision": False,
        "maxInputTokens": offer.context - offer.max_tokens,
        "maxOutputTokens": offer.max_tokens,
    }


def _opencode(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    # A provider has one address, and the two modes have two.
    providers = [
        Entry(offer.id, ("provider",), _opencode_provider(offer, offers), key=offer.model) for offer in offers.modes
    ]
    server = {"type": "remote", "url": offers.mcp, "enabled": True, **_headers(offers)}
    return [Target(places.opencode, JSON, (*providers, Entry("mcp", ("mcp",), server, key="maker")))]


def _opencode_provider(offer: Offer, offers: Offers) -> Value:
    limit = {"context": offer.context, "output": offer.max_tokens}
    return {
        "npm": "@ai-sdk/openai-compatible",
        "name": offer.title,
        "options": {"baseURL": offer.url, "apiKey": offers.some_key},
        "models": {offer.model: {"name": offer.title, "tool_call": True, "limit": limit}},
    }


def _codex(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    folder = places.codex_folder
    headers = {"http_headers": offers.bearer} if offers.bearer else {}
    providers = [
        Entry(
            offer.id,
            ("model_providers",),
            {"name": offer.title, "base_url": offer.url, "wire_api": "responses", **headers},
            key=offer.model,
        )
        for offer in offers.modes
    ]
    server = Entry("mcp", ("mcp_servers",), {"url": offers.mcp, **headers}, key="maker")
    profiles = [
        Target(folder / f"{offer.model}.config.toml", TOML, tuple(_codex_profile(offer))) for offer in offers.modes
    ]
    return [Target(folder / "config.toml", TOML, (*providers, server)), *profiles]


def _codex_profile(offer: Offer) -> list[Entry]:
    settings = {"model": offer.model, "model_provider": offer.model, "model_context_window": offer.context}
    # New keys go first in the file, so the last one put in is the first one read.
    return [Entry(key, (), value, key=key, exclusive=True) for key, value in reversed(settings.items())]


def _claude_code(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    offer = offers.high
    settings = {
        "ANTHROPIC_BASE_URL": offer.root,
        "ANTHROPIC_AUTH_TOKEN": offers.some_key,
        "ANTHROPIC_MODEL": offer.model,
        "ANTHROPIC_DEFAULT_OPUS_MODEL": offer.model,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": offer.model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": offer.model,
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(offer.context),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(offer.max_tokens),
    }
    entries = tuple(Entry(key, ("env",), value, key=key, exclusive=True) for key, value in settings.items())
    return [Target(places.claude_code, JSON, entries)]


def _aider(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    offer = offers.high
    settings = {
        "model": f"openai/{offer.model}",
        "openai-api-base": offer.url,
        "openai-api-key": offers.some_key,
    }
    entries = tuple(Entry(key, (), value, key=key, exclusive=True) for key, value in settings.items())
    models = tuple(Entry(each.id, (), _aider_model(each), key=f"openai/{each.model}") for each in offers.modes)
    return [Target(places.aider, YAML, entries), Target(places.aider_models, JSON, models)]


def _aider_model(offer: Offer) -> Value:
    return {
        "max_tokens": offer.max_tokens,
        "max_input_tokens": offer.context - offer.max_tokens,
        "max_output_tokens": offer.max_tokens,
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    }


def _zed(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    # A provider has one address, and the two modes have two.
    providers = [
        Entry(
            offer.id,
            ("language_models", "openai_compatible"),
            {"api_url": offer.url, "available_models": [_zed_model(offer)]},
            key=offer.model,
        )
        for offer in offers.modes
    ]
    server = Entry("mcp", ("context_servers",), {"url": offers.mcp, **_headers(offers)}, key="maker")
    return [Target(places.zed, JSON, (*providers, server))]


def _zed_model(offer: Offer) -> Value:
    return {
        "name": offer.model,
        "display_name": offer.title,
        "max_tokens": offer.context,
        "max_output_tokens": offer.max_tokens,
        "capabilities": {"tools": True, "images": False, "parallel_tool_calls": False, "prompt_cache_key": False},
    }


def _cline(places: Places, offers: Offers, templates: Templates) -> list[Target]:
    server = {"type": "streamableHttp", "url": offers.mcp, "disabled": False, "autoApprove": [], **_headers(offers)}
    return [Target(places.cline, JSON, (Entry("mcp", ("mcpServers",), server, key="maker"),))]


def _headers(offers: Offers) -> Value:
    return {"headers": offers.bearer} if offers.bearer else {}


CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            "continue",
            "Continue",
            _continue,
            lambda offers: [
                "the command line: cn --config MAKER_HOME/continue-high.yaml (or -low)",
                *continue_dev.left_out(offers),
            ],
        ),
        Client(
            "vscode",
            "VS Code",
            _vscode,
            lambda offers: ["pick the model in the chat's model picker; needs VS Code 1.122 with Copilot Chat"],
        ),
        Client(
            "opencode",
            "opencode",
            _opencode,
            lambda offers: ["opencode -m maker-high/maker-high (or maker-low/maker-low)"],
        ),
        Client(
            "codex",
            "Codex",
            _codex,
            lambda offers: ["codex --profile maker-high (or maker-low)"],
        ),
        Client(
            "claude-code",
            "Claude Code",
            _claude_code,
            lambda offers: [
                "every session of Claude Code now goes to maker, until `maker disconnect claude-code`",
                f"the tools: claude mcp add --transport http maker {offers.mcp}",
            ],
        ),
        Client(
            "aider",
            "aider",
            _aider,
            lambda offers: [
                "low mode: aider --model openai/maker-low --openai-api-base " + offers.modes[1].url,
            ],
        ),
        Client(
            "zed",
            "Zed",
            _zed,
            lambda offers: [
                "Zed keeps keys in its keychain: enter "
                + ("server.api_key of maker.toml" if offers.key else f"any word, such as {offers.some_key},")
                + " for maker-high and maker-low in the agent's settings",
            ],
        ),
        Client(
            "cline",
            "Cline",
            _cline,
            lambda offers: [
                "the tools are connected; Cline keeps models to itself, so choose in its settings:",
                f"provider OpenAI Compatible, base URL {offers.high.url}, model {offers.high.model}, "
                + ("API key as server.api_key in maker.toml, " if offers.key else f"API key {offers.some_key}, ")
                + f"context window {offers.high.context}, max output tokens {offers.high.max_tokens}",
            ],
        ),
    )
}
