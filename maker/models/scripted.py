"""A model that says what it was told to say, and notices when it is asked for more or for less."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

from maker.chat.types import (
    ChatRequest,
    Completion,
    Delta,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from maker.models.model import Limits, ModelState

Reply = str | Completion | Sequence[Delta] | BaseException
"""A text, a whole completion, the very deltas, or what to raise."""
Script = Reply | Callable[[ChatRequest], Reply]


class UnexpectedCall(AssertionError):
    """The model was asked more often than the script allows."""


class ScriptedModel:
    """Answers `role`'s requests with `replies`, in turn; a function is called with the request and gives the reply."""

    def __init__(self, role: str, replies: Sequence[Script] = (), *, state: ModelState = "ready") -> None:
        self.calls: list[ChatRequest] = []
        self.now: ModelState = state
        self.tells = Limits()
        self.tokens: frozenset[str] = frozenset()
        self._role = role
        self._replies = list(replies)

    @property
    def role(self) -> str:
        """The role it plays."""
        return self._role

    @property
    def name(self) -> str:
        """What it is called in traces."""
        return f"scripted-{self._role}"

    async def state(self) -> ModelState:
        """What `now` says."""
        return self.now

    async def limits(self) -> Limits:
        """What `tells` says."""
        return self.tells

    async def count(self, request: ChatRequest) -> int | None:
        """The words of the messages."""
        return sum(len(str(message.get("content")).split()) for message in request.messages)

    async def is_token(self, text: str) -> bool:
        """Whether it is one of `tokens`."""
        return text in self.tokens

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """The next reply, as deltas.

        Raises:
            UnexpectedCall: there is none left.
            BaseException: what the script says.
        """
        self.calls.append(request)
        if not self._replies:
            raise UnexpectedCall(f"the {self._role} was asked {len(self.calls)} times; the script ended before")
        scripted = self._replies.pop(0)
        reply = scripted(request) if callable(scripted) else scripted
        if isinstance(reply, BaseException):
            raise reply
        async with aclosing(_replay(reply)) as deltas:
            yield deltas

    def assert_done(self) -> None:
        """Fail unless every reply was used."""
        assert not self._replies, f"{len(self._replies)} replies of the {self._role} were never asked for"


async def _replay(reply: str | Completion | Sequence[Delta]) -> AsyncGenerator[Delta, None]:
    for delta in deltas_of(reply):
        yield delta


def deltas_of(reply: str | Completion | Sequence[Delta]) -> list[Delta]:
    """A reply as the deltas of a complete stream."""
    completion = Completion(reply) if isinstance(reply, str) else reply
    if not isinstance(completion, Completion):
        return list(completion)
    deltas: list[Delta] = []
    if completion.reasoning:
        deltas.append(ReasoningDelta(completion.reasoning))
    if completion.text:
        deltas.append(TextDelta(completion.text, logprobs=completion.logprobs))
    for index, call in enumerate(completion.tool_calls):
        deltas += [ToolCallDelta(index, call.id, call.name), ToolCallDelta(index, arguments=call.arguments)]
    deltas.append(Finish(completion.finish_reason))
    return [*deltas, completion.usage] if completion.usage != Usage() else deltas
