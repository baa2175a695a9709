import pytest

from maker.sandbox.joining import joined


def loaded(*sources: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(compile(joined(sources), "x", "exec", dont_inherit=True), names)
    return names


def test_one_source_is_left_as_it_is() -> None:
    source = '"""A."""\nfrom __future__ import annotations\n'
    assert joined([source]) == source


def test_sources_that_import_nothing_from_the_future_are_put_behind_each_other() -> None:
    assert joined(["x = 1\n", "y = 'from __future__ import annotations'", "z ="]) == (
        "x = 1\n\n\ny = 'from __future__ import annotations'\n\nz ="
    )


@pytest.mark.parametrize(
    ("first", "docstring"),
    [
        ("x = 1", None),
        ("def f(): pass\nx = 1", None),
        ('"""ä."""; x = 1', "ä."),
        ("'''ä\n'''  # so\nfrom __future__ import annotations\nx = 1", "ä\n"),
    ],
)
@pytest.mark.parametrize(
    "second",
    [
        "from __future__ import annotations\ndef g(y: Nowhere): return x + y",
        "'''ü'''\nfrom __future__ import (\n    division,  # ö\n    annotations,\n); z = 'é'\n"
        "def g(y: Nowhere): return x + y",
    ],
)
def test_a_later_source_may_import_from_the_future(first: str, docstring: str | None, second: str) -> None:
    names = loaded(first, second, "from __future__ import annotations as a\nh: Nowhere = g(2)")
    assert names["h"] == 3
    assert names.get("__doc__") == docstring


def test_lines_stay_where_they_are_behind_a_docstring() -> None:
    text = joined(['"""A."""\nx = 1', "from __future__ import annotations\ny = 2"])
    assert text.splitlines() == ['"""A."""; from __future__ import annotations', "x = 1", "", "pass", "y = 2"]


def test_what_cannot_be_parsed_is_joined_all_the_same() -> None:
    broken = "from __future__ import annotations\nx = = 1"
    assert joined(["y = 1", broken]).endswith(broken)
    assert joined(["\ud800 =", "from __future__ import annotations"]).endswith("pass")
