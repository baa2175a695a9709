"""What long work shows."""

import io

import pytest
from rich.console import Console

from maker.cli.progress import Steps
from maker.cli.terminal import console


def test_without_a_terminal_each_file_is_a_line() -> None:
    out = io.StringIO()
    with Steps(Console(file=out)).files("making") as report:
        report("a.gguf", 0, 2)
        report("b.gguf", 1, 2)
        report("", 2, 2)
    assert out.getvalue() == "making a.gguf (1 of 2)\nmaking b.gguf (2 of 2)\n"


def test_at_a_terminal_it_is_a_bar_that_goes_away() -> None:
    out = io.StringIO()
    with Steps(Console(file=out, force_terminal=True, width=80)).files("making") as report:
        report("a.gguf", 0, 2)
        report("", 2, 2)
    assert "0/2" in out.getvalue() or "2/2" in out.getvalue()
    assert "(1 of 2)" not in out.getvalue()


def test_what_is_no_terminal_has_no_width_to_fit() -> None:
    assert console().width == 1000


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert console().no_color
