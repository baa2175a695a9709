"""Listening on this machine only, under Hypercorn; the orchestrators and mcp share it."""

import errno
import logging
import socket

from hypercorn.config import Config

from maker.errors import PortBusy

KEEP_ALIVE_S = 75.0
"""Longer than the pools of the clients keep an idle connection, so that they close first."""
CLOSE_S = 3.0
"""How long Hypercorn may take to close its connections on the way out."""


def settings(port: int) -> Config:
    """How Hypercorn serves the port, with both loopback sockets already listening.

    Raises:
        PortBusy: another program has the port.
    """
    chosen = Config()
    chosen.bind = [f"fd://{listening.detach()}" for listening in listen(port)]
    chosen.keep_alive_timeout = KEEP_ALIVE_S
    chosen.keep_alive_max_requests = 1_000_000
    chosen.graceful_timeout = CLOSE_S
    chosen.include_server_header = False
    chosen.accesslog = None
    chosen.errorlog = logging.getLogger("hypercorn.error")
    return chosen


def listen(port: int) -> list[socket.socket]:
    """Both loopback addresses, because `localhost` may mean either; ::1 is left out where the machine has no IPv6.

    Raises:
        PortBusy: another program has the port.
    """
    listening: list[socket.socket] = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            listening.append(socket.create_server((address, port), family=family, backlog=128))
        except OSError as error:
            if family is socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                continue
            for opened in listening:
                opened.close()
            sentence = f"port {port} cannot be used ({error.strerror}); stop the program that has it"
            raise PortBusy([f"{sentence}, or change the port in maker.toml"]) from error
    return listening
