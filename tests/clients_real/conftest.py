"""One maker for all tests of clients; a home and a project of its own for each test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker.config import Home
from tests.clients_real.client import Room
from tests.clients_real.stage import Stage, open_stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    user = Room.below(tmp_path_factory.mktemp("user"))
    with (
        tempfile.TemporaryDirectory(prefix="mk-", dir="/tmp") as folder,
        open_stage(Home(Path(folder)), user) as running,
    ):
        yield running


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room.below(tmp_path)
