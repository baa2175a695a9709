"""The wires that clients speak, each a translator at the edge: a body to the one request, the one run's end to a body.

A dialect is made for one request. What it streams comes from a `Stream`, which is made for one answer.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from maker.chat.completions import CompletionEncoder, parse_completion, text_body
from maker.chat.encode import ChunkEncoder, completion_body
from maker.chat.encode_messages import MessageEncoder, message_body, message_error
from maker.chat.encode_responses import ResponseEncoder, response_body
from maker.chat.parse import parse_chat
from maker.chat.parse_messages import parse_messages, wants_thoughts
from maker.chat.parse_responses import parse_responses
from maker.chat.sse import DONE, KEEP_ALIVE, frame, named
from maker.chat.types import ChatRequest, Completion, Delta, JsonObject, Usage
from maker.chat.unwrap import unwrapped
from maker.config import ModeName
from maker.errors import MakerError
from maker.pipeline.values import Outcome, Task
from maker.server import errors

Json = dict[str, Any]

MODEL_IDS: dict[ModeName, str] = {"high": "maker-high", "low": "maker-low"}


class Encoder(Protocol):
    """One answer as the events of a wire; see the encoders in `maker.chat`."""

    def opening(self) -> list[Json]:
        """What says that the answer begins."""

    def encode(self, delta: Delta) -> list[Json]:
        """The events for one delta."""

    def closing(self, *, usage: Usage, maker: JsonObject | None = None) -> list[Json]:
        """What ends an answer that went well."""


class Stream:
    """One streamed answer as bytes."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        framed: Callable[[Json], bytes] = frame,
        done: bytes = DONE,
        failure: Callable[[MakerError], Json] = errors.body,
    ) -> None:
        self._encoder, self._framed, self._done, self._failure = encoder, framed, done, failure

    def opening(self) -> bytes:
        """What says that the answer begins; Hypercorn sends no headers before the first bytes of a body."""
        return self._frames(self._encoder.opening()) or KEEP_ALIVE

    def encode(self, delta: Delta) -> bytes:
        """What the client gets for one delta; often nothing."""
        return self._frames(self._encoder.encode(delta))

    def closing(self, *, usage: Usage, maker: JsonObject) -> bytes:
        """What ends an answer that went well."""
        return self._frames(self._encoder.closing(usage=usage, maker=maker)) + self._done

    def failing(self, error: MakerError) -> bytes:
        """What ends an answer that failed."""
        return self._framed(self._failure(error))

    def _frames(self, values: Iterable[Json]) -> bytes:
        return b"".join(map(self._framed, values))


class Dialect(Protocol):
    """How one request is read and answered."""

    request: ChatRequest
    conversation: str
    """The field of the body that the conversation came in."""

    def stream(self, task: Task, created: int) -> Stream:
        """The answer, streamed."""

    def whole(self, outcome: Outcome, created: int, usage: Usage, maker: JsonObject) -> Json:
        """The answer as one body."""


class Chat:
    """`/v1/chat/completions`."""

    conversation = "messages"

    def __init__(self, body: object) -> None:
        self.request = unwrapped(parse_chat(body))

    def stream(self, task: Task, created: int) -> Stream:
        """Chunks, then [DONE]."""
        encoder = ChunkEncoder(
            id=_id("chatcmpl-", task),
            created=created,
            model=MODEL_IDS[task.mode],
            include_usage=task.request.include_usage,
            reasoning=task.kind != "utility",
        )
        return Stream(encoder)

    def whole(self, outcome: Outcome, created: int, usage: Usage, maker: JsonObject) -> Json:
        """One completion object with every choice."""
        task = outcome.task
        return completion_body(
            outcome.completions,
            id=_id("chatcmpl-", task),
            created=created,
            model=MODEL_IDS[task.mode],
            usage=usage,
            maker=maker,
            reasoning=task.kind != "utility",
        )


class Infill(Chat):
    """`/v1/fim/completions`: asked as a text with a gap, answered as a chat."""

    conversation = "prompt"

    def __init__(self, body: object) -> None:
        self.request = parse_completion(body)


class Completions:
    """`/v1/completions`."""

    conversation = "prompt"

    def __init__(self, body: object) -> None:
        self.request = parse_completion(body)

    def stream(self, task: Task, created: int) -> Stream:
        """Chunks of text, then [DONE]."""
        usage = task.request.include_usage
        head = {"id": _id("cmpl-", task), "created": created, "model": MODEL_IDS[task.mode]}
        return Stream(CompletionEncoder(**head, include_usage=usage))  # type: ignore[arg-type]

    def whole(self, outcome: Outcome, created: int, usage: Usage, maker: JsonObject) -> Json:
        """One completion object with every choice."""
        model, id = MODEL_IDS[outcome.task.mode], _id("cmpl-", outcome.task)
        return text_body(outcome.completions, id=id, created=created, model=model, usage=usage, maker=maker)


class Responses:
    """`/v1/responses`."""

    conversation = "input"

    def __init__(self, body: object) -> None:
        self.request = parse_responses(body)
        self._asked = body if isinstance(body, dict) else {}

    def stream(self, task: Task, created: int) -> Stream:
        """Named events up to `response.completed`, `response.incomplete` or `response.failed`."""
        encoder = self._encoder(task, created)

        def failure(error: MakerError) -> Json:
            return encoder.failing(error.code, str(error))[0]

        return Stream(encoder, framed=named, done=b"", failure=failure)

    def whole(self, outcome: Outcome, created: int, usage: Usage, maker: JsonObject) -> Json:
        """One response object."""
        return response_body(self._encoder(outcome.task, created), _only(outcome), usage=usage, maker=maker)

    def _encoder(self, task: Task, created: int) -> ResponseEncoder:
        return ResponseEncoder(
            id=_id("resp_", task),
            created=created,
            model=MODEL_IDS[task.mode],
            asked=self._asked,
            reasoning=task.kind != "utility",
        )


class Messages:
    """`/v1/messages`."""

    conversation = "messages"

    def __init__(self, body: object) -> None:
        self.request = parse_messages(body)
        self._thoughts = wants_thoughts(body)

    def stream(self, task: Task, created: int) -> Stream:
        """Named events up to `message_stop` or `error`."""
        thoughts = self._thoughts and task.kind != "utility"
        encoder = MessageEncoder(id=_id("msg_", task), model=MODEL_IDS[task.mode], thoughts=thoughts)
        return Stream(encoder, framed=named, done=b"", failure=anthropic_error)

    def whole(self, outcome: Outcome, created: int, usage: Usage, maker: JsonObject) -> Json:
        """One message object."""
        task = outcome.task
        thoughts = self._thoughts and task.kind != "utility"
        head = {"id": _id("msg_", task), "model": MODEL_IDS[task.mode]}
        return message_body(_only(outcome), usage=usage, maker=maker, thoughts=thoughts, **head)


def anthropic_error(error: MakerError) -> Json:
    """The error in Anthropic's shape."""
    return message_error(str(error), errors.classify(error)[0])


def _only(outcome: Outcome) -> Completion:
    return next(iter(outcome.completions), Completion())


def _id(prefix: str, task: Task) -> str:
    return prefix + task.run_id.removeprefix("run-")
