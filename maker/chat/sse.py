"""Server-sent events as bytes, both directions, without I/O (https://html.spec.whatwg.org, "Server-sent events").

Lines end at CR, LF or CRLF and nowhere else: U+2028 and its like are text.
"""

import json
import re
from collections.abc import Mapping

MAX_EVENT_BYTES = 4 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"

DONE = b"data: [DONE]\n\n"
"""The last event of an OpenAI stream that went well."""


def frame(value: object) -> bytes:
    """One event whose data is the value as JSON.

    Everything beyond ASCII is escaped: clients that split lines at U+2028 see none, and half a surrogate pair, which
    some servers send at the end of a delta, passes on to a client that joins the halves.
    """
    return b"data: " + json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n\n"


def named(value: Mapping[str, object]) -> bytes:
    """One event that is also named on a line of its own, as its `type`: some clients go by that."""
    return b"event: " + str(value["type"]).encode("ascii") + b"\n" + frame(value)


def comment(text: str) -> bytes:
    """A comment, which clients skip. Never ` ping`: Continue drops what follows it in the same network read."""
    return b": " + " ".join(text.split()).encode() + b"\n\n"


KEEP_ALIVE = comment("keep-alive")


class Decoder:
    """Takes bytes as they come from the network and gives the data of each event once it is complete."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._line: list[bytes] = []
        self._data: list[str] = []
        self._size = 0
        self._after_cr = False
        self._first_line = True

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that this piece completes.

        Raises:
            ValueError: an event is longer than allowed; the stream cannot be read on.
        """
        if not chunk:
            return []
        rest = chunk[1:] if self._after_cr and chunk[:1] == b"\n" else chunk
        self._after_cr = rest.endswith(b"\r")
        *ended, begun = _LINE_END.split(rest)
        events = []
        for part in ended:
            self._grow(part)
            event = self._end_line()
            if event is not None:
                events.append(event)
        self._grow(begun)
        return events

    def _grow(self, part: bytes) -> None:
        self._line.append(part)
        self._size += len(part)
        if self._size > self._max:
            raise ValueError(f"an event is longer than {self._max} bytes")

    def _end_line(self) -> str | None:
        """Take the line that just ended; the event's data if it was the blank line that ends an event."""
        line = b"".join(self._line)
        self._line.clear()
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._end_event()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" ").decode("utf-8", errors="replace"))
        elif not self._data:
            # Comments and fields we do not read count only while they are read: a stream of pings may be endless.
            self._size = 0
        return None

    def _end_event(self) -> str | None:
        data = "\n".join(self._data) if self._data else None
        self._data.clear()
        self._size = 0
        return data
