"""Changing maker.toml without losing what people wrote in it."""

import tomllib

import pytest

from maker.cli.edit import set_top_level
from maker.services.home import example_toml


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('profile = "full"\n', 'profile = "tiny"\n'),
        ('profile="full"   # for the Studio\n[ports]\n', 'profile = "tiny"   # for the Studio\n[ports]\n'),
        ("  profile = 'full'\n", 'profile = "tiny"\n'),
        ('# which models\n#profile = "full"\n', '# which models\nprofile = "tiny"\n'),
        ("", 'profile = "tiny"\n'),
        ('engine = "auto"', 'engine = "auto"\nprofile = "tiny"\n'),
        ("# mine\n\n[ports]\ncoder = 1\n", '# mine\nprofile = "tiny"\n\n[ports]\ncoder = 1\n'),
        ("# The ports.\n[ports]\ncoder = 1\n", 'profile = "tiny"\n\n# The ports.\n[ports]\ncoder = 1\n'),
        ('[roles.coder]\nprofile = "x"\n', 'profile = "tiny"\n\n[roles.coder]\nprofile = "x"\n'),
        ('#profile = "a"\nprofile = "b"\n', '#profile = "a"\nprofile = "tiny"\n'),
    ],
)
def test_only_the_settings_line_changes(before: str, after: str) -> None:
    assert set_top_level(before, {"profile": "tiny"}) == after
    assert tomllib.loads(after)["profile"] == "tiny"


def test_numbers_are_numbers() -> None:
    assert set_top_level("port_offset = 7 # seven\n", {"port_offset": 100}) == "port_offset = 100 # seven\n"


def test_setting_twice_changes_nothing_more() -> None:
    once = set_top_level(example_toml(), {"profile": "tiny", "port_offset": 5})
    assert set_top_level(once, {"profile": "tiny", "port_offset": 5}) == once
    assert len(once.splitlines()) == len(example_toml().splitlines())
