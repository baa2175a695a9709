"""What a trial says against counting a candidate at all."""

import pytest

from maker.pipeline.candidates import behaviour_flags, example_flags
from maker.sandbox.values import Call, Check, Evidence, Kind, Observation


@pytest.mark.parametrize(
    ("kinds", "flagged"),
    [
        (("raised", "raised"), True),
        (("raised", "failed", "failed"), True),  # a check fails because its call raises
        (("timed out", "failed"), True),
        (("raised", "passed"), False),
        (("returned", "failed"), False),
        (("failed", "failed"), False),  # checks alone may just be wrong
        ((), False),
    ],
)
def test_who_never_returns_anything_does_not_vote(kinds: tuple[Kind, ...], flagged: bool) -> None:
    evidence = Evidence(True, tuple(Observation(kind) for kind in kinds))
    assert behaviour_flags(evidence) == (("raises on every input",) if flagged else ())


@pytest.mark.parametrize(
    ("kind", "flagged"), [("failed", True), ("raised", True), ("passed", False), ("timed out", False)]
)
def test_an_example_that_was_reached_and_not_passed_is_failed(kind: Kind, flagged: bool) -> None:
    inputs = (Call("f(1)"), Check("assert f(2) == 4"), Check("assert f(3) == 1"))
    evidence = Evidence(True, (Observation("returned", "1"), Observation(kind), Observation("failed")))
    assert bool(example_flags(evidence, inputs, {"assert f(2) == 4"})) == flagged


@pytest.mark.parametrize(("missing", "flagged"), [("date", False), ("next_day", True), ("helper", True)])
def test_an_example_that_nobody_imports_for_is_not_failed(missing: str, flagged: bool) -> None:
    """`date` is what the example itself needs; what the program needs is the program's own."""
    check = "assert next_day(date(2024, 1, 31)) == date(2024, 2, 1)"
    seen = Observation("failed", "NameError", message=f"NameError: name '{missing}' is not defined")
    assert bool(example_flags(Evidence(True, (seen,)), (Check(check),), {check})) == flagged
