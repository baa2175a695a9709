"""What a person reads while a run works."""

from typing import get_args

from maker.pipeline import progress
from maker.pipeline.events import Event, RoleWaited
from maker.sandbox.values import Unavailable
from tests.pipeline.support import ACCEPTED, GOOD, MINUS, Play, fenced

FINDING = {"severity": "low", "category": "security", "where": "add", "what": "it trusts its input", "fix": "check it"}


def lines(play: Play) -> list[str]:
    return [said for event in play.run().events if (said := progress.line(event))]


def test_a_run_tells_its_plan_candidates_vote_and_verdict() -> None:
    review = {"accepted": True, "findings": [FINDING]}
    codes = [fenced(code) for code in (GOOD, MINUS, GOOD, GOOD, MINUS)]
    assert lines(Play(["no code", *codes], reviewer=[review])) == [
        "plan: A function that adds\n  1. Write add(a, b)",
        "step 1: 5 calls and 2 checks to run code on",
        "candidate 1 of 8: discarded (no code)",
        "candidate 2 of 8: 2 of 2 checks; vote 1",
        "candidate 3 of 8: 0 of 2 checks; vote 1:1",
        "candidate 4 of 8: 2 of 2 checks; vote 2:1",
        "candidate 5 of 8: 2 of 2 checks; vote 3:1",
        "step 1: vote 3:1, margin 2; candidate 2",
        "reviewer: accepted, 1 finding, low: add: it trusts its input (check it)",
    ]


def test_what_is_not_run_and_not_decided_is_said() -> None:
    none = Unavailable("bubblewrap is not installed", "apt install bubblewrap")
    told = lines(Play([fenced(GOOD), fenced(GOOD)], reviewer=[ACCEPTED], sandbox=none))
    assert "note: code was not run: bubblewrap is not installed; apt install bubblewrap" in told
    assert "candidate 2 of 8: not run; vote 2" in told
    assert told[-2:] == ["step 1: vote 2, margin 2; candidate 1", "reviewer: accepted"]


def test_waiting_is_told_in_seconds() -> None:
    assert progress.line(RoleWaited("coder", 3.4)) == "waiting for the coder to load (3 s)"


def test_every_event_is_known() -> None:
    told = (RoleWaited, *get_args(progress.Silent))
    named = {kind.__name__ for kind in get_args(Event)}
    assert {kind.__name__ for kind in told} <= named
