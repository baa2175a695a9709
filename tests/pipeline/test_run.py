"""The pipeline over scripted models: every branch, each script used up to its last reply."""

import asyncio
import json
from typing import Any

import pytest

from maker.chat.types import ChatRequest, Completion, Delta, Finish, Sampling, TextDelta
from maker.config import Mode
from maker.errors import ContextOverflow, ModelReplyError, ModelTimeout, ModelUnavailable, PipelineError
from maker.models.scripted import ScriptedModel
from maker.pipeline.events import (
    AnswerDelta,
    CallFinished,
    CallStarted,
    Event,
    KindDecided,
    Noted,
    RunFailed,
    StageFinished,
    StageStarted,
    VerdictGiven,
)
from maker.pipeline.run import run
from maker.pipeline.values import Task
from maker.pipeline.work import Tools
from maker.sandbox.values import Check, Evidence, Observation, Trial, Unavailable
from tests.pipeline.support import (
    ACCEPTED,
    ALSO_GOOD,
    FIRST,
    GOOD,
    IMPLEMENTED,
    LAST,
    MINUS,
    PLAN,
    RAISES,
    TASK,
    TESTS,
    TIMES,
    InProcess,
    Play,
    Played,
    fenced,
)

NO_SANDBOX = Unavailable("bubblewrap is not installed", "apt install bubblewrap")
GARBAGE = "I think it is fine"


def refused(what: str, severity: str = "high", category: str = "bug", fix: str = "") -> dict[str, Any]:
    found = {"severity": severity, "category": category, "where": "add", "what": what, "fix": fix}
    return {"accepted": False, "findings": [found]}


def test_two_that_behave_alike_decide_at_k_and_nothing_more_is_sampled() -> None:
    played = Play([fenced(GOOD), fenced(ALSO_GOOD)], reviewer=[ACCEPTED]).run()
    [step] = played.done.steps
    assert (step.vote.converged, step.vote.margin, len(step.candidates)) == (True, 2, 2)
    assert len({candidate.signature for candidate in step.candidates}) == 1
    assert GOOD in played.text
    assert len(played.models["coder"].calls) == 1
    assert played.models["coder"].calls[0].sampling.n == 2


def test_the_popular_behaviour_wins_over_the_odd_one_out() -> None:
    played = Play([fenced(MINUS), fenced(GOOD), fenced(ALSO_GOOD), fenced(GOOD)], reviewer=[ACCEPTED]).run()
    [step] = played.done.steps
    assert step.chosen.code == GOOD
    assert sorted(step.vote.votes.values()) == [1, 3]


def test_a_vote_that_does_not_converge_is_decided_by_the_best_score() -> None:
    codes = [MINUS, TIMES, GOOD, FIRST]
    played = Play(map_fenced(codes), reviewer=[ACCEPTED], settings={"max_candidates": 4}).run()
    [step] = played.done.steps
    assert not step.vote.converged
    assert len(step.candidates) == 4
    assert step.chosen.code == GOOD


def map_fenced(codes: list[str]) -> list[str]:
    return [fenced(code) for code in codes]


def test_losers_that_are_still_being_written_are_cancelled_once_it_is_decided() -> None:
    """The second wave of two decides at its first candidate; its second is never looked at, and its call is left."""
    played = Play(map_fenced([GOOD, MINUS, GOOD, TIMES, GOOD, LAST]), reviewer=[ACCEPTED]).run()
    assert [event.candidate.code for event in played.judged] == [GOOD, MINUS, GOOD, TIMES, GOOD]
    assert [call.sampling.n for call in played.models["coder"].calls] == [2, 2, 2]


def test_flagged_candidates_do_not_vote() -> None:
    bad = ["no code at all", fenced("def add(a, b:\n"), fenced("def add(a, b):\n    # rest of the code\n    ...\n")]
    played = Play([*bad, *map_fenced([GOOD, ALSO_GOOD, MINUS])], reviewer=[ACCEPTED], settings={"k": 2}).run()
    [step] = played.done.steps
    flags = [candidate.flags for candidate in step.candidates]
    assert [bool(flag) for flag in flags] == [True, True, True, False, False]
    assert step.vote.votes == {step.chosen.signature: 2}


