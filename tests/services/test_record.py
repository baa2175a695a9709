"""The listener's record and the target."""

from pathlib import Path

import pytest

from maker.config import Home
from maker.services.record import Board, Record, load_board, read_target, save_board, write_target


@pytest.fixture
def place(tmp_path: Path) -> Home:
    (tmp_path / "run").mkdir()
    return Home(tmp_path)


def test_a_record_is_read_back_as_it_was_written(place: Home) -> None:
    board = Board(42, "abc", {"coder": Record(7, True, "", 1.5, 2.25, 3, given_up=False), "mcp": Record()})
    save_board(place, board)
    assert load_board(place, 42) == board
    assert (place.run / "readiness.json").stat().st_mode & 0o777 == 0o600


def test_the_record_of_another_supervisor_counts_for_nothing(place: Home) -> None:
    save_board(place, Board(42))
    assert load_board(place, 43) is None
    assert load_board(place, None) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor_pid": 42}', '{"services": {"coder": {"unknown": 1}}}'])
def test_a_record_that_cannot_be_read_is_no_record(place: Home, text: str) -> None:
    (place.run / "readiness.json").write_text(text, encoding="utf-8")
    assert load_board(place, 42) is None


def test_the_target_is_one_of_three_words_or_nothing(place: Home) -> None:
    assert read_target(place) is None
    write_target(place, "low")
    assert read_target(place) == "low"
    place.target.write_text("medium\n", encoding="ascii")
    assert read_target(place) is None
