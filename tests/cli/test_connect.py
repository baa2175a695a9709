"""`maker connect` and `maker disconnect`, and what `maker init` does for Continue."""

from pathlib import Path

import pytest

from maker.config import Home
from maker.tools import registry

from .support import Terminal
from .test_init import Keyboard

QUIETLY = ("--yes", "--no-phoenix", "--no-link")
CONFIG = "name: Mine\nversion: 1.0.0\nschema: v1\nmodels: []\n"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's home directory, with a project in it, which is the current folder."""
    for name in (
        "XDG_CONFIG_HOME",
        "CONTINUE_GLOBAL_DIR",
        "CODEX_HOME",
        "CLAUDE_CONFIG_DIR",
        "OPENCODE_CONFIG",
        "VSCODE_PORTABLE",
        "CLINE_MCP_SETTINGS_PATH",
    ):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "user"
    (folder / "src" / "shop").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder / "src" / "shop")
    return folder


@pytest.fixture
def continue_yaml(user: Path) -> Path:
    """A Continue configuration that is there already."""
    path = user / ".continue" / "config.yaml"
    path.parent.mkdir()
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_connecting_and_disconnecting(home: Home, user: Path, maker: Terminal, continue_yaml: Path) -> None:
    code, out, _ = maker("connect", "continue")
    assert code == 0 and f"wrote {continue_yaml}; the old one is {continue_yaml}.maker-bak-" in out
    assert f"cn --config {home.root}/continue-high.yaml" in out
    assert "MakerCode - High" in continue_yaml.read_text(encoding="utf-8")
    assert "\nautocomplete is left out: " in out and "\nedit and apply are left out: " in out
    assert f"continue     Continue     {continue_yaml}" in maker("connect")[1]
    assert maker("connect", "continue")[1].splitlines()[0] == f"{continue_yaml}: nothing to change"
    assert maker("disconnect", "continue")[0] == 0
    assert continue_yaml.read_text(encoding="utf-8") == CONFIG


def test_without_a_client_all_are_listed(home: Home, user: Path, maker: Terminal) -> None:
    code, out, _ = maker("connect")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "continue",
        "vscode",
        "opencode",
        "codex",
        "claude-code",
        "aider",
        "zed",
        "cline",
    ]
    assert out.count("not connected") == 8


@pytest.mark.parametrize("client", ["vscode", "codex", "zed"])
def test_printing_and_trying_change_nothing(client: str, home: Home, user: Path, maker: Terminal) -> None:
    code, out, _ = maker("connect", client, "--print")
    assert code == 0 and "http://127.0.0.1:8081/v1" in out and str(user) in out
    code, out, _ = maker("connect", client, "--dry-run")
    assert code == 0 and f"would change {user}" in out and "+" in out
    assert [path for path in user.rglob("*") if path.is_file()] == [] and not home.clients.exists()


def test_a_refusal_says_why_and_what_to_paste(home: Home, user: Path, maker: Terminal, continue_yaml: Path) -> None:
    continue_yaml.write_text("models: [\n", encoding="utf-8")
    code, out, _ = maker("connect", "continue")
    assert code == 1
    assert f"left {continue_yaml} alone: line 2 is not YAML" in out and "MakerCode - High" in out


def test_a_key_is_not_shown(home: Home, user: Path, maker: Terminal) -> None:
    home.toml.write_text('[server]\napi_key = "secret-key-1"\n', encoding="utf-8")
    shown = maker("connect", "vscode", "--dry-run")[1] + maker("connect", "vscode")[1]
    assert "secret-key-1" not in shown and "(server.api_key of maker.toml)" in shown
    file = user / ".config" / "Code" / "User" / "chatLanguageModels.json"
    if file.exists():  # on macOS it is elsewhere
        assert "secret-key-1" in file.read_text(encoding="utf-8") and file.stat().st_mode & 0o777 == 0o600


def test_a_client_that_is_not_connected_is_not_disconnected(home: Home, user: Path, maker: Terminal) -> None:
    assert maker("disconnect", "zed") == (0, "Zed is not connected\n", "")
    assert maker("disconnect", "nosuch")[0] == 2


def test_a_missing_client_is_told_in_one_line(maker: Terminal) -> None:
    code, out, err = maker("disconnect")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("maker: missing argument ") and "Choose from: continue, vscode, " in err and "\t" not in err
    assert err.endswith("; see `maker disconnect --help`\n")


