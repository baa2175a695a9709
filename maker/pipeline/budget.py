"""A request's own budget: the mode's limits, lowered as the header `x-maker-budget` says; it can never raise one."""

import json
from typing import Any

from pydantic import ValidationError

from maker.config import Mode
from maker.errors import RequestError

HEADER = "x-maker-budget"
LOWERABLE = (
    "k",
    "max_candidates",
    "max_rounds",
    "max_steps",
    "max_inputs",
    "max_tokens",
    "wall_clock_s",
)
"""The limits of a mode that a request may lower."""


def lowered(mode: Mode, header: str | None) -> Mode:
    """The mode with the limits that the header names, each at most the mode's own; the mode itself without a header.

    The header is a JSON object, `{"k": 1, "max_candidates": 2}`, or a list, `k=1, max_candidates=2`.

    Raises:
        RequestError: it is neither, or names what cannot be lowered, or a value that is out of range.
    """
    if header is None or not header.strip():
        return mode
    asked = {name: _least(name, value, mode) for name, value in _parse(header).items()}
    try:
        return Mode.model_validate({**mode.model_dump(), **asked}, strict=True)
    except ValidationError as error:
        found = error.errors()[0]
        name, allowed = found["loc"][0], found["msg"].removeprefix("Input should be ")
        raise _wrong(f"{name} is {found['input']!r}; allowed: {allowed}") from None


def _parse(header: str) -> dict[str, Any]:
    text = header.strip()
    if not text.startswith("{"):
        return _parse_list(text)
    try:
        values = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _wrong("it is not JSON") from None
    assert isinstance(values, dict)  # what begins with a brace and parses is an object
    return values


def _parse_list(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in text.replace(";", ",").split(","))):
        name, is_pair, value = (piece.strip() for piece in item.partition("="))
        if not is_pair:
            raise _wrong(f"{item[:40]!r} is not name=value")
        values[name] = _number(value)
    return values


def _number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def _least(name: str, value: Any, mode: Mode) -> Any:
    """The value, or the mode's own where that is lower; what is no number is left for the validation to refuse."""
    if name not in LOWERABLE:
        raise _wrong(f"{name[:40]!r} is not a limit that a request may lower")
    own = getattr(mode, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return own if value > own else value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _wrong(what: str) -> RequestError:
    allowed = ", ".join(LOWERABLE)
    return RequestError(f"{HEADER}: {what}; send a JSON object or name=value pairs of {allowed}", param=HEADER)
