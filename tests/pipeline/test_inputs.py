"""What candidates are run on: the user's examples, and what of the tester's reply is usable."""

import time

import pytest

from maker.pipeline.examples import examples, firm_examples
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
        ("Write triple(x) that triples. Example: triple(2) == 7", ["assert triple(2) == 7"]),
        ("f(xs) so that f([1,2,3]) == [3,2,1,42].", ["assert f([1,2,3]) == [3,2,1,42]"]),
        ("- f(2) -> 4\n- f(3) -> 9", ["assert f(2) == 4", "assert f(3) == 9"]),
        ("1. `f(2)` -> `4`", ["assert f(2) == 4"]),
        ("(e.g. f(1) == 2)", ["assert f(1) == 2"]),
        ("f(a), such that `f(1)` -> `2`.", ["assert f(1) == 2"]),
        ("Examples:\n  f(1) returns 2\n  f(2) returns 3", ["assert f(1) == 2", "assert f(2) == 3"]),
        ("def test():\n    assert f(1) == 2\n    assert f(2) == 3", ["assert f(1) == 2", "assert f(2) == 3"]),
        ("f(1) must return 2", ["assert f(1) == 2"]),
    ],
)
def test_examples_are_read_from_the_request(text: str, found: list[str]) -> None:
    assert examples(text) == firm_examples(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "There is an error in my code: f(1) returns 2",
        "My code doesn't work. f(1) returns 2",
        "Write f(x). f(1) == 2",
        "It sums them, and f(1) gives 2.",
    ],
)
def test_what_is_said_in_passing_is_a_check_that_discards_nobody(text: str) -> None:
    assert (examples(text), firm_examples(text)) == (["assert f(1) == 2"], [])


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
        "min_max([3, 1, 2]) should return 1 and 3",
        "split_name('Ann Lee') should return 'Ann' and 'Lee'",
        "status() should return 0 for success and 1 for failure",
        "get_status() returns 'ok' and an empty list",
        "f(3) should yield 0, then 1, then 2",
        "add(1, 2) returns 4, should be 3",
        "add(1, 2) returns 4 (should be 3)",
        "add(1, 2) returns 4; it should return 3",
        "f(3) returns 4. It should return 5.",
        "AssertionError: add(1, 2) == 4, expected 3",
        "Actual: add(1, 2) == 4",
        "Before: f(1) -> 2",
        "Today f(3) -> 4",
        "At the moment slug('A B') gives 'A B', make it better",
        "The existing implementation of f(3) returns 4. Change it",
        "next_id() -> 1, then next_id() -> 2",
        "f(1) -> [1, 2, ...]",
        "f(1) -> 1-6",
        "f(1) -> 2/3",
        "f(1) -> 1 | None",
        "foo(1) + foo(2) == 3",
        "2 * foo(1) == 3",
        "range(3) gives [0, 1, 2]",
        ">>> countdown(3)\n3\n2\n1",
        ">>> push(1)\n>>> pop()\n1",
        "def test():\n    reset()\n    increment()\n    assert get_count() == 1",
        "with freeze_time('x'):\n    assert age(1) == 20",
        "    return f(0) == 0",
        "Given price('A') returns 10, write total(items)",
    ],
)
def test_what_only_might_be_an_example_is_none(text: str) -> None:
    """Whatever fails an example is discarded."""
    assert examples(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "  \n" * 200_000,
        "f(x)==g(y)," * 30_000,
        "x(" * 50_000,
        "assert f(x)\n" * 40_000,
        ">>> f(x)\n1\n" * 40_000,
        "a(" * 200_000,
        "```\n" * 50_000,
    ],
)
def test_no_text_takes_time_by_its_square(text: str) -> None:
    """What has no example in 400 kB took minutes, in which an orchestrator did nothing else."""
    begun = time.monotonic()
    assert examples(text) == [] and function_named(text) in (None, "x", "a", "f")
    assert time.monotonic() - begun < 20


def test_examples_in_javascript() -> None:
    assert examples("const f = async(x) => 1;", "javascript") == []
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
