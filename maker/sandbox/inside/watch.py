"""Watching one input: what comes back, what is printed, and the two clocks it may run against."""

import os
import select
import time
from collections.abc import Iterable, Sequence

POLL_S = 0.05
LIFELINE = 0
"""The descriptor the job came from stays open as long as somebody waits. The kernel's own way to tell of a parent's
death does not reach a process that has become another user."""
PATIENCE = 3
"""How much longer than its CPU time an input may take on the clock: a busy machine must not fail a right answer."""


class Seen:
    """What was read while an input ran; `verdict` is set where it was cut short."""

    def __init__(self) -> None:
        self.reply = bytearray()
        self.output = bytearray()
        self.verdict = ""

    def body(self) -> bytes | None:
        """The body of the reply's frame, once it is complete."""
        length = int.from_bytes(self.reply[:4], "big")
        return (
            bytes(self.reply[4 : 4 + length]) if 4 <= 4 + length <= len(self.reply) and len(self.reply) >= 4 else None
        )


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds used so far by those processes that are still there; 0 where the system does not tell."""
    total = 0.0
    for pid in pids:
        try:
            total += time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) returns on Linux
        except (OSError, OverflowError):
            continue
    return total


def watch(reply: int, output: int, pids: Sequence[int], *, seconds: float, until: float, most: int) -> Seen:
    """Read until the reply is complete or ended, or a limit is passed: CPU seconds, the clock, or bytes printed."""
    seen = Seen()
    begun, used = time.monotonic(), cpu_s(pids)
    poll = select.poll()
    poll.register(reply, select.POLLIN)
    poll.register(output, select.POLLIN)
    poll.register(LIFELINE, 0)
    while seen.body() is None and not seen.verdict:
        events = dict(poll.poll(POLL_S * 1000))
        if LIFELINE in events:
            os._exit(1)
        if output in events and not _take(output, seen.output):
            poll.unregister(output)
        if reply in events and not _take(reply, seen.reply):
            break
        now = time.monotonic()
        if len(seen.output) > most or len(seen.reply) > most:
            seen.verdict = "too long"
        elif now > until or now - begun > PATIENCE * seconds or cpu_s(pids) - used > seconds:
            seen.verdict = "timed out"
    drain(output, seen.output, most)
    if len(seen.output) > most:
        seen.verdict = "too long"
    return seen


def _take(fd: int, into: bytearray) -> bool:
    """Read what is there; false at the end."""
    try:
        part = os.read(fd, 65536)
    except OSError:
        return False
    into += part
    return bool(part)


def drain(fd: int, into: bytearray, most: int) -> None:
    """Read what has been printed up to now, but not for ever."""
    while len(into) <= most and select.select([fd], [], [], 0)[0] and _take(fd, into):
        continue
