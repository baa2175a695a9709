"""What model servers stream, cut by the network at any byte and full of what means nothing: always the same deltas."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.sse import DONE
from maker.chat.types import Collector, Completion, Delta, ToolCall, Usage
from maker.chat.upstream import ReplyDecoder
from tests.llama_wire import Answer, reply_to, sse

OFTEN = settings(deadline=None, max_examples=settings.default.max_examples * 2)
TEXT = st.text(alphabet='a\n\r {}:"\u2028\u2029\x85\x0b\ufeff\u00e9\U0001f600', max_size=12)
ARGUMENTS = st.dictionaries(TEXT, TEXT, max_size=2).map(lambda given: json.dumps(given, ensure_ascii=False))
COMMENTS = [
    b": keep-alive\n\n",
    b":\n\n",
    b": [DONE]\n",
    ": \u2028data: x\n\n".encode(),
    b"event: message\n",
    b"id: 7\n",
]
EMPTY = [{}, {"content": ""}, {"content": None}, {"reasoning_content": ""}, {"tool_calls": []}, {"role": "assistant"}]


@dataclass(frozen=True)
class Streamed:
    """The frames of one stream, in order, and what they add up to."""

    frames: list[bytes]
    wanted: list[Completion]
    empty: list[bytes]
    """Frames that may stand anywhere in it and say nothing."""


def chat(draw: st.DrawFn) -> Streamed:
    replies = draw(
        st.lists(
            st.fixed_dictionaries(
                {"text": TEXT, "reasoning": TEXT, "tool_calls": st.lists(ARGUMENTS, max_size=2)},
            ),
            min_size=1,
            max_size=3,
        )
    )
    given = [
        {**one, "tool_calls": [_call(number, text) for number, text in enumerate(one["tool_calls"])]} for one in replies
    ]
    frames = _frames(draw, _answer(chat=True), given)
    wanted = [
        Completion(
            one["text"],
            one["reasoning"],
            tuple(ToolCall(call["id"], call["name"], call["arguments"]) for call in one["tool_calls"]),
        )
        for one in given
    ]
    nothing = [sse({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in EMPTY]
    return Streamed(frames, wanted, [*nothing, sse({"choices": []}), sse({"choices": None})])


def text(draw: st.DrawFn) -> Streamed:
    replies = draw(st.lists(TEXT, min_size=1, max_size=3))
    frames = _frames(draw, _answer(chat=False), [{"text": one} for one in replies])
    nothing = [sse({"choices": [{"index": 0, "text": "", "finish_reason": None}]}), sse({"choices": []})]
    return Streamed(frames, [Completion(one) for one in replies], nothing)


def infill(draw: st.DrawFn) -> Streamed:
    reply = draw(TEXT)
    frames = _frames(draw, _answer(chat=False, infill=True), [{"text": reply}])
    return Streamed(frames, [Completion(reply)], [sse({"index": 0, "content": "", "stop": False})])


def _answer(**kind: bool) -> Answer:
    return Answer({"stream_options": {"include_usage": True}}, number=1, model="m", prompt=9, cached=4, **kind)


def _call(number: int, arguments: str) -> dict[str, str]:
    return {"id": f"c{number}", "name": "read", "arguments": arguments}


def _frames(draw: st.DrawFn, answer: Answer, given: Sequence[Any]) -> list[bytes]:
    """As llama-server sends them: the choices take turns, each ends when it is whole."""
    queues = []
    for choice, one in enumerate(given):
        reply = reply_to({}, one, tokens=None, reasoning="")
        pieces = [answer.piece(choice, piece) for piece in reply.pieces]
        queues.append([*pieces, *answer.ending(choice, reply)])
    opening = answer.opening()
    frames = [opening] if opening else []
    while left := [queue for queue in queues if queue]:
        frames.append(draw(st.sampled_from(left)).pop(0))
    return frames


def decoded(pieces: Sequence[bytes], choices: int) -> list[Delta]:
    decoder = ReplyDecoder("coder", choices)
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
    return [*deltas, *decoder.end()]


def added_up(deltas: Sequence[Delta]) -> list[Completion]:
    collector = Collector()
    for delta in deltas:
        collector.add(delta)
    return [Completion(one.text, one.reasoning, one.tool_calls) for one in collector.completions()]


def cut(raw: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(at % (len(raw) + 1) for at in cuts), len(raw)]
    return [raw[start:end] for start, end in zip(edges, edges[1:], strict=False)]


def noisy(draw: st.DrawFn, streamed: Streamed) -> bytes:
    """The same stream by another server: other line ends, comments, fields nobody reads, deltas that say nothing."""
    frames = [*streamed.frames, *([DONE] if draw(st.booleans()) else [])]
    for noise in draw(st.lists(st.sampled_from([*COMMENTS, *streamed.empty]), max_size=6)):
        frames.insert(draw(st.integers(0, len(streamed.frames))), noise)
    line_end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    raw = b"".join(frames).replace(b"\n", line_end)
    if draw(st.booleans()):
        raw = raw.replace(b"data: {", b"data:{")
    if draw(st.booleans()):
        raw = raw.replace(b'"choices": ', b'"choices":' + line_end + b"data: ")
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + raw


@pytest.mark.parametrize("wire", [chat, text, infill])
@OFTEN
@given(data=st.data())
def test_any_split_with_comments_and_empty_deltas_decodes_to_the_same_events(
    wire: Callable[[st.DrawFn], Streamed], data: st.DataObject
) -> None:
    streamed = wire(data.draw)  # type: ignore[arg-type]
    choices = len(streamed.wanted)
    plain = decoded(streamed.frames, choices)
    assert added_up(plain) == streamed.wanted
    assert isinstance(plain[-1], Usage)
    raw = noisy(data.draw, streamed)  # type: ignore[arg-type]
    assert decoded(cut(raw, data.draw(st.lists(st.integers(0), max_size=40))), choices) == plain
    assert decoded([raw[at : at + 1] for at in range(len(raw))], choices) == plain
