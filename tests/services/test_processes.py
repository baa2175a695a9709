"""Memory and ends of processes, with real ones."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from maker.services.processes import end, groups, memory
from tests.services.bundles import alive
from tests.support import wait_until

pytestmark = pytest.mark.processes

PARENT = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, {handler})
child = subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
signal.pause()
"""


@pytest.fixture
def family(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A process that leads a group, and its child; the parent handles SIGTERM as the parameter says."""
    script = PARENT.format(handler=getattr(request, "param", "signal.SIG_DFL"))
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, process_group=0) as parent:
        assert parent.stdout is not None
        lines = sorted([parent.stdout.readline().strip(), parent.stdout.readline().strip()])
        yield parent.pid, int(lines[0])
        for process in groups([parent.pid]):
            process.kill()
        parent.kill()


def test_memory_counts_everything_below_a_process(family: tuple[int, int]) -> None:
    parent, child = family
    sums = memory([parent, child, 2**22 + 1])
    assert set(sums) == {parent, child}
    assert sums[parent] - sums[child] > 1_000_000
    assert memory([]) == {}


def test_a_group_is_found_even_when_its_leader_has_gone(family: tuple[int, int]) -> None:
    parent, child = family
    assert {process.pid for process in groups([parent])} == {parent, child}
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not alive(parent), within_s=5, why="the leader is gone")
    assert {process.pid for process in groups([parent])} == {child}
    assert groups([]) == []


def test_end_takes_the_whole_group(family: tuple[int, int]) -> None:
    end(groups([family[0]]), within_s=10)
    assert not any(alive(pid) for pid in family)


@pytest.mark.parametrize("family", ["signal.SIG_IGN"], indirect=True)
def test_what_ignores_the_request_is_killed(family: tuple[int, int]) -> None:
    end(groups([family[0]]), within_s=0.2)
    assert not any(alive(pid) for pid in family)
