"""The direct path: which model, how it is asked, and what of its answer reaches the editor."""

import asyncio
from typing import Any

import pytest

from maker.chat.types import ChatRequest, Completion, Fill, ReasoningDelta, Sampling
from maker.config import Mode
from maker.errors import ModelHTTPError, ModelUnavailable, RequestError
from maker.models.scripted import ScriptedModel
from maker.pipeline.events import AnswerDelta, Event
from maker.pipeline.run import run
from maker.pipeline.values import Outcome, Task
from maker.pipeline.work import Tools
from tests.pipeline.support import TASK

TITLE = "please reply with a title for the chat that is 3-4 words in length"
APPLY = "ORIGINAL CODE:\n```\nx = 1\n```\n\nSUGGESTED EDIT:\n```\nx = 2\n```\n"
EDIT = (
    "The user has requested a section of code in a file to be rewritten.\n\nThis is the code to rewrite:\n"
    '```markdown\n{}```\n\nThe user\'s request is: "say more"\n\nDO NOT output any natural language, only output the '
    "code changes.\n\nHere is the rewritten code:"
)
MARKED = (
    "```markdown\n# Title\n<START EDITING HERE>\n{}<STOP EDITING HERE>\n\nLast.\n```\n\nPlease rewrite the entire code "
    'block above. When you get to "<STOP EDITING HERE>", end your response.\n'
)
MARKED_BEGUN = "Sure! Here's the entire code block:\n```markdown\n# Title\n<START EDITING HERE>\n"
README = "# Title\n\n## Usage\n```bash\nnpm i\n```\n\n## License\nMIT\n"
SELECTED = "The following installs it:\n\n```bash\nnpm i\n```\n\nHere it ends.\n"
PLAIN = "## Use\n```\nmake\n```\n\nEnd.\n"
GAP = Fill("x = ", "\n")


def play(
    models: list[ScriptedModel], text: str = TITLE, begun: Any = "", edits: bool = True, **request: Any
) -> tuple[Outcome, list[AnswerDelta]]:
    messages = [{"role": "user", "content": text}, *([{"role": "assistant", "content": begun}] if begun else [])]
    events: list[Event] = []

    async def listen(event: Event) -> None:
        events.append(event)

    async def whole() -> Outcome:
        async def no_sandbox() -> Any:
            raise AssertionError("nothing is run")

        mode = Mode(temperature=0.9, max_tokens=50)
        tools = Tools({model.role: model for model in models}, mode, no_sandbox, edits=edits)
        task = Task("run-1", "low", ChatRequest(tuple(messages), **request), "utility")
        async with asyncio.timeout(10):
            return await run(task, tools=tools, emit=listen)

    outcome = asyncio.run(whole())
    for model in models:
        model.assert_done()
    return outcome, [event for event in events if isinstance(event, AnswerDelta)]


@pytest.mark.parametrize("text", [APPLY, EDIT, MARKED])
def test_a_coder_that_cannot_edit_is_not_asked_to(text: str) -> None:
    """Editors write what comes straight into the file."""
    with pytest.raises(RequestError, match="edits are off"):
        play([ScriptedModel("coder", [])], text, edits=False)
    play([ScriptedModel("coder", ["A title"])], edits=False)


def test_a_title_is_the_small_models_and_comes_without_its_thoughts() -> None:
    voter = ScriptedModel("voter", [Completion("<think>so</think>Adding numbers", "let me see")])
    outcome, said = play([voter, ScriptedModel("coder")])
    assert outcome.completions[0].text == "Adding numbers"
    assert outcome.completions[0].reasoning == ""
    assert not [event for event in said if isinstance(event.delta, ReasoningDelta)]
    assert not voter.calls[0].thinking


def test_without_the_small_model_the_coder_writes_the_title() -> None:
    outcome, _ = play([ScriptedModel("voter", state="loading"), ScriptedModel("coder", ["A title"])])
    assert outcome.completions[0].text == "A title"


@pytest.mark.parametrize(("given", "wanted"), [({}, (0.0, 50)), ({"temperature": 0.3, "max_tokens": 9}, (0.3, 9))])
def test_what_has_one_right_answer_is_asked_for_without_chance(
    given: dict[str, Any], wanted: tuple[float, int]
) -> None:
    coder = ScriptedModel("coder", ["x = 2\n"])
    tools = ({"type": "function", "function": {"name": "x"}},)
    play([coder], APPLY, tools=tools, sampling=Sampling(**given))
    asked = coder.calls[0]
    assert (asked.sampling.temperature, asked.sampling.max_tokens) == wanted
    assert asked.tools == ()


