"""The run store of a machine without Redis: the newest runs, in this process."""

from collections import OrderedDict

from maker.stores.run_store import RunRecord

KEPT_RUNS = 1000


class MemoryRunStore:
    """Keeps the newest thousand runs until the process ends."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, RunRecord] = OrderedDict()

    async def save(self, record: RunRecord) -> None:
        """Remember the run; the same id replaces what was there."""
        self._records.pop(record.run_id, None)
        self._records[record.run_id] = record
        while len(self._records) > KEPT_RUNS:
            self._records.popitem(last=False)

    async def load(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        return self._records.get(run_id)

    async def recent(self, limit: int) -> list[RunRecord]:
        """The newest runs, newest first."""
        return sorted(self._records.values(), key=lambda record: record.started, reverse=True)[:limit]

    async def aclose(self) -> None:
        """Nothing to let go of."""
