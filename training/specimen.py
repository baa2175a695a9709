"""What the weights take for granted beside the prompts' texts: how evidence, findings and failures are written."""

import hashlib
from dataclasses import replace

from maker.pipeline.validate import failures, listed, report
from maker.pipeline.values import Candidate, Finding, Vote
from maker.sandbox.values import Call, Check, Evidence, Observation

INPUTS = (Call("f([1, 2])"), Call("f([])"), Check("assert f([3]) == 3"), Check("assert f([4]) == 5"))
SEEN = Evidence(
    loads=True,
    observations=(
        Observation("returned", "3"),
        Observation("raised", "IndexError", "IndexError: list index out of range"),
        Observation("passed"),
        Observation("failed", "AssertionError", "AssertionError: got 4"),
    ),
)
CHOSEN = Candidate(1, "", "def f(xs): ...\n", "python", evidence=SEEN, signature="it")


def texts() -> tuple[str, ...]:
    """One of each, as the pipeline writes it."""
    decided, open_ = Vote({"it": 5, "other": 2}, 3, True, 0.9), Vote({"it": 3, "other": 2}, 1, False, 0.5)
    return (
        report(CHOSEN, INPUTS, decided),
        report(replace(CHOSEN, evidence=Evidence(True, SEEN.observations[:2])), INPUTS[:2], open_),
        report(CHOSEN, (), decided),
        failures(CHOSEN, INPUTS),
        listed([Finding("high", "bug", "", "f([4]) is wrong"), Finding("medium", "incomplete", "", "f([4]) is wrong")]),
    )


def digest() -> str:
    """sha256 of the specimens."""
    return hashlib.sha256("\0".join(texts()).encode()).hexdigest()