def test_what_raises_on_every_input_or_does_not_load_is_flagged() -> None:
    played = Play(
        [fenced(RAISES), fenced("import json.nothing\n" + GOOD), *map_fenced([GOOD, GOOD])], reviewer=[ACCEPTED]
    ).run()
    flags = [candidate.flags for candidate in played.done.steps[0].candidates]
    assert flags[0] == ("raises on every input",)
    assert flags[1][0].startswith("does not load")
    assert flags[2:] == [(), ()]


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("import nothing_there\n", "it needs nothing_there, and the sandbox has only the language's own library"),
        ("raise EOFError('EOF when reading a line')\n", "it reads its input as soon as it is started"),
    ],
)
def test_what_the_sandbox_lacks_is_no_fault_and_such_code_is_voted_by_its_text_and_validated(
    head: str, why: str
) -> None:
    played = Play(map_fenced([head + GOOD, head + MINUS, head + GOOD, head + GOOD]), reviewer=[ACCEPTED]).run()
    (step,) = played.done.steps
    assert step.vote.converged and step.chosen.code == head + GOOD and not step.chosen.flags
    assert step.chosen.evidence is None and step.verdict is not None
    assert "It was not executed. 3 of 4 votes" in played.said_to("reviewer")
    assert any(why in note for note in played.done.notes)


WRONG_CALLS = json.dumps({"calls": ["missing(1)", "add('x')"], "checks": []})


def test_inputs_on_which_all_raise_are_written_anew_and_the_candidates_are_judged_on_those() -> None:
    played = Play(map_fenced([GOOD, ALSO_GOOD]), tester=[WRONG_CALLS, TESTS], reviewer=[ACCEPTED]).run()
    (step,) = played.done.steps
    assert step.vote.converged and not step.chosen.flags
    assert [bool(event.candidate.flags) for event in played.judged] == [True, True, False, False]
    assert not any("missing" in str(one) for one in step.inputs)
    assert any("others were written" in note for note in played.done.notes)


def test_where_all_raise_again_texts_are_compared_and_nothing_is_discarded() -> None:
    played = Play(
        ["no code", *map_fenced([GOOD, GOOD])],
        tester=[WRONG_CALLS, WRONG_CALLS],
        reviewer=[ACCEPTED],
        settings={"k": 2, "max_candidates": 3},
    ).run()
    (step,) = played.done.steps
    assert step.vote.converged and step.inputs == () and not step.chosen.flags
    assert any("no usable call was written" in note for note in played.done.notes)


class Endless(InProcess):
    """Programs with a loop never end."""

    async def run(self, trial: Trial) -> Evidence:
        if "while" not in trial.source:
            return await super().run(trial)
        return Evidence(loads=True, observations=tuple(Observation("timed out") for _ in trial.inputs))


LOOP = "def add(a, b):\n    while b:\n        a += 1\n    return a\n"
NO_IMPORT = "def add(a, b):\n    return int(math.fsum((a, b)))\n"


@pytest.mark.parametrize("bad", [LOOP, NO_IMPORT])
def test_calls_are_not_blamed_for_programs_that_do_not_end_or_miss_an_import(bad: str) -> None:
    played = Play(map_fenced([bad, bad, GOOD, ALSO_GOOD]), reviewer=[ACCEPTED], sandbox=Endless()).run()
    (step,) = played.done.steps
    assert step.chosen.code == GOOD and step.vote.converged
    assert [one.flags for one in step.candidates[:2]] == [("raises on every input",)] * 2


def test_a_program_that_does_not_load_says_nothing_of_the_calls() -> None:
    played = Play(
        map_fenced(["raise KeyError(1)\n" + GOOD, GOOD, ALSO_GOOD, GOOD]),
        tester=[WRONG_CALLS, TESTS],
        reviewer=[ACCEPTED],
    ).run()
    (step,) = played.done.steps
    assert step.chosen.code == GOOD and step.vote.converged


