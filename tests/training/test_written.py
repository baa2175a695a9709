"""What a tester wrote, read without running it."""

import json

from training.evidence import evidence
from training.tasks import tasks
from training.written import read


def reply(calls: list[str], checks: list[str]) -> str:
    return json.dumps({"calls": calls, "checks": checks})


def test_calls_and_checks_of_values_are_kept() -> None:
    found = read("f", reply(["f([1, 2], 'a')", "f(-3)"], ["assert f('x') == True", "assert f([0]) == [1]"]))
    assert found is not None
    assert found.calls == ("f([1, 2], 'a')", "f(-3)")
    assert found.known["f([1, 2], 'a')"] == ([1, 2], "a")
    assert found.expected["assert f([0]) == [1]"] == ("f([0])", [1])


def test_what_would_have_to_be_run_to_be_known_is_left_out() -> None:
    calls = ["f(g())", "f(__import__('os'))", "g(1)", "f(1"]
    checks = ["assert f(open('x')) == 1", "assert sorted(f(1)) == [1]"]
    assert read("f", reply(calls, checks)) is None


def test_a_reply_that_is_no_tests_is_none() -> None:
    assert read("f", "not even JSON") is None
    assert read("f", reply([], [])) is None


def test_a_program_is_shown_with_what_the_tester_wrote() -> None:
    task = next(tasks(1))
    written = read(task.name, reply([f"{task.name}(0)"], [f"assert {task.name}(1) == 'nothing like it'"]))
    assert written is not None
    inputs, seen = evidence(task, task.sources[0], written)
    assert [item.expression for item in inputs if hasattr(item, "expression")][0] == f"{task.name}(0)"
    assert seen.observations[-1].kind == "failed"
