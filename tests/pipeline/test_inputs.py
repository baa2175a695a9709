"""What candidates are run on: the user's examples, and what of the tester's reply is usable."""

import time

import pytest

from maker.pipeline.examples import examples
from maker.pipeline.naming import function_named
from maker.pipeline.plan import usable
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
        ("f(3) -> [1, 2, 3]", ["assert f(3) == [1, 2, 3]"]),
        ("f(2) -> 4, f(3) -> 9", ["assert f(2) == 4", "assert f(3) == 9"]),
        ("f(1) returns 1 and f(2) returns 2.5.", ["assert f(1) == 1", "assert f(2) == 2.5"]),
        ("count('a b, (c') == 2, as you see", ["assert count('a b, (c') == 2"]),
        ("f('x').lower() -> 'x'", ["assert f('x').lower() == 'x'"]),
        ("f(4) gives 2 (the root)", ["assert f(4) == 2"]),
        ("add(2, 2) should return 4 but returns 5.", ["assert add(2, 2) == 4"]),
        ("Fix add so that add(2, 2) == 4.", ["assert add(2, 2) == 4"]),
        ("those not divisible by 3, e.g. f([1, 3]) -> 1", ["assert f([1, 3]) == 1"]),
        ("Fix:\n```python\ndef f(x):\n    '''\n    >>> f(2)\n    4\n    '''\n```", ["assert f(2) == 4"]),
        ("assert all(f(x) > 0 for x in range(3))", ["assert all(f(x) > 0 for x in range(3))"]),
        ("assert isinstance(f(2), int)", ["assert isinstance(f(2), int)"]),
    ],
)
def test_examples_are_read_from_the_request(text: str, found: list[str]) -> None:
    assert examples(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Fix this function. Currently add(2, 2) returns 5.",
        "There is a bug.\n>>> add(2, 2)\n5",
        "add(2, 2) returns 5 but should return 4",
        "I get add(2, 2) == 5",
        "It should not happen that f(0) returns 1.",
        "Does f(2) == 4 hold?",
        "Do more if f(2) == 4",
        "f(2) returns 4, 5 or 6",
        "f(2) -> 1, 2",
        "f(2) -> True or False",
        ">>> print(add(2, 3))\n5",
        "s.pop() -> 3",
        "def f() -> None:\n    pass",
        "def area(w, h):\n    assert w >= 0\n    return w * h",
        "result = add(2, 3)\nassert result == 5",
        "f(" * 300 + "1" + ")" * 300 + " == 2",
    ],
)
def test_what_only_might_be_an_example_is_none(text: str) -> None:
    """Whatever fails an example is discarded."""
    assert examples(text) == []


@pytest.mark.parametrize("text", ["  \n" * 200_000, "f(x)==g(y)," * 30_000, "x(" * 50_000, "```\n" * 50_000])
def test_no_text_takes_time_by_its_square(text: str) -> None:
    """What has no example in 400 kB took minutes, in which an orchestrator did nothing else."""
    begun = time.monotonic()
    assert examples(text) == [] and function_named(text) in (None, "x")
    assert time.monotonic() - begun < 20


def test_examples_in_javascript() -> None:
    text = "f({a: 1}, [1, 2]) -> {b: [1, 2]}, and g(undefined) === 3"
    assert examples(text, "javascript") == [
        "assert.deepStrictEqual(f({a: 1}, [1, 2]), {b: [1, 2]})",
        "assert.deepStrictEqual(g(undefined), 3)",
    ]


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