def test_what_could_not_be_run_is_not_counted_again_when_other_calls_are_written() -> None:
    played = Play(
        [fenced("pip install sums\n", "fish"), *map_fenced([GOOD, MINUS, GOOD, GOOD, GOOD])],
        tester=[WRONG_CALLS, TESTS],
        reviewer=[ACCEPTED],
    ).run()
    (step,) = played.done.steps
    assert step.chosen.code == GOOD and step.vote.converged
    assert step.vote.votes[step.candidates[0].signature] == 1


TOO_LONG = ContextOverflow("the prompt is too long")


def test_a_validator_that_has_no_room_for_the_code_costs_the_verdict_alone() -> None:
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[TOO_LONG]).run()
    assert played.done.steps[0].verdict is None and GOOD in played.text
    assert any("was not validated: the prompt is too long" in note for note in played.done.notes)


def test_a_coder_that_has_no_room_to_revise_leaves_what_was_refused() -> None:
    played = Play([*map_fenced([MINUS, MINUS]), TOO_LONG], reviewer=[refused("it subtracts")]).run()
    (step,) = played.done.steps
    assert step.chosen.code == MINUS and step.verdict is not None and not step.verdict.accepted
    assert any("step 1 was refused and not revised: the prompt is too long" in note for note in played.done.notes)


def test_a_coder_that_has_no_room_at_all_is_the_callers_error() -> None:
    with pytest.raises(ContextOverflow):
        Play([TOO_LONG]).run()


def test_tests_and_a_plan_that_nobody_has_room_for_are_done_without() -> None:
    played = Play(map_fenced([GOOD, GOOD]), planner=[TOO_LONG], tester=[TOO_LONG], reviewer=[ACCEPTED]).run()
    assert GOOD in played.text
    assert sum("the prompt is too long" in note for note in played.done.notes) == 2


def test_the_planner_writes_the_tests_where_gpt_oss_has_gone_since_it_was_looked_at() -> None:
    gone = ModelUnavailable.of("gpt-oss")
    played = Play(map_fenced([GOOD, GOOD]), planner=[PLAN, TESTS], tester=[gone, gone], reviewer=[ACCEPTED]).run()
    assert len(played.done.steps[0].inputs) == 5 + 2
    assert f"the planner wrote the tests: {gone}" in played.done.notes


def test_what_raises_on_the_users_own_examples_stays_discarded() -> None:
    played = Play(
        map_fenced([RAISES] * 4),
        tester=[WRONG_CALLS, WRONG_CALLS],
        settings={"k": 2, "max_candidates": 2},
        task="Write add(a, b).\n>>> add(1, 2)\n3\n",
    ).run()
    assert played.done.steps[0].chosen.flags == ("raises on every input",)


def test_where_all_are_flagged_one_more_wave_is_tried_and_then_it_is_said() -> None:
    played = Play(["nothing"] * 4, settings={"max_candidates": 2}).run()
    [step] = played.done.steps
    assert len(step.candidates) == 4
    assert step.verdict is None
    assert "No candidate was without a fault (no code)" in played.text


def test_a_revision_of_which_nothing_can_be_used_does_not_replace_what_was_refused() -> None:
    played = Play(
        [*map_fenced([MINUS, MINUS]), *["nothing"] * 4],
        reviewer=[refused("it subtracts")],
        settings={"max_candidates": 2},
    ).run()
    [step] = played.done.steps
    assert step.chosen.code == MINUS
    assert not step.chosen.flags
    assert step.verdict is not None
    assert not step.verdict.accepted


def test_a_coder_that_answers_nothing_at_all_is_a_typed_failure() -> None:
    lost = ModelReplyError("cut short", role="coder")
    with pytest.raises(PipelineError, match="wrote nothing"):
        Play([lost, lost]).run()


def test_a_first_wave_that_is_lost_is_asked_for_once_more() -> None:
    lost = ModelReplyError("cut short", role="coder")
    played = Play([lost, *map_fenced([GOOD, GOOD])], reviewer=[ACCEPTED]).run()
    assert played.done.steps[0].vote.converged


