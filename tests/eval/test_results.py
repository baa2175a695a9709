from dataclasses import replace
from pathlib import Path

import pytest

from maker.errors import ServiceError
from maker.eval.results import Kept, Result, Round, Tried

ROUND = Round(True, None, (Tried(True, False, "aa"), Tried(False, True, "")), (3, 4))
RESULT = Result(
    "key", "add", True, 0.5, 120, draws=(True, False), notes=("no tests",), rounds=(ROUND, Round(False, True, ()))
)


def kept(path: Path, **settings: object) -> Kept:
    return Kept(path, settings)


def read(path: Path, key: str = "key", **settings: object) -> Result | None:
    again = kept(path, **settings)
    again.close()
    return again.get(key)


def test_what_was_kept_is_there_again_as_it_was(tmp_path: Path) -> None:
    first = kept(tmp_path / "runs" / "low.jsonl", k=3)
    first.add(RESULT)
    first.close()
    assert read(tmp_path / "runs" / "low.jsonl", k=3) == RESULT


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    first = kept(tmp_path / "low.jsonl", k=3)
    first.add(RESULT)
    first.close()
    assert read(tmp_path / "low.jsonl", k=4) is None
    assert read(tmp_path / "low.jsonl", k=3) is None


def test_of_two_results_of_one_exercise_the_later_counts(tmp_path: Path) -> None:
    first = kept(tmp_path / "low.jsonl")
    first.add(replace(RESULT, error="server_error"))
    first.add(RESULT)
    first.close()
    assert read(tmp_path / "low.jsonl") == RESULT


def test_a_line_that_cannot_be_read_costs_that_line_only(tmp_path: Path) -> None:
    path = tmp_path / "low.jsonl"
    first = kept(path)
    for key in ("a", "b", "c"):
        first.add(replace(RESULT, exercise=key))
    first.close()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2][:20] + "\n", lines[3]]))
    assert [read(path, key) is not None for key in ("a", "b", "c")] == [True, False, True]


def test_a_file_that_is_not_understood_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "low.jsonl"
    for number in (1, 2):
        path.write_text(f"somebody's notes {number}\n")
        assert read(path) is None
    assert [(tmp_path / f"low.other{number}").read_text()[-2:] for number in (1, 2)] == ["1\n", "2\n"]


@pytest.mark.parametrize("cut", [1, 30])
def test_a_last_line_that_was_cut_off_is_passed_over_and_the_rest_kept(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "low.jsonl"
    first = kept(path)
    first.add(RESULT)
    first.add(Result("other", "sub", False, 1.0, 2))
    first.close()
    path.write_bytes(path.read_bytes()[:-cut])
    again = kept(path)
    assert again.get("other") is None
    again.add(Result("third", "mul", True, 1.0, 2))
    again.close()
    assert (read(path), read(path, "other")) == (RESULT, None)
    assert read(path, "third") == Result("third", "mul", True, 1.0, 2)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match="give --out DIR"):
        kept(tmp_path / "file" / "low.jsonl")


def test_two_measurements_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "low.jsonl"
    first = kept(path)
    with pytest.raises(ServiceError, match=r"low\.jsonl: another `maker eval run`.*give --out DIR"):
        kept(path)
    first.add(RESULT)
    first.close()
    assert read(path) == RESULT
