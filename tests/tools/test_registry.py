"""Registering workspaces: names, refusals, and a file that is never half written."""

import stat
import threading
from pathlib import Path

import pytest

from maker.config import Home
from maker.errors import ConfigError, ToolError
from maker.tools import registry


@pytest.fixture
def projects(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory with projects in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for name in ("app", "other/app", "other/Größe & Co"):
        (tmp_path / "user" / name).mkdir(parents=True)
    return tmp_path / "user"


def test_workspaces_are_kept_in_their_order(home: Home, projects: Path) -> None:
    assert registry.load(home) == ()
    first = registry.add(home, projects / "app")
    second = registry.add(home, projects / "other")
    assert registry.load(home) == (first, second)
    assert (first.name, first.path) == ("app", (projects / "app").resolve())
    assert stat.S_IMODE(home.workspaces.stat().st_mode) == 0o600


def test_names_are_unique_and_fit_a_header(home: Home, projects: Path) -> None:
    folders = (projects / "app", projects / "other" / "app", projects / "other" / "Größe & Co")
    assert [registry.add(home, folder).name for folder in folders] == ["app", "app-2", "Gr-e-Co"]


def test_adding_twice_is_harmless(home: Home, projects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = registry.add(home, projects / "app")
    monkeypatch.chdir(projects)
    (projects / "link").symlink_to("app")
    assert registry.add(home, Path("app")) == registry.add(home, Path("~/link")) == added
    assert registry.load(home) == (added,)


def test_removing_by_name_or_by_path(home: Home, projects: Path) -> None:
    first, second = registry.add(home, projects / "app"), registry.add(home, projects / "other")
    assert registry.remove(home, "app") == first
    assert registry.remove(home, str(second.path)) == second
    assert registry.load(home) == ()
    assert (projects / "app").is_dir()


def test_removing_by_a_link_to_it(home: Home, projects: Path) -> None:
    added = registry.add(home, projects / "app")
    (projects / "link").symlink_to("app")
    assert registry.remove(home, "~/link") == added


def test_removing_a_path_that_cannot_be_is_one_sentence(home: Home, projects: Path) -> None:
    registry.add(home, projects / "app")
    with pytest.raises(ConfigError, match="no workspace is called '~nobody-of-that-name'"):
        registry.remove(home, "~nobody-of-that-name")


def test_a_home_that_is_made_here_is_private(tmp_path: Path, projects: Path) -> None:
    home = Home(tmp_path / "new" / "maker")
    registry.add(home, projects / "app")
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (home.root, home.run)] == [0o700, 0o700]


def test_removing_what_is_not_there_names_what_is(home: Home, projects: Path) -> None:
    registry.add(home, projects / "app")
    with pytest.raises(ConfigError, match="no workspace is called 'ap'; registered: app"):
        registry.remove(home, "ap")


def test_folders_that_hold_more_than_a_project_are_refused(home: Home, projects: Path) -> None:
    (home.root / "models").mkdir()
    (projects / "link").symlink_to(projects)
    forbidden = (
        Path("/"),
        projects,
        projects.parent,
        projects / "link",
        home.root,
        home.root.parent,
        home.root / "models",
    )
    for folder in forbidden:
        with pytest.raises(ConfigError, match="holds more than a project"):
            registry.add(home, folder)


def test_what_is_no_folder_is_refused(home: Home, projects: Path) -> None:
    (projects / "file").touch()
    (projects / "loop").symlink_to("loop")
    for path in (projects / "file", projects / "missing", projects / "loop", Path("~nobody-of-that-name/app")):
        with pytest.raises(ConfigError, match="is not a folder"):
            registry.add(home, path)


@pytest.mark.parametrize("text", ["", "{", '{"name": "a"}', '[{"name": "a"}]', '[{"name": "a", "path": "/", "x": 1}]'])
def test_a_broken_file_is_one_sentence(text: str, home: Home, projects: Path) -> None:
    home.workspaces.write_text(text)
    with pytest.raises(ConfigError, match="not a list of workspaces; move it away") as broken:
        registry.load(home)
    assert "\n" not in str(broken.value)


def test_two_that_add_at_once_lose_nothing(home: Home, projects: Path) -> None:
    folders = [projects / f"p{number}" for number in range(8)]
    for folder in folders:
        folder.mkdir()
    threads = [threading.Thread(target=registry.add, args=(home, folder)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert {workspace.path for workspace in registry.load(home)} == {folder.resolve() for folder in folders}


def test_trust_is_given_explicitly_and_kept(home: Home, projects: Path) -> None:
    assert not registry.add(home, projects / "app").trusted
    assert registry.add(home, projects / "app", trust=True).trusted
    assert registry.add(home, projects / "app").trusted
    assert [workspace.trusted for workspace in registry.load(home)] == [True]


def test_a_workspace_is_found_by_name_or_by_a_path_in_it(home: Home, projects: Path) -> None:
    app = registry.add(home, projects / "app")
    assert registry.find(home, "app") == registry.find(home, str(app.path / "deep" / "file.py")) == app
    for named in ("nothing", str(projects), "app/deep"):
        with pytest.raises(ToolError, match="maker workspace add"):
            registry.find(home, named)