def test_a_wave_that_is_lost_on_the_way_keeps_what_was_whole_before() -> None:
    lost = ModelReplyError("the answer was cut short", role="coder")
    played = Play([*map_fenced([GOOD, MINUS]), lost, lost], reviewer=[ACCEPTED]).run()
    assert len(played.done.steps[0].candidates) == 2
    assert any("candidates were lost" in note for note in played.done.notes)


def test_a_refusal_is_revised_with_the_findings_and_the_executed_cases() -> None:
    played = Play(
        [*map_fenced([MINUS, MINUS]), *map_fenced([GOOD, GOOD])], reviewer=[refused("it subtracts"), ACCEPTED]
    ).run()
    [step] = played.done.steps
    assert (step.rounds, step.chosen.code) == (2, GOOD)
    asked = played.said_to("coder")
    assert "high bug: add: it subtracts" in asked
    assert MINUS in asked
    assert "assert add(2, 2) == 4 -> failed" in asked
    assert "Not resolved" not in played.text


def test_after_the_last_round_the_best_is_delivered_with_what_stayed_open() -> None:
    reviews = [refused("it is slow", "medium", "performance"), refused("still"), refused("still not")]
    codes = [GOOD, GOOD, MINUS, MINUS, TIMES, TIMES]
    played = Play(map_fenced(codes), reviewer=reviews).run()
    [step] = played.done.steps
    assert step.chosen.code == GOOD
    assert "Not resolved:\n- medium performance: add: it is slow" in played.text


@pytest.mark.parametrize("category", ["security", "performance"])
def test_a_suggestion_on_an_accepted_answer_reaches_the_user(category: str) -> None:
    review = {**refused("it reads too much", "low", category, fix="read less"), "accepted": True}
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[review]).run()
    assert f"Suggestions:\n- low {category}: add: it reads too much (read less)" in played.text
    assert played.done.steps[0].verdict is not None
    assert played.done.steps[0].verdict.accepted


def test_a_finding_of_high_severity_refuses_whatever_the_verdict_says() -> None:
    review = {**refused("evaluates input", category="security"), "accepted": True}
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[review], settings={"max_rounds": 0}).run()
    assert "Not resolved:\n- high security: add: evaluates input" in played.text


def test_an_unparsable_verdict_is_a_failed_call_and_never_an_approval() -> None:
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[GARBAGE, GARBAGE]).run()
    [step] = played.done.steps
    assert step.verdict is None
    assert "This was not validated" in played.text
    assert any(isinstance(event, VerdictGiven) and event.verdict is None for event in played.events)


@pytest.mark.parametrize(
    "verdict",
    ['{"accepted": true}', '{"accepted": "true", "findings": []}', '{"accepted": true, "findings": [], "x": 1}'],
)
def test_a_verdict_of_another_shape_is_no_verdict(verdict: str) -> None:
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[verdict, ACCEPTED]).run()
    assert played.done.steps[0].verdict is not None
    assert len(played.models["reviewer"].calls) == 2


def test_a_verdict_that_was_cut_off_is_no_verdict() -> None:
    cut = Completion('{"accepted": true, "findings": []}', finish_reason="length")
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[cut, cut]).run()
    assert played.done.steps[0].verdict is None


def test_low_mode_asks_the_planner_and_never_the_reviewer() -> None:
    played = Play(map_fenced([GOOD, GOOD]), mode="low", planner=[PLAN, IMPLEMENTED]).run()
    assert played.models["reviewer"].calls == []
    assert "Does this code implement your plan?" in played.said_to("planner")
    assert played.done.steps[0].verdict is not None


def test_low_mode_revises_what_the_planner_misses() -> None:
    missing = {"accepted": False, "missing": ["it does not add"]}
    played = Play([*map_fenced([MINUS, MINUS, GOOD, GOOD])], mode="low", planner=[PLAN, missing, IMPLEMENTED]).run()
    assert played.done.steps[0].rounds == 2
    assert "medium incomplete: it does not add" in played.said_to("coder")