def test_a_project_is_configured_where_it_is_asked_for(home: Home, user: Path, maker: Terminal) -> None:
    assert maker("connect", "continue", "--project")[0] == 2
    assert maker("connect", "zed", "--project")[0] == 2
    (user / "src" / "shop" / ".git").mkdir()
    assert maker("connect", "continue", "--project")[0] == 0
    written = user / "src" / "shop" / ".continue" / "configs" / "maker.yaml"
    assert f'headers: {{x-maker-workspace: "{written.parents[2]}"}}' in written.read_text(encoding="utf-8")
    assert [each.name for each in registry.load(home)] == ["shop"]
    assert not (user / ".continue").exists()
    maker("disconnect", "continue")
    assert not written.exists()


def test_init_writes_continues_configuration(home: Home, user: Path, maker: Terminal) -> None:
    code, out, _ = maker("init", "--port-offset", "7", *QUIETLY)
    config = user / ".continue" / "config.yaml"
    assert code == 0 and f"wrote {config}" in out
    assert out.count("autocomplete is left out: ") == 1
    assert "http://127.0.0.1:8087/v1" in config.read_text(encoding="utf-8") and config.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in home.root.glob("continue-*.yaml")} == {"continue-high.yaml", "continue-low.yaml"}
    assert maker("init", *QUIETLY)[1] == f"{home.root} is ready; next: maker start\n"


def test_init_leaves_editors_alone_where_it_is_told_to(home: Home, user: Path, maker: Terminal) -> None:
    assert maker("init", "--no-editor", *QUIETLY)[0] == 0
    assert not (user / ".continue").exists() and not home.clients.exists()


def test_init_does_not_fail_over_an_editor(home: Home, user: Path, maker: Terminal, continue_yaml: Path) -> None:
    continue_yaml.write_text("models: [\n", encoding="utf-8")
    code, out, _ = maker("init", *QUIETLY)
    assert code == 0 and f"left {continue_yaml} alone" in out and "put this there yourself" in out
    continue_yaml.unlink()
    continue_yaml.parent.rmdir()
    continue_yaml.parent.write_text("not a folder", encoding="utf-8")
    code, out, _ = maker("init", *QUIETLY)
    assert code == 0 and "is ready; next: maker start" in out and str(continue_yaml) in out


def test_a_dry_run_of_init_shows_what_would_change(
    home: Home, user: Path, maker: Terminal, continue_yaml: Path
) -> None:
    out = maker("init", "--dry-run")[1]
    assert f"would change {continue_yaml}:" in out and '+  - name: "MakerCode - High' in out
    assert continue_yaml.read_text(encoding="utf-8") == CONFIG and list(home.root.iterdir()) == []


@pytest.mark.parametrize(("answer", "written"), [("y", True), ("n", False)])
def test_at_a_terminal_an_existing_configuration_is_changed_only_if_wanted(
    home: Home,
    user: Path,
    maker: Terminal,
    continue_yaml: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    written: bool,
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(f"tiny\n{answer}\n"))
    code, out, _ = maker("init", "--no-phoenix", "--no-link")
    assert code == 0 and f"Add maker's models to {continue_yaml}?" in out
    assert ("MakerCode" in continue_yaml.read_text(encoding="utf-8")) == written


@pytest.mark.parametrize("sign", [".git", ".continue"])
def test_init_writes_into_a_project_only_if_it_has_continue_or_the_user_asks(
    home: Home, user: Path, maker: Terminal, sign: str
) -> None:
    shop = user / "src" / "shop"
    (shop / sign).mkdir()
    assert maker("init", *QUIETLY)[0] == 0
    assert (shop / ".continue" / "configs" / "maker.yaml").exists() == (sign == ".continue")
    assert maker("init", "--project", *QUIETLY)[0] == 0
    assert (shop / ".continue" / "configs" / "maker.yaml").exists()


def test_where_continues_json_is_in_force_a_project_gets_its_json(home: Home, user: Path, maker: Terminal) -> None:
    (user / ".continue").mkdir()
    (user / ".continue" / "config.json").write_text('{"models": []}', encoding="utf-8")
    shop = user / "src" / "shop"
    (shop / ".continuerc.json").write_text("{}", encoding="utf-8")
    assert maker("init", *QUIETLY)[0] == 0
    assert "x-maker-workspace" in (shop / ".continuerc.json").read_text(encoding="utf-8")
    assert "maker-low" in (user / ".continue" / "config.json").read_text(encoding="utf-8")
    assert not (user / ".continue" / "config.yaml").exists() and not (shop / ".continue").exists()


def test_the_home_directory_is_no_project(
    home: Home, user: Path, maker: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (user / ".continue").mkdir()
    monkeypatch.chdir(user)
    assert maker("init", *QUIETLY)[0] == 0
    assert not (user / ".continue" / "configs").exists()
    assert maker("init", "--project", *QUIETLY)[0] == 2
