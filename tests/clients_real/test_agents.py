"""opencode, Codex and Claude Code against maker, with the configuration that `maker connect` writes."""

from collections.abc import Callable

import pytest

from tests.clients_real.client import Command, Room
from tests.clients_real.commands import claude_code, codex, opencode
from tests.clients_real.stage import MODES, Stage, call

pytestmark = [pytest.mark.full, pytest.mark.processes, pytest.mark.timeout(600)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("start", [opencode, codex])
def test_both_modes_answer(stage: Stage, room: Room, start: Callable[[str, str], Command], mode: str) -> None:
    room.maker(stage.home, "connect", start.__name__)
    stage.play("The answer is forty-two.")
    done = room.run(start(mode, "What is the answer?"))
    assert done.code == 0, done.err
    assert "The answer is forty-two." in done.out


def test_claude_code_is_answered_by_high_mode(stage: Stage, room: Room) -> None:
    room.maker(stage.home, "connect", "claude-code")
    stage.play("The answer is forty-two.")
    done = room.run(claude_code("What is the answer?"))
    assert done.code == 0, done.out + done.err
    assert done.out.strip() == "The answer is forty-two."


def test_claude_code_is_answered_by_low_mode_where_the_environment_says_so(stage: Stage, room: Room) -> None:
    stage.play("The answer is forty-two.")
    low = {"ANTHROPIC_BASE_URL": stage.url("low", ""), "ANTHROPIC_AUTH_TOKEN": "local", "ANTHROPIC_MODEL": "maker-low"}
    done = room.run(claude_code("What is the answer?", **low))
    assert done.code == 0, done.out + done.err
    assert done.out.strip() == "The answer is forty-two."


def _opencode(prompt: str) -> Command:
    return opencode("high", prompt)


def _codex(prompt: str) -> Command:
    return codex("high", prompt)


def _claude_code(prompt: str) -> Command:
    return claude_code(prompt, "--allowedTools", "Read")


@pytest.mark.parametrize(
    ("client", "start", "tool", "argument"),
    [
        ("opencode", _opencode, "read", "filePath"),
        ("codex", _codex, "exec_command", "cmd"),
        ("claude-code", _claude_code, "Read", "file_path"),
    ],
)
def test_a_tool_is_called_and_its_result_comes_back(
    stage: Stage, room: Room, client: str, start: Callable[[str], Command], tool: str, argument: str
) -> None:
    file = room.project / "a.txt"
    file.write_text("seven\n", encoding="utf-8")
    room.maker(stage.home, "connect", client)
    stage.play(call(tool, **{argument: f"cat {file}" if argument == "cmd" else str(file)}), "It says so.")
    done = room.run(start("What does a.txt say?"))
    assert done.code == 0, done.out + done.err
    assert "It says so." in done.out
    assert "seven" in stage.tool_results()
