"""The file of recorded samples: programming problems with what a model answered to each."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from maker.errors import RequestError

Name = Annotated[str, StringConstraints(min_length=1)]


class Problem(BaseModel):
    """One problem. Other fields of its line are not read."""

    model_config = ConfigDict(frozen=True, strict=True)

    task_id: Name
    prompt: Name
    """The beginning of a module, up to where the function's body starts."""
    entry_point: Name
    """The function's name."""
    test: Name
    """The hidden test: defines `check(candidate)`. It scores what was chosen; no rule sees it."""
    samples: tuple[str, ...]
    """Bodies that the model wrote, each to be put behind the prompt."""
    generated_tests: tuple[str, ...]
    """What the model wrote behind the word `assert` when it was asked for tests."""


def load(path: Path) -> tuple[Problem, ...]:
    """Read a file of one JSON object a line; gzip where it is compressed.

    Raises:
        RequestError: it cannot be read, a line is not a problem, or two have one id; names the line.
    """
    problems: dict[str, Problem] = {}
    for number, line in lines(path):
        problem = _parse(line, f"{path}: line {number}")
        if problem.task_id in problems:
            raise _refusal(f"{path}: line {number}: a second problem with the task_id {problem.task_id!r}; remove one")
        problems[problem.task_id] = problem
    if not problems:
        raise _refusal(f"{path}: no problems in it; expected one JSON object a line")
    return tuple(problems.values())


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not empty, with their numbers; gzip where it is compressed.

    Raises:
        RequestError: it cannot be read; says after which line.
    """
    number = 0
    try:
        with path.open("rb") as raw:  # once: it may be a pipe
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            plain = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(plain, encoding="utf-8-sig") as text:
                for number, line in enumerate(text, 1):
                    if line.strip():
                        yield number, line.rstrip("\r\n")
    except FileNotFoundError:
        raise _refusal(f"{path}: no such file; name a file of one JSON object a line (.jsonl or .jsonl.gz)") from None
    except IsADirectoryError:
        raise _refusal(f"{path}: is a folder; name a file of one JSON object a line (.jsonl or .jsonl.gz)") from None
    except (OSError, EOFError, zlib.error) as error:
        raise _refusal(f"{path}: cannot be read after line {number}: {error}") from error
    except UnicodeDecodeError as error:
        raise _refusal(f"{path}: not UTF-8 after line {number}: {error.reason}") from error


def _parse(line: str, where: str) -> Problem:
    try:
        return Problem.model_validate_json(line)
    except ValidationError as error:
        raise _refusal(sentence(error, where)) from error


def sentence(error: ValidationError, where: str) -> str:
    """The first thing that is wrong with a line, in one sentence."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    # A line is one line: where in it is the column alone.
    message = str(first["msg"]).replace(" at line 1 column ", " at column ")
    return f"{where}: {field + ': ' if field else ''}{message[:1].lower()}{message[1:]}"


def _refusal(said: str) -> RequestError:
    return RequestError(said, param="data")