def test_high_and_low_share_everything_but_validation() -> None:
    def story(played: Played) -> list[Any]:
        kept = [event for event in played.events if not isinstance(event, VerdictGiven)]
        return [
            (type(event).__name__, getattr(event, "stage", None), getattr(event, "role", None))
            for event in kept
            if getattr(event, "stage", None) != "validate" and not isinstance(event, CallFinished)
        ]

    high = Play(map_fenced([MINUS, GOOD, GOOD, GOOD]), reviewer=[ACCEPTED]).run()
    low = Play(map_fenced([MINUS, GOOD, GOOD, GOOD]), mode="low", planner=[PLAN, IMPLEMENTED]).run()
    assert story(high) == story(low)
    assert high.text == low.text
    assert [call.messages for call in high.models["coder"].calls] == [
        call.messages for call in low.models["coder"].calls
    ]


def test_a_planner_that_is_down_ends_the_run_with_its_name() -> None:
    played = Play(planner=[], tester=[], states={"planner": "down"}).run()
    assert isinstance(played.error, ModelUnavailable)
    assert played.error.code == "planner_unavailable"


def test_a_plan_that_does_not_parse_becomes_one_step_and_is_said() -> None:
    played = Play(map_fenced([GOOD, GOOD]), planner=[GARBAGE, '{"steps": 7}'], reviewer=[ACCEPTED]).run()
    assert len(played.done.steps) == 1
    assert "the task was done in one step" in " ".join(played.done.notes)


@pytest.mark.parametrize(
    ("state", "says"), [("down", "gpt-oss does not answer"), ("loading", "gpt-oss is still loading")]
)
def test_without_a_tester_the_planner_writes_the_tests_and_never_the_coder(state: str, says: str) -> None:
    played = Play(
        map_fenced([GOOD, GOOD]), planner=[PLAN, TESTS], tester=[], reviewer=[ACCEPTED], states={"gpt-oss": state}
    ).run()
    assert "You are the tester" in played.said_to("planner")
    assert len(played.done.steps[0].inputs) == len(TESTS["calls"]) + 2 * len(TESTS["checks"])
    assert any("the planner wrote the tests" in note and says in note for note in played.done.notes)


def test_without_tests_the_vote_goes_on_by_canonical_text() -> None:
    commented = GOOD.replace("    return", "    # the sum\n    return")
    played = Play(map_fenced([GOOD, commented]), tester=[GARBAGE, GARBAGE], reviewer=[ACCEPTED]).run()
    assert played.done.steps[0].vote.converged
    assert any("no tests were written" in note for note in played.done.notes)


def test_the_users_own_examples_are_run_too() -> None:
    task = TASK + "\n>>> add(10, 20)\n30\n"
    played = Play(map_fenced([GOOD, GOOD]), tester=[GARBAGE, GARBAGE], reviewer=[ACCEPTED], task=task).run()
    assert [getattr(item, "code", None) for item in played.done.steps[0].inputs][-1] == "assert add(10, 20) == 30"


OWN = TASK + "\n>>> add(10, 20)\n30\n"
UNLIKE = "fails an example of the request"


def test_what_fails_the_users_own_example_does_not_vote_however_many_agree() -> None:
    codes = [MINUS, MINUS, MINUS, GOOD, MINUS, ALSO_GOOD]
    played = Play(map_fenced(codes), reviewer=[ACCEPTED], task=OWN, settings={"max_candidates": 8}).run()
    [step] = played.done.steps
    assert step.chosen.code == GOOD and step.vote.converged
    assert [one.flags for one in step.candidates] == [(UNLIKE,)] * 3 + [(), (UNLIKE,), ()]


def test_where_all_fail_the_users_own_example_the_best_of_them_is_given_and_it_is_said() -> None:
    codes = [GOOD, MINUS, MINUS, TIMES, GOOD, GOOD]
    played = Play(map_fenced(codes), task=OWN.replace("30", "31"), settings={"max_candidates": 4}).run()
    [step] = played.done.steps
    assert step.chosen.code == GOOD
    assert step.verdict is None
    assert f"No candidate was without a fault ({UNLIKE})" in played.text


