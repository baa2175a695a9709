"""Any file survives connecting, the user's edits and disconnecting, byte for byte but for those edits."""

import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from maker.clients import edit
from maker.clients.catalog import CLIENTS
from maker.clients.edit import Edited
from maker.clients.entry import Target
from maker.clients.toml_text import TOML
from maker.clients.tree_syntax import JSON, YAML
from maker.errors import ClientFileError

from .documents import BROKEN, FOREIGN, json_documents, toml_documents, yaml_documents
from .support import targets

pytestmark = pytest.mark.slow

TARGETS = {f"{name}-{target.path.name}": target for name in CLIENTS for target in targets(name)} | {
    "continue-config.json": targets("continue", "config.json")[0]
}


def documents(target: Target, *, repeats: bool = True) -> st.SearchStrategy[str]:
    if target.syntax is YAML:
        return yaml_documents()
    if target.syntax is JSON:
        containers = list(dict.fromkeys(entry.path for entry in target.entries))
        listed = bool(target.entries[0].by and not target.entries[0].path)
        return json_documents(containers, listed=listed, repeats=repeats)
    return toml_documents()


def later(target: Target) -> Target:
    """The same client after the ports have changed."""
    port = {"port_offset": 100}
    moved = [each for name in CLIENTS for each in targets(name, **port) if each.path == target.path]
    return next(iter(moved), targets("continue", "config.json", **port)[0])


def connected(text: str, target: Target) -> Edited | None:
    try:
        return edit.connect(text, target.syntax, target.entries, ())
    except ClientFileError:
        return None


def comment(target: Target) -> str:
    return "// later" if target.syntax is JSON else "# later"


def with_last_line(text: str, line: str) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    return text + ("" if not text.strip("\ufeff") or text.endswith("\n") else end) + line + end


