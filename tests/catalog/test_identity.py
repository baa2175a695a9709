"""What answers depend on, and the digests by which it is compared."""

from maker import config as configuration
from maker.catalog import identity, profiles
from maker.config import Home


def changed(home: Home, text: str) -> set[str]:
    """The names of the settings that are others with this maker.toml than with an empty one."""
    before = identity.digests(identity.settings(configuration.parse("", home), "low"))
    after = identity.digests(identity.settings(configuration.parse(text, home), "low"))
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_each_setting_that_answers_depend_on_has_its_name(home: Home) -> None:
    assert changed(home, "[modes.low]\nk = 5\n") == {"k"}
    assert changed(home, "[sandbox]\nenabled = false\n") == {"sandbox.enabled"}
    assert changed(home, '[roles.coder]\nurls = ["http://127.0.0.1:9/v1"]\n') == {"roles.coder"}
    assert {"profile", "roles.coder"} < changed(home, 'profile = "full"\n')


def test_a_server_that_is_asked_for_another_model_is_another(home: Home) -> None:
    def asked(*lines: str) -> object:
        text = "\n".join(["[roles.coder]", 'urls = ["http://127.0.0.1:9/v1"]', *lines])
        return identity.settings(configuration.parse(text, home), "low")["models"]["coder"]

    assert asked() == ["http://127.0.0.1:9/v1"]
    assert asked('model_id = "a"') != asked('model_id = "b"')
    assert asked('api_key = "a"') == asked('api_key = "b"') == asked()


def test_what_answers_do_not_depend_on_is_not_compared(home: Home) -> None:
    assert changed(home, "[modes.high]\nk = 5\n[ports]\ncoder = 18002\n") == set()


def test_new_weights_are_another_model(home: Home) -> None:
    config = configuration.parse('profile = "tiny"', home)
    file = profiles.plan(config)["coder"].model
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"weights")
    before = identity.settings(config, "low")["models"]["coder"]
    file.write_bytes(b"others, longer")
    assert identity.settings(config, "low")["models"]["coder"] != before
