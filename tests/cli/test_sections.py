"""Changing settings inside sections of maker.toml: their own lines change, every other byte stays."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maker.cli.sections import set_in_sections
from maker.errors import ConfigError
from maker.services.example import example_toml

LOW = {"modes.low": {"k": 3, "max_candidates": 9}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[modes.low]\nk = 3\nmax_candidates = 9\n"),
        ("profile = 'tiny'", "profile = 'tiny'\n\n[modes.low]\nk = 3\nmax_candidates = 9\n"),
        (
            "[modes.low]\nk = 2 # was fine\nmax_candidates=5\n\n# next\n[modes.high]\nk = 2\n",
            "[modes.low]\nk = 3 # was fine\nmax_candidates = 9\n\n# next\n[modes.high]\nk = 2\n",
        ),
        (
            "[modes.low] # mine\n#k = 2\ntemperature = 0.5\n",
            "[modes.low] # mine\nmax_candidates = 9\nk = 3\ntemperature = 0.5\n",
        ),
        ("[modes.low]", "[modes.low]\nk = 3\nmax_candidates = 9\n"),
        ("[modes.low]\r\n  k  =  2\r\n", "[modes.low]\r\nmax_candidates = 9\r\n  k = 3\r\n"),
        ("[modes.high]\nk = 5\n", "[modes.high]\nk = 5\n\n[modes.low]\nk = 3\nmax_candidates = 9\n"),
    ],
)
def test_a_setting_changes_where_it_stands_or_is_added_to_its_section(before: str, after: str) -> None:
    assert set_in_sections(before, LOW) == after


def test_every_setting_of_a_new_file_can_be_set() -> None:
    before = example_toml({"profile": "tiny"})
    after = set_in_sections(before, {**LOW, "modes.high": {"k": 4}})
    assert tomllib.loads(after)["modes"] == {"low": {"k": 3, "max_candidates": 9}, "high": {"k": 4}}
    changed = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [new for _, new in changed] == ["k = 4", "k = 3", "max_candidates = 9"]


@pytest.mark.parametrize(
    "text",
    [
        "modes = { low = { k = 2 } }\n",
        "[modes]\nlow.k = 2\n",
        "[modes]\nlow = { k = 2 }\n",
        'a = """\n[modes.low]\nk = 2\n"""\n',
    ],
)
def test_what_cannot_be_changed_line_by_line_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ConfigError, match=r"set it yourself: \[modes.low\] k = 3; \[modes.low\] max_candidates = 9"):
        set_in_sections(text, LOW)


LINES = st.sampled_from(
    [
        "# k = 7",
        "#k = 7",
        "k = 7",
        "max_candidates = 1  # why",
        "",
        "\t# note",
        "temperature = 0.1",
        "idle_timeout_s = 3",
    ]
)


@given(
    st.lists(st.sampled_from(["modes.high", "modes.low", "server", "ports"]), unique=True),
    st.lists(st.lists(LINES, unique_by=lambda line: line.split("=")[0].strip("# ")), min_size=4, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_file_says_the_same_afterwards_but_for_what_was_set(
    sections: list[str], bodies: list[list[str]], end: str
) -> None:
    parts = [line for name, body in zip(sections, bodies, strict=False) for line in (f"[{name}]", *body)]
    before = end.join(["# mine", "profile = 'tiny'", *parts, ""])
    after = set_in_sections(before, LOW)
    wanted = tomllib.loads(before)
    wanted.setdefault("modes", {}).setdefault("low", {}).update(LOW["modes.low"])
    assert tomllib.loads(after) == wanted
    assert set_in_sections(after, LOW) == after
    kept = [line for line in before.split(end) if not line.lstrip("#").startswith(("k ", "max_candidates"))]
    rest = iter(after.split(end))
    assert all(line in rest for line in kept), "every other line stays, in its order"
