import os
from pathlib import Path

import pytest

from maker.sandbox.values import Limits
from maker.sandbox.watchdog import Load, excess, measure

LIMITS = Limits(memory_mib=100, processes=10, file_mib=4)


@pytest.mark.parametrize(
    ("load", "word"),
    [
        (Load(14, 200.0, 8.0), ""),
        (Load(15, 1.0), "10 processes"),
        (Load(1, 201.0), "200 MiB of memory"),
        (Load(1, 1.0, 8.5), "8 MiB of files"),
    ],
)
def test_a_limit_that_is_passed_is_named(load: Load, word: str) -> None:
    assert word in excess(load, LIMITS)
    assert bool(excess(load, LIMITS)) == bool(word)


def test_a_process_and_its_files_are_measured(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * (1 << 20))
    load = measure(os.getpid(), tmp_path)
    assert load.processes >= 1
    assert load.memory_mib > 1
    assert 1 <= load.disk_mib < 1.1


def test_a_process_that_is_gone_uses_nothing() -> None:
    assert measure(2**22 + 1) == Load(0, 0.0)
