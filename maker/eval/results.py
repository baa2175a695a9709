"""What one way came to on one exercise, and the file in which it is kept so that a measurement can go on."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from maker.errors import ServiceError

FORMAT = 1
"""Raised when what is kept changes its meaning: older files are then not read."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate."""

    right: bool
    """Whether it passes the hidden test; of the flagged ones only the one that was delivered is asked."""
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
    draws: tuple[bool, ...] = ()
    """Whether each of several answers is right, where it was asked several times; `right` is then the first one's."""
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

    @property
    def share(self) -> float:
        """How often it is right: 0 or 1 where it was asked once."""
        return sum(self.draws) / len(self.draws) if self.draws else float(self.right)


def together(drawn: Sequence[Result]) -> Result:
    """Several draws of one way on one exercise as one result: their share of right ones, mean time and tokens."""
    first, *others = drawn
    if not others:
        return first
    failed = next((one for one in drawn if one.error is not None), None)
    if failed is not None:
        return failed
    return replace(
        first,
        seconds=statistics.fmean(one.seconds for one in drawn),
        tokens=round(statistics.fmean(one.tokens for one in drawn)),
        draws=tuple(one.right for one in drawn),
    )


class Kept:
    """The results of one way in one file: a line each, appended as they come; of two of one exercise the later counts.

    A line that cannot be read is passed over. A file of other settings, or of another format, is put aside.

    Raises:
        ServiceError: on opening, if the file cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        head = {"format": FORMAT, "settings": dict(settings)}
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = path.exists()
            lines = _own_lines(path, head) if kept else None
            if kept and lines is None:
                path.replace(path.with_suffix(".other"))  # nobody's results are lost for want of being understood
            self._results = {result.exercise: result for line in lines or () if (result := _result(line)) is not None}
            self._file: TextIO = path.open("a" if lines is not None else "w", encoding="utf-8")
            if lines is None:
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


def _own_lines(path: Path, head: Mapping[str, Any]) -> list[str] | None:
    """The lines of results; None where the file is not one of ours with these settings."""
    try:
        first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        if json.loads(first) != json.loads(json.dumps(head)):
            return None
    except ValueError:
        return None
    # A line without its end was cut off, and what is appended would be added to it.
    whole = [line for line in rest if line.endswith("\n")]
    if len(whole) < len(rest):
        path.write_text("".join((first, *whole)), encoding="utf-8")
    return whole


def _result(line: str) -> Result | None:
    """The result in a line; None where it cannot be read."""
    try:
        values = json.loads(line)
        rounds = tuple(
            Round(
                right=one["right"],
                accepted=one["accepted"],
                tried=tuple(Tried(**tried) for tried in one["tried"]),
                checks=one["checks"] and (one["checks"][0], one["checks"][1]),
            )
            for one in values["rounds"]
        )
        draws = tuple(values.get("draws", ()))
        return Result(**{**values, "notes": tuple(values["notes"]), "draws": draws, "rounds": rounds})
    except (ValueError, TypeError, KeyError):
        return None
