"""The evaluation suites: fixed, right, and nothing in them was trained on."""

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.training.hand import REFERENCES, asserts
from training import suites
from training.evidence import load
from training.roles import samples
from training.split import held
from training.wording import RESERVED

HAND = suites.TINY.with_name("hand.jsonl")
BUILT = list(suites.tiny())
LAST = re.compile(r"\n\nWrite the code( of \w+)?\.$")
"""What the pipeline says behind the user's words."""


def _read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _check(test: str, function: Any) -> None:
    names: dict[str, Any] = {}
    exec(test, names)
    names["check"](function)


def test_the_tiny_suite_is_what_its_seed_makes() -> None:
    assert _read(suites.TINY) == [line for _, line in BUILT], "run `python -m training.suites`"


def test_the_tiny_suite_has_as_many_of_each_split() -> None:
    lines = _read(suites.TINY)
    assert len(lines) == suites.SIZE == 240
    assert [sum(line["split"] == split for line in lines) for split in ("comp", "para", "name")] == [80] * 3
    assert len({line["id"] for line in lines}) == len({line["request"] for line in lines}) == 240


def test_every_right_program_passes_the_hidden_test_of_its_task() -> None:
    for one, line in BUILT:
        for source in one.sources:
            _check(line["test"], load(source, one.name))


def test_a_program_that_always_says_the_same_passes_no_hidden_test() -> None:
    for _, line in BUILT:
        for constant in (None, 0, 1, [], "", True, False):
            with pytest.raises((AssertionError, TypeError)):
                _check(line["test"], lambda *_, constant=constant: constant)


@pytest.mark.parametrize("path", [suites.TINY, HAND], ids=lambda path: path.stem)
def test_each_line_is_a_problem_with_ten_assertions_or_more_and_no_solution(path: Path) -> None:
    for line in _read(path):
        assert set(line) == {"id", "request", "entry_point", "test", "split"}
        assert line["test"].startswith("def check(candidate):\n    assert ")
        assert line["test"].count("    assert ") >= 10
        assert line["entry_point"] in line["request"]
        assert line["entry_point"].isidentifier()
        assert "return" not in line["test"]


def test_the_hand_worded_suite_has_sixty_requests_and_more_and_right_tests() -> None:
    lines = _read(HAND)
    assert len(lines) >= 60
    assert [line["entry_point"] for line in lines] == list(dict.fromkeys(line["entry_point"] for line in lines))
    assert {line["entry_point"] for line in lines} == set(REFERENCES)
    assert not {line["entry_point"] for line in lines} & RESERVED
    for line in lines:
        assert line["test"] == asserts(line["entry_point"])
        _check(line["test"], REFERENCES[line["entry_point"]][0])


def test_no_request_of_a_suite_is_trained_on() -> None:
    asked = {line["request"] for line in (*_read(suites.TINY), *_read(HAND))}
    for one in islice(samples("coder", 20), 800):
        assert not any(LAST.sub("", message["content"]) in asked for message in one.messages)


def test_what_the_tiny_suite_asks_for_is_held_out() -> None:
    for one, _ in BUILT:
        if one.split == "comp":
            assert held("composition", one.key.partition(":")[2])
        if one.split == "name":
            assert all(value < 10 or held("constant", value) for value in one.constants)


def test_a_case_without_a_result_is_left_out_where_the_request_does_not_say_so() -> None:
    silent = [(one, line) for one, line in BUILT if "None" not in one.request]
    assert silent
    assert not any("== None" in line["test"] for _, line in silent)
