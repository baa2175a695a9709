"""`maker config show|path|validate`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from maker.catalog import profiles
from maker.cli.session import Session
from maker.config import ROLES, Config

PLANNED = ("model", "engine", "slots", "context", "cache_ram_mib", "threads", "gpu_layers")
"""What the profile decides of a role where maker.toml leaves it out."""
SECTIONS_WITH_KEY = ("server", "embeddings", "rerank")


@click.group(
    epilog="""\b
Examples:
  maker config show              every setting as it is in force
  maker config validate          exit 2 and the reason if maker.toml is wrong
  $EDITOR "$(maker config path)"
"""
)
def config() -> None:
    """Show or check the configuration."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@click.pass_obj
def show(session: Session, as_json: bool) -> None:
    """Show every setting in force: maker.toml over profile and defaults."""
    values = in_force(session.config())
    for section in SECTIONS_WITH_KEY:
        if values[section]["api_key"]:
            values[section]["api_key"] = "(set)"
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return
    for key, value in settings(values):
        click.echo(f"{key} = {json.dumps(value)}")


@config.command()
@click.pass_obj
def path(session: Session) -> None:
    """Print where maker.toml is, whether it is there or not."""
    click.echo(session.home().toml)


@config.command()
@click.pass_obj
def validate(session: Session) -> None:
    """Check maker.toml; say which file, which key and what is allowed where it is wrong."""
    profiles.plan(session.config())
    toml = session.home().toml
    click.echo(f"{toml}: good" if toml.exists() else f"{toml}: not there; the defaults are in force")


def in_force(config: Config) -> dict[str, Any]:
    """Every setting by its name in maker.toml; what a role leaves out is what the profile gives it.

    Raises:
        ConfigError: as `profiles.plan`.
    """
    values = config.model_dump(mode="json", by_alias=True)
    for role, plan in profiles.plan(config).items():
        # Of a server that maker does not start, only this is maker's to say.
        keys = PLANNED if plan.served_by in ROLES else ("context",)
        found = asdict(plan) | {"model": str(plan.model)}
        values["roles"][role] |= {key: found[key] for key in keys}
    return values


def settings(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every setting with its dotted key; what is not set (None) is left out."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from settings(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value
