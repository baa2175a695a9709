import gzip
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from maker.errors import RequestError
from maker.eval import suite
from maker.eval.suite import Exercise, answered_code, load, named, own, program, some

CHECK = "def check(candidate):\n    assert candidate(1, 2) == 3\n"
OWN = {"id": "a", "request": "Write add(a, b).", "entry_point": "add", "test": CHECK, "split": "name"}
PROMPT = 'from typing import List\n\n\ndef add(a, b):\n    """The sum."""\n'
HUMAN_EVAL = {"task_id": "H/0", "prompt": PROMPT, "entry_point": "add", "test": CHECK, "canonical_solution": "x"}
GOOD = "def add(a, b):\n    return a + b\n"


def write(path: Path, *lines: object) -> Path:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def exercise(**changes: str) -> Exercise:
    return Exercise(**{"id": "a", "request": "Write add(a, b).", "entry_point": "add", "test": CHECK, **changes})


def test_both_forms_may_stand_in_one_file(tmp_path: Path) -> None:
    first, second = load(write(tmp_path / "mine.jsonl.gz", OWN, "", HUMAN_EVAL))
    assert first == exercise(split="name")
    assert (second.id, second.entry_point, second.prompt) == ("H/0", "add", PROMPT)
    assert "def add(a, b):" in second.request and "canonical" not in second.request


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "no exercises in it"),
        ([OWN, {**OWN, "request": 5}], "line 2: request: input should be a valid string"),
        ([OWN, OWN], "line 2: a second exercise with the id 'a'"),
        ([{"task_id": "x", "prompt": "def f():"}], "line 1: entry_point: field required"),
        (["{"], "line 1: invalid JSON: EOF while parsing an object at column 1$"),
        ([{**OWN, "entry_point": "add(a, b)"}], r"line 1: entry_point: 'add\(a, b\)' cannot be the name of a function"),
        ([{**OWN, "test": "assert add(1, 2) == 3"}], r"line 1: test: not Python that defines check\(candidate\)"),
        (
            [{**OWN, "test": "def check():\n    assert add(1, 2) == 3"}],
            r"line 1: test: not Python that defines check\(",
        ),
        ([{**OWN, "entry_point": "class"}], "line 1: entry_point: 'class' cannot be the name of a function"),
        ([{**OWN, "entry_point": "plus"}], "line 1: the request does not say that the function is called 'plus'"),
        ([{"task_id": "x", "entry_point": "f"}], "line 1: prompt: field required"),
        ([{**HUMAN_EVAL, "test": "def check(c:"}], r"line 1: test: not Python that defines check\(candidate\)"),
    ],
)
def test_a_file_that_is_no_suite_is_refused_with_its_line(tmp_path: Path, lines: list[object], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        load(write(tmp_path / "mine.jsonl", *lines))


def test_a_file_may_begin_with_a_byte_order_mark_and_may_be_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(OWN).encode())
    assert load(tmp_path / "mine.jsonl") == (exercise(split="name"),)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(load, pipe)
        pipe.write_text(json.dumps(OWN))
        assert found.result(timeout=10) == (exercise(split="name"),)


def test_a_suite_that_does_not_exist_is_refused_with_those_that_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "tiny.jsonl", OWN)
    monkeypatch.setattr(suite, "FOLDER", tmp_path)
    assert named("tiny").exercises == (exercise(split="name"),)
    with pytest.raises(RequestError, match="no suite 'huge'; there are: tiny"):
        named("huge")


def test_results_are_kept_by_a_name_that_leaves_no_folder(tmp_path: Path) -> None:
    for file, name in (("mine.jsonl.gz", "mine"), ("...jsonl", "own"), ("x[bold] 2.jsonl", "x-bold-2")):
        assert own(write(tmp_path / file, OWN)).name == name
    with pytest.raises(RequestError, match=r"no suite '\.\./suites/tiny'; there are: hand, tiny"):
        named("../suites/tiny")


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [("candidate", True), ("candidate, tol=1", True), ("candidate, /, *, tol=1", True)]
    + [("", False), ("candidate, tol", False), ("candidate, *, tol", False)],
)
def test_a_check_takes_the_candidate_alone(tmp_path: Path, arguments: str, taken: bool) -> None:
    path = write(tmp_path / "mine.jsonl", {**OWN, "test": f"def check({arguments}):\n    pass\n"})
    if taken:
        assert len(load(path)) == 1
    else:
        with pytest.raises(RequestError, match=r"not Python that defines check\(candidate\)"):
            load(path)


def test_some_are_drawn_by_the_seed_and_keep_their_order() -> None:
    all_of_them = [exercise(id=str(number)) for number in range(100)]
    drawn = some(all_of_them, 10, seed=3)
    assert [int(one.id) for one in drawn] == sorted(int(one.id) for one in drawn)
    assert len(drawn) == 10 and drawn == some(all_of_them, 10, seed=3) != some(all_of_them, 10, seed=4)
    assert some(all_of_them, None, 0) == some(all_of_them, 100, 0) == tuple(all_of_them)


def test_an_exercise_that_changes_has_another_key() -> None:
    assert exercise().key == exercise().key != exercise(test=CHECK + "\n").key


ADD = "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize(
    ("text", "steps", "code"),
    [
        ("No.\n```python\nfirst one\n```\nshorter:\n```python\nlast\n```\nDone.", 1, "first one\n"),
        (f"```python\n{ADD}```\nExample:\n```python\nprint(add(1, 2), add(3, 4), add(5, 6))\n```\n", 1, ADD),
        (f"```\nadd(1, 2)\n```\n```python\nimport os\n{ADD}```\n```\n{ADD}```", 1, f"import os\n{ADD}"),
        ("```python\na = 1\n```\nthen\n```python\nb = 2\n```\n", 2, "a = 1\n\n\nb = 2\n"),
        ("It is:\n```python\nreturn cut off", 1, "return cut off"),
        ("def add(a, b):\n    return a + b", 1, "def add(a, b):\n    return a + b"),
        ("", 1, ""),
    ],
)
def test_the_code_of_an_answer_is_the_fence_that_defines_the_function_or_that_of_every_step(
    text: str, steps: int, code: str
) -> None:
    assert answered_code(text, "add", steps=steps) == code


@pytest.mark.parametrize(
    "code",
    [GOOD, "    return a + b\n", "return a + b\n", "    total = a\n    return total + b"],
)
def test_a_prompt_is_completed_by_a_body_and_followed_by_a_whole_function(code: str) -> None:
    names: dict[str, object] = {}
    exec(program(exercise(prompt=PROMPT), code), names)
    assert names["add"](1, 2) == 3  # type: ignore[operator]
    assert "List" in names


def test_a_whole_function_stands_alone_where_the_prompt_is_no_module_by_itself() -> None:
    assert program(exercise(prompt="def add(a, b):\n    # the sum\n"), GOOD) == GOOD
    assert program(exercise(), GOOD) == GOOD
