"""Where every client keeps its files, on both systems and for every variable that moves them."""

from pathlib import Path

import pytest

from maker.clients.places import Places
from maker.config import Surroundings

ME = Path("/home/me")


def places(platform: str, *there: str, **environ: str) -> Places:
    existing = {Path(path) for path in there}
    return Places(Surroundings(platform, ME, environ), exists=lambda path: path in existing)


@pytest.mark.parametrize(
    ("name", "linux", "darwin"),
    [
        ("continue_config", ".continue/config.yaml", ".continue/config.yaml"),
        ("vscode_user", ".config/Code/User", "Library/Application Support/Code/User"),
        ("opencode", ".config/opencode/opencode.json", ".config/opencode/opencode.json"),
        ("codex_folder", ".codex", ".codex"),
        ("claude_code", ".claude/settings.json", ".claude/settings.json"),
        ("aider", ".aider.conf.yml", ".aider.conf.yml"),
        ("aider_models", ".aider.model.metadata.json", ".aider.model.metadata.json"),
        ("zed", ".config/zed/settings.json", ".config/zed/settings.json"),
        ("cline", ".cline/data/settings/cline_mcp_settings.json", ".cline/data/settings/cline_mcp_settings.json"),
    ],
)
def test_every_client_is_looked_for_where_it_looks_itself(name: str, linux: str, darwin: str) -> None:
    assert getattr(places("linux"), name) == ME / linux
    assert getattr(places("darwin"), name) == ME / darwin


@pytest.mark.parametrize(
    ("name", "variable", "value", "expected"),
    [
        ("continue_config", "CONTINUE_GLOBAL_DIR", "/c", "/c/config.yaml"),
        ("vscode_user", "VSCODE_PORTABLE", "/v", "/v/user-data/User"),
        ("vscode_user", "XDG_CONFIG_HOME", "/x", "/x/Code/User"),
        ("opencode", "XDG_CONFIG_HOME", "/x", "/x/opencode/opencode.json"),
        ("opencode", "OPENCODE_CONFIG", "/o.json", "/o.json"),
        ("codex_folder", "CODEX_HOME", "/d", "/d"),
        ("claude_code", "CLAUDE_CONFIG_DIR", "/l", "/l/settings.json"),
        ("zed", "XDG_CONFIG_HOME", "/x", "/x/zed/settings.json"),
        ("cline", "CLINE_MCP_SETTINGS_PATH", "/m.json", "/m.json"),
        ("aider", "XDG_CONFIG_HOME", "/x", "/home/me/.aider.conf.yml"),
        ("zed", "XDG_CONFIG_HOME", "relative", "/home/me/.config/zed/settings.json"),
        ("codex_folder", "CODEX_HOME", "", "/home/me/.codex"),
    ],
)
def test_variables_move_what_they_move_for_the_client(name: str, variable: str, value: str, expected: str) -> None:
    assert getattr(places("linux", **{variable: value}), name) == Path(expected)


def test_zed_on_a_mac_does_not_look_at_xdg() -> None:
    assert places("darwin", XDG_CONFIG_HOME="/x").zed == ME / ".config" / "zed" / "settings.json"


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], "config.yaml"),
        (["config.json"], "config.json"),
        (["config.yaml"], "config.yaml"),
        (["config.json", "config.yaml"], "config.yaml"),
    ],
)
def test_continues_json_counts_only_without_yaml(there: list[str], expected: str) -> None:
    found = places("linux", *(f"/home/me/.continue/{name}" for name in there)).continue_config
    assert found == ME / ".continue" / expected


def test_opencodes_jsonc_is_taken_where_it_is_alone() -> None:
    folder = "/home/me/.config/opencode"
    assert places("linux", f"{folder}/opencode.jsonc").opencode.name == "opencode.jsonc"
    assert places("linux", f"{folder}/opencode.jsonc", f"{folder}/opencode.json").opencode.name == "opencode.json"


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_clines_extension_comes_before_its_command_line(platform: str) -> None:
    extension = places(platform).vscode_user / "globalStorage" / "saoudrizwan.claude-dev"
    found = places(platform, str(extension)).cline
    assert found == extension / "settings" / "cline_mcp_settings.json"
