"""What samples did when they were run, kept on disk by what was run: other draws of the same samples run nothing."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from maker.sandbox.values import Call, Trial

FORMAT = 3
"""Raised when what is kept, or how a sample is run, changes its meaning: older files are then not read."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one sample did."""

    results: tuple[str | None, ...]
    """For each input what stands for the value that was returned; None where none was."""
    passed: tuple[bool, ...]
    """For each test."""
    right: bool
    """Whether it passes the hidden test."""


class Shelf:
    """The records of one problem: a mapping by sample, written back when its context is left, however that happens."""

    def __init__(self, path: Path, records: dict[str, Record]) -> None:
        self._path = path
        self._records = records
        self._changed = False

    @classmethod
    def open(cls, below: Path, name: str, trial: Trial) -> Self:
        """The records kept for samples of the problem `name`, tried as `trial` is but for what they add to its source.

        With the name, two problems that are the same but for it have a file each.
        """
        path = below / f"{_digest(json.dumps([FORMAT, name, _tried(trial)], default=str))}.json"
        return cls(path, _read(path))

    def __contains__(self, sample: str) -> bool:
        return _digest(sample) in self._records

    def __getitem__(self, sample: str) -> Record:
        return self._records[_digest(sample)]

    def __setitem__(self, sample: str, record: Record) -> None:
        short = tuple(value and _digest(value) for value in record.results)
        self._records[_digest(sample)] = Record(short, record.passed, record.right)
        self._changed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._changed:
            _write(self._path, self._records)
            self._changed = False


def _tried(trial: Trial) -> dict[str, object]:
    """What distinguishes one recorded problem's trial from another's; a new setting that none of them uses does not."""
    inputs = [
        {"expression": item.expression} if isinstance(item, Call) else {"code": item.code} for item in trial.inputs
    ]
    return {
        "language": trial.language,
        "source": trial.source,
        "inputs": inputs,
        "entry": trial.entry,
        "limits": asdict(trial.limits),
        "mounts": trial.mounts,
    }


def _read(path: Path) -> dict[str, Record]:
    """The records in the file; none where there is no file, or where it is not one of ours."""
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
        return {
            sample: Record(tuple(results), tuple(mark == "1" for mark in passed), bool(right))
            for sample, (results, passed, right) in kept.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write(path: Path, records: dict[str, Record]) -> None:
    """Write the file; a reader sees the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {
        sample: [record.results, "".join("01"[mark] for mark in record.passed), record.right]
        for sample, record in records.items()
    }
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(kept), encoding="ascii")
    partial.replace(path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