def test_an_edit_ends_with_its_fence_and_the_model_is_not_heard_out() -> None:
    outcome, said = play([ScriptedModel("coder", ["x = 2\n```\nThere."])], APPLY, begun="```\n")
    assert outcome.completions[0].text == "x = 2\n"
    assert outcome.completions[0].finish_reason == "stop"
    assert sum(type(event.delta).__name__ == "Finish" for event in said) == 1


def client_gets(said: str, asked: str, begun: Any = "") -> str:
    outcome, _ = play([ScriptedModel("coder", [said])], asked, begun)
    return outcome.completions[0].text


def test_an_edit_that_adds_a_block_to_a_text_without_any_is_not_cut_off() -> None:
    assert client_gets(f"{README}```\n", APPLY, "```\n") == README
    assert client_gets(f"```markdown\n{README}```\n", EDIT.format("# Title\n")) == README


def test_a_sentence_and_a_fence_of_the_selected_text_stay() -> None:
    applied = f"ORIGINAL CODE:\n```\n{SELECTED}```\n\nSUGGESTED EDIT:\n```\nMore.\n```\n\nApply the SUGGESTED EDIT."
    assert client_gets(f"{SELECTED}```\n", applied, "```\n") == SELECTED
    assert client_gets(SELECTED, EDIT.format(SELECTED)) == SELECTED
    assert client_gets(f"{SELECTED}<STOP EDITING HERE>\n", MARKED.format(SELECTED), MARKED_BEGUN) == SELECTED


def test_what_the_prompt_says_around_the_selected_text_is_still_prose() -> None:
    said = f"Here is the rewritten code:\n```markdown\n{SELECTED}```\n"
    assert client_gets(said, EDIT.format(SELECTED)) == SELECTED


def test_the_only_block_of_a_whole_file_is_seen_as_its_own() -> None:
    assert client_gets(f"```markdown\n{PLAIN}```\n", EDIT.format(PLAIN)) == PLAIN


def test_an_answer_that_goes_on_behind_a_closed_block_comes_whole() -> None:
    said = "\n```python\n@b\ndef g(): ...\n```\n\nBoth work. Then:\n```sh\nmake\n```\n"
    assert client_gets(said, TASK, "First:\n```python\n@a\ndef f(): ...\n```\n") == said


@pytest.mark.parametrize("begun", ["```json\n", [{"type": "text", "text": "```json\n"}]])
def test_a_fence_that_the_client_opened_is_not_opened_again_in_whatever_form_it_came(begun: Any) -> None:
    assert client_gets("```json\n{}\n```\nHope this helps", TASK, begun) == "{}\n"
    asked = "```json\n[]\n```\nMake it an object."
    assert client_gets("```json\n{}\n```", asked, begun) == "{}\n"


def test_a_schema_is_not_taken_for_an_edit() -> None:
    form = {"type": "json_object"}
    outcome, _ = play([ScriptedModel("coder", ["```\n{}\n```"])], TASK, begun="```\n", response_format=form)
    assert outcome.completions[0].text == "```\n{}\n```"


def test_a_gap_is_filled_by_the_first_model_that_can() -> None:
    voter = ScriptedModel("voter", ["The small"])
    coder = ScriptedModel("coder", ["zebra", "2"])
    outcome, _ = play([voter, coder], "x = ", fill=GAP)
    assert outcome.completions[0].text == "2"
    assert [call.fill for call in coder.calls][1] == GAP


def test_a_gap_is_rendered_here_where_the_server_cannot() -> None:
    unknown = ModelHTTPError("no markers", role="voter", status=501, body="")
    voter = ScriptedModel("voter", [unknown, "zebra", "2"])
    voter.tokens = frozenset(("[PREFIX]", "[SUFFIX]"))
    outcome, _ = play([voter], "x = ", fill=GAP)
    assert outcome.completions[0].text == "2"
    assert [call.fill.rendered for call in voter.calls if call.fill][2] == "[SUFFIX]\n[PREFIX]x = "


def test_a_gap_that_nobody_can_fill_is_said_and_one_for_which_nobody_is_ready_too() -> None:
    with pytest.raises(RequestError, match="autocomplete is off"):
        play([ScriptedModel("voter", ["no"]), ScriptedModel("coder", ["no"])], "x = ", fill=GAP)
    with pytest.raises(ModelUnavailable):
        play([ScriptedModel("voter", state="down")], "x = ", fill=GAP)
