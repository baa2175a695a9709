"""The command lines of the engines: what must be in them and what must never be."""

import json
from pathlib import Path

import pytest

from maker.catalog import profiles
from maker.catalog.profiles import PROFILES, RolePlan
from maker.config import ROLES, Config, Home
from maker.engine import argv

HOME = Home(Path("/home/someone/.maker"))
ADDRESS = argv.Address(8002, HOME.api_key)
NEW = frozenset(
    {
        *("--no-ui", "--no-webui", "--offline", "--slots", "--no-cors-credentials", "--cors-origins", "--fit"),
        "--sse-ping-interval",
    }
)
PLANS = [plan for profile in PROFILES for plan in profiles.plan(Config(profile=profile, home=HOME)).values()]


def value(words: tuple[str, ...], flag: str) -> str:
    assert words.count(flag) == 1, flag
    return words[words.index(flag) + 1]


def coder(profile: str = "full") -> RolePlan:
    return profiles.plan(Config(profile=profile, home=HOME))["coder"]


def both(plan: RolePlan) -> list[tuple[str, ...]]:
    server = argv.llama_server(Path("/usr/bin/llama-server"), plan, ADDRESS, NEW)
    return [server, argv.wheel(Path("/usr/bin/python3"), plan, ADDRESS)]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.model.name)
def test_no_dangerous_flag_ever_appears(plan: RolePlan) -> None:
    for words in both(plan):
        flags = [word for word in words if word.startswith("-")]
        allowed = {"--api-key-file"}
        assert [flag for flag in flags if flag not in allowed and flag.startswith(argv.DANGEROUS)] == []


def test_the_lint_knows_a_dangerous_flag_when_it_sees_one() -> None:
    for flag in (
        "--tools",
        "--slot-save-path",
        "--rpc",
        "--props",
        "--mcp-servers-json",
        "--ui-mcp-proxy",
        "--api-key",
    ):
        assert flag.startswith(argv.DANGEROUS)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.model.name)
def test_every_server_is_on_loopback_with_a_key_and_bounded(plan: RolePlan) -> None:
    for words in both(plan):
        assert value(words, "--host") == "127.0.0.1"
        assert value(words, "--port") == "8002"
        assert value(words, "--api-key-file") == str(HOME.api_key)
        assert int(value(words, "--ctx-size")) == plan.slots * plan.context
        assert value(words, "--parallel") == str(plan.slots)
        assert value(words, "--cache-ram") == str(plan.cache_ram_mib)
        assert value(words, "--n-gpu-layers") == str(plan.gpu_layers)
        assert value(words, "--threads") == str(plan.threads)
        assert 10 <= int(value(words, "--sse-ping-interval")) <= 15


def test_a_new_llama_server_gets_every_flag() -> None:
    words = argv.llama_server(Path("/usr/bin/llama-server"), coder(), ADDRESS, NEW)
    assert words[0] == "/usr/bin/llama-server"
    assert {"--no-ui", "--offline", "--slots", "--jinja", "--metrics", "--no-cors-credentials"} <= set(words)
    assert value(words, "--cors-origins") == "http://127.0.0.1:8002"
    assert value(words, "--threads-batch") == str(coder().threads)
    assert value(words, "--fit") == "off"


def test_an_older_llama_server_gets_only_what_it_knows() -> None:
    words = argv.llama_server(Path("/usr/bin/llama-server"), coder(), ADDRESS, {"--no-webui", "--slots"})
    assert "--no-webui" in words
    assert not {"--no-ui", "--offline", "--fit", "off", "--cors-origins", "--sse-ping-interval"} & set(words)


def test_the_wheel_runs_without_the_package_and_the_users_python_settings() -> None:
    words = argv.wheel(Path("/opt/venv/bin/python"), coder(), ADDRESS)
    assert words[:2] == ("/opt/venv/bin/python", "-I")
    assert Path(words[2]).name == "wheel.py"
    assert len(words[3:]) % 2 == 0


def test_llama_cpp_python_never_interrupts_a_request() -> None:
    settings = json.loads(argv.llama_cpp_python_settings(coder(), 8002, "secret"))
    assert settings["interrupt_requests"] is False
    assert (settings["host"], settings["port"], settings["api_key"]) == ("127.0.0.1", 8002, "secret")
    assert settings["models"][0]["n_ctx"] == coder().context
    assert (settings["models"][0]["cache"], settings["models"][0]["cache_size"]) == (True, 2048 * 1024 * 1024)


def test_llama_cpp_pythons_key_is_in_no_argument() -> None:
    words = argv.llama_cpp_python(Path("/usr/bin/python3"), HOME.run / "settings.json")
    assert words[-2:] == ("--config_file", str(HOME.run / "settings.json"))


def test_every_role_is_covered() -> None:
    assert {plan.role for plan in PLANS} == set(ROLES)
