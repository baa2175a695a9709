"""Slots between processes: the policy on a virtual clock, the locks with real files and real processes."""

import asyncio
import fcntl
import heapq
import signal
import stat
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.errors import ServiceError
from maker.models.slots import Owner, SlotLimiter, home, in_use, may_take, order
from tests.models.support import in_loop, open_files, until


def homes(slots: int, *, kept: bool = False, last: str = "") -> list[str]:
    return [home(slot, slots, kept=kept, last=last) for slot in range(slots)]


def test_each_mode_owns_half() -> None:
    assert homes(2) == ["high", "low"]
    assert homes(4) == ["high", "high", "low", "low"]


def test_the_odd_slot_belongs_to_who_did_not_have_it_last() -> None:
    assert homes(1) == homes(1, last="low") == ["high"]
    assert homes(1, last="high") == ["low"]
    assert homes(3, last="high") == ["high", "low", "low"]
    assert homes(3, last="low") == ["high", "high", "low"]


def test_autocomplete_keeps_one_where_there_are_two() -> None:
    assert homes(1, kept=True) == ["high"]
    assert homes(2, kept=True) == ["high", "autocomplete"]
    assert homes(4, kept=True, last="high") == ["high", "low", "low", "autocomplete"]


def test_what_is_idle_is_lent_until_its_owner_waits() -> None:
    assert may_take("low", 0, 4, kept=False, last="", waiting=["autocomplete"])
    assert not may_take("low", 0, 4, kept=False, last="", waiting=["high"])
    assert may_take("low", 3, 4, kept=False, last="", waiting=["high"])


def test_the_slot_kept_for_autocomplete_is_never_lent() -> None:
    assert not may_take("high", 3, 4, kept=True, last="", waiting=[])
    assert may_take("autocomplete", 3, 4, kept=True, last="", waiting=["high", "low"])
    assert may_take("autocomplete", 0, 4, kept=True, last="", waiting=["low"])
    assert not may_take("autocomplete", 0, 4, kept=True, last="", waiting=["high"])


def test_own_slots_are_tried_before_borrowed_ones() -> None:
    assert order("high", 4, kept=False) == [0, 1, 2, 3]
    assert order("low", 4, kept=False) == [2, 3, 0, 1]
    assert order("low", 3, kept=False) == [2, 1, 0]
    assert order("autocomplete", 4, kept=True) == [3, 1, 0, 2]


class Simulation:
    """The policy over a virtual clock: who arrives when, for how long; how long did each have to wait."""

    def __init__(self, slots: int, *, kept: bool = False) -> None:
        self._slots, self._kept = slots, kept
        self._holder: dict[int, Owner] = {}
        self._last = dict.fromkeys(range(slots), "")
        self._queues: dict[Owner, deque[tuple[float, float]]] = {}
        self._events: list[tuple[float, int, Owner, float, int]] = []
        self._numbers = iter(range(10**9))
        self.waits: dict[Owner, list[float]] = {}

    def arrive(self, owner: Owner, at: float, takes: float) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), owner, takes, -1))

    def run(self) -> None:
        while self._events:
            now, _, owner, takes, slot = heapq.heappop(self._events)
            if slot < 0:
                self._queues.setdefault(owner, deque()).append((now, takes))
            else:
                del self._holder[slot]
            if not self._events or self._events[0][0] > now:
                self._serve(now)

    def _serve(self, now: float) -> None:
        """Let everybody try until nobody gets anything; that a mode's tries come first must not matter."""
        progress = True
        while progress:
            progress = False
            for owner in sorted(self._queues, key=lambda one: (next(self._numbers) % 2, one)):
                if self._queues[owner] and (slot := self._free_for(owner)) is not None:
                    begun, takes = self._queues[owner].popleft()
                    self.waits.setdefault(owner, []).append(now - begun)
                    self._holder[slot], self._last[slot] = owner, owner
                    heapq.heappush(self._events, (now + takes, next(self._numbers), owner, takes, slot))
                    progress = True

    def _free_for(self, owner: Owner) -> int | None:
        waiting = [other for other, queue in self._queues.items() if queue and other != owner]
        for slot in order(owner, self._slots, kept=self._kept):
            allowed = may_take(owner, slot, self._slots, kept=self._kept, last=self._last[slot], waiting=waiting)
            if slot not in self._holder and allowed:
                return slot
        return None


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 8])
def test_twenty_requests_over_both_modes_wait_at_most_twice_their_fair_share(slots: int) -> None:
    simulation = Simulation(slots)
    for number in range(10):
        simulation.arrive("high", 0.001 * number, 1.0)
        simulation.arrive("low", 0.0005 + 0.001 * number, 1.0)
    simulation.run()

    fair_share = 10 / (slots / 2)
    assert len(simulation.waits["high"]) == len(simulation.waits["low"]) == 10
    assert max(simulation.waits["high"] + simulation.waits["low"]) <= 2 * fair_share
    assert abs(max(simulation.waits["high"]) - max(simulation.waits["low"])) <= 1.01


