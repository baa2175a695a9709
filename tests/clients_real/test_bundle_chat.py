"""Continue's command line against a whole running bundle: supervisord, six real model servers, everything."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker.config import Home
from tests.clients_real.client import Room
from tests.clients_real.commands import continue_high, continue_low
from tests.support import write_toml

pytestmark = [pytest.mark.full, pytest.mark.processes, pytest.mark.timeout(600)]

# The client's own instructions and tools are longer than a slot of the tiny profile.
EXTRA = "[phoenix]\nenabled = false\n" + "".join(
    f"[roles.{role}]\ncontext = 32768\n" for role in ("planner", "coder", "reviewer", "gpt-oss")
)


@pytest.fixture
def bundle(room: Room) -> Iterator[Home]:
    root = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
    home = Home(root)
    write_toml(home, EXTRA)
    room.maker(home, "init", "--yes", "--no-phoenix", "--no-link")
    try:
        room.maker(home, "start", "all", "--wait", "--timeout", "170")
        yield home
    finally:
        room.maker(home, "stop")
        shutil.rmtree(root, ignore_errors=True)


def test_both_modes_answer_a_chat(bundle: Home, room: Room) -> None:
    for command in (continue_high("Say hello"), continue_low("Say hello", bundle.root)):
        done = room.run(command)
        assert done.code == 0, done.err
        assert done.out.strip()
