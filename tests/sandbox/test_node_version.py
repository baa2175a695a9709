from pathlib import Path

import pytest

from maker.sandbox.node import Node, parse_version, unsupported

OLD, NEW = Node(Path("/n"), (20, 20, 2)), Node(Path("/n"), (22, 13, 0))


@pytest.mark.parametrize(
    ("text", "version"), [("v20.20.2\n", (20, 20, 2)), ("v23.0.0-nightly", (23, 0, 0)), ("node: not found", ())]
)
def test_the_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


def test_python_needs_no_node() -> None:
    assert unsupported("python", None) is None


def test_javascript_needs_node() -> None:
    refusal = unsupported("javascript", None)
    assert refusal is not None
    assert "install node" in refusal.fix
    assert unsupported("javascript", OLD) is None


def test_typescript_needs_a_node_that_strips_types() -> None:
    refusal = unsupported("typescript", OLD)
    assert refusal is not None
    assert "20.20.2" in refusal.reason
    assert unsupported("typescript", NEW) is None
