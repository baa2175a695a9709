import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import wait_until

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "hanoi.py"
TALL = ("--disks", "17", "--every", "500")


@pytest.fixture(scope="module")
def hanoi() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hanoi", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["hanoi"] = module
    spec.loader.exec_module(module)
    return module


def command(checkpoint: Path, *options: str) -> list[str]:
    return [sys.executable, str(SCRIPT), "--checkpoint", str(checkpoint), *options]


def finished(checkpoint: Path, *options: str) -> dict[str, object]:
    ended = subprocess.run(command(checkpoint, *options), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    result: dict[str, object] = json.loads(ended.stdout)
    return result


@pytest.mark.processes
def test_a_run_killed_in_the_middle_ends_in_the_same_result(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole.json", *TALL)
    cut = tmp_path / "cut.json"
    with subprocess.Popen(command(cut, *TALL), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(cut.exists, within_s=30, why="a first checkpoint")
        process.kill()
        assert process.wait(timeout=10) == -9
    assert 0 < json.loads(cut.read_text())["run"]["step"] < 2**17 - 1
    assert finished(cut, *TALL) == whole
    assert not cut.exists()
    assert whole["solved"] is True
    assert whole["steps"] == 2**17 - 1


@pytest.mark.parametrize("disks", [1, 2, 3, 6, 7])
def test_the_strategy_moves_a_tower_of_any_height_by_legal_moves(hanoi: ModuleType, disks: int) -> None:
    run, rng = hanoi.begin(disks, seed=1)
    while run.step < run.steps:
        hanoi.advance(run, rng, 9, run.step + 1)
        assert all(peg == sorted(peg, reverse=True) for peg in run.pegs)
    assert run.pegs == [[], [], list(range(disks, 0, -1))]
    assert run.wrong == []


def test_steps_elected_wrong_are_counted(hanoi: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanoi, "ERROR_RATE", 1.0)
    run, rng = hanoi.begin(3, seed=1)
    hanoi.advance(run, rng, 2, run.steps)
    assert run.wrong == list(range(7))
    assert run.samples == 14
    monkeypatch.undo()
    assert hanoi.report(run, 2)["wrong_steps"] == 7


def test_a_checkpoint_of_another_run_is_not_gone_on_from(hanoi: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "hanoi.json"
    run, rng = hanoi.begin(5, seed=1)
    hanoi.advance(run, rng, 3, 9)
    hanoi.save(path, run, rng)
    resumed, state = hanoi.resume(path, 5, 1)
    assert (resumed, state.getstate()) == (run, rng.getstate())
    assert hanoi.resume(path, 6, 1)[0].step == 0
    assert hanoi.resume(path, 5, 2)[0].step == 0
    assert isinstance(state, random.Random)
