"""Slots of a model server, shared by processes: a slot is a lock file, and the kernel frees it when its holder dies.

Who may take which slot (`may_take`, pure):

- Each mode owns half of the slots: high the first, low the second half. With an odd number the one in the middle
  belongs to the mode that did not have it last, so it changes hands while both want it.
- Where a slot is kept for autocomplete (and there are at least two), it is the last one, the modes share the others,
  and nobody else ever takes it: a completion that waits for a whole answer comes too late.
- A mode's slot may be borrowed while nobody of that mode waits. A borrowed slot is given back when its request ends:
  by then its owner waits, and the borrower may not take it again.

So a mode that finds its half lent out waits for one request at most; after that it has its half, whatever the other
does. Within a process requests are served in the order in which they came.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal, get_args

from maker.errors import ServiceError

Owner = Literal["high", "low", "autocomplete"]
OWNERS: tuple[Owner, ...] = get_args(Owner)

# How soon a slot freed by another process is seen; only who waits looks.
POLL_S = 0.02

_TOTAL = "total"


def home(slot: int, slots: int, *, kept: bool, last: str) -> Owner:
    """Who owns the slot; `last` is who had it last, which decides for the one in the middle."""
    shared = slots - 1 if _keeps(slots, kept) else slots
    if slot >= shared:
        return "autocomplete"
    if is_middle(slot, slots, kept=kept):
        return "low" if last == "high" else "high"
    return "high" if slot < shared // 2 else "low"


def is_middle(slot: int, slots: int, *, kept: bool) -> bool:
    """Whether the slot is the odd one that the modes have in turn."""
    shared = slots - 1 if _keeps(slots, kept) else slots
    return shared % 2 == 1 and slot == shared // 2


def may_take(owner: Owner, slot: int, slots: int, *, kept: bool, last: str, waiting: Collection[Owner]) -> bool:
    """Whether `owner` may take this free slot while the owners in `waiting` wait for one."""
    belongs_to = home(slot, slots, kept=kept, last=last)
    if belongs_to == owner:
        return True
    return belongs_to != "autocomplete" and belongs_to not in waiting


def order(owner: Owner, slots: int, *, kept: bool) -> list[int]:
    """The slots in the order in which `owner` tries them: its own, the middle, then what it would borrow."""

    def distance(slot: int) -> int:
        if is_middle(slot, slots, kept=kept):
            return 1
        return 0 if home(slot, slots, kept=kept, last="") == owner else 2

    return sorted(range(slots), key=distance)


def _keeps(slots: int, kept: bool) -> bool:
    return kept and slots >= 2


class SlotLimiter:
    """Hands out the slots of one model server to one owner; one limiter per process, server and owner.

    Every process must name the same `directory`, `slots` and `kept` (whether one slot is kept for autocomplete).
    """

    def __init__(self, directory: Path, slots: int, owner: Owner, *, kept: bool = False) -> None:
        self._directory, self._slots, self._owner, self._kept = directory, slots, owner, kept
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self._pending = 0
        self._flag: int | None = None
        self._prepared = False

    @asynccontextmanager
    async def take(self, count: int = 1) -> AsyncIterator[int]:
        """Wait for a slot; hold as many as are free, up to `count`, while the context is open, and say how many.

        Raises:
            ServiceError: the lock files cannot be used.
        """
        held = await self._acquire(count)
        try:
            yield len(held)
        finally:
            _close(held)
            self._freed.set()

    async def _acquire(self, count: int) -> list[int]:
        self._pending += 1
        try:
            self._prepare()
            async with self._turn:
                while not (held := self._try(count)):
                    self._raise_flag()
                    await self._pause()
                return held
        except OSError as error:
            reason = error.strerror or "error"
            name = self._directory.name
            raise ServiceError(f"the slots of {name} cannot be locked ({reason}); look at run/slots/{name}") from error
        finally:
            self._pending -= 1
            if not self._pending:
                self._lower_flag()

    def _try(self, count: int) -> list[int]:
        """Lock what is free and allowed, without waiting; descriptors of the locked files."""
        others = [owner for owner in OWNERS if owner != self._owner]
        waiting = [other for other in others if _is_locked(self._flag_path(other), fcntl.LOCK_EX)]
        held: list[int] = []
        try:
            for slot in order(self._owner, self._slots, kept=self._kept):
                if len(held) < count and (taken := self._lock(slot, waiting)) is not None:
                    held.append(taken)
        except BaseException:
            _close(held)
            raise
        return held

    def _lock(self, slot: int, waiting: Collection[Owner]) -> int | None:
        descriptor = os.open(self._directory / str(slot), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            last = os.pread(descriptor, 16, 0).decode("ascii", errors="replace")
            if may_take(self._owner, slot, self._slots, kept=self._kept, last=last, waiting=waiting):
                if is_middle(slot, self._slots, kept=self._kept):
                    self._sign(descriptor)
                return descriptor
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _sign(self, descriptor: int) -> None:
        # On a full disk the modes stop taking turns; they go on being served.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, self._owner.encode("ascii"), 0)

    def _raise_flag(self) -> None:
        """Show the other owners that we wait, for as long as this process lives and does."""
        if self._flag is not None:
            return
        descriptor = os.open(self._flag_path(self._owner), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            # Somebody is looking at the flag this very moment; the next round raises it.
            os.close(descriptor)
        else:
            self._flag = descriptor

    def _lower_flag(self) -> None:
        if self._flag is not None:
            os.close(self._flag)
            self._flag = None

    def _flag_path(self, owner: Owner) -> Path:
        return self._directory / f"{owner}.waits"

    async def _pause(self) -> None:
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._freed.wait()

    def _prepare(self) -> None:
        if self._prepared:
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        total = self._directory / _TOTAL
        partial = self._directory / f".{_TOTAL}.{os.getpid()}.{self._owner}"
        with suppress(OSError):
            partial.write_text(str(self._slots), encoding="ascii")
            partial.replace(total)
        self._prepared = True


def in_use(directory: Path) -> tuple[int, int]:
    """How many slots are held, by whichever process, and how many there are; (0, 0) before anybody took one."""
    try:
        total = int((directory / _TOTAL).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0, 0
    return sum(_is_locked(directory / str(slot), fcntl.LOCK_SH) for slot in range(total)), total


def _is_locked(path: Path, against: int) -> bool:
    """Whether somebody holds a lock that excludes this kind; takes it for an instant to find out."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, against | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
