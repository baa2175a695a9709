"""One change at a time: starting, stopping and restarting exclude each other across processes."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from maker.config import Home
from maker.errors import ServiceError


@contextmanager
def changing(home: Home, *, within_s: float) -> Iterator[None]:
    """Hold run/lock; the kernel frees it if this process dies.

    Raises:
        ServiceError: another command holds it for longer than `within_s` seconds.
    """
    descriptor = os.open(home.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, time.monotonic() + within_s)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, end: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise ServiceError(
                    "another maker command is still starting or stopping; try again when it is done"
                ) from None
            time.sleep(0.05)
        else:
            return
