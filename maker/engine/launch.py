"""From a role to the command that is its model server."""

import logging
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from maker import config as configuration
from maker.catalog import profiles
from maker.catalog.profiles import RolePlan
from maker.config import Config
from maker.engine import argv
from maker.engine.installed import Installed, choose, find
from maker.errors import ConfigError, ServiceError
from maker.process import Command

log = logging.getLogger(__name__)


def command(config: Config, role: str, installed: Installed | None = None) -> Command:
    """What to execute for the role's model server; `installed` is what this machine has, looked up if left out.

    Warnings about the engine are logged. For llama-cpp-python a settings file (0600) is written under run/.

    Raises:
        ConfigError: the role has no server of its own, its engine is missing or unsafe, or there is no key yet.
    """
    plan = profiles.plan(config)[role]
    if not plan.own_server:
        raise ConfigError(f"{role} has no server of its own; it is served by {plan.served_by}")
    choice = choose(plan.engine, installed or find())
    for warning in choice.warnings:
        log.warning("%s", warning)
    key = config.home.read_key()
    address = argv.Address(config.port(role), config.home.api_key)
    if choice.engine == "xllamacpp":
        return Command(argv.wheel(choice.program, plan, address))
    if choice.engine == "llama-server":
        return Command(_without_settings(argv.llama_server(choice.program, plan, address, choice.flags)))
    settings = _write_settings(config, role, argv.llama_cpp_python_settings(plan, address.port, key))
    # These would override the settings file, and many shells set HOST.
    overriding = {"HOST": argv.HOST, "PORT": str(address.port), "CONFIG_FILE": str(settings)}
    return Command(argv.llama_cpp_python(choice.program, settings), overriding)


def verify(config: Config, services: Collection[str], installed: Installed | None = None) -> None:
    """Refuse what the model servers among these services could not start with, before anything starts.

    Raises:
        ServiceError: an engine is missing or unsafe; the sentence says what to do.
        ModelFileError: as `profiles.verify`.
    """
    own = [plan for role, plan in profiles.plan(config).items() if role in services and plan.own_server]
    installed = installed or find()
    try:
        for engine in sorted({plan.engine for plan in own}):
            choose(engine, installed)
    except ConfigError as error:
        raise ServiceError(str(error)) from error
    for plan in own:
        profiles.verify(plan)


def settled(config: Config, installed: Installed | None = None) -> dict[str, RolePlan]:
    """The plan of every role with `auto` replaced by the engine it comes to, and the slots that engine has.

    Raises:
        ConfigError: as `command`.
    """
    installed = installed or find()
    return {role: _settle(plan, installed) for role, plan in profiles.plan(config).items()}


def _settle(plan: RolePlan, installed: Installed) -> RolePlan:
    if not plan.own_server or plan.engine != "auto":
        return plan
    engine = choose(plan.engine, installed).engine
    return replace(plan, engine=engine, slots=1 if engine == "llama-cpp-python" else plan.slots)


def _without_settings(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command behind env(1) that removes llama.cpp's settings from the environment: each is a flag in disguise."""
    names = sorted(name for name in configuration.child_environment() if name.startswith(("LLAMA_ARG_", "LLAMA_API_")))
    return ("/usr/bin/env", *(word for name in names for word in ("-u", name)), *words) if names else words


def _write_settings(config: Config, role: str, text: str) -> Path:
    config.home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = config.home.run / f"llama-cpp-python-{role}.json"
    partial = target.with_suffix(f".{os.getpid()}")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(target)
    return target
