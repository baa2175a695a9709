"""What `maker init` does for editors: Continue's configuration, for the user and for the project at hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from maker import config as configuration
from maker.cli.terminal import plain
from maker.clients import connecting, continue_dev
from maker.clients.connecting import Outcome
from maker.clients.continue_dev import Project
from maker.clients.entry import Target
from maker.clients.offers import Offers, offers
from maker.clients.places import Places
from maker.config import Config, Home
from maker.errors import ConfigError
from maker.services.files import write_private
from maker.services.home import data_file
from maker.tools import registry

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be configured."""

    user: bool
    project: Path | None


def choose(*, asks: bool, project: bool) -> Chosen:
    """Which of Continue's files to write, asked where somebody is there to answer and something is there to change.

    The current folder counts as a project if it has a configuration for Continue, or with `project` if it is a git
    repository; without either nothing is written into it.

    Raises:
        click.UsageError: `project` was asked for, and the current folder is none.
    """
    places, here = _places(), Path.cwd()
    found = project_here(places, here)
    if project and found is None:
        raise click.UsageError(f"{here} is no project: there is neither .git nor .continue in it")
    user = not (asks and places.continue_config.exists()) or click.confirm(
        f"Add maker's models to {places.continue_config}?", default=True
    )
    if found is None or not (project or _has_continue(found)):
        return Chosen(user, None)
    if asks and not project and not click.confirm(f"Let the tools read {here}, and write a Continue profile for it?"):
        return Chosen(user, None)
    return Chosen(user, found)


def set_up(config: Config, chosen: Chosen, say: Say, *, dry_run: bool) -> None:
    """Write Continue's configuration, and that of the project in the current folder; says what it does.

    Nothing here fails `maker init`: a file that cannot be changed is named, with what to put there.
    """
    offered, places = offers(config), _places()
    targets = [continue_dev.target(places.continue_config, offered, templates)] if chosen.user else []
    if chosen.project is not None:
        try:
            targets.append(project_target(config.home, chosen.project, places, offered, register=not dry_run))
        except ConfigError as error:
            say(str(error))
    if not dry_run:
        _for_cli(config, offered, say)
    changed = False
    for target in targets:
        try:
            outcomes = connecting.connect("continue", [target], config.home, secret=offered.key, write=not dry_run)
        except OSError as error:
            say(f"could not write {target.path} ({error.strerror or error}); see `maker connect continue --print`")
            continue
        say_outcomes(outcomes, say, hide=offered.key, dry_run=dry_run, quiet=True)
        changed |= any(outcome.changed for outcome in outcomes)
    for sentence in continue_dev.left_out(offered) if changed else ():
        say(sentence)


def say_outcomes(
    outcomes: Sequence[Outcome], say: Say, *, hide: str | None, dry_run: bool = False, quiet: bool = False
) -> bool:
    """Tell what became of every file, the key hidden; `quiet` leaves out files in which nothing changed.

    Returns whether every file could be changed.
    """
    for outcome in outcomes:
        for sentence in _sentences(outcome, dry_run=dry_run, quiet=quiet):
            say(plain(sentence.replace(hide, "(server.api_key of maker.toml)") if hide else sentence))
    return not any(outcome.refused for outcome in outcomes)


def templates(name: str) -> str:
    """A template of etc/continue/.

    Raises:
        ConfigError: this installation lacks it.
    """
    return data_file(f"etc/continue/{name}").read_text(encoding="utf-8")


def project_here(places: Places, folder: Path) -> Path | None:
    """The folder, if it is a project: it has its own Continue configuration, or is a git repository."""
    if folder.resolve() == places.continue_folder.parent.resolve() or folder.resolve() == Path.home().resolve():
        return None
    return folder if _has_continue(folder) or (folder / ".git").exists() else None


def project_target(home: Home, folder: Path, places: Places, offered: Offers, *, register: bool) -> Target:
    """A project's own configuration; its folder is registered, so that the tools may read it.

    Raises:
        ConfigError: tools must not be pointed at that folder.
    """
    root = registry.checked_root(home, folder)
    name = registry.add(home, folder).name if register else root.name
    json_in_force = places.continue_config.suffix == ".json"
    path = continue_dev.project_file(folder, json_in_force=json_in_force)
    return continue_dev.target(path, offered, templates, Project(root, name))


def _places() -> Places:
    return Places(configuration.surroundings())


def _has_continue(folder: Path) -> bool:
    return (folder / ".continue").is_dir() or (folder / ".continuerc.json").is_file()


def _for_cli(config: Config, offered: Offers, say: Say) -> None:
    """One private file for each mode, for `cn --config`."""
    for offer in offered.modes:
        path = config.home.root / f"continue-{offer.id}.yaml"
        text = continue_dev.for_cli(offer, offered, templates)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_private(path, text)
            say(f"wrote {path}, for `cn --config`")


def _sentences(outcome: Outcome, *, dry_run: bool, quiet: bool) -> list[str]:
    path = outcome.path
    if outcome.refused is not None:
        paste = [f"put this there yourself:\n\n{outcome.snippet}"] if outcome.snippet else []
        return [f"left {path} alone: {outcome.refused}", *paste]
    notes = [f"{path}: {note}" for note in outcome.notes]
    if dry_run and outcome.changed:
        return [f"would change {path}:\n{outcome.diff}".rstrip("\n"), *notes]
    if outcome.gone:
        return [f"removed {path}: nothing else was in it", *notes]
    if outcome.changed:
        kept = f"; the old one is {outcome.backup}" if outcome.backup else ""
        return [f"wrote {path}{kept}", *notes]
    return notes if quiet else [f"{path}: nothing to change", *notes]
