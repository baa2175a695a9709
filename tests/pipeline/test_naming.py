"""The function that a request names, and what follows from it."""

import json
import re
from typing import Any

import pytest

from maker.chat.types import Completion
from maker.pipeline.naming import function_named
from maker.pipeline.redflag import Code, form_flags
from maker.pipeline.replies import calling
from tests.pipeline.support import ACCEPTED, ALSO_GOOD, GOOD, Play, fenced


@pytest.mark.parametrize(
    ("kind", "text", "fits"),
    [
        ("calls", "f([1, 2])", True),
        ("calls", "f()", True),
        ("calls", 'f("a b")', True),
        ("calls", "f('a\\nb')", True),
        ("calls", "g(1)", False),
        ("calls", 'f(1)", "g(2)', False),
        ("checks", "assert f(1) == 2", True),
        ("checks", "assert not f('')", True),
        ("checks", "assert abs(f(1) - 0.5) < 1e-9", True),
        ("checks", "assert g(1) == 2", False),
    ],
)
def test_tests_are_held_to_calls_of_the_function_within_one_string(kind: str, text: str, fits: bool) -> None:
    """Servers match a pattern against the JSON text, where what closes a string is a bare quote."""
    pattern = calling("f")["json_schema"]["schema"]["properties"][kind]["items"]["pattern"]
    written = text if '", "' in text else json.dumps(text)[1:-1]
    assert (re.fullmatch(pattern, written) is not None) == fits


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Write a Python function reverse(s) that reverses a string.", "reverse"),
        ("word_count(text): how many words there are, e.g. word_count('a b') == 2", "word_count"),
        ("I need the mean of a list. Call it mean.", "mean"),
        ("Write a function named `slugify` for titles.", "slugify"),
        ("Write a Python function `slugify`.", "slugify"),
        ("a function is_even, which tells even numbers", "is_even"),
        ("write a function mean that averages the number(s)", "mean"),
        ("Fix add(a, b):\n```python\ndef helper(x):\n    return other(x)\n```\n", "add"),
        ("Write a function that reverses the string(s), use sorted() and '.'.join()", None),
        ("Write two functions f(x) and g(x).", None),
        ("a function counting words, called twice", None),
        ("```python\ndef shown(x): ...\n```\nMake it faster.", None),
        ("Define mean, a function of a list that averages it", "mean"),
        ("Implement word_count: how many words there are", "word_count"),
        ("Can you write word_count, which counts words?", "word_count"),
        ("Write word_count. It takes a text.", "word_count"),
        ("write word_count to get the number of words", "word_count"),
        ("Function name: total. Arguments: xs.", "total"),
        ("Count the words. Call the function tally.", "tally"),
        ("Implement quicksort in Python", None),
        ("Implement rate_limiting for my API", None),
        ("Create user_table with created_at and updated_at", None),
        ("Write unit_tests.py: it tests everything", None),
        ("Create a function name generator", None),
        ("In Python, a function that takes a list", None),
        ("Write a function called fibonacci. Speed it up with lru_cache(maxsize=None).", "fibonacci"),
        ("Write is_prime(n) without using sympy's isprime(n).", "is_prime"),
        ("Write a function named is_prime without calling isprime(n).", "is_prime"),
        ("A function that parses a CSV file with a column named price and returns the mean", None),
        ("Write code that reads a JSON file called settings", None),
        ("Write a class Counter with a method increment() that adds one.", None),
        ("A function `area` of a Shape; its class has a method area_of(x).", "area"),
        ("Write a function called f and one called g.", None),
        ("In my project called shop, write a Python function total(cart)", "total"),
        ("For a game called Snake, write a function move(x)", "move"),
        ("Write a class called LRUCache with get(key) and put(key, value)", None),
        ("Write something in O(n) time and O(1) space", None),
        ("It sorts in O(log(n))", None),
        ("Write a function that translates rgb(r, g, b) strings to hex", None),
        ("Write a function log(message)", "log"),
        ("Count the words of a text with count_words(text).", "count_words"),
        ("Write fibonacci(n) with lru_cache(maxsize=None).", "fibonacci"),
        ("", None),
    ],
)
def test_the_one_function_that_the_words_name(text: str, name: str | None) -> None:
    assert function_named(text) == name


@pytest.mark.parametrize(
    ("code", "flagged"),
    [
        ("def add(a, b):\n    return a + b\n", False),
        ("class A:\n    def add(self):\n        return 1\n", False),
        ("add = lambda a, b: a + b\n", False),
        ("from sums import add\n\ndef test_add():\n    assert add(1, 2) == 3\n", False),
        ("def plus(a, b):\n    return a + b\n", True),
    ],
)
def test_python_that_does_not_mention_it_is_flagged(code: str, flagged: bool) -> None:
    found = form_flags(Completion(f"```python\n{code}```"), Code(code, "python"), name="add")
    assert found == (("does not mention add",) if flagged else ())
    assert form_flags(Completion(f"```go\n{code}```"), Code(code, "go"), name="add") == ()


def test_a_candidate_of_another_name_does_not_count() -> None:
    other = fenced(GOOD.replace("def add", "def sum_of"))
    played = Play(
        [other, fenced(GOOD), fenced(ALSO_GOOD), fenced(GOOD)], reviewer=[ACCEPTED], task="Write add(a, b)."
    ).run()
    assert played.judged[0].candidate.flags == ("does not mention add",)
    assert played.done.steps[0].chosen.code == GOOD


def test_tests_call_what_the_request_names_and_checks_of_other_names_are_left_out() -> None:
    tests = json.dumps({"calls": ["add(1, 2)"], "checks": ["assert sum_of(1, 2) == 3", "assert add(2, 2) == 4"]})
    played = Play([fenced(GOOD), fenced(ALSO_GOOD)], tester=[tests], reviewer=[ACCEPTED], task="Write add(a, b).").run()
    (asked,) = played.models["gpt-oss"].calls
    assert asked.response_format == calling("add")
    assert [getattr(one, "code", None) for one in played.done.steps[0].inputs][-1] == "assert add(2, 2) == 4"
    assert not any("sum_of" in str(one) for one in played.done.steps[0].inputs)


NAMED = 'root ::= "```python\\ndef add(" rest | [^`] rest\nrest ::= [^\\x00]*\n'


@pytest.mark.parametrize(
    ("task", "given", "wanted"),
    [
        ("Write add(a, b).", {"profile": "tiny", "own_coder": True}, NAMED),
        ("Write something.", {"profile": "tiny", "own_coder": True}, None),
        ("Write add(a, b).", {"profile": "tiny"}, None),
        ("Write add(a, b).", {"own_coder": True}, None),
    ],
)
def test_only_the_profiles_own_coder_is_held_to_its_grammar(
    task: str, given: dict[str, Any], wanted: str | None
) -> None:
    played = Play([fenced(GOOD), fenced(ALSO_GOOD)], reviewer=[ACCEPTED], task=task, **given).run()
    (asked,) = played.models["coder"].calls
    assert asked.grammar == wanted
    assert all(request.grammar is None for request in played.models["gpt-oss"].calls)
