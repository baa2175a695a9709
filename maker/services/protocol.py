"""supervisord's event listener protocol on a pair of byte streams (http://supervisord.org/events.html)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type in supervisord's words, what it says as key and value, and its data if it carries any."""

    name: str
    values: dict[str, str]
    data: str = ""


def serve_events(source: BinaryIO, sink: BinaryIO, handle: Callable[[Event], None]) -> None:
    """Hand over every event until supervisord closes the stream; `handle` must return at once, supervisord waits."""
    while True:
        sink.write(b"READY\n")
        sink.flush()
        header = parse_pairs(source.readline().decode())
        if "len" not in header:
            return
        handle(_event(header["eventname"], source.read(int(header["len"])).decode("utf-8", errors="replace")))
        sink.write(b"RESULT 2\nOK")
        sink.flush()


def parse_pairs(line: str) -> dict[str, str]:
    """Pairs of key and value, each joined by a colon and set off by spaces."""
    pairs = (token.partition(":") for token in line.split())
    return {key: value for key, colon, value in pairs if colon}


def _event(name: str, payload: str) -> Event:
    first, _, rest = payload.partition("\n")
    return Event(name, parse_pairs(first), rest)