def test_with_several_steps_no_example_discards_a_candidate() -> None:
    plan = {**PLAN, "steps": [*PLAN["steps"], *PLAN["steps"]]}
    played = Play(map_fenced([MINUS] * 4), planner=[plan], tester=[TESTS] * 2, reviewer=[ACCEPTED] * 2, task=OWN).run()
    assert [step.chosen.flags for step in played.done.steps] == [(), ()]


def test_without_a_sandbox_nothing_is_run_and_the_answer_says_so() -> None:
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[ACCEPTED], sandbox=NO_SANDBOX).run()
    assert played.done.steps[0].chosen.evidence is None
    assert played.done.notes == ("code was not run: bubblewrap is not installed; apt install bubblewrap",)
    assert "It was not executed." in played.said_to("reviewer")


def test_where_nothing_can_be_run_the_voter_chooses() -> None:
    def choose_good(request: ChatRequest) -> str:
        text = str(request.messages[-1]["content"])
        label = next(label for label in "ABCD" if f"Candidate {label}:\n```\n{GOOD}" in text)
        return f'{{"choice": "{label}"}}'

    codes = [MINUS, GOOD, TIMES, FIRST]
    played = Play(
        map_fenced(codes),
        voter=[choose_good, choose_good],
        reviewer=[ACCEPTED],
        sandbox=NO_SANDBOX,
        settings={"max_candidates": 4},
    ).run()
    assert played.done.steps[0].chosen.code == GOOD
    assert played.done.steps[0].vote.converged
    shown = [str(call.messages[-1]["content"]) for call in played.models["voter"].calls]
    assert all(code in text for code in codes for text in shown)


@pytest.mark.parametrize("dead", [ModelTimeout("no answer", role="voter"), ContextOverflow("too long")])
def test_dead_voters_do_not_vote(dead: Exception) -> None:
    played = Play(
        map_fenced([GOOD, MINUS, GOOD.replace("a + b", "(b + a)"), LAST]),
        voter=[dead] * (2 if isinstance(dead, ContextOverflow) else 4),  # the same would be too long again
        reviewer=[ACCEPTED],
        sandbox=NO_SANDBOX,
        settings={"max_candidates": 4},
    ).run()
    assert not played.done.steps[0].vote.converged
    assert played.done.steps[0].vote.votes == {}
    assert any("a ballot was not cast" in note for note in played.done.notes)


def test_a_voter_that_is_down_costs_only_its_choice() -> None:
    played = Play(
        map_fenced([GOOD, MINUS]),
        reviewer=[ACCEPTED],
        sandbox=NO_SANDBOX,
        settings={"max_candidates": 2},
        states={"voter": "down"},
    ).run()
    assert played.done.steps[0].chosen.code in (GOOD, MINUS)
    assert any("a ballot was not cast" in note for note in played.done.notes)


TWO_STEPS = {
    "summary": "Two functions",
    "steps": [{"title": "Write double(x)", "files": ["m.py"]}, {"title": "Write quadruple(x) with double"}],
}
DOUBLE = "def double(x):\n    return 2 * x\n"
QUADRUPLE = "def quadruple(x):\n    return double(double(x))\n"


def test_each_step_is_voted_validated_and_sent_on_its_own_and_later_ones_build_on_it() -> None:
    tests = [{"calls": ["double(2)"], "checks": []}, {"calls": ["quadruple(3)"], "checks": []}]
    played = Play(
        map_fenced([DOUBLE, DOUBLE, QUADRUPLE, QUADRUPLE]),
        planner=[TWO_STEPS],
        tester=tests,
        reviewer=[ACCEPTED, ACCEPTED],
    ).run()
    assert [step.chosen.evidence.signatures for step in played.done.steps if step.chosen.evidence] == [
        ("returned:4",),
        ("returned:12",),
    ]
    assert DOUBLE in played.said_to("coder")
    assert "```python m.py\n" in played.text
    sent = [number for number, event in enumerate(played.events) if isinstance(event, AnswerDelta)]
    second_code = [n for n, e in enumerate(played.events) if isinstance(e, StageStarted) and e.stage == "code"][1]
    assert sent[0] < second_code < sent[-1]


