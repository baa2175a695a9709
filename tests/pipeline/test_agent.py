"""An agent's turn over scripted models: what is discarded, what is voted on, what is judged, what is released."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from maker.chat.types import Completion, Finish, ReasoningDelta, Sampling, TextDelta
from maker.errors import ContextOverflow, ModelReplyError, ModelUnavailable, PipelineError, RequestError
from maker.pipeline.events import StageStarted
from tests.pipeline.agent_support import (
    ACCEPTED,
    ASKED,
    REFUSED,
    REFUSED_GRAVELY,
    RIGHT,
    TOOLS,
    WRONG,
    Agent,
    called,
    pieces,
    reads,
    runs,
    tool,
    writes,
)

LOST = ModelReplyError("the answer of the coder was cut short", role="coder")


def test_a_call_that_only_reads_is_accepted_at_once() -> None:
    turn = Agent([reads()]).turn()
    assert turn.calls == [("read_file", {"path": "a.py"})]
    assert turn.waves == [1]
    assert turn.models["reviewer"].calls == []
    assert turn.step.vote.converged
    assert turn.completion.finish_reason == "tool_calls"


def test_text_without_calls_is_accepted_at_once() -> None:
    turn = Agent([Completion("It is done.\nAll of it.", reasoning="Was it?")]).turn()
    assert (turn.completion.text, turn.completion.tool_calls) == ("It is done.\nAll of it.", ())
    assert turn.deltas == [
        ReasoningDelta("Was it?"),
        TextDelta("It is done.\n"),
        TextDelta("All of it."),
        Finish("stop"),
    ]
    assert turn.waves == [1]


def test_a_writing_call_needs_a_lead_of_k_and_a_verdict() -> None:
    turn = Agent([writes(), writes()], reviewer=[ACCEPTED]).turn()
    assert turn.calls == [("write_file", {"path": "a.py", "content": "x = 1\n"})]
    assert turn.waves == [1, 1]
    assert turn.step.vote.votes == {turn.step.chosen.signature: 2}
    assert turn.step.verdict is not None
    assert turn.step.verdict.accepted


def test_what_most_turns_do_beats_what_the_first_one_did() -> None:
    turn = Agent([runs("rm -rf /"), *[runs("pytest")] * 3], reviewer=[ACCEPTED]).turn()
    assert turn.calls == [("run_command", {"command": "pytest"})]
    assert turn.waves == [1, 1, 2]
    assert "turn: vote 3:1, margin 2; run_command(pytest)" in turn.lines
    assert "turn 2 of 8: run_command(pytest); vote 1:1" in turn.lines
    assert "reviewer: accepted" in turn.lines


def test_a_wave_asks_for_no_more_than_can_decide() -> None:
    turn = Agent([writes("b"), writes("c"), *[writes("a")] * 4], reviewer=[ACCEPTED], settings={"k": 3}).turn()
    assert turn.waves == [1, 2, 2, 1]
    assert turn.pool.left == []


def test_what_is_still_being_written_when_it_is_decided_is_cancelled() -> None:
    turn = Agent([Completion(""), reads("a"), reads("b")]).turn()
    assert turn.waves == [1, 2]
    assert len(turn.step.candidates) == 2


def test_turns_that_say_the_same_in_other_words_are_one() -> None:
    first = writes("src/a.py", "def f(x):\n    return x  # same\n", text="I write it.")
    second = called(("write_file", {"content": "def f(x):\n\n    return x\n", "path": " ./src//a.py "}))
    turn = Agent([first, second], reviewer=[ACCEPTED]).turn()
    assert len(turn.step.vote.votes) == 1
    assert turn.completion.text == "I write it."
    assert turn.calls[0][1]["content"].endswith("# same\n")  # as the first wrote it


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (writes("a.yaml", "a:\n  b: 1\n"), writes("a.yaml", "a:\nb: 1\n")),
        (writes("a.py", "x = 1\n"), writes("a.py", "x = 2\n")),
        (writes("a.py"), writes("b.py")),
        (runs("rm a"), runs("rm -r a")),
        (called(("write_file", {"path": "a", "content": ""})), called(("run_command", {"command": "a"}))),
    ],
)
def test_turns_that_do_different_things_are_two(one: Completion, other: Completion) -> None:
    turn = Agent([one, other, one, one], reviewer=[ACCEPTED]).turn()
    assert sorted(turn.step.vote.votes.values()) == [1, 3]


def test_what_a_call_says_of_itself_does_not_divide_the_vote() -> None:
    def said(words: str) -> Completion:
        return called(("bash", {"command": "pytest", "description": words}))

    tools = [tool("bash", "command", "description")]
    turn = Agent([said("Run the tests"), said("Test it")], reviewer=[ACCEPTED], tools=tools).turn()
    assert turn.waves == [1, 1]


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("create_issue", {"title": "Login", "description": "TODO"}, {"title": "Login", "description": "Fails: 500"}),
        ("close_issue", {"id": "1", "reason": "completed"}, {"id": "1", "reason": "not planned"}),
        ("write_file", {"path": "a.py", "content": "x = 1\n"}, {"path": "a.py", "content": '"""X."""\nx = 1\n'}),
        ("write_file", {"path": "a.py", "content": "x = 1\n"}, {"path": "a.py", "content": "#!/bin/x\nx = 1\n"}),
    ],
)
def test_what_is_all_that_a_call_says_counts(name: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = called((name, one)), called((name, other))
    turn = Agent([first, second, first, first], reviewer=[ACCEPTED], tools=[tool(name, *one)]).turn()
    assert sorted(turn.step.vote.votes.values()) == [1, 3]


def test_what_a_docstring_says_does_not_divide_the_vote() -> None:
    turn = Agent([writes("a.py", '"""X."""\nx = 1\n'), writes("a.py", '"""Y."""\nx = 1\n')], reviewer=[ACCEPTED]).turn()
    assert turn.waves == [1, 1]


FLAGGED = [
    (called(("delete_all", {})), "unknown tool delete_all"),
    (called(("write_file", '{"path": "a.py"')), "arguments of write_file are not a JSON object"),
    (called(("write_file", "[]")), "arguments of write_file are not a JSON object"),
    (called(("write_file", '{"path": "\\ud800", "content": ""}')), "arguments of write_file are not a JSON object"),
    (called(("write_file", {"path": "a.py"})), "arguments of write_file: 'content' is a required property"),
    (called(("write_file", {"path": 1, "content": ""})), "arguments of write_file: path: 1 is not of type 'string'"),
    (called(("run_command", "")), "arguments of run_command: 'command' is a required property"),
    (Completion(""), "empty"),
    (Completion(" \n"), "empty"),
    (Completion("", reasoning="I only think."), "empty"),
    (Completion('<tool_call>{"name": "delete_all", "arguments": {}}</tool_call>'), "imitates a tool call"),
    (writes(finish="length"), "cut off"),
    (Completion("I go on and on", finish_reason="length"), "cut off"),
]


@pytest.mark.parametrize(("reply", "flag"), FLAGGED, ids=[flag for _, flag in FLAGGED])
def test_a_turn_with_a_fault_is_discarded_before_it_counts(reply: Completion, flag: str) -> None:
    turn = Agent([reply, reads()]).turn()
    assert turn.calls == [("read_file", {"path": "a.py"})]
    assert turn.step.candidates[0].flags == (flag,)
    assert f"turn 1 of 8: discarded ({flag})" in turn.lines


@pytest.mark.parametrize("flagged", [reply for reply, _ in FLAGGED[:-1]], ids=[flag for _, flag in FLAGGED[:-1]])
def test_a_flagged_call_is_never_released_even_if_there_is_nothing_else(flagged: Completion) -> None:
    turn = Agent([flagged] * 12).turn()
    assert turn.waves == [1, 2, 2, 2, 1, 2]
    assert len(turn.step.candidates) == 10
    assert turn.completion.tool_calls == ()
    assert pieces(turn.deltas) == []
    assert turn.completion.text.startswith("I could not take the next step: each of the 10 turns")
    assert turn.step.candidates[0].flags[0] in turn.completion.text
    assert turn.outcome is not None
    assert turn.outcome.notes[0].startswith("no turn was without a fault")


def test_text_that_was_only_cut_off_is_better_than_none() -> None:
    turn = Agent([called(("nothing", {})), *[Completion("So far", finish_reason="length")] * 9]).turn()
    assert (turn.completion.text, turn.completion.finish_reason) == ("So far", "length")


def test_text_cut_where_the_client_wants_it_cut_is_what_it_asked_for() -> None:
    cut = Completion("So far", finish_reason="length")
    turn = Agent([cut], request={"sampling": Sampling(max_tokens=16)}).turn()
    assert (turn.completion.text, turn.completion.finish_reason) == ("So far", "length")
    assert turn.models["coder"].calls[0].sampling.max_tokens == 16


def test_calls_written_as_text_become_calls() -> None:
    text = 'I look.\n<tool_call>\n{"name": "read_file", "arguments": {"path": "ä.py"}}\n</tool_call>'
    turn = Agent([text]).turn()
    assert turn.calls == [("read_file", {"path": "ä.py"})]
    assert turn.completion.text == "I look."
    assert [(delta.id is not None, delta.name, delta.arguments) for delta in pieces(turn.deltas)] == [
        (True, "read_file", ""),
        (False, None, '{"path": "ä.py"}'),
    ]
    assert turn.deltas[-1] == Finish("tool_calls")


def test_a_call_as_text_and_a_native_one_are_the_same_action() -> None:
    text = '<tool_call>{"name": "write_file", "arguments": {"content": "x = 1\\n", "path": "a.py"}}</tool_call>'
    turn = Agent([writes(), text], reviewer=[ACCEPTED]).turn()
    assert turn.waves == [1, 1]


def test_no_arguments_at_all_are_the_empty_object() -> None:
    turn = Agent([called(("ls", ""))], tools=[tool("ls")]).turn()
    assert turn.completion.tool_calls[0].arguments == "{}"


def test_ids_are_new_in_the_conversation_and_stay_where_they_are() -> None:
    before = {"id": "call_0", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    history = [
        *ASKED,
        {"role": "assistant", "content": "", "tool_calls": [before]},
        {"role": "tool", "tool_call_id": "call_0", "content": "a.py"},
    ]
    again = called(("read_file", {"path": "a"}), ("read_file", {"path": "b"}), ("read_file", {"path": "c"}))
    calls = again.tool_calls
    clash = Completion(tool_calls=(replace(calls[0], id="call_0"), calls[1], calls[1]))
    made = Agent([clash], messages=history).turn().completion.tool_calls
    assert made[1].id == calls[1].id
    assert len({call.id for call in made} | {"call_0"}) == 4
    assert all(call.id.isalnum() and len(call.id) == 9 for call in (made[0], made[2]))


@pytest.mark.parametrize("parallel", [True, None])
def test_several_calls_stay_together_and_come_one_after_the_other(parallel: bool | None) -> None:
    both = called(("read_file", {"path": "a"}), ("read_file", {"path": "b"}))
    turn = Agent([both], request={"parallel_tool_calls": parallel}).turn()
    assert [delta.index for delta in pieces(turn.deltas)] == [0, 0, 1, 1]
    assert len(turn.calls) == 2


def test_where_calls_may_not_be_parallel_the_first_is_made_and_the_next_turn_goes_on() -> None:
    both = called(("read_file", {"path": "a"}), ("delete_all", {}))
    turn = Agent([both], request={"parallel_tool_calls": False}).turn()
    assert turn.calls == [("read_file", {"path": "a"})]


def test_one_writing_call_among_reading_ones_is_voted_on() -> None:
    both = called(("read_file", {"path": "a"}), ("run_command", {"command": "make"}))
    turn = Agent([both, both], reviewer=[ACCEPTED]).turn()
    assert turn.waves == [1, 1]


NAMED = {"type": "function", "function": {"name": "read_file"}}
CHOICES = [
    ("required", [Completion("Shall I?"), reads()], "no call where one is required"),
    (NAMED, [runs("ls"), reads()], "not the tool that is required"),
    (
        {"type": "function", "function": {"name": "read_file"}},
        [Completion("Hm."), reads()],
        "no call where one is required",
    ),
    ("none", [reads(), Completion("It is a file.")], "a call where none is allowed"),
]


@pytest.mark.parametrize(("choice", "replies", "flag"), CHOICES)
def test_the_clients_tool_choice_is_honoured(choice: Any, replies: list[Completion], flag: str) -> None:
    turn = Agent(replies, request={"tool_choice": choice}).turn()
    assert turn.step.candidates[0].flags == (flag,)
    assert turn.step.chosen.number == 2
    assert all(request.tool_choice == choice for request in turn.models["coder"].calls)


def test_text_joins_a_vote_that_was_begun_as_one_signature() -> None:
    done = [Completion("Done."), Completion("I have finished.")]
    turn = Agent([runs("make clean"), done[0], done[1], Completion("That was all.")]).turn()
    assert turn.completion.text == "Done."
    assert sorted(turn.step.vote.votes.values()) == [1, 3]


def test_a_vote_that_does_not_converge_is_decided_by_most_votes_then_by_the_earliest_and_says_so() -> None:
    replies = [runs(word) for word in ("a", "b", "c", "b", "c", "d")]
    turn = Agent(replies, reviewer=[ACCEPTED], settings={"max_candidates": 6}).turn()
    assert turn.calls == [("run_command", {"command": "b"})]
    assert not turn.step.vote.converged
    assert "turn: vote 2:2:1:1, margin 0, not decided: by most votes; run_command(b)" in turn.lines
    assert turn.outcome is not None
    assert turn.outcome.notes == (
        "the vote was not decided (2:2:1:1): run_command(b) had most votes, or was the first of those",
    )


def test_the_reviewer_sees_the_conversation_the_calls_and_their_tools() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    history = [*ASKED, {"role": "assistant", "content": "Looking.", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "a.py"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "x = 0"},
        {"role": "user", "content": [{"type": "text", "text": "Like this"}, image]},
    ]  # fmt: skip
    turn = Agent([writes()] * 2, reviewer=[ACCEPTED], messages=history).turn()
    [asked] = turn.models["reviewer"].calls
    assert [message["role"] for message in asked.messages] == ["user"]
    said = turn.said_to("reviewer")
    parts = ["You are an agent.", "Add a test to a.py.", 'read_file({"path": "a.py"})', "[result of a tool]\nx = 0"]
    parts += ["Like this\n(an image)", 'write_file({"path": "a.py", "content": "x = 1\\n"})', "write_files."]
    assert [part for part in parts if part not in said] == []
    assert "run_commands." not in said
    assert turn.outcome is not None
    assert turn.outcome.notes == ()


def test_in_low_mode_the_planner_judges_and_the_reviewer_is_never_asked() -> None:
    turn = Agent([writes()] * 2, planner=[RIGHT], mode="low").turn()
    assert turn.calls[0][0] == "write_file"
    assert turn.models["reviewer"].calls == []
    assert "planner: accepted" in turn.lines


def test_a_refusal_is_revised_once_with_the_findings_at_the_end() -> None:
    turn = Agent([writes("b.py")] * 2 + [writes("a.py")] * 2, reviewer=[REFUSED, ACCEPTED]).turn()
    assert turn.calls[0][1]["path"] == "a.py"
    assert turn.step.rounds == 2
    first, *_, last = turn.models["coder"].calls
    assert first.messages == ASKED
    assert last.messages[0] == ASKED[0]
    assert last.messages[-1]["content"].startswith(ASKED[-1]["content"])
    assert "a test is missing" in turn.said_to("coder")
    assert 'write_file({"path": "b.py"' in turn.said_to("coder")
    assert [request.tools for request in turn.models["coder"].calls] == [TOOLS] * 4


def test_behind_a_tools_result_the_findings_are_a_message_of_their_own() -> None:
    history = [*ASKED, {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "x = 0"}]  # fmt: skip
    turn = Agent([writes("b.py")] * 2 + [reads()], planner=[WRONG], mode="low", messages=history).turn()
    assert turn.models["coder"].calls[-1].messages[:-1] == tuple(history)
    assert "the path is another one" in turn.said_to("coder")
    assert turn.calls == [("read_file", {"path": "a.py"})]


def test_a_call_that_is_refused_twice_for_small_things_is_released_and_said_to_be() -> None:
    turn = Agent([writes()] * 4, reviewer=[REFUSED, REFUSED]).turn()
    assert turn.calls[0][0] == "write_file"
    assert turn.outcome is not None
    assert turn.outcome.notes == (
        "write_file(a.py) was refused, and was released all the same: a.py: a test is missing (add it).",
    )


def test_a_call_that_is_refused_twice_as_dangerous_is_not_released() -> None:
    turn = Agent([runs("rm -rf /")] * 4, reviewer=[REFUSED_GRAVELY, REFUSED_GRAVELY]).turn()
    assert turn.completion.tool_calls == ()
    assert turn.completion.finish_reason == "stop"
    assert turn.completion.text == (
        "I did not do this: run_command(rm -rf /). It was checked before it was done, and refused: "
        "rm: it deletes everything. No tool was called. Say how to go on."
    )


def test_of_two_refused_turns_the_less_dangerous_one_is_released() -> None:
    turn = Agent([writes()] * 2 + [runs("rm -rf /")] * 2, reviewer=[REFUSED, REFUSED_GRAVELY]).turn()
    assert turn.calls[0][0] == "write_file"


def test_where_the_mode_allows_no_revision_there_is_none() -> None:
    turn = Agent([writes()] * 2, reviewer=[REFUSED], settings={"max_rounds": 0}).turn()
    assert turn.calls[0][0] == "write_file"
    assert len(turn.models["coder"].calls) == 2


def test_a_revision_of_which_nothing_is_usable_leaves_the_refused_turn() -> None:
    turn = Agent([writes()] * 2 + [Completion("")] * 10, reviewer=[REFUSED]).turn()
    assert turn.calls[0][0] == "write_file"


@pytest.mark.parametrize("failure", [RequestError("roles must alternate"), ContextOverflow("too long")])
def test_a_revision_that_the_server_cannot_take_leaves_the_refused_turn(failure: RequestError) -> None:
    turn = Agent([writes(), writes(), failure], reviewer=[REFUSED]).turn()
    assert turn.calls[0][0] == "write_file"
    assert turn.outcome is not None
    assert f"the refused turn was not revised: {failure}" in turn.outcome.notes


def test_a_verdict_that_cannot_be_read_is_no_approval_and_is_said() -> None:
    turn = Agent([writes()] * 2, reviewer=["Looks good to me!", "Yes."]).turn()
    assert turn.calls[0][0] == "write_file"
    assert turn.step.verdict is None
    assert turn.outcome is not None
    assert turn.outcome.notes[0].startswith("write_file(a.py) was not validated: the reviewer's answer is no review")
    assert "reviewer: no verdict that could be read" in turn.lines


def test_a_judge_that_is_down_ends_the_run_instead_of_releasing_unseen() -> None:
    down = ModelUnavailable("the reviewer does not answer", role="reviewer")
    turn = Agent([writes()] * 2, reviewer=[down, down]).turn()
    assert isinstance(turn.error, ModelUnavailable)
    assert pieces(turn.deltas) == []


def test_a_long_conversation_is_shown_shortened_and_that_is_said() -> None:
    middle = [
        {"role": "user" if number % 2 else "assistant", "content": f"word{number} " * 100} for number in range(40)
    ]
    history = [*ASKED, *middle, {"role": "user", "content": "Now write."}]
    turn = Agent([writes()] * 2, reviewer=[ACCEPTED], messages=history, slot_tokens=4096).turn()
    said = turn.said_to("reviewer")
    assert len(said) < 4096 * 2 + 3000
    assert "Add a test to a.py." in said
    assert "Now write." in said
    assert "messages left out]" in said
    assert turn.outcome is not None
    assert turn.outcome.notes == ("the reviewer was shown a shortened conversation: it is too long",)
    assert turn.models["coder"].calls[0].messages == tuple(history)


def test_a_conversation_too_long_for_the_judge_is_shortened_further_then_the_call_is_not_validated() -> None:
    overflow = ContextOverflow("the prompt is longer than this model's maximum context length")
    history = [*ASKED, {"role": "user", "content": "word " * 3000}]
    turn = Agent([writes()] * 2, reviewer=[overflow, ACCEPTED], messages=history).turn()
    first, second = turn.models["reviewer"].calls
    assert len(second.messages[0]["content"]) < len(first.messages[0]["content"])
    assert turn.step.verdict is not None
    turn = Agent([writes()] * 2, reviewer=[overflow, overflow], messages=history).turn()
    assert turn.step.verdict is None
    assert turn.outcome is not None
    assert any("was not validated" in note for note in turn.outcome.notes)


def test_lost_waves_are_asked_for_once_more() -> None:
    turn = Agent([LOST, reads()]).turn()
    assert turn.calls[0][0] == "read_file"
    lost = Agent([LOST, LOST]).turn()
    assert isinstance(lost.error, PipelineError)


def test_later_waves_are_sampled_warm_and_with_seeds_of_their_own() -> None:
    sampling = Sampling(temperature=0.0, seed=7, max_tokens=99_999, stop=("END",))
    turn = Agent(
        [runs("a"), runs("b"), runs("b"), runs("b")], reviewer=[ACCEPTED], request={"sampling": sampling}
    ).turn()
    asked = [request.sampling for request in turn.models["coder"].calls]
    assert [(one.temperature, one.seed, one.n) for one in asked] == [(0.0, 7, 1), (0.8, 8, 1), (0.8, 9, 2)]
    assert {one.max_tokens for one in asked} == {4096}
    assert {one.stop for one in asked} == {("END",)}


def test_configured_and_annotated_tools_only_read() -> None:
    annotated = {**tool("peek"), "annotations": {"readOnlyHint": True}}
    for offered, settings in ((tool("peek"), {"read_only_tools": ("Peek",)}), (annotated, {})):
        assert Agent([called(("peek", {}))], tools=[offered], settings=settings).turn().waves == [1]
    writing = {**tool("read_file", "path"), "annotations": {"readOnlyHint": False}}
    assert Agent([reads()] * 2, tools=[writing], reviewer=[ACCEPTED]).turn().waves == [1, 1]


def test_a_schema_that_is_none_is_said_and_checks_nothing() -> None:
    odd = {"type": "function", "function": {"name": "ls", "parameters": {"type": "strange"}}}
    turn = Agent([called(("ls", {"any": 1}))], tools=[odd]).turn()
    assert turn.calls == [("ls", {"any": 1})]
    assert turn.outcome is not None
    assert turn.outcome.notes == ("arguments of ls are not checked: what the client sends as its schema is none",)


def test_several_choices_are_the_models_own() -> None:
    turn = Agent([reads(), Completion("Or not.")], request={"sampling": Sampling(n=2)}).turn()
    assert turn.outcome is not None
    assert [len(one.tool_calls) for one in turn.outcome.completions] == [1, 0]
    assert turn.outcome.steps == ()


def test_the_stages_are_told() -> None:
    turn = Agent([writes()] * 2, reviewer=[ACCEPTED]).turn()
    stages = [event.stage for event in turn.events if isinstance(event, StageStarted)]
    assert stages == ["turn", "validate"]
    assert turn.outcome is not None
    assert turn.outcome.usage["coder"].completion_tokens == 40
    assert Counter(type(event).__name__ for event in turn.events)["RunFinished"] == 1
