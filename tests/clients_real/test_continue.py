"""Continue's command line against maker, with the configuration that `maker init` and `maker connect` write."""

import pytest

from maker.config import ROLES
from maker.tools import registry
from tests.clients_real.client import Command, Done, Room
from tests.clients_real.commands import continue_high, continue_low
from tests.clients_real.stage import MODES, Stage, call

pytestmark = [pytest.mark.full, pytest.mark.processes, pytest.mark.timeout(600)]


def cn(stage: Stage, room: Room, mode: str, prompt: str, *words: str) -> Done:
    room.maker(stage.home, "connect", "continue")
    return room.run(_command(stage, mode, prompt, *words))


def _command(stage: Stage, mode: str, prompt: str, *words: str) -> Command:
    return continue_high(prompt, *words) if mode == "high" else continue_low(prompt, stage.home.root, *words)


@pytest.mark.parametrize("mode", MODES)
def test_both_modes_answer_a_chat(stage: Stage, room: Room, mode: str) -> None:
    stage.play("The answer is forty-two.")
    done = cn(stage, room, mode, "What is the answer?")
    assert done.code == 0, done.err
    assert done.out.strip() == "The answer is forty-two."


@pytest.mark.parametrize("mode", MODES)
def test_an_auto_task_reads_a_file_writes_a_file_and_finishes_by_voted_turns(
    stage: Stage, room: Room, mode: str
) -> None:
    (room.project / "a.txt").write_text("seven\n", encoding="utf-8")
    stage.play(
        call("Read", filepath="a.txt"),
        call("Write", filepath="b.txt", content="seven is prime\n"),
        call("Bash", command="cat b.txt > c.txt"),
        call("Write", filepath="b.txt", content="eleven is prime\n"),
        call("Bash", command="cat b.txt >> c.txt"),
        "Done: c.txt says both.",
    )
    before = {run["run_id"] for run in stage.runs(mode)}
    done = cn(stage, room, mode, "Read a.txt and write c.txt", "--auto")
    assert done.code == 0, done.err
    assert done.out.strip() == "Done: c.txt says both."
    assert (room.project / "c.txt").read_text(encoding="utf-8") == "seven is prime\neleven is prime\n"
    turns = [run for run in reversed(stage.runs(mode)) if run["run_id"] not in before]
    assert [turn["kind"] for turn in turns] == ["agent"] * 6
    steps = [turn["steps"][0] for turn in turns]
    assert [step["votes"] for step in steps] == [[1], [2], [2], [2], [2], [1]]
    assert [step["verdict"] for step in steps] == [None, *["accepted"] * 4, None]
    judges = {role for role in ROLES if role != "coder" and stage.models.fakes[role].bodies}
    assert judges == ({"reviewer"} if mode == "high" else {"planner"})


def test_the_tools_of_mcp_are_offered_and_called(stage: Stage, room: Room) -> None:
    (room.project / "a.txt").write_text("seven\n", encoding="utf-8")
    stage.play(call("read_file", path="a.txt", workspace="project"), "It says seven.")
    room.maker(stage.home, "workspace", "add", str(room.project))
    try:
        done = cn(stage, room, "high", "What does a.txt say?")
    finally:
        registry.remove(stage.home, "project")
    assert done.code == 0, done.err
    assert done.out.strip() == "It says seven."
    offered = {tool["function"]["name"] for tool in stage.coder.bodies[0]["tools"]}
    assert {"read_file", "search_code"} <= offered
    assert "seven" in stage.tool_results()