@pytest.mark.parametrize("slots", [1, 2, 3, 4])
def test_a_mode_that_floods_does_not_make_the_other_wait_for_more_than_one_request(slots: int) -> None:
    simulation = Simulation(slots)
    for _ in range(200):
        simulation.arrive("high", 0.0, 1.0)
    for number in range(10):
        simulation.arrive("low", 0.5 + 7 * number, 1.0)
    simulation.run()

    assert max(simulation.waits["low"]) <= 1.0


def test_a_mode_alone_has_every_slot() -> None:
    simulation = Simulation(4)
    for _ in range(8):
        simulation.arrive("low", 0.0, 1.0)
    simulation.run()

    assert sorted(simulation.waits["low"]) == [0.0] * 4 + [1.0] * 4


def test_autocomplete_never_waits_for_an_answer_while_it_has_a_slot_of_its_own() -> None:
    simulation = Simulation(3, kept=True)
    for _ in range(20):
        simulation.arrive("high", 0.0, 10.0)
        simulation.arrive("low", 0.0, 10.0)
    for number in range(50):
        simulation.arrive("autocomplete", 0.5 + number, 0.1)
    simulation.run()

    assert max(simulation.waits["autocomplete"]) == 0.0


ARRIVALS = st.lists(st.tuples(st.sampled_from(["high", "low"]), st.floats(0, 5), st.floats(0.1, 1.0)), max_size=40)


@given(ARRIVALS, st.integers(1, 6))
@settings(deadline=None, max_examples=200)
def test_nobody_is_forgotten_and_no_slot_is_idle_while_one_waits(
    arrivals: list[tuple[Owner, float, float]], slots: int
) -> None:
    simulation = Simulation(slots)
    for owner, at, takes in arrivals:
        simulation.arrive(owner, at, takes)
    simulation.run()

    waits = [wait for each in simulation.waits.values() for wait in each]
    assert len(waits) == len(arrivals)
    # With at most a second each, whoever waits is served before all the others have had their turn twice.
    assert all(wait <= 2 * len(arrivals) / slots + 1 for wait in waits)


@in_loop
async def test_as_many_as_there_are_slots_and_no_more(tmp_path: Path) -> None:
    limiter = SlotLimiter(tmp_path / "coder", 2, "high")
    running, most = 0, 0

    async def work() -> None:
        nonlocal running, most
        async with limiter.take() as taken:
            assert taken == 1
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(work() for _ in range(20)))

    assert most == 2
    assert in_use(tmp_path / "coder") == (0, 2)


@in_loop
async def test_first_come_first_served_within_a_process(tmp_path: Path) -> None:
    limiter = SlotLimiter(tmp_path, 1, "high")
    served: list[int] = []

    async def work(number: int) -> None:
        async with limiter.take():
            served.append(number)

    async with limiter.take():
        tasks = [asyncio.create_task(work(number)) for number in range(10)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)

    assert served == list(range(10))


@in_loop
async def test_several_at_once_or_fewer_but_at_least_one(tmp_path: Path) -> None:
    limiter = SlotLimiter(tmp_path, 4, "high")

    async with limiter.take(3) as first, limiter.take(3) as second:
        assert (first, second) == (3, 1)
        assert in_use(tmp_path) == (4, 4)
    async with limiter.take(9) as all_of_them:
        assert all_of_them == 4


@in_loop
async def test_two_modes_exclude_each_other_and_the_borrower_gives_back(tmp_path: Path) -> None:
    high, low = SlotLimiter(tmp_path, 2, "high"), SlotLimiter(tmp_path, 2, "low")
    got_low, leave_low = asyncio.Event(), asyncio.Event()
    got_more: list[int] = []

    async def use_low() -> None:
        async with low.take():
            got_low.set()
            await leave_low.wait()

    async def use_more_of_high() -> None:
        async with high.take() as taken:
            got_more.append(taken)

    async with high.take():
        async with high.take():
            waiter = asyncio.create_task(use_low())
            await until(lambda: is_waiting(tmp_path, "low"))
            assert not got_low.is_set()
        # The borrowed slot is free now. High wants it too, but low waits and it is low's.
        more = asyncio.create_task(use_more_of_high())
        await got_low.wait()
        assert not got_more
    await more
    leave_low.set()
    await waiter
    assert in_use(tmp_path) == (0, 2)


