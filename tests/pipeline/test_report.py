"""The evidence that validators and the coder's next attempt are shown."""

from dataclasses import replace

from maker.pipeline.validate import SHOWN_CASES, SHOWN_VALUE, failures, report
from maker.pipeline.values import Candidate, Vote
from maker.sandbox.values import Call, Check, Evidence, Input, Observation

VOTE = Vote({"it": 5, "other": 2, "third": 1}, 3, converged=True, confidence=0.9)
RETURNED = Observation("returned", "3")
PASSED = Observation("passed")
FAILED = Observation("failed", "AssertionError", "AssertionError: got 4")
RAISED = Observation("raised", "IndexError", "IndexError: list index out of range")
INPUTS: tuple[Input, ...] = (Call("f(1)"), Call("f(2)"), Check("assert f(3) == 3"), Check("assert f(4) == 5"))


def _candidate(*seen: Observation) -> Candidate:
    return Candidate(1, "", "code\n", "python", evidence=Evidence(True, seen), signature="it")


def test_a_report_says_how_the_vote_went_and_shows_first_what_went_wrong() -> None:
    assert report(_candidate(RETURNED, RAISED, PASSED, FAILED), INPUTS, VOTE).splitlines() == [
        "5 of 8 candidates did the same, margin 3.",
        "1 of 2 checks passed.",
        "f(2) -> raised: IndexError: list index out of range",
        "assert f(4) == 5 -> failed: got 4",
        "f(1) -> 3",
        "assert f(3) == 3 -> passed",
    ]


def test_a_vote_that_was_not_decided_is_said_to_be_open() -> None:
    open_ = replace(VOTE, votes={"it": 3, "other": 2}, margin=1, converged=False)
    assert report(_candidate(RETURNED), INPUTS[:1], open_) == (
        "3 of 5 candidates did the same, margin 1, undecided.\nf(1) -> 3"
    )


def test_without_execution_a_report_has_the_votes_alone() -> None:
    assert report(replace(_candidate(), evidence=None), INPUTS, VOTE) == "It was not executed. 5 of 8 votes, margin 3."
    assert report(_candidate(), (), VOTE) == "It was not executed. 5 of 8 votes, margin 3."


def test_of_many_cases_those_that_went_wrong_are_kept() -> None:
    inputs = tuple(Call(f"f({number})") for number in range(SHOWN_CASES + 10))
    seen = [RETURNED] * (len(inputs) - 1) + [RAISED]
    lines = report(_candidate(*seen), inputs, VOTE).splitlines()
    assert lines[1] == f"f({len(inputs) - 1}) -> raised: IndexError: list index out of range"
    assert len(lines) == 1 + SHOWN_CASES


def test_a_long_result_is_cut_and_one_without_words_says_its_kind() -> None:
    lines = report(_candidate(Observation("returned", "9" * 999), Observation("timed out")), INPUTS[:2], VOTE)
    assert "f(2) -> timed out" in lines.splitlines()
    assert f"f(1) -> {'9' * SHOWN_VALUE}..." in lines.splitlines()


def test_an_exception_is_told_by_its_message_or_by_its_type_alone() -> None:
    plain = Observation("failed", "AssertionError", "AssertionError")
    bare = Observation("raised", "KeyError")
    other = Observation("raised", "KeyError", "the message alone")
    seen = failures(_candidate(plain, bare, other, PASSED), INPUTS).splitlines()
    assert seen == [
        "When executed:",
        "- f(1) -> failed: AssertionError",
        "- f(2) -> raised: KeyError",
        "- assert f(3) == 3 -> raised: KeyError (the message alone)",
    ]


def test_nothing_went_wrong_is_nothing_to_say() -> None:
    assert failures(_candidate(RETURNED, RETURNED, PASSED, PASSED), INPUTS) == ""
