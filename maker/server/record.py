"""Remembers each run in the store; a store that fails costs the run nothing but its record."""

import logging
import time
from dataclasses import asdict

from maker.errors import StoreError
from maker.pipeline.events import Event, RunFailed, RunFinished
from maker.pipeline.values import Task
from maker.stores.run_store import RunRecord, RunStatus, RunStore

log = logging.getLogger(__name__)


class Recorder:
    """The listener that saves one run when it ends."""

    def __init__(self, task: Task, store: RunStore) -> None:
        self._task, self._store = task, store
        self._started, self._begun = time.time(), time.monotonic()

    async def listener(self, event: Event) -> None:
        """Save on the event that ends the run."""
        if isinstance(event, RunFinished):
            await self._save(self._record("complete", outcome=event))
        elif isinstance(event, RunFailed):
            await self._save(self._record("cancelled" if event.error == "cancelled" else "failed", event.error))

    def _record(self, status: RunStatus, error: str | None = None, outcome: RunFinished | None = None) -> RunRecord:
        result = outcome.outcome if outcome else None
        return RunRecord(
            run_id=self._task.run_id,
            mode=self._task.mode,
            started=self._started,
            seconds=time.monotonic() - self._begun,
            status=status,
            error=error,
            finish_reason=result.completions[0].finish_reason if result and result.completions else None,
            overhead_ms=result.overhead_ms if result else None,
            usage={role: asdict(usage) for role, usage in result.usage.items()} if result else {},
        )

    async def _save(self, record: RunRecord) -> None:
        try:
            await self._store.save(record)
        except StoreError as error:
            log.debug("run %s was not remembered: %s", record.run_id, error)
