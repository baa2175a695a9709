"""Listing, searching and copying a workspace."""

import os
import subprocess
from pathlib import Path

import pytest

from maker.config import child_environment
from maker.errors import ToolError
from maker.tools import copying, listing, search
from maker.tools.copying import copied, prune
from maker.tools.files import read_file
from maker.tools.listing import listed
from maker.tools.search import pieces_of, search_code, words_of
from maker.tools.workspace import Workspace

FILES = {
    "shop/cart.py": "def total(prices):\n    return sum(prices)\n",
    "shop/parse.py": "def parseHTTPDate(text):\n    return text\n",
    "readme.md": "The shop sells apples.\n",
    ".env": "KEY=canary\n",
    "deploy/id_rsa": "canary\n",
    "logs/run.log": "canary total prices\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "shop"


def git(root: Path, *words: str) -> None:
    environment = child_environment(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, env=environment, timeout=20)


@pytest.fixture
def repository(project: Path) -> Path:
    git(project, "init", "-q")
    (project / ".gitignore").write_text("logs/\n", encoding="utf-8")
    return project


def test_what_git_ignores_and_what_usually_holds_secrets_is_not_listed(repository: Path) -> None:
    assert listed(repository) == [".gitignore", "readme.md", "shop/cart.py", "shop/parse.py"]
    assert listed(repository / "shop") == ["cart.py", "parse.py"]


def test_without_git_every_file_counts_but_what_tools_made(project: Path) -> None:
    for name in ("node_modules/x.js", "shop/__pycache__/cart.pyc"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("made")
    assert listed(project) == ["logs/run.log", "readme.md", "shop/cart.py", "shop/parse.py"]


def test_a_broken_repository_is_refused_rather_than_listed_whole(project: Path) -> None:
    (project / ".git").mkdir()
    with pytest.raises(ToolError, match="ignored"):
        listed(project)


def test_links_and_special_files_are_not_listed(repository: Path) -> None:
    (repository / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(repository / "pipe.py")
    assert not {"link.py", "pipe.py"} & set(listed(repository))


def test_nothing_that_the_repository_configures_is_run(repository: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    git(repository, "config", "core.hooksPath", str(tmp_path))
    git(repository, "config", "remote.origin.url", f"ext::{program}")
    git(repository, "config", "remote.origin.promisor", "true")
    listed(repository)
    assert not marker.exists()


def test_too_many_files_are_refused_with_advice(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_FILES", 2)
    with pytest.raises(ToolError, match="register a part"):
        listed(project)


def test_the_piece_with_the_rare_words_comes_first(repository: Path) -> None:
    found = search_code(repository, "How do I sum up the total of all prices?")
    assert (found.matches[0].path, found.matches[0].first_line, found.matches[0].last_line) == ("shop/cart.py", 1, 2)
    assert found.matches[0].text == FILES["shop/cart.py"]
    assert found.files == 4 and not found.partial
    assert all("canary" not in match.text for match in search_code(repository, "canary key total").matches)


def test_identifiers_are_found_by_their_words(repository: Path) -> None:
    assert words_of("parseHTTPDates") == words_of("parse_http_date") == ["parse", "http", "date"]
    assert search_code(repository, "parse an HTTP date").matches[0].path == "shop/parse.py"


def test_a_query_without_a_word_is_refused(repository: Path) -> None:
    with pytest.raises(ToolError, match="word"):
        search_code(repository, "how do I use it?")


def test_pieces_together_are_the_file() -> None:
    text = "".join(f"def f{n}():\n    a = {n}\n\n    return a\n\n" for n in range(60))
    pieces = list(pieces_of("a.py", text))
    assert "".join(line for piece in pieces for line in piece.lines) == text
    assert all(len(piece.lines) <= search.PIECE_LINES for piece in pieces)
    assert [piece.lines[0][:3] for piece in pieces] == ["def"] * len(pieces)
    assert pieces[1].first == len(pieces[0].lines) + 1


def test_lines_are_numbered_as_read_file_numbers_them(repository: Path) -> None:
    (repository / "shop/odd.py").write_text(
        "A = 1\f\nB = '\u2028\x85\x0b'\n\nzebra = 2\r\n", encoding="utf-8", newline=""
    )
    found = search_code(repository, "zebra").matches[0]
    with Workspace(repository) as workspace:
        read = read_file(workspace, "shop/odd.py", found.first_line, found.last_line)
    assert (found.first_line, found.last_line, found.text) == (1, 4, read.text)
    assert read.total_lines == 4


def test_a_search_that_takes_too_long_says_that_it_is_partial(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_S", -1)
    assert search_code(repository, "total").partial


def test_a_copy_has_the_files_without_the_secrets_and_goes_when_it_is_left(repository: Path, tmp_path: Path) -> None:
    below = tmp_path / "copies"
    with copied(repository, below) as copy:
        files = sorted(path.relative_to(copy.root).as_posix() for path in copy.root.rglob("*") if path.is_file())
        assert files == listed(repository)
        assert (copy.files, copy.left_out) == (4, 0)
        assert (copy.root / "shop/cart.py").read_text() == FILES["shop/cart.py"]
        assert (copy.root / "shop").stat().st_mode & 0o777 == 0o755
        assert prune(below) == 0 and copy.root.is_dir()
    assert list(below.iterdir()) == []


def test_a_copy_that_a_killed_process_left_is_removed(repository: Path, tmp_path: Path) -> None:
    below = tmp_path / "copies"
    (below / "copy-dead" / "shop").mkdir(parents=True)
    (below / "copy-dead.lock").touch()
    assert prune(below) == 1
    assert list(below.iterdir()) == []
    assert prune(tmp_path / "nowhere") == 0


def test_long_files_are_left_out_and_too_much_is_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "long.py").write_bytes(b"#" * (copying.MAX_FILE_BYTES + 1))
    with copied(repository, tmp_path / "copies") as copy:
        assert copy.left_out == 1 and not (copy.root / "long.py").exists()
    monkeypatch.setattr(copying, "MAX_BYTES", 10)
    with pytest.raises(ToolError, match="MiB"), copied(repository, tmp_path / "copies"):
        raise AssertionError("not reached")
    assert list((tmp_path / "copies").iterdir()) == []


def test_copying_ends_early_when_it_is_told_to(repository: Path, tmp_path: Path) -> None:
    with copied(repository, tmp_path / "copies", lambda: True) as copy:
        assert copy.files == 0
