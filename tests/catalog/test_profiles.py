"""Which model for which role, and whether its file may be used."""

import os
import stat
from pathlib import Path

import gguf as writer
import pytest

from maker import config
from maker.catalog import profiles, templates, tiny
from maker.config import ROLES, Config, Home
from maker.errors import ConfigError, ModelFileError


def load(home: Home, text: str = "") -> Config:
    return config.parse(text, home)


def ignore(name: str, done: int, total: int) -> None:
    pass


def model_with_template(path: Path, template: str, key: str = "") -> Path:
    """A GGUF without tensors that carries a chat template, under a name if `key` is given."""
    made = writer.GGUFWriter(path, "llama")
    made.add_string(f"tokenizer.chat_template{key}", template)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.close()
    return path


def test_the_default_profile_has_a_server_of_its_own_for_every_role(home: Home) -> None:
    plans = profiles.plan(load(home))
    assert list(plans) == list(ROLES)
    assert all(plan.own_server and plan.role == role for role, plan in plans.items())
    assert len({plan.model for plan in plans.values()}) == len(ROLES)
    assert plans["coder"].urls == ("http://127.0.0.1:8002/v1",)


def test_a_tiny_server_gets_one_thread_and_no_gpu(home: Home) -> None:
    plans = profiles.plan(load(home)).values()
    assert {(plan.threads, plan.gpu_layers, plan.cache_ram_mib) for plan in plans} == {(1, 0, 0)}


def test_a_full_server_gets_the_physical_cores_and_the_gpu(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda logical: 12)
    plan = profiles.plan(load(home, 'profile = "full"'))["coder"]
    assert (plan.threads, plan.gpu_layers) == (12, profiles.ALL_LAYERS)


def test_the_configuration_overrides_the_profile(home: Home) -> None:
    text = (
        'engine = "xllamacpp"\nport_offset = 100\n[roles.coder]\nmodel = "/srv/big.gguf"\nslots = 8\ncontext = 1024\n'
        'cache_ram_mib = 7\nthreads = 3\ngpu_layers = 5\ntrust_template = true\nengine = "llama-server"\n'
    )
    plan = profiles.plan(load(home, text))["coder"]
    assert (plan.model, plan.slots, plan.context) == (Path("/srv/big.gguf"), 8, 1024)
    assert (plan.cache_ram_mib, plan.threads, plan.gpu_layers, plan.trust_template) == (7, 3, 5, True)
    assert (plan.engine, plan.urls) == ("llama-server", ("http://127.0.0.1:8102/v1",))
    assert profiles.plan(load(home, text))["planner"].engine == "xllamacpp"


def test_zero_is_a_setting_too(home: Home) -> None:
    text = 'profile = "full"\n[roles.coder]\ncache_ram_mib = 0\ngpu_layers = 0\n'
    plan = profiles.plan(load(home, text))["coder"]
    assert (plan.cache_ram_mib, plan.gpu_layers) == (0, 0)


def test_a_relative_model_is_below_the_homes_models(home: Home) -> None:
    plan = profiles.plan(load(home, '[roles.voter]\nmodel = "my.gguf"\n'))["voter"]
    assert plan.model == home.models / "my.gguf"


def test_an_unknown_profile_names_file_key_and_what_is_allowed(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"maker\.toml: profile: is 'huge'; allowed: tiny, full"):
        profiles.plan(load(home, 'profile = "huge"'))


def test_a_role_with_urls_starts_no_server(home: Home) -> None:
    plan = profiles.plan(load(home, '[roles.coder]\nurls = ["http://a:1/v1", "http://b:2/v1"]\n'))["coder"]
    assert (plan.urls, plan.own_server, plan.planned_bytes) == (("http://a:1/v1", "http://b:2/v1"), False, 0)
    assert plan.served_by == "http://a:1/v1, http://b:2/v1"
    profiles.verify(plan)


def test_two_roles_with_one_file_share_one_server(home: Home) -> None:
    plans = profiles.plan(load(home, '[roles.gpt-oss]\nmodel = "tiny-coder.gguf"\n'))
    assert plans["gpt-oss"].served_by == "coder"
    assert plans["gpt-oss"].urls == plans["coder"].urls
    assert plans["coder"].own_server


def test_a_role_that_asks_for_slots_of_its_own_gets_a_server(home: Home) -> None:
    plans = profiles.plan(load(home, '[roles.gpt-oss]\nmodel = "tiny-coder.gguf"\nslots = 1\n'))
    assert plans["gpt-oss"].own_server


def test_the_reviewer_serves_nobody_because_low_mode_runs_without_it(home: Home) -> None:
    plans = profiles.plan(load(home, '[roles.reviewer]\nmodel = "x.gguf"\n[roles.voter]\nmodel = "x.gguf"\n'))
    assert plans["voter"].own_server
    assert plans["reviewer"].served_by == "voter"


