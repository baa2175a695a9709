"""The wire to model servers: only what is allowed is sent, and what is no answer is never taken for one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.parse import parse_chat
from maker.chat.types import (
    ChatRequest,
    Delta,
    Finish,
    ReasoningDelta,
    Sampling,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from maker.chat.upstream import ReplyDecoder, request_body
from maker.errors import ContextOverflow, ModelReplyError

ALLOWED = {
    *("model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "temperature", "top_p"),
    *("max_tokens", "stop", "seed", "n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"),
    *("stream", "stream_options"),
}
USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def test_the_least_request() -> None:
    assert request_body(ChatRequest((USER,))) == {
        "messages": [USER],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_everything_that_may_be_sent_is_sent() -> None:
    request = ChatRequest(
        (USER,),
        model="maker-high",
        tools=(TOOL,),
        tool_choice="auto",
        parallel_tool_calls=False,
        response_format={"type": "json_object"},
        grammar='root ::= "x"',
        sampling=Sampling(0.0, 0.5, 9, ("x",), 7, 3, 0.1, 0.2, True, 4),
    )

    body = request_body(request, "served-model")

    assert set(body) == ALLOWED | {"grammar"}
    assert (body["model"], body["temperature"], body["n"], body["stop"]) == ("served-model", 0.0, 3, ["x"])


DANGEROUS = [
    *("chat_parser", "n_discard", "id_slot", "grammar", "json_schema", "lora", "samplers", "n_predict", "cache_prompt"),
    *("return_tokens", "post_sampling_probs", "chat_template", "chat_template_kwargs", "stream_resume"),
]


@given(st.dictionaries(st.sampled_from(DANGEROUS) | st.text(max_size=10), st.integers() | st.text(max_size=5)))
@settings(deadline=None)
def test_no_other_field_of_a_client_reaches_a_model_server(fields: dict[str, Any]) -> None:
    extra = {name: value for name, value in fields.items() if name not in ALLOWED | {"max_completion_tokens"}}

    assert request_body(parse_chat({**extra, "messages": [USER]})) == request_body(ChatRequest((USER,)))


def test_tool_settings_without_tools_are_not_sent() -> None:
    assert "tool_choice" not in request_body(ChatRequest((USER,), tool_choice="required", parallel_tool_calls=True))


def test_messages_go_out_as_they_came_in_but_for_what_servers_refuse() -> None:
    developer = {"role": "developer", "content": "x", "extra": 1}
    nulls = {"role": "user", "content": None, "name": None, "tool_call_id": None, "reasoning_content": None}
    tool = {"type": "function", "function": {"name": "f", "description": None, "parameters": None}}

    body = request_body(ChatRequest((USER, developer, nulls), tools=(tool, TOOL)))

    assert body["messages"][0] is USER
    assert body["messages"][1:] == [{"role": "system", "content": "x", "extra": 1}, {"role": "user", "content": None}]
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}, TOOL]
    assert developer["role"] == "developer" and "name" in nulls


def chunk(delta: Any, *, finish: Any = None, index: Any = 0, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


FINISH = chunk({}, finish="stop")


def usage(prompt: int, completion: int, cached: int = 0) -> dict[str, Any]:
    details = {"cached_tokens": cached}
    return {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}


def raw(*events: Any, done: bool = True) -> bytes:
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events] + ["[DONE]"] * done
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def decoded(*events: Any, choices: int = 1, done: bool = True) -> list[Delta]:
    decoder = ReplyDecoder("coder", choices)
    return [*decoder.feed(raw(*events, done=done)), *decoder.end()]


def test_an_answer_in_every_kind_of_delta() -> None:
    deltas = decoded(
        chunk({"role": "assistant", "content": None}),
        chunk({"reasoning_content": "hm"}),
        chunk({"reasoning": "hm"}),
        chunk({"content": "a", "reasoning_content": "both"}),
        chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "d", "function": {"name": "g", "arguments": "{}"}}]}),
        chunk({}, finish="tool_calls"),
        {"choices": [], "usage": usage(5, 9, 2)},
    )

    assert deltas == [
        ReasoningDelta("hm"),
        ReasoningDelta("hm"),
        ReasoningDelta("both"),
        TextDelta("a"),
        ToolCallDelta(0, "c", "f"),
        ToolCallDelta(0, arguments='{"x":'),
        ToolCallDelta(0, arguments="1}"),
        ToolCallDelta(1, "d", "g"),
        ToolCallDelta(1, arguments="{}"),
        Finish("tool_calls"),
        Usage(5, 9, 2),
    ]


def test_a_tool_call_without_an_id_is_given_one_of_its_own() -> None:
    def call(index: int) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": index, "id": "", "function": {"name": "f", "arguments": ""}}]})

    ids = [delta.id for delta in decoded(call(0), call(1), FINISH) if isinstance(delta, ToolCallDelta)]

    assert len(set(ids)) == 2 and all(ids)


def tool(id: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "read", "arguments": arguments}, **more}


@pytest.mark.parametrize("number", [{}, {"index": None}, {"index": 0}], ids=["none", "null", "zero"])
@pytest.mark.parametrize("together", [True, False])
def test_parallel_tool_calls_that_the_server_does_not_number_stay_apart(number: dict[str, Any], together: bool) -> None:
    calls = [tool("a", '{"p":1}', **number), tool("b", '{"p":', **number)]
    more = chunk({"tool_calls": [{"function": {"arguments": "2}"}, **number}]})
    pieces = [chunk({"tool_calls": calls})] if together else [chunk({"tool_calls": [call]}) for call in calls]

    deltas = decoded(*pieces, more, chunk({}, finish="tool_calls"))

    assert deltas == [
        ToolCallDelta(0, "a", "read"),
        ToolCallDelta(0, arguments='{"p":1}'),
        ToolCallDelta(1, "b", "read"),
        ToolCallDelta(1, arguments='{"p":'),
        ToolCallDelta(1, arguments="2}"),
        Finish("tool_calls"),
    ]


@pytest.mark.parametrize("number", [{}, {"index": None}, {"index": 0}], ids=["none", "null", "zero"])
def test_a_server_that_repeats_id_and_name_goes_on_with_the_open_call(number: dict[str, Any]) -> None:
    pieces = [chunk({"tool_calls": [tool("a", text, **number)]}) for text in ('{"p":', "1}")]

    assert decoded(*pieces, FINISH) == [
        ToolCallDelta(0, "a", "read"),
        ToolCallDelta(0, arguments='{"p":'),
        ToolCallDelta(0, arguments="1}"),
        Finish("stop"),
    ]


def test_a_piece_of_an_earlier_tool_call_is_no_answer_however_it_is_numbered() -> None:
    for number in ({}, {"index": 0}):
        pieces = [chunk({"tool_calls": [tool(id, "{}", **number)]}) for id in ("a", "b", "a")]
        with pytest.raises(ModelReplyError, match="mixes"):
            decoded(*pieces, FINISH)


def test_the_usage_of_several_choices_is_added_up_and_the_prompt_counted_once() -> None:
    each = [{"choices": [], "usage": usage(20, 3, 19), "timings": {"cache_n": 19, "predicted_n": 3}} for _ in range(2)]

    deltas = decoded(chunk({}, finish="stop", index=1), each[0], chunk({}, finish="length"), each[1], choices=2)

    assert deltas == [Finish("stop", 1), Finish("length", 0), Usage(20, 6, 19)]


def test_timings_correct_a_usage_that_counts_one_choice_only() -> None:
    first = chunk({}, finish="stop", index=1, timings={"predicted_n": 4, "cache_n": 7})
    second = chunk({}, finish="stop", timings={"predicted_n": 3, "cache_n": 7})
    whole = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}, "timings": {"cache_n": 7}}

    assert decoded(first, second, whole, choices=2)[-1] == Usage(9, 7, 7)


def test_running_totals_beside_the_text_are_not_added_up() -> None:
    texts = [chunk({"content": "a"}, usage=usage(5, number)) for number in (1, 2)]

    assert decoded(*texts, FINISH)[-1] == Usage(5, 2)
    assert decoded(*texts, FINISH, {"choices": [], "usage": usage(5, 2)})[-1] == Usage(5, 2)


def test_logprobs_stay_with_their_text() -> None:
    entry = {"token": "a", "logprob": -1.0}
    one = chunk({"content": "a"})
    one["choices"][0]["logprobs"] = {"content": [entry]}

    assert decoded(one, FINISH)[0] == TextDelta("a", logprobs=(entry,))


def test_a_stream_without_done_is_whole_once_every_choice_has_finished() -> None:
    assert decoded(FINISH, done=False) == [Finish("stop")]
    with pytest.raises(ModelReplyError, match="cut short"):
        decoded(FINISH, done=False, choices=2)


def test_a_server_that_does_not_know_n_gives_fewer_choices() -> None:
    assert decoded(FINISH, choices=3) == [Finish("stop")]


def test_what_follows_done_is_not_read() -> None:
    decoder = ReplyDecoder("coder")
    decoder.feed(raw(FINISH) + b"data: rubbish\n\n")

    assert decoder.done
    assert decoder.feed(b"data: rubbish\n\n") == []


@pytest.mark.parametrize(
    "events",
    [
        [],
        [chunk({"content": "a"})],
        [chunk({}, finish="stop", index=1)],
        [FINISH, chunk({"content": "late"})],
        [FINISH, FINISH],
        ['{"choices": [{"ind'],
        ["7"],
        ['{"choices": [{"delta": {"content": NaN}}]}'],
        ["[" * 100_000],
        [{"choices": 7}],
        [{"choices": ["x"]}],
        [chunk("x")],
        [chunk({}, index="0")],
        [chunk({}, index=-1)],
        [chunk({}, index=5)],
        [chunk({}, index=True)],
        [chunk({"content": 7})],
        [chunk({}, finish="abort")],
        [chunk({}, finish=["stop"])],
        [chunk({"tool_calls": 7})],
        [chunk({"tool_calls": [7]})],
        [chunk({"tool_calls": [{"index": 0}]})],
        [chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})],
        [chunk({"tool_calls": [{"index": "x", "function": {"name": "f"}}]})],
        [chunk({"tool_calls": [{"index": 1, "id": "c", "function": {"name": "f"}}]})],
        [
            chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}),
            chunk({"tool_calls": [{"index": 1, "id": "d", "function": {"name": "f"}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        ],
    ],
)
def test_what_is_no_answer_is_never_taken_for_one(events: list[Any]) -> None:
    with pytest.raises(ModelReplyError, match="coder"):
        decoded(*events, choices=2)


def test_an_error_at_status_200_goes_before_the_choices_beside_it() -> None:
    with pytest.raises(ModelReplyError, match=r"broke off its answer with an error \(server_error\)"):
        decoded({**FINISH, "error": {"message": "/secret/path", "type": "server_error"}})
    with pytest.raises(ModelReplyError, match="with an error$"):
        decoded({"error": {"message": "x", "type": "/secret path"}})
    with pytest.raises(ModelReplyError, match="with an error$"):
        decoded({"error": "it broke"})


def test_a_prompt_that_turns_out_too_long_is_the_callers_affair() -> None:
    error = {"type": "exceed_context_size_error", "n_prompt_tokens": 12, "n_ctx": 10}

    with pytest.raises(ContextOverflow, match="maximum context length of 10 tokens: it has 12"):
        decoded({"error": error})


def test_an_endless_event_is_an_error() -> None:
    decoder = ReplyDecoder("coder")

    with pytest.raises(ModelReplyError, match="longer than"):
        for _ in range(100):
            decoder.feed(b"data: " + b"x" * 100_000)


@given(st.binary(max_size=200), st.lists(st.sampled_from([FINISH, chunk({"content": "a"}), {}]), max_size=3))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_an_answer_or_a_typed_failure(noise: bytes, events: list[Any]) -> None:
    decoder = ReplyDecoder("coder")
    try:
        for piece in (raw(*events, done=False), noise, b"\n\n", noise[::-1], b"\n\n"):
            decoder.feed(piece)
        decoder.end()
    except ModelReplyError:
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "index", "content", "tool_calls", "function", "usage", "error"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.lists(st.fixed_dictionaries({"choices": JSON}, optional={"usage": JSON, "timings": JSON}), max_size=3))
@settings(deadline=None, max_examples=300)
def test_any_json_is_an_answer_or_a_typed_failure(events: list[Any]) -> None:
    decoder = ReplyDecoder("coder")
    try:
        decoder.feed(raw(*events))
        decoder.end()
    except (ModelReplyError, ContextOverflow):
        pass
