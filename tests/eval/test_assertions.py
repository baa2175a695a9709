import pytest

from maker.eval.assertions import assertions, calls, equation


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("f(1) == 2\nassert f(2)==3", ("assert f(1) == 2", "assert f(2) == 3")),
        ("\tf('a') == \t'b'\nassert \tf('c') == 'd'", ("assert f('a') == 'b'", "assert f('c') == 'd'")),
        ("\n\nassert f(1) == 2\n\nimport os", ("assert f(1) == 2",)),
        ("f([\n  1,\n  2]) == [2,\n 1]", ("assert f([1, 2]) == [2, 1]",)),
        ("f(1) == 2, 'one'\nassert g(1) == 2", ("assert f(1) == 2, 'one'",)),
        ("not f('assert f(3)')", ("assert not f('assert f(3)')",)),
        ("", ()),
        ("\n", ()),
        ("\nassert\nassert\n", ()),
        ("____ == ____, 'f'", ()),
        ("f(1) ==\nassert f(2) == 3", ("assert f(2) == 3",)),
        ("f(" + "(" * 5000, ()),
        ("f('\\d') == 1 is 2", ("assert f('\\\\d') == 1 is 2",)),
        ("f('\0') == 1", ()),
    ],
)
def test_assertions_of_a_reply_come_in_one_form(reply: str, expected: tuple[str, ...]) -> None:
    assert assertions(reply, "f") == expected


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        ("assert f(1) == 2", ("f(1)",)),
        ("assert f(f(1), b=[2]) == g(3)", ("f(f(1), b=[2])", "f(1)")),
        ("assert abs(f(1) - f(2)) < 0.1", ("f(1)", "f(2)")),
        ("assert f", ()),
        ("assert x.f(1)", ()),
    ],
)
def test_calls_of_an_assertion_are_inputs(assertion: str, expected: tuple[str, ...]) -> None:
    assert calls(assertion, "f") == expected


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        ("assert f(1) == [2, (3,)]", ("f(1)", "[2, (3,)]")),
        ("assert f(g(x), k=2) == -1.5", ("f(g(x), k=2)", "-1.5")),
        ("assert f(1) == None", ("f(1)", "None")),
        ("assert f(1) == set()", ("f(1)", "set()")),
        ("assert f(1) == {2, 3}, 'f'", ("f(1)", "{2, 3}")),
        ("assert f(1) == g(1)", None),
        ("assert f(1) == f(1)", None),
        ("assert f(f(1)) == 2", None),
        ("assert 2 == f(1)", None),
        ("assert f(1) == 2 == 2", None),
        ("assert f(1) is None", None),
        ("assert f(1)", None),
        ("assert f(1)[0] == 2", None),
    ],
)
def test_an_assertion_may_say_what_a_call_equals(assertion: str, expected: tuple[str, str] | None) -> None:
    assert equation(assertion, "f") == expected
