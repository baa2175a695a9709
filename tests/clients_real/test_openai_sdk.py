"""OpenAI's SDK for JavaScript against maker."""

import json
from pathlib import Path

import pytest

from tests.clients_real.client import Room
from tests.clients_real.commands import openai_sdk
from tests.clients_real.stage import MODES, Stage, call

pytestmark = [pytest.mark.full, pytest.mark.processes, pytest.mark.timeout(600)]


@pytest.mark.parametrize("mode", MODES)
def test_it_streams_an_answer_and_calls_a_tool(stage: Stage, room: Room, mode: str) -> None:
    stage.play(call("read", path="a.txt"), "It says seven.", without_tools="The answer is forty-two.")
    done = room.run(openai_sdk(Path(__file__).with_name("openai_sdk.cjs"), stage.url(mode), mode))
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found.pop("chunks") > 1
    assert found == {"answer": "The answer is forty-two.", "asked": ["a.txt"], "said": "It says seven."}