def test_llama_cpp_python_has_one_slot(home: Home) -> None:
    plans = profiles.plan(load(home, 'engine = "llama-cpp-python"'))
    assert {plan.slots for plan in plans.values()} == {1}
    with pytest.raises(ConfigError, match=r"roles\.coder\.slots: is 4; .* allowed: 1"):
        profiles.plan(load(home, 'engine = "llama-cpp-python"\n[roles.coder]\nslots = 4\n'))


def test_the_full_profile_says_the_figures_people_know(home: Home) -> None:
    full = load(home, 'profile = "full"')
    assert profiles.mode_figure(full, "high") == "~128GB RAM"
    assert profiles.mode_figure(full, "low") == "~40-50GB RAM"


def test_the_tiny_profile_adds_up_its_plan(home: Home) -> None:
    assert profiles.mode_figure(load(home), "high") == "~0.5GB RAM"
    assert profiles.mode_figure(load(home), "low") == "~0.5GB RAM"


def test_a_figure_of_changed_models_is_added_up(home: Home) -> None:
    home.models.mkdir(parents=True)
    model = home.models / "big.gguf"
    with model.open("wb") as file:
        file.truncate(20 * profiles.GB)
    changed = load(home, 'profile = "full"\n[roles.reviewer]\nmodel = "big.gguf"\ncache_ram_mib = 0\n')
    assert profiles.mode_figure(changed, "high") == "~96GB RAM"
    assert profiles.mode_figure(changed, "low") == "~71GB RAM"


def test_prepare_puts_the_missing_tiny_models_there_private_and_reports(home: Home) -> None:
    told: list[tuple[str, int, int]] = []
    profiles.prepare(load(home), lambda *progress: told.append(progress))
    plans = profiles.plan(load(home))
    for plan in plans.values():
        profiles.verify(plan)
        assert stat.S_IMODE(plan.model.stat().st_mode) == 0o600
        assert plan.model.read_bytes() == tiny.source(plan.role).read_bytes()
    assert told[0] == ("tiny-preprocessor.gguf", 0, 6)
    assert told[-1][1:] == (6, 6)
    assert sorted(os.listdir(home.models)) == sorted(plan.model.name for plan in plans.values())


def test_prepare_leaves_what_is_there(home: Home) -> None:
    home.models.mkdir(parents=True)
    there = home.models / "tiny-coder.gguf"
    there.write_bytes(b"mine")
    told: list[str] = []
    text = '[roles.voter]\nmodel = "other.gguf"\n[roles.planner]\nurls = ["http://a:1/v1"]\n'
    profiles.prepare(load(home, text), lambda name, done, total: told.append(name))
    assert there.read_bytes() == b"mine"
    assert [name for name in told if name] == [f"tiny-{role}.gguf" for role in ("preprocessor", "reviewer", "gpt-oss")]


def test_prepare_makes_nothing_for_the_full_profile(home: Home) -> None:
    profiles.prepare(load(home, 'profile = "full"'), ignore)
    assert not home.models.exists()


def test_models_that_cannot_be_written_are_named(home: Home) -> None:
    home.models.parent.mkdir(exist_ok=True)
    home.models.write_text("a file, not a folder", encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"models: the tiny models cannot be written"):
        profiles.prepare(load(home), ignore)


@pytest.mark.parametrize("key", ["", ".tool_use"])
def test_an_unknown_template_is_refused_unless_it_is_trusted(home: Home, key: str) -> None:
    home.models.mkdir(parents=True)
    model_with_template(home.models / "odd.gguf", "{{ messages }}", key)
    text = '[roles.coder]\nmodel = "odd.gguf"\n'
    with pytest.raises(ModelFileError, match=r"odd\.gguf: maker does not know its chat template .*\[roles\.coder\]"):
        profiles.verify(profiles.plan(load(home, text))["coder"])
    profiles.verify(profiles.plan(load(home, text + "trust_template = true\n"))["coder"])


def test_a_known_template_with_one_changed_letter_is_unknown(tmp_path: Path) -> None:
    assert templates.family(templates.CHATML) == "maker's tiny models (ChatML)"
    assert templates.family(templates.CHATML + "\n") is not None
    assert templates.family(templates.CHATML.replace("user", "User").replace("role", "rôle")) is None


def test_a_missing_model_says_what_to_do(home: Home) -> None:
    with pytest.raises(ModelFileError, match=r"tiny-coder\.gguf: the model file is missing; .*maker init"):
        profiles.verify(profiles.plan(load(home))["coder"])


def test_a_model_that_maker_toml_names_is_not_the_profiles_own(home: Home) -> None:
    made = load(home, '[roles.voter]\nmodel = "other.gguf"\n[roles.planner]\nurls = ["http://a:1/v1"]\n')
    assert [role for role in ROLES if not profiles.is_own(made, role)] == ["planner", "voter"]
