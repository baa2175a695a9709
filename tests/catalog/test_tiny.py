"""The tiny models that maker brings along: what the files say, and where they are put."""

import os
import stat
from pathlib import Path

import pytest

from maker.catalog import gguf as header
from maker.catalog import profiles, templates, tiny
from maker.config import ROLES, Config, Home
from maker.pipeline import prompts
from tests.engine.servers import END
from tests.training.numpy_llama import Model

FILES = sorted({tiny.source(role) for role in ROLES})
MEGABYTE = 1_000_000

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def ignore(name: str, done: int, total: int) -> None:
    pass


def test_two_small_files_play_the_six_roles() -> None:
    assert [file.name for file in FILES] == ["coder.gguf", "helper.gguf"]
    assert sorted(path.name for path in tiny.WEIGHTS.iterdir()) == ["coder.gguf", "helper.gguf"]
    assert sum(file.stat().st_size for file in FILES) < 20 * MEGABYTE


@every_file
def test_the_weights_were_trained_on_the_prompts_that_are_sent(file: Path) -> None:
    assert Model(file).says("maker.prompts") == prompts.digest("tiny"), (
        "the tiny profile's prompts changed: train again (training/README.md), or change them back"
    )


@every_file
def test_a_file_says_where_it_comes_from(file: Path) -> None:
    model = Model(file)
    assert model.says("general.name") == f"maker tiny {file.stem}"
    assert model.says("general.license") == "MIT"
    assert model.says("maker.steps") > 0 and model.says("maker.seed") > 0
    assert len(model.says("maker.data")) == 64


@every_file
def test_a_file_has_the_known_template_and_context_for_every_slot(file: Path, home: Home) -> None:
    assert header.read(file).templates == (templates.CHATML,)
    assert templates.family(templates.CHATML) is not None
    plans = profiles.plan(Config(home=home)).values()
    assert all(plan.context <= Model(file).says("llama.context_length") for plan in plans)


@every_file
def test_an_answer_ends_with_the_token_that_other_tests_forbid(file: Path) -> None:
    assert Model(file).says("tokenizer.ggml.eos_token_id") == END
    assert Model(file).says("tokenizer.ggml.tokens")[END] == "<|im_end|>"


@every_file
def test_a_file_has_the_tokens_that_editors_complete_with(file: Path) -> None:
    model = Model(file)
    for part, word in (("pre", "prefix"), ("suf", "suffix"), ("mid", "middle")):
        token = model.says("tokenizer.ggml.tokens")[model.says(f"tokenizer.ggml.fim_{part}_token_id")]
        assert token == f"<|fim_{word}|>"


def test_every_role_gets_a_private_copy_of_its_file(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    tiny.write(tmp_path / "models", ["coder", "voter"], lambda *progress: told.append(progress))
    assert told == [("tiny-coder.gguf", 0, 2), ("tiny-voter.gguf", 1, 2), ("", 2, 2)]
    for role in ("coder", "voter"):
        copy = tmp_path / "models" / tiny.name(role)
        assert copy.read_bytes() == tiny.source(role).read_bytes()
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path / "models")) == ["tiny-coder.gguf", "tiny-voter.gguf"]


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "WEIGHTS", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        tiny.write(tmp_path / "models", ["coder"], ignore)
    assert list((tmp_path / "models").iterdir()) == []


def test_the_files_of_another_version_are_replaced_and_a_users_own_are_not(home: Home) -> None:
    config = Config(home=home)
    profiles.prepare(config, ignore)
    older, mine = home.models / "tiny-coder.gguf", home.models / "tiny-voter.gguf"
    older.write_bytes(older.read_bytes()[:-4] + b"old!")
    mine.write_bytes(b"GGUF of my own")
    told: list[str] = []
    profiles.prepare(config, lambda name, done, total: told.append(name))
    assert [name for name in told if name] == ["tiny-coder.gguf"]
    assert older.read_bytes() == tiny.source("coder").read_bytes()
    assert mine.read_bytes() == b"GGUF of my own"


def test_what_is_missing_or_damaged_is_not_made_where_only_older_files_are_renewed(home: Home) -> None:
    config = Config(home=home)
    profiles.prepare(config, ignore)
    older, gone, cut = (home.models / f"tiny-{role}.gguf" for role in ("coder", "voter", "planner"))
    older.write_bytes(older.read_bytes()[:-4] + b"old!")
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1000])
    profiles.renew(config)
    assert older.read_bytes() == tiny.source("coder").read_bytes()
    assert not gone.exists()
    assert len(cut.read_bytes()) == len(tiny.source("planner").read_bytes()) - 1000
