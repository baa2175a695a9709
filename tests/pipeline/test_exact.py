"""What stands around an edit is left out while it streams; what is the edit is not touched."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.pipeline.exact import Exact, Thoughtless

CODE = "def f():\n    return 1\n"
BEGUN = "```\n"
EDIT_BEGUN = "Sure! Here it is:\n```python\nimport os\n<START EDITING HERE>\n"
STOP = "<STOP EDITING HERE>"


def passed(filter_: Exact | Thoughtless, text: str, sizes: list[int]) -> str:
    said, at = "", 0
    for size in [*sizes, len(text)]:
        said += filter_.feed(text[at : at + size])
        at += size
    return said + filter_.end()


SPLITS = st.lists(st.integers(1, 7), max_size=60)


@pytest.mark.parametrize(
    "said",
    [
        CODE,
        f"{CODE}```",
        f"{CODE}```\n\nThis returns 1.\n",
        f"```python\n{CODE}```\n",
        f"Sure! Here is the file:\n\n```python\n{CODE}```\nI changed it.",
        f"\n```\n{CODE}```",
    ],
)
@pytest.mark.parametrize("begun", [BEGUN, ""])
@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_only_the_code_is_passed_on_however_it_is_split(said: str, begun: str, sizes: list[int]) -> None:
    if begun or said.count("```") == 2 or "```" not in said:
        assert passed(Exact(begun), said, sizes) == CODE


@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_a_beginning_that_was_given_is_not_repeated_and_a_stop_line_ends_it(sizes: list[int]) -> None:
    repeated = f"```python\nimport os\n<START EDITING HERE>\n{CODE}{STOP}\n```\n"
    assert passed(Exact(EDIT_BEGUN, stop=STOP), repeated, sizes) == CODE
    assert passed(Exact(EDIT_BEGUN, stop=STOP), f"{CODE}{STOP}\n```\n", sizes) == CODE


@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_a_file_with_fences_of_its_own_stays_whole(sizes: list[int]) -> None:
    markdown = "# Use\n\n```sh\nmake\n```\n\nText\n\n```\nplain\n```\n\nEnd.\n"
    assert passed(Exact(BEGUN, fences=True), f"{markdown}```\n", sizes) == markdown
    assert passed(Exact(BEGUN, fences=True), f"{markdown}```", sizes) == markdown
    assert passed(Exact(BEGUN, fences=True), markdown.removesuffix("\nEnd.\n"), sizes) == markdown.removesuffix(
        "\nEnd.\n"
    )


@given(text=st.text(alphabet="ab \n`~<>#é\u2028", max_size=60), sizes=SPLITS)
@settings(max_examples=200, deadline=None)
def test_however_it_is_split_the_same_comes_out(text: str, sizes: list[int]) -> None:
    for begun, fences in ((BEGUN, False), (BEGUN, True), ("", False)):
        whole = passed(Exact(begun, stop=STOP, fences=fences), text, [])
        assert passed(Exact(begun, stop=STOP, fences=fences), text, sizes) == whole


@given(lines=st.lists(st.text(alphabet="xyz =()1\t", max_size=20), max_size=12), sizes=SPLITS)
@settings(max_examples=100, deadline=None)
def test_code_without_fences_passes_untouched(lines: list[str], sizes: list[int]) -> None:
    text = "\n".join(lines)
    assert passed(Exact(BEGUN), text, sizes) == text


def test_tokens_pass_as_they_come_once_the_first_line_is_there() -> None:
    exact = Exact(BEGUN)
    assert [exact.feed(piece) for piece in ("x = ", "1\n", "y", " = ", "2", "\n")] == [
        "",
        "x = 1\n",
        "y",
        " = ",
        "2",
        "\n",
    ]


def test_nothing_is_wanted_after_the_closing_fence() -> None:
    exact = Exact(BEGUN)
    assert exact.feed(f"{CODE}```\n") == CODE
    assert exact.done
    assert exact.feed("more") == ""


@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_a_thought_before_the_answer_is_left_out(sizes: list[int]) -> None:
    assert passed(Thoughtless(), "<think>hm\nso</think>\n\nTitle", sizes) == "Title"
    assert passed(Thoughtless(), "<thing> is code", sizes) == "<thing> is code"
    assert passed(Thoughtless(), "<think>never ends", sizes) == ""
    assert passed(Thoughtless(), "", sizes) == ""
