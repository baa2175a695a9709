"""What the weights were trained on is what the pipeline says, byte for byte."""

from pathlib import Path

import pytest

import training
from maker.config import ModeName
from maker.pipeline import prompts
from maker.pipeline.validate import failures, report
from maker.pipeline.values import Finding, StepOutcome, Vote
from tests.pipeline.support import GOOD, MINUS, TASK, TESTS, Play
from training import specimen
from training.conversation import PROFILE, asked
from training.evidence import MAX_CANDIDATES, MAX_INPUTS, K, candidate
from training.review import Judged, Shown, revised, validated
from training.roles import fenced, prompts_digest

DIGESTS = Path(training.__file__).parent / "prompts.sha256"
FROZEN = dict(reversed(line.split("  ")) for line in DIGESTS.read_text("utf-8").splitlines())
SAID = ({"role": "user", "content": TASK},)
PLAN = {"summary": "The function add", "steps": [{"title": "Write add"}]}
SETTINGS = {"k": K, "max_candidates": MAX_CANDIDATES, "max_inputs": MAX_INPUTS, "max_rounds": 1}
RETRAIN = "the weights were trained on other words: put them back, or train anew (training/README.md)"


def test_the_tiny_prompts_are_those_that_the_weights_were_trained_on() -> None:
    assert prompts_digest() == prompts.digest(PROFILE) == FROZEN["prompts"], RETRAIN


def test_evidence_findings_and_failures_are_written_as_in_training() -> None:
    assert specimen.digest() == FROZEN["evidence"], RETRAIN


def test_a_digest_tells_profiles_apart() -> None:
    assert prompts.digest(PROFILE) != prompts.digest(prompts.DEFAULT)


def test_each_tiny_prompt_stands_for_a_default_one() -> None:
    own = {path.name for path in (prompts.FOLDER / PROFILE).glob("*.md")}
    assert own == {f"{name}.md" for name in "plan tests code revise review reflect ballot classify".split()}
    assert own <= {path.name for path in (prompts.FOLDER / prompts.DEFAULT).glob("*.md")}


@pytest.mark.parametrize("mode", ["high", "low"])
def test_what_a_run_says_to_each_role_is_what_training_says(mode: ModeName) -> None:
    refusal = {"accepted": False, "findings": [{"severity": "high", "category": "bug", "what": "add(1, 2) is wrong"}]}
    missing = {"accepted": False, "missing": ["add(1, 2) is wrong"]}
    played = Play(
        mode=mode,
        kind=None,
        profile=PROFILE,
        settings=SETTINGS,
        preprocessor=[{"kind": "code"}],
        planner=[PLAN] if mode == "high" else [PLAN, missing, {"accepted": True, "missing": []}],
        tester=[TESTS],
        coder=[fenced(MINUS.rstrip("\n"))] * K + [fenced(GOOD.rstrip("\n"))] * K,
        reviewer=[refusal, {"accepted": True, "findings": []}] if mode == "high" else [],
    ).run()
    [step] = played.done.steps
    assert played.said_to("preprocessor") == _last("classify")
    assert played.said_to("planner", 0) == _last("plan")
    assert played.said_to("gpt-oss") == _last("tests")
    assert played.said_to("coder", 0) == _last("code") == f"{TASK}\n\nWrite the code of add."
    assert played.said_to("reviewer" if mode == "high" else "planner") == _review(step, mode)
    severity, category = ("high", "bug") if mode == "high" else ("medium", "incomplete")
    found = Finding(severity, category, "", "add(1, 2) is wrong")  # type: ignore[arg-type]
    wrong = next(event.candidate for event in played.judged if event.candidate.code == MINUS)
    again = revised(SAID, MINUS.rstrip("\n"), found, failures(wrong, step.inputs))
    assert "failed: " in str(again)
    assert played.said_to("coder", 1) == again[-1]["content"]


def _last(name: str) -> str:
    return str(asked(SAID, name)[-1]["content"])


def _review(step: StepOutcome, mode: ModeName) -> str:
    ours = candidate(GOOD.rstrip("\n"), step.chosen.evidence, "right")
    text = report(ours, step.inputs, Vote({"right": K}, K, converged=True, confidence=1.0))
    one = Judged(True, GOOD.rstrip("\n"), text, "", "")
    return str(validated(Shown(SAID, one), "review" if mode == "high" else "reflect")[-1]["content"])
