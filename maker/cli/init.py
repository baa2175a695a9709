"""`maker init`: everything that has to be there before the first start."""

import shutil
import sys
from pathlib import Path

import click
import psutil

from maker import config as configuration
from maker.catalog import profiles
from maker.cli import editors, show
from maker.cli.edit import set_top_level
from maker.cli.progress import Steps
from maker.cli.sections import set_in_sections
from maker.cli.session import Session
from maker.cli.show import size
from maker.cli.terminal import console
from maker.config import MODES, Config, Home, Mode
from maker.errors import ConfigError
from maker.services import phoenix
from maker.services.example import example_toml
from maker.services.files import write_private
from maker.services.home import link_supervisorctl, prepare_home
from maker.services.status import BundleStatus

PHOENIX_SIZE = "about 150 packages, 600 MB to download"


@click.command(
    epilog="""\b
Examples:
  maker init                     asks before anything large
  maker init --profile tiny --yes
  maker init --port-offset 100   every port 100 higher: beside another installation
  maker init --dry-run           say what would be done
"""
)
@click.option("--profile", help="Which set of models runs; a new maker.toml without --yes: asks.")
@click.option("--port-offset", type=click.IntRange(0, 50000), help="Added to every port.")
@click.option("--yes", is_flag=True, help="Ask nothing: the tiny profile, and Phoenix unless --no-phoenix.")
@click.option("--no-editor", is_flag=True, help="Leave Continue's configuration alone.")
@click.option("--project", is_flag=True, help="Configure Continue for the current folder's repository too.")
@click.option("--no-phoenix", is_flag=True, help="Do not install Phoenix.")
@click.option("--link/--no-link", default=True, help="Let a bare supervisorctl find maker (the default).")
@click.option("--dry-run", is_flag=True, help="Say what would be done and do nothing.")
@click.pass_obj
def init(
    session: Session,
    *,
    profile: str | None,
    port_offset: int | None,
    yes: bool,
    no_editor: bool,
    project: bool,
    no_phoenix: bool,
    link: bool,
    dry_run: bool,
) -> None:
    """Make MAKER_HOME, the models, Phoenix and Continue ready.

    Running it again is harmless: what is there is kept, what is missing is added.
    """
    home = session.home()
    asks = not (yes or dry_run)
    if asks and not sys.stdin.isatty():
        raise click.UsageError("standard input is not a terminal, so nobody can answer; add --yes")
    if asks and profile is None and not home.toml.exists():
        profile = _ask_profile(home)
    text = _toml(home, _given(profile, port_offset))
    config = configuration.parse(text, home)
    missing = missing_models(config)  # refuses an unknown profile before anything is written
    with_phoenix = config.phoenix.enabled and not no_phoenix and not phoenix.installed(config)
    chosen = None if no_editor else editors.choose(asks=asks, project=project)
    if dry_run:
        _plan(config, missing, with_phoenix=with_phoenix, link=link)
        if chosen is not None:
            editors.set_up(config, chosen, click.echo, dry_run=True)
        return
    with_phoenix = with_phoenix and (not asks or click.confirm(f"Install Phoenix ({PHOENIX_SIZE})?", default=True))
    _do(config, text, with_phoenix=with_phoenix, link=link)
    if chosen is not None:
        editors.set_up(config, chosen, Steps(console()).say, dry_run=False)
    click.echo(f"{home.root} is ready; {_next(session.bundle().status())}")


def _next(status: BundleStatus) -> str:
    if status.supervisor_pid is None:
        return "next: maker start"
    if old := show.outdated(status):
        return f"next: maker start, which restarts {', '.join(old)}"
    return "maker runs with these settings"


def propose(home: Home, memory_bytes: int) -> str:
    """The profile with the largest models that fit this much memory; the smallest where none does."""
    needs = {name: _needs(home, name) for name in profiles.PROFILES}
    fitting = [name for name in needs if needs[name] <= memory_bytes] or [min(needs, key=lambda name: needs[name])]
    return max(fitting, key=lambda name: needs[name])


def missing_models(config: Config) -> list[Path]:
    """The model files that the configuration names and that are not there.

    Raises:
        ConfigError: there is no such profile.
    """
    plans = profiles.plan(config).values()
    return sorted({plan.model for plan in plans if plan.own_server and not plan.model.exists()})