@in_loop
async def test_the_modes_take_turns_at_a_single_slot(tmp_path: Path) -> None:
    served: list[str] = []
    owners: tuple[Owner, ...] = ("high", "low")
    left = dict.fromkeys(owners, 6)

    async def work(owner: Owner, other: Owner) -> None:
        limiter = SlotLimiter(tmp_path, 1, owner)
        while left[owner]:
            async with limiter.take():
                served.append(owner)
                left[owner] -= 1
                await until(lambda: is_waiting(tmp_path, other) or not left[other])

    await asyncio.gather(work("high", "low"), work("low", "high"))

    assert served == ["high", "low"] * 6


@in_loop
async def test_cancelling_a_waiter_takes_nothing_from_the_others(tmp_path: Path) -> None:
    limiter = SlotLimiter(tmp_path, 1, "high")
    other = SlotLimiter(tmp_path, 1, "low")
    before = open_files()

    async def use(one: SlotLimiter) -> None:
        async with one.take():
            pass

    async with limiter.take():
        tasks = [asyncio.create_task(use(one)) for one in (limiter, limiter, other, limiter)]
        await until(lambda: is_waiting(tmp_path, "high") and is_waiting(tmp_path, "low"))
        tasks[0].cancel()
        tasks[2].cancel()
        await until(lambda: tasks[0].done() and not is_waiting(tmp_path, "low"))
        assert is_waiting(tmp_path, "high")
    await asyncio.gather(*tasks, return_exceptions=True)

    assert [task.cancelled() for task in tasks] == [True, False, True, False]
    assert open_files() == before
    assert in_use(tmp_path) == (0, 1)


@in_loop
async def test_a_failure_inside_gives_the_slot_back(tmp_path: Path) -> None:
    limiter = SlotLimiter(tmp_path, 1, "high")
    before = open_files()
    for _ in range(50):
        with pytest.raises(RuntimeError):
            async with limiter.take():
                raise RuntimeError
    assert open_files() == before
    assert in_use(tmp_path) == (0, 1)


def is_waiting(directory: Path, owner: Owner) -> bool:
    """Whether somebody holds the lock by which an owner shows that it waits."""
    try:
        with open(directory / f"{owner}.waits", "rb+") as flag:
            fcntl.flock(flag, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


HOLD = """
import asyncio, sys, pathlib
from maker.models.slots import SlotLimiter

async def hold():
    async with SlotLimiter(pathlib.Path(sys.argv[1]), 2, sys.argv[2]).take(int(sys.argv[3])) as taken:
        print(taken, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


@contextmanager
def another_process(directory: Path, owner: Owner, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes slots, says how many, and keeps them until it is killed."""
    argv = [sys.executable, "-c", HOLD, str(directory), owner, str(count)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.processes
@in_loop
async def test_the_kernel_frees_the_slots_of_a_process_that_was_killed(tmp_path: Path) -> None:
    with another_process(tmp_path, "high", 2) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"2\n"
        assert in_use(tmp_path) == (2, 2)
        waiter = asyncio.create_task(take_once(SlotLimiter(tmp_path, 2, "low")))
        await until(lambda: is_waiting(tmp_path, "low"))
        assert not waiter.done()
        holder.send_signal(signal.SIGKILL)
        async with asyncio.timeout(2):
            assert await waiter == 1
    assert in_use(tmp_path) == (0, 2)


async def take_once(limiter: SlotLimiter) -> int:
    async with limiter.take() as taken:
        return taken


@pytest.mark.processes
@in_loop
async def test_a_waiter_that_was_killed_waits_no_more(tmp_path: Path) -> None:
    high = SlotLimiter(tmp_path, 2, "high")
    async with high.take():
        async with high.take():
            with another_process(tmp_path, "low", 1):
                await until(lambda: is_waiting(tmp_path, "low"))
            assert not is_waiting(tmp_path, "low")
        # Nobody of low waits any more, so high may borrow its slot again.
        async with asyncio.timeout(2), high.take() as taken:
            assert taken == 1


@in_loop
async def test_the_lock_files_are_private(tmp_path: Path) -> None:
    directory = tmp_path / "slots" / "coder"
    async with SlotLimiter(directory, 2, "high").take():
        modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (directory, *directory.glob("[0-9]*"))}
    assert modes == {0}


@in_loop
async def test_a_directory_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "coder").write_text("")

    with pytest.raises(ServiceError, match="slots of coder cannot be locked"):
        await take_once(SlotLimiter(tmp_path / "coder", 2, "high"))


def test_nothing_is_in_use_before_anybody_took_a_slot(tmp_path: Path) -> None:
    assert in_use(tmp_path / "coder") == (0, 0)
