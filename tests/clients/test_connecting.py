"""Files on a disk: what is recorded, what comes back, what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from maker.clients import connecting, continue_dev, record
from maker.clients.catalog import CLIENTS
from maker.clients.connecting import Outcome
from maker.clients.entry import Target
from maker.clients.places import Places
from maker.config import Home, Surroundings
from maker.errors import ConfigError

from .support import offered, templates

TITLE = offered().high.title
UNRECORDED = "maker has no record of having written it; remove it and connect again, or keep it as yours"
YAML = "# mine\nname: Mine\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: other # keep\n    model: x\n"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """Somebody's home directory."""
    return tmp_path / "user"


def targets(client: str, user: Path, **settings: object) -> list[Target]:
    return CLIENTS[client].targets(Places(Surroundings("linux", user, {})), offered(**settings), templates)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".maker-bak-" not in path.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("client", CLIENTS)
def test_what_was_not_there_is_gone_again(client: str, user: Path, home: Home) -> None:
    made = connecting.connect(client, targets(client, user), home)
    assert all(outcome.changed and outcome.backup is None and not outcome.refused for outcome in made)
    assert connecting.connected(client, home) == [outcome.path for outcome in made]
    again = connecting.connect(client, targets(client, user), home)
    assert not any(outcome.changed for outcome in again)
    gone = connecting.disconnect(client, targets(client, user), home)
    assert all(outcome.gone for outcome in gone) and files(user) == {}
    assert connecting.connected(client, home) == [] and record.load(home) == {}


@pytest.mark.parametrize("client", CLIENTS)
def test_an_empty_file_is_empty_again_and_not_gone(client: str, user: Path, home: Home) -> None:
    for target in targets(client, user):
        put(target.path, "")
    connecting.connect(client, targets(client, user), home)
    outcomes = connecting.disconnect(client, targets(client, user), home)
    assert not any(outcome.gone for outcome in outcomes)
    assert set(files(user).values()) == {b""}


