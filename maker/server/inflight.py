"""The requests that are being worked on: how many there may be, ending one, and letting them finish before a stop."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from maker.errors import MakerError, ModelUnavailable, RunCancelled, TooBusy

T = TypeVar("T")
RETRY_AFTER_S = 2


class Ticket:
    """One admitted request; `end` makes whatever waits under it fail with the reason."""

    def __init__(self) -> None:
        self._reason: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, reason: MakerError) -> None:
        """Stop the request; a second reason is ignored."""
        if not self._reason.done():
            self._reason.set_exception(reason)
            self._reason.exception()  # read once, so that an end nobody waits for is not logged as lost

    async def wait(self, work: "asyncio.Future[T]", timeout_s: float | None = None) -> bool:
        """Whether the work is done within the time; raises the reason if the request was ended."""
        either: set[asyncio.Future[Any]] = {work, self._reason}
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self._reason.done() and not work.done():
            self._reason.result()
        return work.done()

    async def run(self, work: Awaitable[T]) -> T:
        """The work's result; the work is cancelled, and has cleaned up, if this is left in any other way."""
        task = asyncio.ensure_future(work)
        try:
            await self.wait(task)
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Inflight:
    """Counts requests in and out. After `drain` no new one is let in."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tickets: dict[str, Ticket] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = asyncio.Event()
        """Set once nobody is let in any more."""
        self.stopped = False
        """Whether what still ran was ended because this orchestrator stops: by nobody's wish."""

    def __len__(self) -> int:
        return len(self._tickets)

    def check_room(self) -> None:
        """Pass if one more request may come in.

        Raises:
            TooBusy: the limit is reached.
            ModelUnavailable: this orchestrator is stopping.
        """
        if self.draining.is_set():
            raise ModelUnavailable("maker is stopping; try again when it is back", role="orchestrator")
        if len(self._tickets) >= self._limit:
            raise TooBusy(
                f"{self._limit} requests are already being worked on (server.max_requests in maker.toml)",
                retry_after_s=RETRY_AFTER_S,
            )

    @contextmanager
    def admit(self, run_id: str) -> Iterator[Ticket]:
        """Count the request for as long as the context is open."""
        ticket = self._tickets[run_id] = Ticket()
        self._idle.clear()
        try:
            yield ticket
        finally:
            del self._tickets[run_id]
            if not self._tickets:
                self._idle.set()

    def cancel(self, run_id: str) -> bool:
        """End a run on somebody's request; whether there was one of that id."""
        ticket = self._tickets.get(run_id)
        if ticket is not None:
            ticket.end(RunCancelled("the run was cancelled"))
        return ticket is not None

    async def drain(self, within_s: float) -> None:
        """Let nobody in any more; return when all are done, or end the rest after `within_s` seconds."""
        self.draining.set()
        try:
            await asyncio.wait_for(self._idle.wait(), within_s)
        except TimeoutError:
            self.stopped = True
            for ticket in self._tickets.values():
                ticket.end(ModelUnavailable("maker was stopped before the answer was complete", role="orchestrator"))