def maker_command(prefix: Path) -> Path:
    """The path to this maker that stays good across upgrades.

    That is the one on PATH if it leads to this installation (Homebrew's `bin/maker` outlives a version), else the one
    in the installation's own `bin`.

    Raises:
        ConfigError: this installation has no maker command.
    """
    own = prefix / "bin" / "maker"
    if not own.exists():
        raise ConfigError(f"{own}: not there; install maker into this Python, then run `maker init` again")
    found = shutil.which("maker")
    return Path(found) if found and Path(found).exists() and Path(found).samefile(own) else own


def _ask_profile(home: Home) -> str:
    memory = psutil.virtual_memory().total
    for name in profiles.PROFILES:
        click.echo(f"  {name:8}needs {size(_needs(home, name))}")
    title = f"This machine has {size(memory)} of memory. Profile"
    answer: str = click.prompt(title, type=click.Choice(list(profiles.PROFILES)), default=propose(home, memory))
    return answer


def _needs(home: Home, profile: str) -> int:
    return sum(plan.planned_bytes for plan in profiles.plan(Config(profile=profile, home=home)).values())


def _given(profile: str | None, port_offset: int | None) -> dict[str, str | int]:
    given = {"profile": profile, "port_offset": port_offset}
    return {key: value for key, value in given.items() if value is not None}


def _toml(home: Home, values: dict[str, str | int]) -> str:
    """maker.toml as it shall be: a new one, or the one there is with only the given settings changed."""
    try:
        before = home.toml.read_text(encoding="utf-8")
        text = set_top_level(before, values)
    except FileNotFoundError:
        before, text = "", example_toml(values)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{home.toml}: cannot be read: {error}") from error
    earlier = configuration.parse(before, home).profile if before else None
    return set_in_sections(text, _mode_settings(configuration.parse(text, home), earlier))


def _mode_settings(config: Config, earlier: str | None) -> dict[str, dict[str, int]]:
    """What the modes need to be told when the profile becomes another; a setting of the user's own stays."""
    if config.profile not in profiles.PROFILES or config.profile == earlier:
        return {}
    wanted = profiles.PROFILES[config.profile].modes
    was = profiles.PROFILES[earlier].modes if earlier and earlier in profiles.PROFILES else {}
    default = Mode().model_dump()
    changed = {
        name: {
            key: wanted.get(key, default[key])
            for key in {**was, **wanted}
            if getattr(config.mode(name), key) == was.get(key, default[key])
        }
        for name in MODES
    }
    return {f"modes.{name}": _decidable(config.mode(name), values) for name, values in changed.items() if values}


def _decidable(mode: Mode, values: dict[str, int]) -> dict[str, int]:
    """The values, without those by which a k or max_candidates of the user's would leave every vote undecided."""
    if values.get("k", mode.k) <= values.get("max_candidates", mode.max_candidates):
        return values
    return {key: value for key, value in values.items() if key not in ("k", "max_candidates")}


def _plan(config: Config, missing: list[Path], *, with_phoenix: bool, link: bool) -> None:
    home = config.home
    click.echo(f"would make {home.root} complete: profile {config.profile}, ports plus {config.port_offset}")
    included = profiles.PROFILES[config.profile].included
    for path in missing:
        click.echo(f"would make {path}" if included else f"would need {path}: put it there")
    if link:
        click.echo(f"would let a bare supervisorctl find {home.root}")
    if with_phoenix:
        click.echo(f"would install Phoenix into {home.phoenix} ({PHOENIX_SIZE})")


def _do(config: Config, text: str, *, with_phoenix: bool, link: bool) -> None:
    home = config.home
    steps = Steps(console())
    had_toml = home.toml.exists()
    for sentence in prepare_home(home, command=maker_command(Path(sys.prefix)), config_text=text):
        steps.say(sentence)
    if had_toml and home.toml.read_text(encoding="utf-8") != text:
        write_private(home.toml, text)
        steps.say(f"changed {home.toml}: profile {config.profile}, ports plus {config.port_offset}")
    with steps.files("making") as report:
        profiles.prepare(config, report)
    if link and (linked := link_supervisorctl(Path(sys.prefix), home)):
        steps.say(linked)
    if with_phoenix:
        with steps.busy("installing Phoenix"):
            phoenix.install(config, steps.say)
    for path in missing_models(config):
        steps.say(f"still missing: {path}; put the file there before `maker start`")
