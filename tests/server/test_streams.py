"""Whatever is answered and however the network cuts it, the vendors' own parsers read the events that were written."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.sse import KEEP_ALIVE, Decoder
from maker.chat.types import (
    Completion,
    Delta,
    Finish,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from maker.errors import ModelReplyError
from maker.pipeline.values import Outcome, Task
from maker.server.dialects import Chat, Completions, Dialect, Messages, Responses, Stream

Json = dict[str, Any]

ASKED: Any = [{"role": "user", "content": "hi"}]
COUNTED = {"include_usage": True}
SPENT = Usage(7, 5, 2)
TOLD = {"run": "run-1"}
BROKEN = ModelReplyError("the coder broke off its answer with an error", role="coder")
OFTEN = settings(deadline=None, max_examples=settings.default.max_examples // 2)
TEXT = st.text(alphabet='a\n\r {}:"\u2028\u2029\x85\x0b\u00e9\U0001f600', max_size=12)
ARGUMENTS = st.dictionaries(TEXT, TEXT, max_size=2).map(json.dumps)
CUTS = st.lists(st.integers(0), max_size=40)


class Body(httpx2.SyncByteStream):
    """The body of a response, as the network cuts it."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


class Network(httpx2.BaseTransport):
    """A server that answers everything with the same pieces."""

    pieces: Sequence[bytes] = ()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Body(self.pieces))


NETWORK = Network()
OPENAI = openai.OpenAI(base_url="http://x/v1", api_key="x", http_client=httpx2.Client(transport=NETWORK))
ANTHROPIC = anthropic.Anthropic(base_url="http://x", api_key="x", http_client=httpx2.Client(transport=NETWORK))


@dataclass(frozen=True)
class Wire:
    """One dialect, and its vendor's library."""

    speak: Callable[[object], Dialect]
    body: Json
    read: Callable[[], Iterable[Any]]
    """The events as the library gives them."""
    add_up: Callable[[], Json]
    """The whole answer, as the library adds it up."""
    kept: Callable[[Json], object]
    """What of a whole answer both ways must agree on."""
    choices: bool = False
    """Whether there may be several."""
    broken: type[Exception] | None = None
    """What the library raises for an answer that fails; None where the last event says it."""


def _chat() -> Json:
    with OPENAI.chat.completions.stream(model="m", messages=ASKED) as stream:
        for _ in stream:
            pass
        return stream.current_completion_snapshot.to_dict()


def _kept_of_chat(body: Json) -> object:
    kept = []
    for choice in body["choices"]:
        message = choice["message"]
        functions = [{**call["function"], "id": call["id"]} for call in message.get("tool_calls") or ()]
        calls = [(call["id"], call["name"], call["arguments"]) for call in functions]
        said = (message.get("content") or "", message.get("reasoning_content") or "", calls)
        kept.append((choice["index"], choice["finish_reason"], *said))
    return kept, body["usage"]


def _text() -> Json:
    """The library adds nothing up here."""
    chunks = [chunk.to_dict() for chunk in OPENAI.completions.create(model="m", prompt="hi", stream=True)]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]  # type: ignore[attr-defined]
    texts = {
        one["index"]: "".join(each["text"] for each in choices if each["index"] == one["index"]) for one in choices
    }
    ends = [{**one, "text": texts[one["index"]]} for one in choices if one["finish_reason"]]
    return {"choices": ends, "usage": chunks[-1]["usage"]}


def _response() -> Json:
    with OPENAI.responses.stream(model="m", input="hi") as stream:
        *_, last = stream  # the library's own final response is only for those that were not cut
    return last.response.to_dict(warnings=False)  # type: ignore[union-attr]


def _kept_of_response(body: Json) -> object:
    """Without what the library reads into calls and texts beside what was sent."""
    own = json.loads(json.dumps(body), object_hook=lambda one: {k: one[k] for k in one if not k.startswith("parsed")})
    return _fields("output", "usage", "status", "incomplete_details")(own)


def _message() -> Json:
    with ANTHROPIC.messages.stream(model="m", messages=ASKED, max_tokens=9) as stream:
        return stream.get_final_message().to_dict()


def _fields(*names: str) -> Callable[[Json], object]:
    return lambda body: {name: body[name] for name in names}


WIRES = {
    "chat": Wire(
        Chat,
        {"messages": ASKED, "stream": True, "stream_options": COUNTED},
        lambda: OPENAI.chat.completions.create(model="m", messages=ASKED, stream=True),
        _chat,
        _kept_of_chat,
        choices=True,
        broken=openai.APIError,
    ),
    "completions": Wire(
        Completions,
        {"prompt": "hi", "stream": True, "stream_options": COUNTED},
        lambda: OPENAI.completions.create(model="m", prompt="hi", stream=True),
        _text,
        _fields("choices", "usage"),
        choices=True,
        broken=openai.APIError,
    ),
    "responses": Wire(
        Responses,
        {"input": "hi", "stream": True},
        lambda: OPENAI.responses.create(model="m", input="hi", stream=True),
        _response,
        _kept_of_response,
    ),
    "messages": Wire(
        Messages,
        {"messages": ASKED, "max_tokens": 9, "stream": True, "thinking": {"type": "enabled"}},
        lambda: ANTHROPIC.messages.create(model="m", messages=ASKED, max_tokens=9, stream=True),
        _message,
        _fields("content", "usage", "stop_reason"),
        broken=anthropic.APIStatusError,
    ),
}


