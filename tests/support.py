"""What several test modules need: free ports, a MAKER_HOME of their own, and waiting with a bound."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from maker import config

SERVICES = (*config.ROLES, "orchestrator-high", "orchestrator-low", "mcp", "redis", "qdrant", "phoenix")


def free_ports(count: int) -> list[int]:
    """Distinct ports that nothing listens on, on either loopback address, at this moment."""
    sockets = []
    try:
        while len(sockets) < count:
            held = socket.socket()
            held.bind(("127.0.0.1", 0))
            sockets.append(held)
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()


def write_toml(home: config.Home, extra: str = "", **top: str) -> config.Config:
    """Write a maker.toml with a free port for every service, `top` keys first and `extra` sections last; load it."""
    lines = [f"{key} = {value}" for key, value in top.items()]
    lines += ["[ports]", *(f"{name} = {port}" for name, port in zip(SERVICES, free_ports(12), strict=True)), extra]
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.toml.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config.load(home)


def wait_until(what: Callable[[], object], *, within_s: float, why: str) -> None:
    """Ask `what` until it is true; fail with `why` after `within_s` seconds."""
    end = time.monotonic() + within_s
    while not what():
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s} s: {why}")
        time.sleep(0.02)


def tail(path: Path, lines: int = 30) -> str:
    """The end of a log, for the message of a failed test."""
    return (
        "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        if path.exists()
        else f"no {path}"
    )
