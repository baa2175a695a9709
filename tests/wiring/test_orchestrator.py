"""What an orchestrator is put together from."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from maker.config import Home
from maker.models.model import complete
from maker.sandbox.available import SWITCHED_OFF, available, last_report
from maker.sandbox.values import Unavailable
from maker.wiring.orchestrator import TestedSandbox, open_parts
from tests.fake_llama import FakeLlama
from tests.models.support import ask, in_loop
from tests.support import write_toml


def test_switched_off_nothing_is_tested_and_candidates_are_not_run(home: Home) -> None:
    config = write_toml(home, "[sandbox]\nenabled = false")

    async def ask() -> None:
        trusted = TestedSandbox(config, "low")
        assert await trusted() == SWITCHED_OFF
        await trusted.aclose()

    asyncio.run(asyncio.wait_for(ask(), 10))
    assert last_report(config) is None


@pytest.mark.processes
@pytest.mark.parametrize("enabled", ["true", "false"])
def test_whether_candidates_are_run_or_not_answers_can_be_judged_by_hidden_tests(home: Home, enabled: str) -> None:
    config = write_toml(home, f"[sandbox]\nenabled = {enabled}")
    home.run.mkdir(mode=0o700)

    async def ask() -> None:
        assert not isinstance(await available(config), Unavailable)
        trusted = TestedSandbox(config, "low")
        assert isinstance(await trusted(), Unavailable) is (enabled == "false")
        await trusted.aclose()

    asyncio.run(asyncio.wait_for(ask(), 120))


def asked_with(home: Home, fake: FakeLlama, text: str) -> Coroutine[Any, Any, list[dict[str, Any]]]:
    """The bodies that reach the server of a coder with these lines; its key has to be right."""
    role = f'[roles.coder]\nurls = ["{fake.url}"]\n{text}'
    config = write_toml(home, f"{role}\n[sandbox]\nenabled = false")
    for folder in (home.run, home.log):
        folder.mkdir(mode=0o700, exist_ok=True)
    home.api_key.write_text("0" * 64, encoding="ascii")

    async def ask_once() -> list[dict[str, Any]]:
        async with open_parts(config, "low") as parts:
            await complete(parts.tools.models["coder"], ask())
        return fake.bodies

    return ask_once()


@in_loop
async def test_a_server_elsewhere_is_asked_with_the_id_and_the_key_that_maker_toml_has(home: Home) -> None:
    async with FakeLlama(key="of-theirs", model="one") as fake:
        [body] = await asked_with(home, fake, 'model_id = "other"\napi_key = "of-theirs"')
    assert body["model"] == "other"
    assert fake.headers[0]["Authorization"] == "Bearer of-theirs"


@in_loop
async def test_a_server_elsewhere_never_sees_the_key_of_this_home(home: Home) -> None:
    async with FakeLlama() as fake:
        await asked_with(home, fake, "")
    assert "Authorization" not in fake.headers[0]


@pytest.mark.parametrize(("text", "own"), [("", True), ('[roles.coder]\nurls = ["http://127.0.0.1:1/v1"]', False)])
def test_only_the_profiles_own_coder_is_said_to_be_one(home: Home, text: str, own: bool) -> None:
    config = write_toml(home, text)
    for folder in (home.run, home.log):
        folder.mkdir(mode=0o700, exist_ok=True)
    home.api_key.write_text("0" * 64, encoding="ascii")

    async def ask() -> None:
        async with open_parts(config, "low") as parts:
            assert parts.tools.own_coder is own
            assert parts.tools.edits is not own

    asyncio.run(asyncio.wait_for(ask(), 30))
