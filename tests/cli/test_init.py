"""Setting up: maker.toml, the home, the models."""

import io
import tomllib
from pathlib import Path

import pytest

from maker import config as configuration
from maker.catalog.profiles import TINY_MODES
from maker.cli.init import maker_command, propose
from maker.config import Home
from maker.errors import ConfigError

from .fakes import FakeBundle, FakeSession, bundle_status
from .support import Terminal

QUIETLY = ("--yes", "--no-phoenix", "--no-link")


class Keyboard(io.StringIO):
    """Standard input with somebody at it."""

    def isatty(self) -> bool:
        return True


def test_init_makes_everything_the_first_start_needs(home: Home, maker: Terminal) -> None:
    code, out, _ = maker("init", "--profile", "tiny", "--port-offset", "7", *QUIETLY)
    assert code == 0
    assert configuration.load(home).port("coder") == 8009
    assert len(list(home.models.glob("*.gguf"))) == 6
    assert home.supervisord_conf.exists() and home.command.exists() and home.read_key()
    assert out.splitlines()[-1] == f"{home.root} is ready; next: maker start"


def test_init_twice_changes_nothing(home: Home, maker: Terminal) -> None:
    maker("init", *QUIETLY)
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*") if path.is_file()}
    assert maker("init", *QUIETLY)[:2] == (0, f"{home.root} is ready; next: maker start\n")
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"coder": {"outdated": True}, "mcp": {"outdated": True}}, "next: maker start, which restarts coder, mcp"),
        ({}, "maker runs with these settings"),
    ],
)
def test_init_beside_what_runs_says_whether_a_start_is_due(
    home: Home, maker: Terminal, changes: dict[str, dict[str, object]], said: str
) -> None:
    session = FakeSession(FakeBundle(configuration.load(home), bundle_status(home, changes)))
    assert maker("init", *QUIETLY, session=session)[1].splitlines()[-1] == f"{home.root} is ready; {said}"


def test_init_keeps_what_people_wrote_in_maker_toml(home: Home, maker: Terminal) -> None:
    home.toml.write_text('profile = "tiny" # small\n\n# mine\n[ports]\ncoder = 9000\n', encoding="utf-8")
    assert maker("init", "--port-offset", "5", *QUIETLY)[0] == 0
    text = home.toml.read_text(encoding="utf-8")
    assert 'profile = "tiny" # small\n' in text and "# mine\n[ports]\n" in text
    assert tomllib.loads(text) == {"profile": "tiny", "port_offset": 5, "ports": {"coder": 9000}}


@pytest.mark.parametrize("toml", [None, 'profile = "nosuch"\n'])
def test_an_unknown_profile_is_refused_before_anything_is_written(
    home: Home, maker: Terminal, toml: str | None
) -> None:
    if toml:
        home.toml.write_text(toml, encoding="utf-8")
    code, _, err = maker("init", *(() if toml else ("--profile", "nosuch")), *QUIETLY)
    assert code == 2
    assert "'nosuch'; allowed: tiny, full" in err
    assert list(home.root.iterdir()) == ([home.toml] if toml else [])


def test_a_dry_run_writes_nothing(home: Home, maker: Terminal) -> None:
    code, out, _ = maker("init", "--dry-run")
    assert code == 0
    assert f"would make {home.models / 'tiny-coder.gguf'}" in out and "would install Phoenix" in out
    assert list(home.root.iterdir()) == []


def test_models_that_cannot_be_made_are_named(home: Home, maker: Terminal) -> None:
    _, out, _ = maker("init", "--profile", "full", *QUIETLY)
    missing = [line for line in out.splitlines() if line.startswith("still missing: ")]
    assert len(missing) == 6 and str(home.models) in missing[0]


def test_without_a_terminal_nobody_is_asked(home: Home, maker: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = maker("init")
    assert (code, list(home.root.iterdir())) == (2, [])
    assert "add --yes" in err


def test_at_a_terminal_the_profile_and_phoenix_are_asked_for(
    home: Home, maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("tiny\nn\n"))
    code, out, _ = maker("init", "--no-link")
    assert code == 0
    assert "Profile" in out and "Install Phoenix" in out
    assert configuration.load(home).profile == "tiny"
    assert not (home.phoenix / "venv").exists()


def test_an_answer_that_never_comes_is_an_error(home: Home, maker: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(""))
    assert maker("init")[0] == 1
    assert list(home.root.iterdir()) == []


@pytest.mark.parametrize(("gigabytes", "profile"), [(128, "full"), (64, "tiny"), (0.1, "tiny")])
def test_the_largest_profile_that_fits_the_memory_is_proposed(home: Home, gigabytes: float, profile: str) -> None:
    assert propose(home, int(gigabytes * 1e9)) == profile


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


def test_a_link_on_path_to_this_installation_is_the_command_that_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = executable(tmp_path / "Cellar" / "maker" / "0.1.0" / "bin" / "maker")
    link = tmp_path / "bin" / "maker"
    link.parent.mkdir()
    link.symlink_to(own)
    monkeypatch.setenv("PATH", str(link.parent))
    assert maker_command(own.parent.parent) == link


def test_another_maker_on_path_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = executable(tmp_path / "own" / "bin" / "maker")
    monkeypatch.setenv("PATH", str(executable(tmp_path / "other" / "maker").parent))
    assert maker_command(tmp_path / "own") == own


def test_an_installation_without_its_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="install maker into this Python"):
        maker_command(tmp_path)


def test_the_tiny_profiles_modes_are_written_as_its_models_were_trained(home: Home, maker: Terminal) -> None:
    assert maker("init", "--profile", "tiny", *QUIETLY)[0] == 0
    config = configuration.load(home)
    for mode in (config.modes.high, config.modes.low):
        assert {key: getattr(mode, key) for key in TINY_MODES} == TINY_MODES
    assert home.toml.read_text(encoding="utf-8").count("\nk = 3\n") == 2


def test_another_profile_takes_its_settings_of_the_modes_away_again(home: Home, maker: Terminal) -> None:
    maker("init", "--profile", "tiny", *QUIETLY)
    text = home.toml.read_text(encoding="utf-8").replace("max_inputs = 6", "max_inputs = 7")
    home.toml.write_text(text, encoding="utf-8")
    assert maker("init", "--profile", "full", *QUIETLY)[0] == 0
    modes = configuration.load(home).modes
    assert modes.high.max_inputs == modes.low.max_inputs == 7
    assert modes.high.model_copy(update={"max_inputs": 8}) == configuration.Mode()


def test_a_profile_that_stays_keeps_the_modes_as_people_set_them(home: Home, maker: Terminal) -> None:
    home.toml.write_text('profile = "tiny"\n[modes.high]\nk = 5\n', encoding="utf-8")
    assert maker("init", "--profile", "tiny", *QUIETLY)[0] == 0
    assert home.toml.read_text(encoding="utf-8") == 'profile = "tiny"\n[modes.high]\nk = 5\n'


def test_a_candidates_limit_of_the_users_leaves_a_new_profiles_vote_decidable(home: Home, maker: Terminal) -> None:
    limits = "[modes.high]\nmax_candidates = 2\n[modes.low]\nmax_candidates = 4\n"
    home.toml.write_text(f'profile = "full"\n{limits}', encoding="utf-8")
    assert maker("init", "--profile", "tiny", *QUIETLY)[0] == 0
    modes = configuration.load(home).modes
    assert [(mode.k, mode.max_candidates) for mode in (modes.high, modes.low)] == [(2, 2), (3, 4)]
    assert modes.high.max_rounds == TINY_MODES["max_rounds"]
