"""Reasons found in logs."""

from pathlib import Path

import pytest

from maker.services.reason import explain, last_error


def log_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "coder.log"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_last_line_that_speaks_of_an_error_is_the_reason(tmp_path: Path) -> None:
    log = log_of(tmp_path, "loading\nerror: first\nload_model: failed to load\n\x1b[31mcleaning up\x1b[0m\n\n")
    assert last_error(log) == "load_model: failed to load"


def test_without_an_error_the_last_line_is_the_reason(tmp_path: Path) -> None:
    assert last_error(log_of(tmp_path, "one\n\x1b]52;c;evil\x07two\n")) == "]52;c;eviltwo"


def test_makers_own_last_sentence_is_the_reason_and_says_enough(tmp_path: Path) -> None:
    log = log_of(tmp_path, "error: of an earlier start\nmaker: engine 'x' is not installed here; install it\n")
    assert explain(log) == "engine 'x' is not installed here; install it"
    log = log_of(tmp_path, "maker: engine 'x' is not installed here; install it\nready\nkaputt\n")
    assert explain(log) == f"kaputt (look at {log})"


def test_a_log_that_is_empty_or_absent_is_named(tmp_path: Path) -> None:
    assert explain(log_of(tmp_path, "")) == f"it ended and left no word; look at {tmp_path / 'coder.log'}"
    assert "look at" in explain(tmp_path / "none.log")


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8002", "its port is taken"),
        ("OSError: [Errno 98] error while attempting to bind: Address already in use", "its port is taken"),
        ("tensor 'a' data is not within the file bounds, model is corrupted or incomplete", "fetch it again"),
        ("ggml_backend_metal: error: kIOGPUCommandBufferCallbackErrorOutOfMemory", "not enough memory"),
        ("os error 24: Too many open files", "minfds"),
        ("write error: No space left on device", "the disk is full"),
        ("ModuleNotFoundError: No module named 'quart'", "install maker again"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "belongs to another user"),
        ("error: something nobody has seen", "look at "),
    ],
)
def test_known_errors_come_with_advice(tmp_path: Path, line: str, advice: str) -> None:
    said = explain(log_of(tmp_path, f"{line}\n"))
    assert said.startswith(line) and advice in said


def test_what_supervisord_says_about_executing_comes_first(tmp_path: Path) -> None:
    assert explain(log_of(tmp_path, "error: old"), "can't find command 'x'").startswith("can't find command 'x'")


def test_only_the_end_of_a_long_log_is_read_and_long_lines_are_cut(tmp_path: Path) -> None:
    log = log_of(tmp_path, "error: long ago\n" + "x" * 40_000)
    assert last_error(log) == "x" * 200 + "..."
