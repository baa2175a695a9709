"""What the stages of one run share: the models, the mode's limits, the listener, and asking a role for a reply."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from maker.chat.types import ChatRequest, Completion, JsonObject, Sampling
from maker.config import Mode
from maker.errors import MakerError, ModelError
from maker.models.images import MaybeBlind
from maker.models.model import Model
from maker.pipeline import prompts, replies
from maker.pipeline.call import Ledger, call
from maker.pipeline.checkpoint import Checkpoint, Progress
from maker.pipeline.events import Emit, Noted, StageFinished, StageStarted
from maker.pipeline.fill import FillSupport
from maker.pipeline.ready import unavailable, wait_ready
from maker.pipeline.repository import Copy, Repository
from maker.pipeline.values import Task
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Unavailable

R = TypeVar("R", bound=replies.Reply)

SHORT_REPLY_TOKENS = 2048
"""Room for a plan, tests or a verdict; they need far less."""
TRIES = 2
"""A structured reply that does not parse is asked for once more."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with; the same for every run of an orchestrator."""

    models: Mapping[str, Model]
    mode: Mode
    sandbox: Callable[[], Awaitable[Sandbox | Unavailable]]
    """The sandbox, once its self-test is over; or why code is not run."""
    profile: str = prompts.DEFAULT
    own_coder: bool = False
    """Whether the coder is the profile's own model, which can be held to the profile's grammars."""
    edits: bool = True
    """Whether the coder can rewrite code that it is shown."""
    fill: FillSupport = field(default_factory=FillSupport)
    """Which models were found to fill gaps in code."""
    repository: Repository | None = None
    """Where the repositories are that tasks name; None to do without."""
    slot_tokens: int = 8192
    """Context of the smallest slot among the roles that read a task."""


@dataclass
class Work:
    """One run at work."""

    task: Task
    tools: Tools
    emit: Emit
    ledger: Ledger = field(default_factory=Ledger)
    notes: list[str] = field(default_factory=list)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    context: str = ""
    """What was found in the task's repository, quoted; it stands behind the conversation for every role alike."""
    copy: Copy | None = None
    """The copy of the task's repository that candidates run over."""

    def __post_init__(self) -> None:
        models = {role: MaybeBlind(model, self._left_out) for role, model in self.tools.models.items()}
        self.tools = replace(self.tools, models=models)

    @property
    def progress(self) -> Progress:
        """What the run has finished so far, by an interrupted run before it too."""
        return self.checkpoint.progress

    async def reach(self, **finished: Any) -> None:
        """Keep what a stage came to, so that a retry can go on from here; see Progress for the names."""
        await self.checkpoint.reach(
            run_id=self.task.run_id, usage=dict(self.ledger.usage), notes=tuple(self.notes), **finished
        )

    @property
    def mode(self) -> Mode:
        """The limits."""
        return self.tools.mode

    def prompt(self, name: str, **values: object) -> tuple[JsonObject, ...]:
        """The conversation with the role's text behind it."""
        return self.ask(prompts.render(self.tools.profile, name, **values))

    def ask(self, text: str) -> tuple[JsonObject, ...]:
        """The conversation with this text behind it."""
        return prompts.ask(self.conversation, text)

    @property
    def conversation(self) -> tuple[JsonObject, ...]:
        """What every role reads first, byte for byte: the client's messages, and the excerpts where there are any."""
        messages = self.task.request.messages
        return prompts.ask(messages, self.context) if self.context else messages

    async def note(self, text: str) -> None:
        """Say, once, that something was left out or could not be had."""
        if text not in self.notes:
            self.notes.append(text)
            await self.emit(Noted(text))

    async def _left_out(self, role: str) -> None:
        """Note that the role was asked without the images: one note for all that only help the coder."""
        of_coder = "the coder was asked without the images: its server refuses them"
        await self.note(of_coder if role == "coder" else "roles whose models see no images were asked without them")

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        """Report a stage's beginning and its one end."""
        await self.emit(StageStarted(name))
        error: str | None = "cancelled"
        try:
            yield
            error = None
        except MakerError as failure:
            error = failure.code
            raise
        except asyncio.CancelledError:
            raise
        except BaseException:
            error = "internal_error"
            raise
        finally:
            await self.emit(StageFinished(name, error))

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Time spent in here is not maker's own."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.ledger.waited_s += time.monotonic() - begun

    async def ready(self, role: str) -> Model:
        """The role's model, once it is ready.

        Raises:
            ModelUnavailable: there is none, or it does not become ready in time.
        """
        model = self.tools.models.get(role)
        if model is None:
            raise unavailable(role)
        self.ledger.waited_s += await wait_ready(model, budget_s=self.mode.start_budget_s, emit=self.emit)
        return model

    async def reply(
        self,
        role: str,
        messages: Sequence[JsonObject],
        kind: type[R],
        *,
        stage: str,
        form: JsonObject | None = None,
        temperature: float = 0.0,
    ) -> R:
        """A structured reply, asked for again once if it does not parse; `form` constrains it further.

        Raises:
            ModelError: the role cannot be asked, or what it says never parses.
        """
        model = await self.ready(role)
        sampling = Sampling(temperature=temperature, max_tokens=min(SHORT_REPLY_TOKENS, self.mode.max_tokens))
        request = ChatRequest(tuple(messages), response_format=form or replies.schema(kind), sampling=sampling)
        for attempt in range(TRIES):
            try:
                return replies.parse(await self.completion(model, request, stage=stage), kind, role)
            except ModelError:
                if attempt == TRIES - 1:
                    raise
                request = replace(request, sampling=replace(sampling, temperature=self.mode.temperature))
        raise AssertionError("unreachable")

    async def completion(self, model: Model, request: ChatRequest, *, stage: str) -> Completion:
        """One whole answer of one model."""
        async with call(model, request, stage=stage, ledger=self.ledger, emit=self.emit) as reply:
            async for _ in reply:
                pass
        return reply.completions[0] if reply.completions else Completion()
