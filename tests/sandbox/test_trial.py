from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from maker.sandbox.inside.frames import parse
from maker.sandbox.inside.harness import understood
from maker.sandbox.inside.watch import Seen
from maker.sandbox.trial import Place, Progress, frames, observation
from maker.sandbox.values import Call, Check, Mount, Observation, Trial

TRIAL = Trial("python", "x = 1", (Call("x"), Check("assert x")), entry="x")
LOST = Observation("crashed", "the sandbox ended")


def split(data: bytes) -> list[dict[str, Any]]:
    parts = []
    while data:
        length = int.from_bytes(data[:4], "big")
        parts.append(parse(data[4 : 4 + length]))
        data = data[4 + length :]
    return parts


def test_the_inputs_come_after_the_candidate_and_not_with_it() -> None:
    trial = Trial("python", "x = 1", (Call("x"), Check("assert x")), mounts=(Mount(Path("/r"), "/repo", True),))
    job, inputs = split(frames(trial, Place(uid=3, nproc=9, own_path="/own")))
    assert "assert" not in str(job)
    assert job["paths"] == ["/repo"]
    assert job["limits"]["nproc"] == 9
    assert inputs == {"inputs": [{"expression": "x"}, {"code": "assert x"}]}


def test_results_are_kept_though_the_rest_is_lost() -> None:
    progress = Progress(TRIAL)
    progress.add({"loads": True, "error": ""})
    progress.add({"kind": "returned", "text": "1"})
    assert not progress.complete
    assert progress.evidence(LOST).observations == (Observation("returned", "1"), LOST)


def test_a_candidate_that_does_not_load_has_an_observation_for_each_input() -> None:
    progress = Progress(TRIAL)
    progress.add({"loads": False, "error": "SyntaxError: bad"})
    assert progress.complete
    evidence = progress.evidence(LOST)
    assert not evidence.loads
    assert evidence.load_error == "SyntaxError: bad"
    assert [seen.kind for seen in evidence.observations] == ["crashed", "crashed"]


def test_a_harness_that_said_nothing_is_a_candidate_that_does_not_load() -> None:
    evidence = Progress(TRIAL).evidence(LOST)
    assert not evidence.loads
    assert evidence.load_error == "the sandbox ended"


@pytest.mark.parametrize("frame", [{}, {"kind": "won"}, {"kind": 3}, {"kind": None}])
def test_a_result_that_is_none_is_a_crash(frame: dict[str, Any]) -> None:
    assert observation(frame) == Observation("crashed", "no reply")


def test_numbers_that_are_none_are_zero() -> None:
    assert observation({"kind": "passed", "cpu": "much", "wall": None}).cpu_s == 0


def replied(body: bytes) -> Seen:
    seen = Seen()
    seen.reply += len(body).to_bytes(4, "big") + body
    return seen


@pytest.mark.parametrize(
    ("body", "known", "kind"),
    [
        (b'{"kind": "returned", "text": "1"}', {}, "returned"),
        (b'{"kind": "passed"}', {}, "crashed"),
        (b'{"kind": ["returned"]}', {}, "crashed"),
        (b"[]", {}, "crashed"),
        (b"not json", {}, "crashed"),
        (b"", {"status": -24}, "crashed"),
    ],
)
def test_a_reply_is_checked_before_it_is_passed_on(body: bytes, known: Mapping[str, Any], kind: str) -> None:
    assert understood(replied(body), {"kinds": frozenset(("returned", "raised")), **known})["kind"] == kind


def test_no_reply_is_told_by_how_the_process_ended() -> None:
    assert understood(Seen(), {"status": -24})["kind"] == "timed out"
    assert understood(Seen(), {"status": -11})["text"] == "Segmentation fault"
    assert understood(Seen(), {"status": 3})["text"] == "exit 3"
