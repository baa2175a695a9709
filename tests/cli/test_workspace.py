"""`maker workspace`."""

from pathlib import Path

import pytest

from maker.config import Home

from .support import Terminal


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "shop"
    path.mkdir()
    return path


def test_a_repository_is_added_listed_and_removed(home: Home, maker: Terminal, repository: Path) -> None:
    assert maker("workspace", "add", str(repository)) == (0, f"added shop: {repository}\n", "")
    assert maker("workspace", "list") == (0, f"shop  {repository}\n", "")
    assert maker("workspace", "rm", "shop") == (0, f"removed shop: {repository}\n", "")
    code, out, err = maker("workspace", "list")
    assert (code, out) == (0, "") and "maker workspace add PATH" in err


def test_the_current_folder_is_what_is_added_by_default(
    home: Home, maker: Terminal, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    assert maker("workspace", "add")[1] == f"added shop: {repository}\n"


def test_what_is_not_there_is_refused_in_a_sentence(home: Home, maker: Terminal, tmp_path: Path) -> None:
    for arguments in (["add", str(tmp_path / "gone")], ["rm", "gone"]):
        code, _, err = maker("workspace", *arguments)
        assert code == 2
        assert "gone" in err and err.count("\n") == 1


def test_trust_is_shown(home: Home, maker: Terminal, repository: Path) -> None:
    assert maker("workspace", "add", "--trust", str(repository))[1] == f"added shop: {repository} (trusted)\n"
    assert maker("workspace", "list")[1] == f"shop  {repository}  trusted\n"
