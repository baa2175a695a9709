"""Reading and following logs."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from maker.cli.logs import Tail, follow_all, last_lines, printer
from maker.config import Config, Home

from .fakes import FakeBundle, FakeSession, bundle_status
from .support import Terminal


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "coder.log"


@pytest.fixture
def session(home: Home) -> FakeSession:
    home.log.mkdir()
    return FakeSession(FakeBundle(Config(home=home), bundle_status(home)))


def read(log: Path, limit: int | None = None) -> list[str]:
    with Tail(log) as tail:
        return last_lines(tail, limit)


def test_all_of_a_named_log_is_shown_as_it_is(home: Home, session: FakeSession, maker: Terminal) -> None:
    text = "".join(f"line {number}\n" for number in range(60))
    (home.log / "coder.log").write_text(text, encoding="utf-8")
    assert maker("logs", "coder", session=session) == (0, text, "")


def test_where_nothing_was_logged_yet_it_says_so(session: FakeSession, maker: Terminal) -> None:
    for names in ((), ("coder",)):
        assert maker("logs", *names, session=session) == (0, "", "maker: no log yet; `maker start` begins them\n")


def test_several_logs_are_told_apart_by_name(home: Home, session: FakeSession, maker: Terminal) -> None:
    for name in ("coder", "planner"):
        (home.log / f"{name}.log").write_text(f"I am {name}\n", encoding="utf-8")
    _, out, _ = maker("logs", "coder", "planner", session=session)
    assert out == "coder   | I am coder\nplanner | I am planner\n"


def test_without_a_name_each_log_shows_its_end(home: Home, session: FakeSession, maker: Terminal) -> None:
    (home.log / "coder.log").write_text("".join(f"{number}\n" for number in range(60)), encoding="utf-8")
    _, out, _ = maker("logs", session=session)
    assert [line.split(" | ")[1] for line in out.splitlines()] == [str(number) for number in range(40, 60)]


def test_a_log_cannot_command_the_terminal(home: Home, session: FakeSession, maker: Terminal) -> None:
    (home.log / "coder.log").write_bytes(b"\x1b]0;owned\x07\x1b[2Jred\r\xc2\x9b31m \xe2\x9c\x93\n")
    _, out, _ = maker("logs", "coder", session=session)
    assert out == "\\x1b]0;owned\\x07\\x1b[2Jred\\x0d\\x9b31m ✓\n"


def test_the_last_lines_reach_back_over_rotation(log: Path) -> None:
    log.write_text("5\n6\n", encoding="utf-8")
    log.with_name("coder.log.1").write_text("3\n4\n", encoding="utf-8")
    log.with_name("coder.log.2").write_text("1\n2\n", encoding="utf-8")
    log.with_name("coder.log.bak").write_text("not a log\n", encoding="utf-8")
    assert read(log) == ["1", "2", "3", "4", "5", "6"]
    assert read(log, 3) == ["4", "5", "6"]
    assert read(log, 0) == []


def test_a_log_that_is_not_there_yet_is_empty(log: Path) -> None:
    assert read(log) == []


def test_bytes_that_are_no_text_are_still_shown(log: Path) -> None:
    log.write_bytes(b"\xff\xfe ok\n")
    assert read(log) == ["\ufffd\ufffd ok"]


class Stop(Exception):
    """Ends a follow."""


def follow(log: Path, *steps: Callable[[], object]) -> list[str]:
    """What following prints while the steps happen one by one."""
    shown: list[str] = []
    remaining = list(steps)

    def wait() -> None:
        if not remaining:
            raise Stop
        remaining.pop(0)()

    with Tail(log) as tail:
        last_lines(tail, 0)
        with pytest.raises(Stop):
            follow_all([tail], lambda path, line: shown.append(line), wait=wait)
    return shown


def append(log: Path, text: str) -> Callable[[], object]:
    def write() -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(text)

    return write


def test_following_shows_only_what_is_new_and_only_whole_lines(log: Path) -> None:
    log.write_text("old\n", encoding="utf-8")
    shown = follow(log, append(log, "new\nhalf"), append(log, " and half\n"))
    assert shown == ["new", "half and half"]


def test_following_goes_on_after_rotation_and_loses_nothing(log: Path) -> None:
    log.write_text("old\n", encoding="utf-8")

    def rotate() -> None:
        append(log, "before\n")()
        log.rename(log.with_name("coder.log.1"))
        log.write_text("after\n", encoding="utf-8")

    assert follow(log, rotate, append(log, "later\n")) == ["before", "after", "later"]


def test_following_goes_on_after_the_log_was_emptied(log: Path) -> None:
    log.write_text("a long old line\n", encoding="utf-8")
    assert follow(log, lambda: log.write_text("new\n", encoding="utf-8")) == ["new"]


def test_following_waits_for_a_log_that_is_not_there_yet(log: Path) -> None:
    assert follow(log, lambda: None, append(log, "first\n")) == ["first"]


def test_a_terminal_gets_a_colour_for_each_log(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = log.with_name("mcp.log")
    printer([log, other], colour=True)(other, "hello")
    assert capsys.readouterr().out == click.unstyle(click.style("mcp   | ", fg="yellow")) + "hello\n"
