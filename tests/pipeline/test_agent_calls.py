"""Which calls are discarded, which tools only read, what schemas of others can do to us: policies without a model."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.types import ChatRequest, Completion, ToolCall
from maker.config import Mode
from maker.pipeline.calls import changes_nothing, judge, offer, shown
from maker.pipeline.calls_reading import only_reads
from maker.pipeline.calls_schema import check, fault
from tests.pipeline.agent_support import READ, TOOLS, called

READING = {
    "Continue": "read_file ls grep_search file_glob_search view_diff read_currently_open_file fetch_url_content "
    "search_web read_skill request_rule codebase view_repo_map view_subdirectory",
    "Continue's CLI": "Read List Fetch Checklist CheckBackgroundJob AskQuestion Skills Search",
    "opencode": "read glob grep list webfetch todowrite todoread skill question",
    "Cline": "read_file list_files search_files list_code_definition_names ask_followup_question attempt_completion",
    "Codex": "view_image update_plan request_user_input get_goal list_mcp_resources",
    "Claude Code": "Read Glob Grep LS WebFetch WebSearch TodoWrite BashOutput AskUserQuestion",
    "MCP": "maker_search_code mcp__files__read_text_file git_git_status git_diff_staged filesystem_list_directory "
    "server_read_file mcp__server__read_file mcp__code_edit__readFile mcp__run__list_files code-edit__read_file "
    "postgres.list_files settings_read_file updates_search_code desktop-commander_read_multiple_files",
}
WRITING = {
    "Continue": "create_new_file run_terminal_command edit_existing_file single_find_and_replace multi_edit "
    "create_rule_block",
    "Continue's CLI": "Write Edit MultiEdit Bash Exit Subagent",
    "opencode": "bash edit write patch task",
    "Cline": "write_to_file replace_in_file execute_command browser_action use_mcp_tool new_task",
    "Codex": "exec_command write_stdin apply_patch shell local_shell create_goal update_goal multi_agent_v1",
    "Claude Code": "Bash Edit Write NotebookEdit Task KillShell",
    "MCP": "git_commit git_git_checkout mark_read delete_list clear_diagnostics delete_question write_file move_file",
    "MCP, ending like one that reads": "rewrite_git_history repo_clear_git_history delete_search_files run_find_files "
    "mcp__server__delete_search_files mcp__git__rewrite_git_history delete__search_files server.purge.list_files "
    "repoClear_git_history removeOld-git-log apply_git_diff replace_find_files overwrite_git_log install_read_skill "
    "exec_search_code git_commit_git_status save_and_get_file_info EDIT_GIT_HISTORY",
}


def reads(name: str, **more: Any) -> bool:
    function = {"name": name, **more}
    return only_reads({"type": "function", "function": function}, function, ())


@pytest.mark.parametrize("client", READING)
def test_tools_that_only_read_are_known_by_the_names_clients_give_them(client: str) -> None:
    assert [name for name in READING[client].split() if not reads(name)] == []


@pytest.mark.parametrize("client", WRITING)
def test_tools_that_write_or_run_and_unknown_ones_never_count_as_reading(client: str) -> None:
    assert [name for name in WRITING[client].split() if reads(name)] == []


def test_the_tools_own_annotation_beats_its_name_and_the_configuration_beats_both() -> None:
    annotations = {"readOnlyHint": False}
    assert not reads("read_file", annotations=annotations)
    assert reads("frobnicate", annotations={"readOnlyHint": True})
    assert reads("read_file", annotations={"readOnlyHint": "yes"})
    function = {"name": "Read-File", "annotations": annotations}
    assert only_reads({"function": function}, function, {"readfile"})


def wrong(schema: Any, arguments: Any) -> str:
    return fault(check(schema), arguments)


def test_arguments_are_checked_in_the_draft_that_the_schema_names() -> None:
    tuples = {"properties": {"a": {"items": [{"type": "string"}]}}}
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#", **tuples}
    assert wrong(draft_7, {"a": [1]}) == "a.0: 1 is not of type 'string'"
    assert check({"type": 5}) is None
    assert wrong(None, {"anything": 1}) == ""
    assert wrong({"$schema": "https://example.org/unknown", "required": ["a"]}, {}) == "'a' is a required property"


def test_a_long_value_is_not_repeated_in_what_is_said_of_it() -> None:
    said = wrong({"properties": {"content": {"type": "integer"}}}, {"content": "secret " * 100})
    assert said == "content: fails 'type'"


def test_patterns_are_not_run() -> None:
    schema = {
        "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}, "b": {"pattern": "(?<name>"}},
        "patternProperties": {"^x-": {"type": "string"}},
        "additionalProperties": False,
    }
    begun = time.monotonic()
    assert wrong(schema, {"a": "a" * 60 + "!", "b": "b", "x-other": "c"}) == ""
    assert time.monotonic() - begun < 10


def test_additional_properties_are_refused_where_there_are_no_patterns() -> None:
    assert "unexpected" in wrong({"properties": {}, "additionalProperties": False}, {"a": 1})


def test_a_schema_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the schema made a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    local = tmp_path / "schema.json"
    local.write_text(json.dumps({"required": ["never"]}), encoding="utf-8")
    for reference in ("http://127.0.0.1:9/schema.json", local.as_uri(), "#/nowhere", "#"):
        assert wrong({"properties": {"a": {"$ref": reference}}}, {"a": 1}) == ""


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert wrong({"$ref": "#"}, {"a": 1}) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYWORDS = st.dictionaries(
    st.sampled_from(["type", "properties", "required", "items", "anyOf", "$ref", "enum", "pattern", "$schema", "not"]),
    JSON,
)


@given(KEYWORDS, st.dictionaries(st.text(max_size=3), JSON, max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_schema_and_no_arguments_raise(schema: Any, arguments: Any) -> None:
    assert isinstance(wrong(schema, arguments), str)


@given(st.text(), st.text(), st.text())
@settings(max_examples=100, deadline=None)
def test_any_reply_is_judged(text: str, name: str, arguments: str) -> None:
    offered = offer(ChatRequest((), tools=TOOLS), Mode())
    native = Completion(text, tool_calls=(ToolCall("c1", name, arguments), ToolCall("c2", "read_file", arguments)))
    for reply in (Completion(text), native):
        candidate = judge(offered, reply, 1)
        assert bool(candidate.flags) == (candidate.signature == "")
        assert candidate.flags or changes_nothing(offered, candidate)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "src/a.py", "content": "x"}, "src/a.py"),
        ({"filePath": "a", "offset": 1}, "a"),
        ({"command": "git  log\n-1"}, "git log -1"),
        ({"command": "x" * 100}, "x" * 60 + "..."),
        ({"todos": []}, ""),
        ("not JSON", ""),
    ],
)
def test_a_call_is_shown_in_a_few_words(arguments: Any, words: str) -> None:
    [call] = called(("tool", arguments)).tool_calls
    assert shown(call) == f"tool({words})"


def test_a_turn_of_reading_and_of_unknown_tools_is_told_apart() -> None:
    offered = offer(ChatRequest((), tools=(READ,)), Mode())
    assert offered.read_only == {"read_file"}
    assert judge(offered, called(("read_file", {"path": "a"}), ("ls", {})), 1).flags == ("unknown tool ls",)
