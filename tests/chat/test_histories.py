"""What a client's history may hold that no model here can read: it must not stop every later request."""

from typing import Any

import pytest

from maker.chat.parse_messages import parse_messages
from maker.chat.parse_responses import parse_responses
from maker.errors import RequestError

Json = dict[str, Any]

IMAGE = "data:image/png;base64,AA"
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
NO_IMAGE = "[image left out: only the text of a tool's result can be read here]"
READ = {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "a.png"}}


def messages_with(content: object, **more: Any) -> list[Json]:
    """What is read of an Anthropic conversation whose tool gave that."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": content, **more}
    asked = [{"role": "assistant", "content": [READ]}, {"role": "user", "content": [result]}]
    return [dict(message) for message in parse_messages({"messages": asked}).messages]


def responses_with(*items: Json) -> list[Json]:
    return [
        dict(message) for message in parse_responses({"input": [{"role": "user", "content": "hi"}, *items]}).messages
    ]


def test_an_image_in_a_tools_result_is_marked_and_the_rest_of_the_result_kept() -> None:
    content = [{"type": "text", "text": "a.png"}, PNG]
    assert messages_with(content)[-1] == {"role": "tool", "tool_call_id": "t", "content": f"a.png\n{NO_IMAGE}"}
    assert messages_with([PNG], is_error=True)[-1]["content"] == f"Error: {NO_IMAGE}"


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "document", "source": {"type": "text", "data": "words"}}, "words"),
        ({"type": "document", "source": {"type": "base64", "data": "AA"}}, NO_IMAGE.replace("image", "document")),
        ({"type": "search_result", "content": []}, NO_IMAGE.replace("image", "search_result")),
        ({"type": "tool_reference", "tool_name": "grep"}, "[the tool 'grep']"),
    ],
)
def test_whatever_a_tool_gave_becomes_text(block: Json, text: str) -> None:
    assert messages_with([block])[-1]["content"] == text


@pytest.mark.parametrize("block", [{"type": "text"}, {"type": 3}, {}, "text"])
def test_a_tools_result_that_is_broken_is_still_refused(block: object) -> None:
    with pytest.raises(RequestError) as refused:
        messages_with([block])
    assert str(refused.value.param).startswith("messages[1].content[0].content[0]")


def test_what_a_server_ran_for_another_model_is_left_out_call_and_result() -> None:
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]}
    content = [
        {"type": "text", "text": "I look."},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        found,
        {"type": "text", "text": "It is so."},
    ]
    asked = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": content}]
    assert parse_messages({"messages": asked}).messages[-1] == {"role": "assistant", "content": "I look.\nIt is so."}


@pytest.mark.parametrize("where", ["user", "system"])
def test_an_image_anywhere_else_is_what_it_was(where: str) -> None:
    if where == "system":
        with pytest.raises(RequestError, match="images are taken in a user's message only"):
            parse_messages({"system": [PNG], "messages": [{"role": "user", "content": "x"}]})
        with pytest.raises(RequestError, match="images are taken in a user's message only"):
            responses_with({"role": "developer", "content": [{"type": "input_image", "image_url": IMAGE}]})
        return
    image = {"type": "image_url", "image_url": {"url": IMAGE}}
    assert parse_messages({"messages": [{"role": "user", "content": [PNG]}]}).messages[-1]["content"] == [image]
    shown = {"role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]}
    assert responses_with(shown)[-1]["content"] == [image]


def test_an_image_that_a_function_of_a_response_gave_is_marked() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "view_image", "arguments": "{}"}
    shown = [{"type": "input_text", "text": "a.png: "}, {"type": "input_image", "image_url": IMAGE}]
    read = responses_with(call, {"type": "function_call_output", "call_id": "c", "output": shown})
    assert read[-1] == {"role": "tool", "tool_call_id": "c", "content": f"a.png: {NO_IMAGE}"}
    read = responses_with(call, {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file"}]})
    assert read[-1]["content"] == NO_IMAGE.replace("image", "file")


def test_a_shell_call_of_a_response_is_a_call_beside_its_result_and_a_web_search_is_left_out() -> None:
    action = {"type": "exec", "command": ["ls"], "env": {}}
    for output in (
        {"type": "local_shell_call_output", "id": "c", "output": "a.py"},
        {"type": "function_call_output", "call_id": "c", "output": "a.py"},
    ):
        read = responses_with(
            {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "x"}},
            {"type": "local_shell_call", "id": "l", "call_id": "c", "status": "completed", "action": action},
            output,
        )
        [call] = read[1]["tool_calls"]
        assert call["function"] == {
            "name": "local_shell",
            "arguments": '{"type": "exec", "command": ["ls"], "env": {}}',
        }
        assert read[2:] == [{"role": "tool", "tool_call_id": call["id"], "content": "a.py"}]


def test_what_a_developer_says_between_messages_goes_with_the_users_words() -> None:
    """Codex sends such in the middle of a session; templates take a system message at the beginning only."""
    note = {"role": "developer", "content": [{"type": "input_text", "text": "The sandbox is off now."}]}
    assert responses_with(note) == [{"role": "user", "content": "hi\n\nThe sandbox is off now."}]
    answered = responses_with({"role": "assistant", "content": "ho"}, note)
    assert answered[-1] == {"role": "user", "content": "The sandbox is off now."}