def test_what_the_user_changed_meanwhile_stays(user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", YAML)
    connecting.connect("continue", targets("continue", user), home)
    path.write_text(path.read_text(encoding="utf-8").replace("# mine", "# all mine"), encoding="utf-8")
    connecting.connect("continue", targets("continue", user, port_offset=100), home)
    assert "127.0.0.1:8180" in path.read_text(encoding="utf-8")
    connecting.disconnect("continue", targets("continue", user), home)
    assert path.read_text(encoding="utf-8") == YAML.replace("# mine", "# all mine")


@pytest.mark.parametrize("name", ["config.yaml", "config.json"])
def test_another_profile_adds_what_its_models_can_do_and_takes_away_what_they_cannot(
    name: str, user: Path, home: Home
) -> None:
    path = put(user / ".continue" / name, YAML if name == "config.yaml" else '{\n  "models": []\n}\n')
    texts = []
    for profile in ("full", "tiny", "tiny", "full", "tiny"):
        connecting.connect("continue", targets("continue", user, profile=profile), home)
        texts.append(path.read_text(encoding="utf-8"))
    full, tiny = texts[:2]
    assert "utocomplete" in full and "utocomplete" not in tiny and ("edit, apply" in full) == (name == "config.yaml")
    assert "edit, apply" not in tiny
    assert texts == [full, tiny, tiny, full, tiny]
    connecting.disconnect("continue", targets("continue", user), home)
    assert path.read_text(encoding="utf-8") == (YAML if name == "config.yaml" else '{\n  "models": []\n}\n')


def test_new_models_come_last_so_that_the_users_choice_stays(user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", YAML)
    connecting.connect("continue", targets("continue", user), home)
    assert path.read_text(encoding="utf-8").startswith(YAML)


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize(
    ("client", "name", "text"),
    [
        ("codex", "config.toml", "model = \n"),
        ("codex", "maker-low.config.toml", 'model = "mine"\n'),
        ("vscode", "mcp.json", "{"),
        ("aider", ".aider.conf.yml", "model: mine\n"),
    ],
)
def test_a_client_gets_all_of_its_files_or_none(
    client: str, name: str, text: str, write: bool, user: Path, home: Home
) -> None:
    wanted = targets(client, user)
    (bad,) = [target.path for target in wanted if target.path.name == name]
    put(bad, text)
    before = files(user)
    outcomes = connecting.connect(client, wanted, home, write=write)
    assert files(user) == before and connecting.connected(client, home) == []
    why = f"{bad} has to stay as it is, and a client gets all of its files or none"
    assert all(one.snippet and not one.changed and (one.refused == why) == (one.path != bad) for one in outcomes)


@pytest.mark.parametrize(
    ("client", "text", "twice"),
    [
        ("claude-code", '{"env": {}, "env": {}}', "'env' is there twice"),
        ("zed", '{"context_servers": {"maker": 1, "maker": 2}}', "'maker' is there twice"),
        ("continue", "models: []\nmodels: []\n", "'models' is there twice"),
    ],
)
def test_what_is_there_twice_where_makers_entry_goes_leaves_the_file_alone(
    client: str, text: str, twice: str, user: Path, home: Home
) -> None:
    (target,) = targets(client, user)
    put(target.path, text)
    (outcome,) = connecting.connect(client, [target], home)
    assert outcome.refused == twice
    assert target.path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("client", "text"), [("claude-code", '{"a":1,"a":2}'), ("continue", "name: A\nname: B\nmodels: []\n")]
)
def test_what_is_there_twice_elsewhere_stays(client: str, text: str, user: Path, home: Home) -> None:
    (target,) = targets(client, user)
    put(target.path, text)
    (outcome,) = connecting.connect(client, [target], home)
    assert outcome.changed
    connecting.disconnect(client, [target], home)
    assert target.path.read_text(encoding="utf-8") == text


def test_a_title_that_the_user_changed_is_left_and_not_written_again(user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", YAML)
    connecting.connect("continue", targets("continue", user), home)
    text = path.read_text(encoding="utf-8").replace(TITLE, "The good one")
    path.write_text(text, encoding="utf-8")
    (outcome,) = connecting.connect("continue", targets("continue", user), home)
    assert not outcome.changed and "'The good one'" in outcome.notes[0]
    (last,) = connecting.disconnect("continue", targets("continue", user), home)
    left = path.read_text(encoding="utf-8")
    assert "The good one" in left and "MakerCode" not in left and last.notes == ()


def test_an_entry_moved_away_from_makers_comment_is_the_users(user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", YAML)
    connecting.connect("continue", targets("continue", user), home)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    mark = next(number for number, line in enumerate(lines) if "maker wrote this" in line)
    path.write_text("".join(lines[:mark] + lines[mark + 1 :]), encoding="utf-8")
    (outcome,) = connecting.disconnect("continue", targets("continue", user), home)
    assert outcome.notes == (f"left {TITLE!r}: it was changed since maker wrote it",)
    assert path.read_text(encoding="utf-8").count("MakerCode") == 1


def test_a_setting_of_the_same_name_that_is_not_makers_stops_what_needs_it(user: Path, home: Home) -> None:
    path = put(user / ".claude" / "settings.json", '{"env": {"ANTHROPIC_MODEL": "mine"}}')
    (outcome,) = connecting.connect("claude-code", targets("claude-code", user), home)
    assert outcome.refused and "'ANTHROPIC_MODEL'" in outcome.refused
    assert json.loads(outcome.snippet)["env"]["ANTHROPIC_MODEL"] == "maker-high"
    assert path.read_text(encoding="utf-8") == '{"env": {"ANTHROPIC_MODEL": "mine"}}'
    assert connecting.connected("claude-code", home) == []


def test_a_provider_of_the_same_name_that_is_not_makers_is_left(user: Path, home: Home) -> None:
    path = put(user / ".config" / "opencode" / "opencode.json", '{\n  "mcp": {"maker": {"type": "local"}}\n}\n')
    (outcome,) = connecting.connect("opencode", targets("opencode", user), home)
    assert outcome.changed and outcome.notes == (f"left 'maker' as it is: {UNRECORDED}",)
    assert json.loads(path.read_text(encoding="utf-8"))["mcp"] == {"maker": {"type": "local"}}
    connecting.disconnect("opencode", targets("opencode", user), home)
    assert path.read_text(encoding="utf-8") == '{\n  "mcp": {"maker": {"type": "local"}}\n}\n'


@pytest.mark.parametrize(
    "text",
    ["models:\n\t- name: tab\n", "models: [\n", "models: &m\n  - name: a\nother: *m\n", "models: []\nmodels: []\n"],
)
def test_what_cannot_be_changed_safely_is_refused_with_what_to_paste(text: str, user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", text)
    (outcome,) = connecting.connect("continue", targets("continue", user), home)
    assert outcome.refused and "MakerCode - High" in outcome.snippet
    assert path.read_text(encoding="utf-8") == text and files(user).keys() == {".continue/config.yaml"}


def test_a_dry_run_shows_the_difference_and_writes_nothing(user: Path, home: Home) -> None:
    put(user / ".continue" / "config.yaml", YAML)
    before = files(user), files(home.root)
    (outcome,) = connecting.connect("continue", targets("continue", user), home, write=False)
    assert outcome.changed and f'+  - name: "{TITLE}"' in outcome.diff
    assert not any(line.startswith("-") for line in outcome.diff.splitlines() if not line.startswith("---"))
    assert (files(user), files(home.root)) == before


def test_the_files_are_private_where_a_key_is_in_them(user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", YAML)
    path.chmod(0o644)
    connecting.connect("continue", targets("continue", user), home)
    assert path.stat().st_mode & 0o777 == 0o644
    keyed = targets("continue", user, server={"api_key": "secret-key-1"})
    connecting.connect("continue", keyed, home, secret="secret-key-1")
    assert "secret-key-1" in path.read_text(encoding="utf-8") and path.stat().st_mode & 0o777 == 0o600
    assert "secret-key-1" not in home.clients.read_text(encoding="utf-8")
    assert home.clients.stat().st_mode & 0o777 == 0o600


def test_entries_with_makers_comment_are_known_without_the_record(user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", YAML)
    connecting.connect("continue", targets("continue", user), home)
    home.clients.unlink()
    connecting.disconnect("continue", targets("continue", user), home)
    assert "MakerCode" not in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith(YAML)


def test_a_home_that_is_made_anew_takes_its_entries_over(user: Path, home: Home) -> None:
    path = put(user / ".continue" / "config.yaml", YAML)
    connecting.connect("continue", targets("continue", user), home)
    text = path.read_text(encoding="utf-8")
    shutil.rmtree(home.root)
    (outcome,) = connecting.connect("continue", targets("continue", user), home)
    assert not outcome.changed and path.read_text(encoding="utf-8") == text
    connecting.connect("continue", targets("continue", user, port_offset=100), home)
    assert "127.0.0.1:8180" in path.read_text(encoding="utf-8")


IN_JSON = ["zed", "claude-code", "opencode", "vscode", "cline"]
"""Clients whose files are JSON, which has no place for maker's comment."""
MINE = '{\n  // mine\n  "theme": "dark"\n}\n'


def without_record(client: str, user: Path, home: Home) -> list[Target]:
    """The client connected, and maker's record of it lost."""
    wanted = targets(client, user)
    for target in wanted:
        if target.path.name != "chatLanguageModels.json":  # a list
            put(target.path, MINE)
    connecting.connect(client, wanted, home)
    home.clients.unlink()
    return wanted


@pytest.mark.parametrize("client", IN_JSON)
def test_entries_in_json_are_taken_over_without_the_record(client: str, user: Path, home: Home) -> None:
    wanted = without_record(client, user, home)
    before = files(user)
    outcomes = connecting.connect(client, wanted, home)
    assert [(each.changed, each.notes, each.refused) for each in outcomes] == [(False, (), None)] * len(wanted)
    assert files(user) == before
    assert connecting.connected(client, home) == [target.path for target in wanted]
    moved = connecting.connect(client, targets(client, user, port_offset=100), home)
    assert all(each.changed and not each.notes and not each.refused for each in moved)


@pytest.mark.parametrize("client", IN_JSON)
def test_entries_in_json_are_taken_out_without_the_record(client: str, user: Path, home: Home) -> None:
    wanted = without_record(client, user, home)
    connecting.disconnect(client, wanted, home)
    for target in wanted:
        left = target.path.read_text(encoding="utf-8")
        assert "127.0.0.1" not in left and "maker" not in left
        assert target.path.name == "chatLanguageModels.json" or left.startswith('{\n  // mine\n  "theme": "dark"')


def test_an_entry_in_json_that_maker_has_no_record_of_is_left_with_what_to_do(user: Path, home: Home) -> None:
    without_record("zed", user, home)
    (outcome,) = connecting.connect("zed", targets("zed", user, port_offset=100), home)
    names = ("maker-high", "maker-low", "maker")
    assert outcome.notes == tuple(f"left {name!r} as it is: {UNRECORDED}" for name in names)
    without_record("claude-code", user, home)
    (outcome,) = connecting.connect("claude-code", targets("claude-code", user, port_offset=100), home)
    assert outcome.refused == f"'ANTHROPIC_BASE_URL' is set there already: {UNRECORDED}"


def test_a_setting_that_the_user_changed_since_stops_what_needs_it(user: Path, home: Home) -> None:
    connecting.connect("claude-code", targets("claude-code", user), home)
    path = user / ".claude" / "settings.json"
    path.write_text(path.read_text(encoding="utf-8").replace("127.0.0.1", "10.0.0.1"), encoding="utf-8")
    (outcome,) = connecting.connect("claude-code", targets("claude-code", user), home)
    assert outcome.refused == "'ANTHROPIC_BASE_URL' is set there already, to something that is not maker's"


def test_an_entry_in_json_that_the_user_changed_is_left_without_the_record(user: Path, home: Home) -> None:
    wanted = without_record("zed", user, home)
    path = wanted[0].path
    path.write_text(path.read_text(encoding="utf-8").replace('"tools": true', '"tools": false'), encoding="utf-8")
    (outcome,) = connecting.disconnect("zed", wanted, home)
    left = path.read_text(encoding="utf-8")
    assert outcome.changed and "maker-high" in left and "context_servers" in left and "9001" not in left


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_codexs_files_are_taken_over_and_out_without_the_record(end: str, user: Path, home: Home) -> None:
    mine, wanted = f'# mine{end}theme = "dark"{end}', targets("codex", user)
    for target in wanted:
        put(target.path, mine)
    connecting.connect("codex", wanted, home)
    before = files(user)
    shutil.rmtree(home.root)
    outcomes = connecting.connect("codex", wanted, home)
    assert [(each.changed, each.notes, each.refused) for each in outcomes] == [(False, (), None)] * len(wanted)
    assert files(user) == before
    shutil.rmtree(home.root)
    connecting.disconnect("codex", wanted, home)
    assert set(files(user).values()) == {mine.encode()}


def test_a_key_in_toml_that_the_user_changed_is_left_without_the_record(user: Path, home: Home) -> None:
    wanted = targets("codex", user)
    connecting.connect("codex", wanted, home)
    profile = wanted[1].path
    changed = profile.read_text(encoding="utf-8").replace("model_context_window = ", "model_context_window = 1")
    profile.write_text(changed, encoding="utf-8")
    home.clients.unlink()
    refused = connecting.connect("codex", wanted, home)[1].refused
    assert refused == f"'model_context_window' is set there already: {UNRECORDED}"
    assert profile.read_text(encoding="utf-8") == changed
    connecting.disconnect("codex", wanted, home)
    assert profile.read_text(encoding="utf-8") == changed.splitlines(keepends=True)[-1]


def test_a_file_that_the_user_deleted_is_no_obstacle(user: Path, home: Home) -> None:
    connecting.connect("cline", targets("cline", user), home)
    shutil.rmtree(user)
    (outcome,) = connecting.disconnect("cline", targets("cline", user), home)
    assert outcome == Outcome(outcome.path) and connecting.connected("cline", home) == []
    assert not user.exists()


def test_continues_json_is_changed_where_it_is_in_force(user: Path, home: Home) -> None:
    text = '{\n  // mine\n  "models": [\n    {"title": "other", "model": "x"}, // keep\n  ],\n}\n'
    path = put(user / ".continue" / "config.json", text)
    connecting.connect("continue", targets("continue", user), home)
    assert files(user).keys() == {".continue/config.json"}
    assert '// keep\n    {\n      "title": "MakerCode - High' in path.read_text(encoding="utf-8")
    # The user moves on to YAML; what maker wrote into the JSON is still taken out.
    put(user / ".continue" / "config.yaml", YAML)
    connecting.connect("continue", targets("continue", user), home)
    connecting.disconnect("continue", targets("continue", user), home)
    assert path.read_text(encoding="utf-8") == text
    assert (user / ".continue" / "config.yaml").read_text(encoding="utf-8") == YAML


def test_a_link_into_somebodys_dotfiles_stays_a_link(user: Path, home: Home, tmp_path: Path) -> None:
    real = put(tmp_path / "dotfiles" / "settings.json", "{\n}\n")
    link = user / ".config" / "zed" / "settings.json"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    connecting.connect("zed", targets("zed", user), home)
    assert link.is_symlink() and "maker-high" in real.read_text(encoding="utf-8")
    connecting.disconnect("zed", targets("zed", user), home)
    assert link.is_symlink() and real.read_text(encoding="utf-8") == "{\n}\n"


def test_a_project_has_a_file_of_its_own(tmp_path: Path, home: Home) -> None:
    project = continue_dev.Project(tmp_path, "shop")
    for json_in_force in (False, True):
        path = continue_dev.project_file(tmp_path, json_in_force=json_in_force)
        target = continue_dev.target(path, offered(), templates, project)
        connecting.connect("continue", [target], home)
        assert f'"{tmp_path}"' in path.read_text(encoding="utf-8")
    assert {path.name for path in connecting.connected("continue", home)} == {"maker.yaml", ".continuerc.json"}


def test_a_record_that_is_none_is_named(home: Home) -> None:
    home.clients.write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match="clients.json: not maker's record"):
        connecting.connected("zed", home)
