"""aider against maker, with the configuration that `maker connect` writes."""

import pytest

from tests.clients_real.client import Room
from tests.clients_real.commands import aider
from tests.clients_real.stage import Stage

pytestmark = [pytest.mark.full, pytest.mark.processes, pytest.mark.timeout(600)]

EDIT = """\
I write it down.

a.txt
```
seven is prime
```

b.txt
```
eight is not
```
"""


def test_high_mode_answers(stage: Stage, room: Room) -> None:
    room.maker(stage.home, "connect", "aider")
    stage.play(without_tools="The answer is forty-two.")
    done = room.run(aider("What is the answer?"))
    assert done.code == 0, done.err
    assert "The answer is forty-two." in done.out
    assert "context window" not in done.out, "what maker wrote of the model is not read"


def test_low_mode_answers_who_names_it(stage: Stage, room: Room) -> None:
    room.maker(stage.home, "connect", "aider")
    stage.play(without_tools="The answer is forty-two.")
    done = room.run(aider("What is the answer?", "--model", "openai/maker-low", "--openai-api-base", stage.url("low")))
    assert done.code == 0, done.err
    assert "The answer is forty-two." in done.out


def test_an_edit_in_its_own_form_is_applied(stage: Stage, room: Room) -> None:
    """It has no tools: it reads edits from the text, so the text must be the coder's own, whatever is asked."""
    room.maker(stage.home, "connect", "aider")
    files = [room.project / name for name in ("a.txt", "b.txt")]
    for file in files:
        file.write_text("nothing yet\n", encoding="utf-8")
    stage.play(without_tools=EDIT, kind="code")
    done = room.run(aider("Write a function that says whether seven is prime", "a.txt", "b.txt"))
    assert done.code == 0, done.err
    assert [file.read_text(encoding="utf-8") for file in files] == ["seven is prime\n", "eight is not\n"], done.out
