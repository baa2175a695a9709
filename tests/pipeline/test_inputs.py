"""What candidates are run on: the user's examples, and what of the tester's reply is usable."""

import pytest

from maker.pipeline.plan import examples, usable
from maker.sandbox.values import Call, Check


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (">>> add(1, 2)\n3", ["assert add(1, 2) == 3"]),
        ("For example `add(1, 2)` -> `3`.", ["assert add(1, 2) == 3"]),
        ("add([1], 2) returns [3]", ["assert add([1], 2) == [3]"]),
        ("It holds:\nassert add(1, 2) == 3", ["assert add(1, 2) == 3"]),
        ("add(1, 2) -> three things", []),
        ("Write add(a, b).", []),
    ],
)
def test_examples_are_read_from_the_request(text: str, found: list[str]) -> None:
    assert examples(text) == found


def test_calls_and_checks_of_the_wrong_form_are_left_out_and_doubles_counted_once() -> None:
    calls = ["add(1, 2)", "add(1, 2) ", "add(1,", "7", "import os"]
    checks = ["assert add(2, 2) == 4", "add(2, 2) == 4", "assert", "x = add(1, 1)\nassert x == 2"]
    assert usable(calls, checks, 8) == (
        Call("add(1, 2)"),
        Call("add(2, 2)"),
        Check("assert add(2, 2) == 4"),
        Check("x = add(1, 1)\nassert x == 2"),
    )


def test_no_more_than_allowed_of_each_kind() -> None:
    found = usable([f"f({n})" for n in range(9)], [f"assert f({n}) == {n}" for n in range(9)], 3)
    assert [type(item) for item in found] == [Call] * 3 + [Check] * 3


def test_what_is_said_with_names_is_no_example() -> None:
    assert examples("plus(a, b) -> a + b") == []
    assert examples("same(xs) returns xs") == []
    assert examples("plus(1, 2) -> 3") == ["assert plus(1, 2) == 3"]
    assert examples("evens([x for x in range(3)]) == [0, 2]") == []
