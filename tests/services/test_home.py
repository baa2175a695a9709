"""Making MAKER_HOME, keeping what people changed, and a bare supervisorctl."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import maker
from maker import config
from maker.config import Home
from maker.errors import ConfigError
from maker.services import home as home_module
from maker.services.home import data_file, link_supervisorctl, prepare_home


@pytest.fixture
def command(tmp_path: Path) -> Path:
    path = tmp_path / "installed" / "maker"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n", encoding="ascii")
    path.chmod(0o755)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A supervisord.conf that the test may change as an upgrade would."""
    path = tmp_path / "shipped.conf"
    path.write_text("[supervisord]\n", encoding="utf-8")
    monkeypatch.setattr(home_module, "data_file", lambda _relative: path)
    return path


@pytest.mark.usefixtures("umask")
def test_everything_is_private_whatever_the_umask(place: Home, command: Path) -> None:
    prepare_home(place, command=command, config_text=None)
    folders = [place.root, *(path for path in place.root.rglob("*") if path.is_dir())]
    files = [path for path in place.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {folder.name for folder in folders} >= {"run", "log", "models", "bin", "redis", "qdrant", "phoenix"}
    assert {mode(folder) for folder in folders} == {0o700}
    assert {file.name for file in files} == {"api.key", "maker.toml", "supervisord.conf"}
    assert {mode(file) for file in files} == {0o600}
    assert len(bytes.fromhex(place.read_key())) == 32
    assert place.command.resolve() == command.resolve()


def test_each_home_has_a_key_of_its_own_and_keeps_it(tmp_path: Path, command: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        place = Home(tmp_path / name)
        for _ in range(2):
            prepare_home(place, command=command, config_text=None)
            keys.add(place.read_key())
    assert len(keys) == 2


def test_twice_changes_nothing_and_says_nothing(place: Home, command: Path) -> None:
    said = prepare_home(place, command=command, config_text=None)
    assert f"made {place.root}" in said and f"wrote {place.toml}" in said
    assert not any(place.read_key() in sentence for sentence in said)
    before = {path: path.stat().st_mtime_ns for path in place.root.rglob("*")}
    assert prepare_home(place, command=command, config_text="profile = 1") == []
    assert {path: path.stat().st_mtime_ns for path in place.root.rglob("*")} == before


def test_a_given_configuration_is_written_once_and_an_edited_one_kept(place: Home, command: Path) -> None:
    prepare_home(place, command=command, config_text='profile = "full"\n')
    assert config.load(place).profile == "full"
    place.toml.write_text('profile = "tiny"\n', encoding="utf-8")
    prepare_home(place, command=command, config_text='profile = "full"\n')
    assert config.load(place).profile == "tiny"


def test_a_home_that_others_can_enter_is_closed(place: Home, command: Path) -> None:
    place.root.mkdir(mode=0o755)
    place.root.chmod(0o755)
    assert f"closed {place.root} to other users" in prepare_home(place, command=command, config_text=None)
    assert mode(place.root) == 0o700


def test_an_upgrade_replaces_a_supervisord_conf_that_nobody_edited(place: Home, command: Path, shipped: Path) -> None:
    prepare_home(place, command=command, config_text=None)
    shipped.write_text("[supervisord]\nminfds=9\n", encoding="utf-8")
    said = prepare_home(place, command=command, config_text=None)
    assert said == [f"brought {place.supervisord_conf} up to date; the next `maker stop` and `maker start` use it"]
    assert place.supervisord_conf.read_text(encoding="utf-8").endswith("[supervisord]\nminfds=9\n")


def test_an_upgrade_keeps_an_edited_supervisord_conf_and_puts_the_new_one_beside(
    place: Home, command: Path, shipped: Path
) -> None:
    prepare_home(place, command=command, config_text=None)
    edited = place.supervisord_conf.read_text(encoding="utf-8") + "; mine\n"
    place.supervisord_conf.write_text(edited, encoding="utf-8")
    said = prepare_home(place, command=command, config_text=None)
    beside = place.supervisord_conf.with_name("supervisord.conf.new")
    assert said == [f"kept {place.supervisord_conf} because it was edited; this version's is {beside}"]
    assert place.supervisord_conf.read_text(encoding="utf-8") == edited
    assert beside.read_text(encoding="utf-8").endswith("[supervisord]\n")
    assert prepare_home(place, command=command, config_text=None) == [], "said once, not at every start"


def test_the_copy_differs_from_the_shipped_file_by_its_first_line_only(place: Home, command: Path) -> None:
    prepare_home(place, command=command, config_text=None)
    first, _, rest = place.supervisord_conf.read_text(encoding="utf-8").partition("\n")
    assert first.startswith("; maker: sha256 of the lines below: ")
    assert rest == data_file("services/supervisord.conf").read_text(encoding="utf-8")


def test_the_link_follows_the_command_without_ever_being_absent(place: Home, command: Path, tmp_path: Path) -> None:
    prepare_home(place, command=command, config_text=None)
    newer = tmp_path / "newer"
    newer.symlink_to(command)
    assert prepare_home(place, command=newer, config_text=None) == [f"linked {place.command} to {newer}"]
    assert place.command.readlink() == newer, "a link to the stable path, not to what it leads to today"
    assert [path.name for path in place.command.parent.iterdir()] == ["maker"]


def test_a_file_in_the_place_of_a_folder_is_one_clear_sentence(place: Home, command: Path) -> None:
    place.root.mkdir()
    (place.root / "run").write_text("x", encoding="ascii")
    with pytest.raises(ConfigError, match=r"home/run: File exists; cannot set up MAKER_HOME"):
        prepare_home(place, command=command, config_text=None)


def test_static_files_of_an_installed_package_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "maker"
    installed = package / "_data" / "services" / "supervisord.conf"
    installed.parent.mkdir(parents=True)
    installed.touch()
    monkeypatch.setattr(maker, "__file__", str(package / "__init__.py"))
    assert data_file("services/supervisord.conf") == installed
    with pytest.raises(ConfigError, match="services/absent is missing from this installation"):
        data_file("services/absent")


@pytest.mark.processes
def test_a_bare_supervisorctl_finds_the_home_from_any_folder(home: Home, command: Path, tmp_path: Path) -> None:
    prepare_home(home, command=command, config_text=None)
    ctl = tmp_path / "prefix" / "bin" / "supervisorctl"
    ctl.parent.mkdir(parents=True)
    ctl.symlink_to(Path(sys.executable).with_name("supervisorctl"))
    conf = tmp_path / "prefix" / "etc" / "supervisord.conf"
    assert link_supervisorctl(tmp_path / "prefix", home) == f"wrote {conf}: a bare supervisorctl now finds maker"
    done = subprocess.run([ctl, "status"], cwd="/", capture_output=True, text=True, timeout=30, check=False)
    assert f"unix://{home.supervisor_socket} no such file" in done.stdout
    assert link_supervisorctl(tmp_path / "prefix", home) is None


def test_the_supervisorctl_of_another_home_or_owner_is_left_alone(tmp_path: Path) -> None:
    prefix, conf = tmp_path, tmp_path / "etc" / "supervisord.conf"
    first, second = Home(tmp_path / "first"), Home(tmp_path / "second")
    first.root.mkdir()
    link_supervisorctl(prefix, first)
    before = conf.read_bytes()
    assert f"for the maker in {first.root}; use `maker ctl`" in (link_supervisorctl(prefix, second) or "")
    assert conf.read_bytes() == before

    first.root.rmdir()
    assert "now finds maker" in (link_supervisorctl(prefix, second) or "")
    assert str(second.root) in conf.read_text(encoding="utf-8")

    conf.write_text("[supervisorctl]\nserverurl=unix:///other.sock\n", encoding="utf-8")
    assert "not maker's; use `maker ctl`" in (link_supervisorctl(prefix, second) or "")
    assert "other.sock" in conf.read_text(encoding="utf-8")
    conf.write_bytes(b"\xff\xfe")
    assert "cannot be read" in (link_supervisorctl(prefix, second) or "")


def test_a_prefix_that_cannot_be_written_is_said_and_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file where a folder should be", encoding="ascii")
    assert "use `maker ctl` in place of supervisorctl" in (link_supervisorctl(tmp_path, Home(tmp_path / "home")) or "")
