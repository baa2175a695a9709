from pathlib import Path

import pytest

from maker.errors import RequestError
from maker.eval.problems import load
from tests.eval.recorded import PROBLEMS, problem, write


@pytest.mark.parametrize("name", ["problems.jsonl", "problems.jsonl.gz"])
def test_a_file_is_read_compressed_or_not(tmp_path: Path, name: str) -> None:
    problems = load(write(tmp_path / name))
    assert [one.task_id for one in problems] == ["Sum/0", "Sum/1", "Sum/2", "Sum/3"]
    assert list(problems[0].samples) == PROBLEMS[0]["samples"]


def test_empty_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "problems.jsonl", PROBLEMS[:1])
    path.write_text("\n" + path.read_text() + "\n{\n")
    with pytest.raises(RequestError, match=r"line 4: invalid JSON"):
        load(path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", r"line 2: invalid JSON"),
        ("[]", r"line 2: input should be an object"),
        ('{"task_id": "x"}', r"line 2: prompt: field required"),
        (b"\xff\xfe", r"not UTF-8 after line"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str | bytes, says: str) -> None:
    path = write(tmp_path / "problems.jsonl", PROBLEMS[:1])
    path.write_bytes(path.read_bytes() + (line if isinstance(line, bytes) else line.encode()) + b"\n")
    with pytest.raises(RequestError, match=says) as refused:
        load(path)
    assert "\n" not in str(refused.value)
    assert refused.value.param == "data"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"samples": "text"}, "samples: input should be a valid"),
        ({"samples": [1]}, "samples.0: input should be a valid string"),
        ({"entry_point": ""}, "entry_point: string should have at least 1 character"),
        ({"test": None}, "test: input should be a valid string"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    path = write(tmp_path / "problems.jsonl", [{**problem("Sum/9", [], []), **changes}])
    with pytest.raises(RequestError, match=f"line 1: {says}"):
        load(path)


def test_two_problems_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "problems.jsonl", [PROBLEMS[0], PROBLEMS[1], PROBLEMS[0]])
    with pytest.raises(RequestError, match=r"line 3: a second problem with the task_id 'Sum/0'"):
        load(path)


def test_a_file_that_is_not_there_empty_or_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such file"):
        load(tmp_path / "nothing.jsonl")
    with pytest.raises(RequestError, match="no problems in it"):
        load(write(tmp_path / "empty.jsonl", []))
    whole = write(tmp_path / "whole.jsonl.gz").read_bytes()
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RequestError, match="cannot be read after line"):
        load(tmp_path / "cut.jsonl.gz")
    with pytest.raises(RequestError, match="is a folder; name a file"):
        load(tmp_path)