@st.composite
def completions(draw: st.DrawFn, wire: Wire) -> list[Completion]:
    """The choices of one whole answer, each with at least something."""
    made = []
    for _ in range(draw(st.integers(1, 3 if wire.choices else 1))):
        calls = [] if wire.speak is Completions else draw(st.lists(ARGUMENTS, max_size=2))
        reason: FinishReason = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
        numbered = tuple(ToolCall(f"c{number}", "read", given) for number, given in enumerate(calls))
        made.append(Completion(draw(TEXT), draw(TEXT), numbered, reason))
    return made


@st.composite
def streamed(draw: st.DrawFn, choices: Sequence[Completion]) -> list[Delta]:
    """Deltas that add up to the choices, which take turns; some are empty."""
    queues = [_deltas(draw, completion, choice) for choice, completion in enumerate(choices)]
    deltas = []
    while left := [queue for queue in queues if queue]:
        deltas.append(draw(st.sampled_from(left)).pop(0))
    return deltas


def _deltas(draw: st.DrawFn, completion: Completion, choice: int) -> list[Delta]:
    deltas: list[Delta] = [ReasoningDelta(piece, choice) for piece in _pieces(draw, completion.reasoning)]
    deltas += [TextDelta(piece, choice) for piece in _pieces(draw, completion.text)]
    for number, call in enumerate(completion.tool_calls):
        deltas.append(ToolCallDelta(number, call.id, call.name, choice=choice))
        deltas += [ToolCallDelta(number, arguments=piece, choice=choice) for piece in _pieces(draw, call.arguments)]
    return [*deltas, Finish(completion.finish_reason, choice)]


def _pieces(draw: st.DrawFn, text: str) -> list[str]:
    at = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def begun(wire: Wire, choices: int) -> tuple[Dialect, Task, Stream]:
    dialect = wire.speak({**wire.body, "n": choices})
    task = Task("run-1", "low", dialect.request, "question")
    return dialect, task, dialect.stream(task, 1)


def cut(data: st.DataObject, writes: Sequence[bytes]) -> list[bytes]:
    """What was written, with signs of life between, as the network may cut it."""
    noisy = list(writes)
    for _ in range(data.draw(st.integers(0, 3))):
        noisy.insert(data.draw(st.integers(1, len(noisy))), KEEP_ALIVE)
    raw = b"".join(noisy)
    if data.draw(st.booleans()):
        return [raw[at : at + 1] for at in range(len(raw))]
    edges = [0, *sorted(at % (len(raw) + 1) for at in data.draw(CUTS)), len(raw)]
    return [raw[start:end] for start, end in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize("name", WIRES)
@OFTEN
@given(data=st.data())
def test_any_split_is_read_as_the_events_that_were_written_and_as_the_whole_answer(
    name: str, data: st.DataObject
) -> None:
    wire = WIRES[name]
    choices = data.draw(completions(wire))
    dialect, task, stream = begun(wire, len(choices))
    deltas = data.draw(streamed(choices))
    writes = [stream.opening(), *map(stream.encode, deltas), stream.closing(usage=SPENT, maker=TOLD)]
    NETWORK.pieces = cut(data, writes)
    assert [event.to_dict() for event in wire.read()] == _events(b"".join(writes))
    whole = dialect.whole(Outcome(task, tuple(choices)), 1, SPENT, TOLD)
    assert wire.kept(wire.add_up()) == wire.kept(whole)


@pytest.mark.parametrize("name", WIRES)
@OFTEN
@given(data=st.data())
def test_any_split_of_an_answer_that_fails_is_read_as_one(name: str, data: st.DataObject) -> None:
    wire = WIRES[name]
    deltas = data.draw(streamed(data.draw(completions(wire))))
    _, _, stream = begun(wire, 3 if wire.choices else 1)
    writes = [stream.opening(), *map(stream.encode, deltas[: data.draw(st.integers(0, len(deltas) - 1))])]
    failure = stream.failing(BROKEN)
    NETWORK.pieces = cut(data, [*writes, failure])
    wanted, read = _events(b"".join(writes)), []
    if wire.broken is None:
        read = [event.to_dict() for event in wire.read()]
        assert read.pop()["response"]["error"] == {"code": BROKEN.code, "message": str(BROKEN)}
    else:
        with pytest.raises(wire.broken, match=str(BROKEN)):
            for event in wire.read():
                read.append(event.to_dict())
    assert read == wanted


def _events(raw: bytes) -> list[Json]:
    return [json.loads(event) for event in Decoder().feed(raw) if event != "[DONE]"]
