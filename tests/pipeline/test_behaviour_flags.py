"""What a trial says against counting a candidate at all."""

import pytest

from maker.pipeline.candidates import behaviour_flags
from maker.sandbox.values import Evidence, Kind, Observation


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