OFTEN = settings(
    deadline=None,
    # 25, and 250 with `--hypothesis-profile thorough`.
    max_examples=settings.default.max_examples // 4,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)

EDITS: dict[str, Callable[[str, Target, str], str]] = {
    "nothing": lambda text, target, line: text,
    "a word": lambda text, target, line: text.replace(FOREIGN, "changed"),
    "a comment at the end": lambda text, target, line: with_last_line(text, comment(target)),
    "a comment at the start": lambda text, target, line: (
        text if text.startswith(("\ufeff", "%")) else f"{comment(target)}\n{text}"
    ),
    "a comment before a line": lambda text, target, line: before_line(text, line, comment(target)),
}


def lines_of(text: str) -> list[str]:
    """Lines as files have them: what Python takes for line ends beside these is text."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


def known_lines(text: str, later: str) -> list[str]:
    """The lines by which the same place can be found in both texts; one that closes brackets may close others later."""
    ours, theirs = Counter(lines_of(text)), Counter(lines_of(later))
    return [line for line in ours if re.match(r"[ \t]*[^\s\ufeff%\]}].*\w", line) and ours[line] == theirs[line] == 1]


def before_line(text: str, line: str, added: str) -> str:
    """With one more line before that one, indented like it; as it was where there is none such."""
    width = line[: len(line) - len(line.lstrip())]
    end = "\r\n" if line.endswith("\r\n") else "\n"
    return "".join(f"{width}{added}{end}{each}" if line and each == line else each for each in lines_of(text))


@pytest.mark.parametrize("name", TARGETS)
@OFTEN
@given(data=st.data())
def test_any_file_survives_byte_for_byte_but_for_the_users_edit(name: str, data: st.DataObject) -> None:
    target, change = TARGETS[name], data.draw(st.sampled_from(sorted(EDITS)))
    user = EDITS[change]
    text = data.draw(documents(target))
    # A comment makes a blank JSON file something that is no JSON: not an edit a client would let anybody make.
    assume(target.syntax is not JSON or text.strip("\ufeff \t\r\n") or change in ("nothing", "a word"))
    first = connected(text, target)
    assume(first is not None)
    assert first is not None
    line = data.draw(st.sampled_from([*known_lines(text, first.text), ""]))
    edited = user(first.text, target, line)
    second = edit.connect(edited, target.syntax, later(target).entries, first.pieces)
    last = edit.disconnect(second.text, target.syntax, second.pieces)
    assert last.text == user(text, target, line)
    assert last.notes == ()


BEGUN = {JSON: ["", '{\n  "a": 1\n}\n'], YAML: ["", "a: 1\n"], TOML: ["", "a = 1\n"]}


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "vscode-chatLanguageModels.json"])
def test_a_comment_written_among_makers_entries_stays_wherever_it_stands(name: str) -> None:
    target = TARGETS[name]
    for text in BEGUN[target.syntax]:  # type: ignore[index]
        first = edit.connect(text, target.syntax, target.entries, ())
        lines = lines_of(first.text)
        for at in range(len(lines) + 1):
            edited = "".join([*lines[:at], f"{comment(target)}\n", *lines[at:]])
            assert comment(target) in edit.disconnect(edited, target.syntax, first.pieces).text, edited


@pytest.mark.parametrize("name", TARGETS)
@OFTEN
@given(data=st.data())
def test_connecting_twice_is_connecting_once(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    first = connected(data.draw(documents(target)), target)
    assume(first is not None)
    assert first is not None
    again = edit.connect(first.text, target.syntax, target.entries, first.pieces)
    assert (again.text, again.pieces) == (first.text, first.pieces)


@pytest.mark.parametrize("name", TARGETS)
@OFTEN
@given(data=st.data())
def test_new_ports_change_maker_s_entries_and_nothing_else(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    text = data.draw(documents(target))
    first = connected(text, target)
    assume(first is not None)
    assert first is not None
    moved = edit.connect(first.text, target.syntax, later(target).entries, first.pieces)
    fresh = edit.connect(text, target.syntax, later(target).entries, ())
    assert moved.text == fresh.text


@pytest.mark.parametrize("name", TARGETS)
@OFTEN
@given(text=BROKEN)
def test_what_cannot_be_changed_safely_is_refused_or_comes_back_as_it_was(name: str, text: str) -> None:
    target = TARGETS[name]
    first = connected(text, target)
    if first is not None:
        assert edit.disconnect(first.text, target.syntax, first.pieces).text == text


@pytest.mark.parametrize("name", [name for name in TARGETS if TARGETS[name].syntax is not JSON])
@OFTEN
@given(data=st.data())
def test_ordinary_files_are_not_refused(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    text = data.draw(documents(target))
    if connected(text, target) is None:
        # Somebody's own setting of the same name, or block text at the very end that a line break would change.
        assert 'model = "x"' in text or text.endswith(("    text", "    lines", "  kept"))


@pytest.mark.parametrize("name", [name for name in TARGETS if TARGETS[name].syntax is JSON])
@OFTEN
@given(data=st.data())
def test_json_is_refused_only_where_a_container_is_something_else(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    assert connected(data.draw(documents(target, repeats=False)), target) is not None


@OFTEN
@given(text=yaml_documents())
def test_the_users_own_entry_behind_ours_stays(text: str) -> None:
    target = TARGETS["continue-config.yaml"]
    first = connected(text, target)
    assume(first is not None and "\r" not in text)
    assert first is not None
    line = next(
        (each for each in first.text.split("\n") if each.lstrip().startswith('- name: "MakerCode - High')), None
    )
    assume(line is not None)
    assert line is not None
    width = line[: len(line) - len(line.lstrip())]
    mine = f"{width}- name: mine\n{width}  model: m\n"
    mark = first.text.rindex("\n", 0, first.text.rindex("\n", 0, first.text.index(line))) + 1
    edited = first.text[:mark] + mine + first.text[mark:]
    last = edit.disconnect(edited, YAML, first.pieces)
    assert mine.strip() in last.text and "MakerCode" not in last.text and "maker wrote" not in last.text
    YAML.parse(last.text)


@OFTEN
@given(text=json_documents([("models",)]), at_end=st.booleans())
def test_a_users_entry_beside_ours_stays_whatever_the_commas(text: str, at_end: bool) -> None:
    target = TARGETS["continue-config.json"]
    first = connected(text, target)
    assume(first is not None)
    assert first is not None
    parent, _ = _models(first.text)
    start, end = parent.items[-2][1].start, parent.items[-1][1].end
    mine = '{"title": "mine"}'
    edited = (
        first.text[:end] + f", {mine}" + first.text[end:]
        if at_end
        else first.text[:start] + f"{mine}, " + first.text[start:]
    )
    last = edit.disconnect(edited, JSON, first.pieces)
    left, _ = _models(last.text)
    assert mine in last.text and "MakerCode" not in last.text
    assert len(left.items) == len(parent.items) - 1


@OFTEN
@given(text=yaml_documents())
def test_an_entry_that_the_user_changed_is_the_users(text: str) -> None:
    target = TARGETS["continue-config.yaml"]
    first = connected(text, target)
    assume(first is not None and 'apiBase: "http://127.0.0.1:8081/v1"' in first.text)
    assert first is not None
    edited = first.text.replace('model: "maker-low"', 'model: "maker-low"  # slow', 1)
    again = edit.connect(edited, YAML, later(target).entries, first.pieces)
    assert "# slow" in again.text and again.text.count("MakerCode - Low") == 1
    last = edit.disconnect(again.text, YAML, again.pieces)
    assert "# slow" in last.text and "MakerCode - High" not in last.text


def _models(text: str) -> tuple:  # type: ignore[type-arg]
    root = JSON.parse(text)
    index = next(number for number in range(len(root.items)) if root.name(number) == "models")
    return root.items[index][1], index
