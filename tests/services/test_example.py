"""The text of a new maker.toml."""

import re

from maker import config, settings
from maker.config import Home
from maker.services.example import example_toml


def uncommented(text: str) -> str:
    return re.sub(r"(?m)^#(?=\S)", "", text)


def test_the_example_equals_the_defaults(home: Home) -> None:
    assert config.parse(example_toml(), home) == config.parse("", home)


def test_the_example_equals_the_defaults_with_every_setting_switched_on(home: Home) -> None:
    text = uncommented(example_toml())
    assert text.count("\n#") < example_toml().count("\n#")
    assert config.parse(text, home) == config.parse("", home)


def test_every_setting_is_in_the_example() -> None:
    text = example_toml()
    sections = [one for one in vars(settings).values() if isinstance(one, type) and issubclass(one, settings.Section)]
    assert len(sections) > 10
    for section in sections:
        for name, field in section.model_fields.items():
            if field.exclude or (isinstance(field.annotation, type) and issubclass(field.annotation, settings.Section)):
                continue
            assert re.search(rf"(?m)^#\s?{re.escape(field.alias or name)} = ", text), name
            assert (field.description or "") in " ".join(text.replace("\n# ", " ").split()), name


def test_choices_are_named() -> None:
    assert "# What runs the GGUFs. One of auto, llama-server, xllamacpp, llama-cpp-python.\n" in example_toml()


def test_what_was_chosen_is_set(home: Home) -> None:
    loaded = config.parse(example_toml({"profile": "full", "port_offset": 100}), home)
    assert (loaded.profile, loaded.port_offset, loaded.engine) == ("full", 100, "auto")


def test_lines_fit() -> None:
    assert max(len(line) for line in example_toml().splitlines()) <= 120
