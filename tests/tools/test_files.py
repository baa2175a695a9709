"""Ranges of lines, limits and encodings of read_file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from maker.errors import ToolError
from maker.tools import files
from maker.tools.files import read_file
from maker.tools.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "ten").write_text("".join(f"line {number}\n" for number in range(1, 11)))
    with Workspace(tmp_path) as workspace:
        yield workspace


def test_a_whole_file_and_its_number_of_lines(workspace: Workspace) -> None:
    whole = read_file(workspace, "ten")
    assert (whole.first_line, whole.last_line, whole.total_lines, whole.truncated) == (1, 10, 10, False)
    assert whole.text.splitlines() == [f"line {number}" for number in range(1, 11)]


def test_a_range_includes_both_ends(workspace: Workspace) -> None:
    part = read_file(workspace, "ten", 3, 4)
    assert (part.text, part.first_line, part.last_line, part.total_lines) == ("line 3\nline 4\n", 3, 4, 10)
    assert not part.truncated


def test_an_end_beyond_the_file_means_the_file_s_end(workspace: Workspace) -> None:
    part = read_file(workspace, "ten", 9, 99)
    assert (part.first_line, part.last_line, part.truncated) == (9, 10, False)


@pytest.mark.parametrize(("start", "end"), [(0, None), (-1, 2), (5, 4)])
def test_a_range_that_is_none_is_refused(start: int, end: int | None, workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="lines count from 1"):
        read_file(workspace, "ten", start, end)


def test_a_start_beyond_the_file_is_refused_with_its_length(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="has only 10 lines"):
        read_file(workspace, "ten", 11)


def test_an_empty_file_has_no_lines(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "empty").touch()
    empty = read_file(workspace, "empty")
    assert (empty.text, empty.first_line, empty.last_line, empty.total_lines) == ("", 1, 0, 0)


def test_only_line_feeds_end_lines(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "odd").write_bytes("a\u2028b\x0cc\r\nd".encode())
    odd = read_file(workspace, "odd")
    assert (odd.text, odd.total_lines) == ("a\u2028b\x0cc\r\nd", 2)


def test_a_long_file_is_read_on_where_the_answer_ended(tmp_path: Path, workspace: Workspace) -> None:
    lines = [f"{number}\n" for number in range(files.MAX_LINES + 5)]
    (tmp_path / "long").write_text("".join(lines))
    first = read_file(workspace, "long")
    assert (first.last_line, first.truncated) == (files.MAX_LINES, True)
    second = read_file(workspace, "long", first.last_line + 1)
    assert first.text + second.text == "".join(lines)
    assert not second.truncated


def test_an_answer_ends_before_the_line_that_does_not_fit(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "wide").write_text("short\n" + "x" * files.MAX_CHARACTERS + "\nend\n")
    first = read_file(workspace, "wide")
    assert (first.text, first.last_line, first.truncated) == ("short\n", 1, True)
    second = read_file(workspace, "wide", 2)
    assert (len(second.text), second.last_line, second.truncated) == (files.MAX_CHARACTERS, 2, True)
    assert read_file(workspace, "wide", 3).text == "end\n"


def test_binary_files_are_refused(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x00")
    with pytest.raises(ToolError, match="is a binary file"):
        read_file(workspace, "image.png")


def test_other_encodings_are_shown_with_replacement_characters(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "latin").write_bytes("\ufeffgrün".encode() + "ß".encode("latin-1"))
    assert read_file(workspace, "latin").text == "grün\ufffd"


def test_a_file_of_many_megabytes_is_refused(tmp_path: Path, workspace: Workspace) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(files.MAX_FILE_BYTES + 1)
    with pytest.raises(ToolError, match="longer than"):
        read_file(workspace, "huge")
