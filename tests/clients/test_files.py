"""A client's file is the old one or the new one, whatever happens in between."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from maker.clients import files
from maker.errors import ClientFileError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.yaml"
    assert files.write(files.read(path), "a: 1\n") is None
    assert (path.read_bytes(), mode(path), mode(path.parent)) == (b"a: 1\n", 0o600, 0o700)


def test_the_old_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    source = files.read(path)
    assert source.text == "\ufeffa: 1\r\n"
    first, second = files.write(source, "b"), files.write(files.read(path), "c")
    assert first is not None and second is not None and first != second
    assert first.name.startswith("config.yaml.maker-bak-")
    assert (first.read_bytes(), second.read_bytes(), path.read_bytes()) == (b"\xef\xbb\xbfa: 1\r\n", b"b", b"c")


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "config.yaml", tmp_path / "config.yaml"
    real.parent.mkdir()
    real.write_text("a: 1\n", encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    backup = files.write(files.read(link), "b: 2\n")
    assert link.is_symlink() and real.read_text(encoding="utf-8") == "b: 2\n"
    assert mode(real) == 0o640
    assert backup is not None and backup.parent == real.parent and mode(backup) == 0o600


def test_a_file_with_a_secret_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.touch(mode=0o644)
    path.chmod(0o644)
    files.write(files.read(path), "apiKey: secret\n", secret=True)
    assert mode(path) == 0o600


def test_what_another_program_has_just_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}", encoding="utf-8")
    source = files.read(path)
    path.write_text('{"new": 1}', encoding="utf-8")
    with pytest.raises(ClientFileError, match="try again"):
        files.write(source, "{}")
    with pytest.raises(ClientFileError, match="try again"):
        files.remove(source)
    assert path.read_text(encoding="utf-8") == '{"new": 1}'


@pytest.mark.parametrize("data", [b"\xff\xfea\x00", b"\x80"])
def test_what_is_not_utf_8_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    with pytest.raises(ClientFileError, match="UTF-8"):
        files.read(path)


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ClientFileError, match="not a plain file"):
            files.read(path)


CRASH = """
import os, pathlib, sys
from maker.clients import files
source = files.read(pathlib.Path(sys.argv[1]))
calls = 0
def crash(original):
    def instead(*given, **named):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os._exit(9)
        return original(*given, **named)
    return instead
os.fsync, os.fchmod, pathlib.Path.replace = crash(os.fsync), crash(os.fchmod), crash(pathlib.Path.replace)
files.write(source, "new " * 1000)
"""


def test_a_crash_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, seen = tmp_path / "config.yaml", set()
    for step in range(1, 8):
        path.write_text("old", encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", CRASH, path, str(step)], timeout=60)
        seen.add((done.returncode, path.read_text(encoding="utf-8")))
    assert seen == {(9, "old"), (0, "new " * 1000)}


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_whole(path, b"x", mode=0o600)
    assert list(tmp_path.iterdir()) == []
