"""What one way came to on one exercise, and the file in which it is kept so that a measurement can go on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from maker.errors import ServiceError

FORMAT = 1
"""Raised when what is kept changes its meaning: older files are then not read."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate."""

    right: bool
    """Whether it passes the hidden test; a flagged one is not asked."""
    flagged: bool
    signature: str


@dataclass(frozen=True, slots=True)
class Round:
    """One vote on a run's one step, and what the validator said of its winner."""

    right: bool
    """Whether the winner passes the hidden test."""
    accepted: bool | None
    """The verdict; None where there is none."""
    tried: tuple[Tried, ...]
    checks: tuple[int, int] | None = None
    """Of the tester's checks, how many a right candidate passed, and how many there are; None without a right one."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one way came to on one exercise."""

    exercise: str
    """The key of the exercise."""
    id: str
    right: bool
    seconds: float
    tokens: int
    """Of prompts and answers, all roles together."""
    samples: int = 1
    flagged: int = 0
    error: str | None = None
    kind: str | None = None
    """What the run took the request for; None where one model was asked."""
    voted: bool = False
    """Whether there was a vote; the next four are of the answer that was delivered."""
    converged: bool = False
    margin: int = 0
    confidence: float = 0.0
    accepted: bool | None = None
    notes: tuple[str, ...] = ()
    """What the run says it left out or could not have."""
    rounds: tuple[Round, ...] = ()
    """Of a run with one step."""


class Kept:
    """The results of one way in one file: a line each, appended as they come.

    Raises:
        ServiceError: on opening, if the file cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, fresh: bool = False) -> None:
        head = {"format": FORMAT, "settings": dict(settings)}
        self._results = {} if fresh else _read(path, head)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file: TextIO = path.open("a" if self._results else "w", encoding="utf-8")
            if not self._results:
                self._write(head)
        except OSError as error:
            raise ServiceError(f"{path}: results cannot be kept there: {error.strerror}; give --out DIR") from error

    def get(self, exercise: str) -> Result | None:
        """The result of the exercise with that key, if there is one."""
        return self._results.get(exercise)

    def add(self, result: Result) -> None:
        """Keep one; it is on its way to the disk when this returns."""
        self._results[result.exercise] = result
        self._write(asdict(result))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, value: Mapping[str, Any]) -> None:
        self._file.write(f"{json.dumps(value)}\n")
        self._file.flush()


def _read(path: Path, head: Mapping[str, Any]) -> dict[str, Result]:
    """The results in the file; none where it is not one of ours. A last line that was cut off is passed over."""
    try:
        first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if json.loads(first) != json.loads(json.dumps(head)):
            return {}
        # A line without its end was cut off, and what is appended would be added to it.
        whole = [line for line in rest if line.endswith("\n")]
        if len(whole) < len(rest):
            path.write_text("".join((first, *whole)), encoding="utf-8")
        found = [_result(json.loads(line)) for line in whole]
        return {result.exercise: result for result in found}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _result(values: dict[str, Any]) -> Result:
    rounds = tuple(
        Round(
            right=one["right"],
            accepted=one["accepted"],
            tried=tuple(Tried(**tried) for tried in one["tried"]),
            checks=one["checks"] and (one["checks"][0], one["checks"][1]),
        )
        for one in values["rounds"]
    )
    return Result(**{**values, "notes": tuple(values["notes"]), "rounds": rounds})
