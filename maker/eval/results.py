"""What one way came to on one exercise, and the file in which it is kept so that a measurement can go on."""

import fcntl
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
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
        ServiceError: on opening, if the file cannot be written, or somebody else writes it now.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        head = {"format": FORMAT, "settings": dict(settings)}
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _locked(path)
            lines = _own_lines(self._file, head)
            if lines is None:
                if self._file.tell():
                    path.replace(_aside(path))  # nobody's results are lost for want of being understood
                    self._file.close()
                    self._file = _locked(path)
                self._write(head)
        except OSError as error:
            raise ServiceError(f"{path}: results cannot be kept there: {error.strerror}; give --out DIR") from error
        self._results = {result.exercise: result for line in lines or () if (result := _result(line)) is not None}

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


def _locked(path: Path) -> TextIO:
    """The file, open to be read and added to, until it is closed by nobody else.

    Raises:
        ServiceError: somebody else has it.
        OSError: it cannot be opened.
    """
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise ServiceError(
            f"{path}: another `maker eval run` or `maker calibrate` writes its results there now; "
            "wait until it is over, or give --out DIR"
        ) from error
    return file


def _aside(path: Path) -> Path:
    """Where nothing was put yet."""
    names = (path.with_suffix(f".other{number}") for number in count(1))
    return next(name for name in names if not name.exists())


def _own_lines(file: TextIO, head: Mapping[str, Any]) -> list[str] | None:
    """The lines of results; None where the file is empty or not one of ours with these settings."""
    file.seek(0)
    try:
        first, *rest = file.read().splitlines(keepends=True) or [""]
        if json.loads(first) != json.loads(json.dumps(head)):
            return None
    except ValueError:
        file.seek(0, os.SEEK_END)
        return None
    # A line without its end was cut off, and what is appended would be added to it.
    whole = [line for line in rest if line.endswith("\n")]
    if len(whole) < len(rest):
        file.truncate(len("".join((first, *whole)).encode()))
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
