"""JSON objects over a file descriptor, each behind its length in four bytes. What comes from a candidate is data."""

import json
import os
from typing import Any

MAX_FRAME = 32 * 1024 * 1024


class Broken(BaseException):
    """The other end is gone, or what it sent is not a frame; a BaseException so that no test can swallow it."""


def read_exactly(fd: int, count: int) -> bytes:
    """That many bytes.

    Raises:
        Broken: the stream ended before.
    """
    parts = []
    while count:
        try:
            part = os.read(fd, min(count, 1 << 20))
        except OSError:
            raise Broken from None
        if not part:
            raise Broken
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def parse(body: bytes) -> dict[str, Any]:
    """The object in a frame's body.

    Raises:
        Broken: it is not one.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Broken from None
    if not isinstance(value, dict):
        raise Broken
    return value


def read_frame(fd: int, limit: int = MAX_FRAME) -> dict[str, Any]:
    """The next frame.

    Raises:
        Broken: the stream ended, the frame is longer than `limit` bytes or is no JSON object.
    """
    length = int.from_bytes(read_exactly(fd, 4), "big")
    if length > limit:
        raise Broken
    return parse(read_exactly(fd, length))


def render(value: dict[str, Any]) -> bytes:
    """The frame of an object."""
    body = json.dumps(value).encode("ascii")
    return len(body).to_bytes(4, "big") + body


def write_frame(fd: int, value: dict[str, Any]) -> None:
    """Write one frame.

    Raises:
        Broken: nobody reads any more.
    """
    data = memoryview(render(value))
    while data:
        try:
            data = data[os.write(fd, data) :]
        except OSError:
            raise Broken from None