def test_an_example_is_a_check_of_the_steps_that_can_satisfy_it() -> None:
    examples = "double(4) == 8, quadruple(2) == 8"
    played = Play(
        map_fenced([DOUBLE, DOUBLE, QUADRUPLE, QUADRUPLE]),
        planner=[TWO_STEPS],
        tester=[{"calls": [], "checks": []}] * 2,
        reviewer=[ACCEPTED, ACCEPTED],
        task=f"Write both, in Python: {examples}",
    ).run()
    checks = [[item.code for item in step.inputs if isinstance(item, Check)] for step in played.done.steps]
    assert checks == [
        ["assert double(4) == 8"],
        ["assert double(4) == 8", "assert quadruple(2) == 8"],
    ]


def test_more_steps_than_allowed_are_joined_and_none_is_lost() -> None:
    plan = {"summary": "s", "steps": [{"title": f"step {n}"} for n in range(5)]}
    played = Play(
        map_fenced([GOOD, GOOD] * 2),
        planner=[plan],
        tester=[TESTS, TESTS],
        reviewer=[ACCEPTED] * 2,
        settings={"max_steps": 2},
    ).run()
    assert [step.step.title for step in played.done.steps] == ["step 0", "step 1; step 2; step 3; step 4"]


@pytest.mark.parametrize(("said", "kind"), [({"kind": "code"}, "code"), ({"kind": "question"}, "question")])
def test_the_preprocessor_tells_code_from_questions(said: dict[str, str], kind: str) -> None:
    code = kind == "code"
    played = Play(
        map_fenced([GOOD, GOOD]) if code else ["because"],
        kind=None,
        preprocessor=[said],
        planner=[PLAN] if code else [],
        tester=[TESTS] if code else [],
        reviewer=[ACCEPTED] if code else [],
    ).run()
    [decided] = [event for event in played.events if isinstance(event, KindDecided)]
    assert (decided.kind, decided.by) == (kind, "preprocessor")
    assert bool(played.done.steps) == code


def test_where_the_preprocessor_has_no_room_words_decide() -> None:
    played = Play(map_fenced([GOOD, GOOD]), kind=None, preprocessor=[TOO_LONG], reviewer=[ACCEPTED]).run()
    assert played.done.steps
    assert any("guessed from its words: the prompt is too long" in note for note in played.done.notes)


def test_without_a_preprocessor_words_decide_and_it_is_said() -> None:
    played = Play(map_fenced([GOOD, GOOD]), kind=None, states={"preprocessor": "down"}, reviewer=[ACCEPTED]).run()
    assert played.done.steps
    assert any("guessed from its words" in note for note in played.done.notes)
    asked = Play(
        ["because"], kind=None, states={"preprocessor": "down"}, planner=[], tester=[], task="Why is the sky blue?"
    ).run()
    assert asked.text == "because"


def test_what_needs_the_models_own_form_goes_straight_to_the_coder() -> None:
    form = {"response_format": {"type": "json_object"}}
    played = Play(["direct"], kind=None, planner=[], tester=[], request=form).run()
    assert played.text == "direct"
    assert played.done.steps == ()


def test_the_tester_writes_at_the_modes_temperature_so_that_its_calls_differ() -> None:
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[ACCEPTED], settings={"temperature": 0.7}).run()
    assert [call.sampling.temperature for call in played.models["gpt-oss"].calls] == [0.7]
    assert [call.sampling.temperature for call in played.models["planner"].calls] == [0.0]


def test_a_clients_seed_moves_on_from_wave_to_wave() -> None:
    request = {"sampling": Sampling(seed=7)}
    played = Play(map_fenced([MINUS, GOOD, GOOD, ALSO_GOOD]), reviewer=[ACCEPTED], request=request).run()
    assert [call.sampling.seed for call in played.models["coder"].calls] == [7, 9]


def test_the_chosen_text_is_as_the_model_wrote_it() -> None:
    odd = "def add(a,b) :\n\treturn a+b  \n\n\n"
    played = Play([fenced(odd), fenced(GOOD)], reviewer=[ACCEPTED]).run()
    assert f"```python\n{odd}```\n" in played.text


