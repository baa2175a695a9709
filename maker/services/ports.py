"""Who listens on which port of this machine, so that a port is never fought over."""

import errno
import socket
from collections.abc import Callable, Collection, Iterable

import psutil

from maker.services.spec import ServiceSpec

_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def is_free(port: int) -> bool:
    """Whether a server of ours could have the port: on both loopback addresses nothing answers and a bind works."""
    return not any(
        _answers(family, address, port) or not _binds(family, address, port) for family, address in _LOOPBACKS
    )


def conflicts(services: Iterable[ServiceSpec], ours: Callable[[], Collection[int]]) -> list[str]:
    """One sentence for each service whose port belongs to another program; `ours` tells the pids that do not count."""
    busy = [spec.port for spec in services if not is_free(spec.port)]
    if not busy:
        return []
    pids, owners = ours(), owners_of(frozenset(busy))
    # A port without an owner belongs to another user, or its owner has gone meanwhile.
    strangers = [port for port in busy if (owners[port].pid not in pids if port in owners else not is_free(port))]
    return [_sentence(port, owners.get(port)) for port in strangers]


def owners_of(ports: frozenset[int]) -> dict[int, psutil.Process]:
    """The processes that listen on the ports; those of other users stay unknown unless we are root."""
    found: dict[int, psutil.Process] = {}
    # Process by process: the view of the whole system needs root on macOS.
    for process in psutil.process_iter() if ports else ():
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports:
                found.setdefault(connection.laddr.port, process)
    return found


def _sentence(port: int, owner: psutil.Process | None) -> str:
    who = "another user's program" if owner is None else f"pid {owner.pid} ({_command_line(owner)})"
    return f"port {port} is taken by {who}; stop it, or move maker with `maker init --port-offset N`"


def _command_line(process: psutil.Process) -> str:
    try:
        line = " ".join(process.cmdline())[:120] or process.name()
    except psutil.Error:
        return "ended meanwhile"
    # Another program chose these characters; none of them may steer the terminal.
    return "".join(character if character.isprintable() else "?" for character in line)


def _answers(family: int, address: str, port: int) -> bool:
    # On macOS a bind to one address succeeds though another program listens on all of them; connecting tells.
    try:
        with socket.socket(family) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((address, port)) == 0
    except OSError:
        return False


def _binds(family: int, address: str, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            # As servers do it: what a connection left behind (TIME_WAIT) is no reason to refuse.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        # Anything else, such as a machine without IPv6, is for the server itself to report.
        return error.errno != errno.EADDRINUSE
    return True
