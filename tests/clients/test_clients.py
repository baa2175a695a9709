"""What is written for each client."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from maker.clients import connecting, continue_dev
from maker.clients.catalog import CLIENTS
from maker.clients.continue_dev import Project, fill
from maker.errors import ConfigError

from .support import PLACES, offered, targets, templates

KEY = {"server": {"api_key": "secret-key-1"}}


def written(client: str, number: int = 0, **settings: object) -> dict:  # type: ignore[type-arg]
    target = targets(client, **settings)[number]
    text = connecting.snippet(target)
    if target.path.suffix == ".toml":
        return tomllib.loads(text)
    return yaml.safe_load(text) if target.path.suffix in (".yaml", ".yml") else json.loads(text)  # type: ignore[no-any-return]


def test_continue_gets_both_modes_autocompletion_and_the_tools() -> None:
    config = written("continue", profile="full")
    assert {key: config[key] for key in ("name", "version", "schema")} == {
        "name": "Local Config",
        "version": "1.0.0",
        "schema": "v1",
    }
    high, low, completing = config["models"]
    assert [model["name"] for model in (high, low)] == ["MakerCode - High (128GB RAM)", "MakerCode - Low (40GB RAM)"]
    assert (high["model"], high["apiBase"]) == ("maker-high", "http://127.0.0.1:8080/v1")
    assert (low["model"], low["apiBase"]) == ("maker-low", "http://127.0.0.1:8081/v1")
    for model in (high, low):
        assert model["capabilities"] == ["tool_use"] and model["provider"] == "openai"
        assert model["defaultCompletionOptions"] == {"contextLength": 15360, "maxTokens": 3840}
        assert model["roles"] == ["chat", "edit", "apply", "summarize"]
        assert "apiKey" not in model and "timeout" not in model["requestOptions"]
    assert (completing["roles"], completing["apiBase"]) == (["autocomplete"], "http://127.0.0.1:8081/v1")
    assert completing["autocompleteOptions"]["modelTimeout"] >= 1000
    (server,) = config["mcpServers"]
    assert (server["type"], server["url"]) == ("streamable-http", "http://127.0.0.1:9001/mcp")
    assert "requestOptions" not in server


def test_continue_gets_nothing_of_the_tiny_profile_that_its_models_cannot_do() -> None:
    assert [model["roles"] for model in written("continue")["models"]] == [["chat", "summarize"]] * 2
    assert "tabAutocompleteModel" not in connecting.snippet(targets("continue", "config.json")[0])
    said = CLIENTS["continue"].hints(offered())
    assert [one.split(":")[0] for one in said[1:]] == ["autocomplete is left out", "edit and apply are left out"]
    assert len(CLIENTS["continue"].hints(offered(profile="full"))) == 1


def test_what_was_a_plain_list_in_the_template_still_is() -> None:
    assert "\n    roles: [chat, edit, apply, summarize]\n" in connecting.snippet(targets("continue", profile="full")[0])


def test_the_key_goes_where_the_server_asks_for_one() -> None:
    config = written("continue", **KEY)
    assert [each["apiKey"] for each in (*config["models"], *config["mcpServers"])] == ["secret-key-1"] * 3
    assert written("vscode", **KEY)[0]["apiKey"] == "secret-key-1"  # type: ignore[index]
    assert written("vscode", 1, **KEY)["servers"]["maker"]["headers"] == {"Authorization": "Bearer secret-key-1"}
    assert written("claude-code", **KEY)["env"]["ANTHROPIC_AUTH_TOKEN"] == "secret-key-1"
    assert written("codex", **KEY)["model_providers"]["maker-low"]["http_headers"] == {
        "Authorization": "Bearer secret-key-1"
    }


def test_continues_json_has_the_same_models_in_its_own_words() -> None:
    (target,) = targets("continue", "config.json", profile="full")
    config = json.loads(connecting.snippet(target))
    high, low = config["models"]
    assert (high["title"], high["apiBase"]) == ("MakerCode - High (128GB RAM)", "http://127.0.0.1:8080/v1")
    assert (low["contextLength"], low["completionOptions"]) == (15360, {"maxTokens": 3840})
    assert high["capabilities"] == {"tools": True}
    assert config["tabAutocompleteModel"]["model"] == "maker-low"


@pytest.mark.parametrize("name", ["maker.yaml", ".continuerc.json"])
def test_a_projects_file_names_the_project_and_keeps_no_secret(name: str) -> None:
    project = Project(Path("/home/me/Bücher"), "B-cher")
    target = continue_dev.target(Path("/p") / name, offered(**KEY), templates, project)
    text = connecting.snippet(target)
    assert "secret-key-1" not in text
    config = yaml.safe_load(text)
    headers = config["models"][0]["requestOptions"]["headers"]
    assert headers == {"x-maker-workspace": "file:///home/me/B%C3%BCcher"}
    if name == "maker.yaml":
        assert config["name"] == "maker: B-cher"
        assert config["models"][0]["apiKey"] == "${{ secrets.MAKER_API_KEY }}"
        assert config["mcpServers"][0]["requestOptions"]["headers"] == {"x-maker-workspace": "B-cher"}


def test_the_command_line_gets_one_whole_file_a_mode() -> None:
    for offer in offered().modes:
        config = yaml.safe_load(continue_dev.for_cli(offer, offered(), templates))
        assert [model["model"] for model in config["models"]] == [offer.model]
        assert config["schema"] == "v1" and config["mcpServers"][0]["name"] == "maker"


def test_a_template_that_asks_for_something_unknown_is_named() -> None:
    with pytest.raises(ConfigError, match="nosuch"):
        fill("a: $nosuch\n")


def test_a_line_without_a_value_goes_and_with_it_what_it_leaves_empty() -> None:
    assert fill("a: 1\nb:\n  c: $x\n", x=None) == "a: 1\n"
    assert fill("a: 1\nb:\n  c: $x\n  d: 2\n", x=None) == "a: 1\nb:\n  d: 2\n"
    assert fill("a: $x\n", x='say "hi"') == 'a: "say \\"hi\\""\n'


def test_vs_code_gets_a_custom_endpoint_and_the_tools() -> None:
    (group,) = written("vscode")  # type: ignore[misc]
    assert (group["vendor"], group["apiType"]) == ("customendpoint", "chat-completions")  # type: ignore[index]
    assert [model["url"] for model in group["models"]] == [  # type: ignore[index]
        "http://127.0.0.1:8080/v1/chat/completions",
        "http://127.0.0.1:8081/v1/chat/completions",
    ]
    assert written("vscode", 1) == {"servers": {"maker": {"type": "http", "url": "http://127.0.0.1:9001/mcp"}}}


def test_codex_gets_providers_and_a_profile_file_for_each() -> None:
    config = written("codex")
    assert config["model_providers"]["maker-high"]["wire_api"] == "responses"
    assert config["mcp_servers"] == {"maker": {"url": "http://127.0.0.1:9001/mcp"}}
    assert "model" not in config and "profiles" not in config
    assert [target.path.name for target in targets("codex")[1:]] == ["maker-high.config.toml", "maker-low.config.toml"]
    low = written("codex", 2)
    assert (low["model"], low["model_provider"]) == ("maker-low", "maker-low")


def test_claude_code_is_sent_to_the_root_of_one_port() -> None:
    env = written("claude-code")["env"]
    assert env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8080"
    assert {value for key, value in env.items() if key.endswith("_MODEL")} == {"maker-high"}


def test_aider_knows_address_model_and_limits() -> None:
    assert written("aider") == {
        "model": "openai/maker-high",
        "openai-api-base": "http://127.0.0.1:8080/v1",
        "openai-api-key": "maker-local",
    }
    assert set(written("aider", 1)) == {"openai/maker-high", "openai/maker-low"}


def test_zed_opencode_and_cline_get_what_they_read() -> None:
    zed = written("zed")
    assert set(zed["language_models"]["openai_compatible"]) == {"maker-high", "maker-low"}
    assert zed["context_servers"]["maker"]["url"] == "http://127.0.0.1:9001/mcp"
    opencode = written("opencode")
    assert opencode["provider"]["maker-low"]["options"]["baseURL"] == "http://127.0.0.1:8081/v1"
    assert opencode["mcp"]["maker"]["type"] == "remote"
    assert written("cline")["mcpServers"]["maker"]["type"] == "streamableHttp"


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_says_what_is_left_to_the_user(name: str) -> None:
    assert all(hint.strip() for hint in CLIENTS[name].hints(offered())) and CLIENTS[name].hints(offered())


def test_the_places_of_these_tests_exist_nowhere() -> None:
    assert not any(PLACES.exists(target.path) for name in CLIENTS for target in targets(name))