def test_the_answer_comes_in_lines() -> None:
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[ACCEPTED]).run()
    deltas = [
        event.delta.text
        for event in played.events
        if isinstance(event, AnswerDelta) and isinstance(event.delta, TextDelta)
    ]
    assert len(deltas) >= 5
    assert all(delta.endswith("\n") and delta.count("\n") == 1 for delta in deltas)
    assert played.done.completions[0].text == "".join(deltas)


def test_usage_counts_every_role() -> None:
    played = Play(map_fenced([GOOD, GOOD]), reviewer=[ACCEPTED]).run()
    assert played.done.usage["coder"].completion_tokens == 40


STAGES = ["classify", "plan", "tests", "code", "validate"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_client_that_leaves_in_any_stage_cancels_what_it_caused(stage: str) -> None:
    """The run is cancelled while it waits for the stage's model."""

    async def scenario() -> list[Event]:
        events: list[Event] = []
        asked = asyncio.Event()

        async def listen(event: Event) -> None:
            events.append(event)
            if isinstance(event, CallStarted) and event.stage == stage:
                asked.set()
                await asyncio.Event().wait()

        def script(role: str, *replies: Any) -> ScriptedModel:
            return ScriptedModel(role, [json.dumps(reply) if isinstance(reply, dict) else reply for reply in replies])

        def two(request: ChatRequest) -> list[Delta]:
            return [d for n in (0, 1) for d in (TextDelta(fenced(GOOD), n), Finish("stop", n))]

        models = {
            "preprocessor": script("preprocessor", {"kind": "code"}),
            "planner": script("planner", PLAN),
            "gpt-oss": script("gpt-oss", TESTS),
            "coder": script("coder", two),
            "reviewer": script("reviewer", ACCEPTED),
        }

        async def sandbox() -> InProcess:
            return InProcess()

        task = Task("run-1", "high", ChatRequest(({"role": "user", "content": TASK},)))
        working = asyncio.create_task(run(task, tools=Tools(models, Mode(), sandbox), emit=listen))
        async with asyncio.timeout(5):
            await asked.wait()
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
        return events

    events = asyncio.run(scenario())
    assert events[-1] == RunFailed("cancelled")
    assert [event.error for event in events if isinstance(event, StageFinished)][-1] == "cancelled"


def test_a_run_that_takes_too_long_ends_as_a_failure_of_the_pipeline() -> None:
    with pytest.raises(PipelineError, match="took longer than 0.05 s"):
        Play(planner=[], tester=[], states={"planner": "loading"}, settings={"wall_clock_s": 0.05}).run()


def test_notes_are_said_once() -> None:
    played = Play(map_fenced([MINUS, GOOD, GOOD, GOOD]), reviewer=[ACCEPTED], sandbox=NO_SANDBOX).run()
    said = [event.text for event in played.events if isinstance(event, Noted)]
    assert len(said) == len(set(said))


@pytest.mark.parametrize(("at", "end"), [("RunStarted", "RunFailed"), ("RunFinished", "RunFinished")])
def test_a_run_that_is_cancelled_while_it_reports_its_beginning_or_end_ends_once_for_every_listener(
    at: str, end: str
) -> None:
    async def cancelled() -> tuple[list[str], list[str]]:
        first: list[str] = []
        last: list[str] = []
        reached, on = asyncio.Event(), asyncio.Event()

        async def emit(event: Event) -> None:
            first.append(type(event).__name__)
            if type(event).__name__ == at:
                reached.set()
                await on.wait()
            last.append(type(event).__name__)

        tools = Tools(
            {"coder": ScriptedModel("coder", ["Hello."])}, Mode(), sandbox=lambda: asyncio.sleep(0, NO_SANDBOX)
        )
        task = Task("run-1", "high", ChatRequest(({"role": "user", "content": "Hello"},)), kind="question")
        running = asyncio.create_task(run(task, tools=tools, emit=emit))
        await reached.wait()
        running.cancel()
        asyncio.get_running_loop().call_soon(on.set)
        with pytest.raises(asyncio.CancelledError):
            await running
        return first, last

    for seen in asyncio.run(cancelled()):
        assert [name for name in seen if name in ("RunFailed", "RunFinished")] == [end]
