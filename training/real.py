"""What the trained models really do on training tasks, kept in two files beside the checkpoints."""

from functools import cache
from pathlib import Path

from training import live, review, written
from training.roles import Real

RUNS, TESTS = "live.jsonl", "written.jsonl"


def make(folder: Path, part: float, seed: int) -> None:
    """Write the files that are not there yet, by the models' 8-bit forms in the folder."""
    if not (folder / TESTS).exists():
        written.make(folder / "tester-q8_0.gguf", round(written.TASKS * part), seed, folder / TESTS)
    if not (folder / RUNS).exists():
        live.make(folder, round(live.TASKS * part), seed, folder / RUNS)


@cache
def kept(folder: Path, seed: int) -> Real:
    """What the files hold."""
    return Real(review.kept(folder / RUNS), written.kept(folder / TESTS, seed))
