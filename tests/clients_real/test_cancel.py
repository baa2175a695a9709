"""Ctrl-C in a client, in the middle of an answer: nothing goes on for nobody."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.clients_real.client import Command, Room
from tests.clients_real.commands import aider, claude_code, codex, continue_high, opencode
from tests.clients_real.stage import Stage
from tests.support import wait_until

pytestmark = [pytest.mark.full, pytest.mark.processes, pytest.mark.timeout(600)]

FREE_S = 2.0
LEAVES_S = 30.0
CLIENTS: dict[str, Callable[[str], Command]] = {
    "continue": continue_high,
    "opencode": lambda prompt: opencode("high", prompt),
    "codex": lambda prompt: codex("high", prompt),
    "claude-code": claude_code,
    "aider": aider,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_ctrl_c_frees_every_slot(stage: Stage, room: Room, client: str) -> None:
    room.maker(stage.home, "connect", client)
    counting = "One two three four five six seven."
    stage.play(counting, without_tools=counting)
    stage.models.behave("coder", stall_at=2, ping_s=0.1)
    with room.start(CLIENTS[client]("Count")) as running:
        wait_until(lambda: stage.coder.open and stage.slots_held(), within_s=60, why="the coder writes")
        interrupt(running)
        # How fast a client is to leave is its own affair; from there on it is maker's.
        wait_until(lambda: running.poll() is not None or free(stage), within_s=LEAVES_S, why=f"{client} leaves")
        wait_until(lambda: free(stage), within_s=FREE_S, why="all slots are free")
    wait_until(lambda: stage.runs("high")[0]["status"] == "cancelled", within_s=FREE_S, why="the run says so")


def free(stage: Stage) -> bool:
    """Whether nothing is generated and no slot is held."""
    return not stage.coder.open and not stage.slots_held()


def interrupt(running: "subprocess.Popen[str]") -> None:
    """What a terminal does: every process of the group is told."""
    os.killpg(running.pid, signal.SIGINT)
