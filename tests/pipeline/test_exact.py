"""What stands around an edit is left out while it streams; what is the edit is not touched."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.pipeline.exact import Exact, Thoughtless, is_open

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


README = "# Title\n\n## Usage\n```bash\nnpm i\n```\n\n## License\nMIT\n"
SELECTED = "The following installs it:\n\n```bash\nnpm i\n```\n\nHere it ends.\n"


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        (BEGUN, f"{README}```\n"),
        (BEGUN, f"```markdown\n{README}```\nI added two sections.\n"),
        ("", f"```markdown\n{README}```\n"),
        ("", f"Sure! Here is the file:\n\n````markdown\n{README}````\n"),
    ],
)
@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_a_block_that_opens_in_the_code_does_not_end_it(begun: str, said: str, sizes: list[int]) -> None:
    assert passed(Exact(begun), said, sizes) == README


@pytest.mark.parametrize(
    "code",
    [
        "Title\n~~~~~\n\nText\n",
        "```{r, echo=FALSE}\nplot(1)\n```\n\nText\n",
        'ASK = """\n```python\nx = 1\n```"""\nEND = 1\n',
    ],
)
@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_only_a_fence_like_the_one_that_opened_the_answer_ends_it(code: str, sizes: list[int]) -> None:
    assert passed(Exact("", fences=True), f"```\n{code}```\nDone.", sizes) == f"{code}```\nDone."
    assert passed(Exact(""), f"```\n{code}```\nDone.", sizes) == code


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        (BEGUN, f"{SELECTED}```\n"),
        ("", SELECTED),
        ("", f"```markdown\n{SELECTED}```\n"),
        ("", f"Here is the rewritten text:\n```markdown\n{SELECTED}```"),
    ],
)
@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_a_line_of_the_original_is_no_prose_around_the_code(begun: str, said: str, sizes: list[int]) -> None:
    assert passed(Exact(begun, fences=True, original=(SELECTED,)), said, sizes) == SELECTED


@pytest.mark.parametrize("begun", [BEGUN, ""])
@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_a_sentence_that_was_changed_stays_before_the_fence_of_the_original(begun: str, sizes: list[int]) -> None:
    changed = SELECTED.replace("it:", "the package:")
    said = f"{changed}```\n" if begun else changed
    assert passed(Exact(begun, fences=True, original=(SELECTED,)), said, sizes) == changed


@pytest.mark.parametrize("begun", [BEGUN, ""])
@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_the_fence_that_the_original_begins_with_is_its_own(begun: str, sizes: list[int]) -> None:
    original = "\n```bash\nnpm i\n```\n\nText\n"
    said = f"{original}```\n" if begun else original
    assert passed(Exact(begun, fences=True, original=(original,)), said, sizes) == original


@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_an_answer_begun_within_a_block_goes_on_behind_its_end(sizes: list[int]) -> None:
    begun = "Sure!\n```markdown\n# Title\n```bash\n<START EDITING HERE>\n"
    said = "npm i\n```\n\nText\n"
    assert passed(Exact(begun, stop=STOP, fences=True), f"{said}```\n", sizes) == said
    repeated = begun.removeprefix("Sure!\n")
    assert passed(Exact(begun, stop=STOP, fences=True), f"{repeated}{said}{STOP}\n```\n", sizes) == said


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("", False),
        ("```json\n", True),
        ("First:\n```python\nx\n```\n", False),
        ("First:\n```python\nx\n```\nThen:\n```python\n", True),
        ("````markdown\n```sh\nmake\n```\n", True),
        ("```markdown\n# Title\n```sh\n", True),
        ("```python\nTitle\n~~~~\n", True),
    ],
)
def test_a_text_is_open_that_ends_within_a_fence(text: str, open_: bool) -> None:
    assert is_open(text) == open_


@given(text=st.text(alphabet="ab \n`~<>#é\u2028", max_size=60), sizes=SPLITS)
@settings(max_examples=200, deadline=None)
def test_however_it_is_split_the_same_comes_out(text: str, sizes: list[int]) -> None:
    for begun, fences in ((BEGUN, False), (BEGUN, True), ("", False), ("", True)):
        for original in ((), (text,), ("Here\n\n```b\n",)):
            whole = passed(Exact(begun, stop=STOP, fences=fences, original=original), text, [])
            assert passed(Exact(begun, stop=STOP, fences=fences, original=original), text, sizes) == whole


LINES = st.sampled_from(("```", "```b", "````md", "~~~", '```"""', "Here", "Here is b", "", " ", "x", STOP))


@given(lines=st.lists(LINES, max_size=12), own=st.lists(LINES, max_size=4), sizes=SPLITS)
@settings(max_examples=200, deadline=None)
def test_lines_that_might_be_around_the_code_come_out_the_same_however_they_are_split(
    lines: list[str], own: list[str], sizes: list[int]
) -> None:
    text, original = "\n".join(lines), ("\n".join(own),)
    for begun in (BEGUN, "", "```md\nHere\n```b\n"):
        for fences in (True, False):
            whole = passed(Exact(begun, stop=STOP, fences=fences, original=original), text, [])
            assert passed(Exact(begun, stop=STOP, fences=fences, original=original), text, sizes) == whole


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


@pytest.mark.parametrize("code", ["ok = 1\n", "Here it is.\n", "\n"])
@given(sizes=SPLITS)
@settings(max_examples=30, deadline=None)
def test_what_stands_before_a_closing_fence_is_the_code_even_if_it_might_be_prose(code: str, sizes: list[int]) -> None:
    for fences in (True, False):
        assert passed(Exact(BEGUN, fences=fences), f"{code}```\n", sizes) == code


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
