"""Commands that change the bundle exclude each other."""

import threading
from pathlib import Path

import pytest

from maker.config import Home
from maker.errors import ServiceError
from maker.services.lock import changing


@pytest.fixture
def place(tmp_path: Path) -> Home:
    (tmp_path / "run").mkdir()
    return Home(tmp_path)


def test_the_second_waits_until_the_first_is_done(place: Home) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with changing(place, within_s=10):
            order.append("second")

    with changing(place, within_s=1):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait(5)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_waiting_has_an_end_that_says_what_to_do(place: Home) -> None:
    with changing(place, within_s=1), pytest.raises(ServiceError, match="try again"), changing(place, within_s=0):
        pytest.fail("both hold the lock")
