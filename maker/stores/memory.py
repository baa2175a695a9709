"""The run store of a machine without Redis: the newest runs, in this process."""

import time
from collections import OrderedDict
from collections.abc import Callable

from maker.stores.run_store import PROGRESS_KEPT_S, RunRecord

KEPT_RUNS = 1000
KEPT_PROGRESS = 100


class MemoryRunStore:
    """Keeps the newest thousand runs, and the newest hundred of those that may be resumed, until the process ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._records: OrderedDict[str, RunRecord] = OrderedDict()
        self._progress: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._clock = clock

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
        """The newest runs in brief, newest first."""
        newest = sorted(self._records.values(), key=lambda record: record.started, reverse=True)
        return [record.brief() for record in newest[:limit]]

    async def save_progress(self, key: str, text: str) -> None:
        """Remember the text under the key, in place of what was there."""
        self._progress.pop(key, None)
        self._progress[key] = (self._clock() + PROGRESS_KEPT_S, text)
        while len(self._progress) > KEPT_PROGRESS:
            self._progress.popitem(last=False)

    async def load_progress(self, key: str) -> str | None:
        """The text of that key."""
        expires, text = self._progress.get(key, (0.0, ""))
        return text if self._clock() < expires else None

    async def drop_progress(self, key: str) -> None:
        """Forget the key, known or not."""
        self._progress.pop(key, None)

    async def aclose(self) -> None:
        """Nothing to let go of."""
