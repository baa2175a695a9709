"""Writing a model as GGUF: a made-up one comes back from the file, and llama.cpp's order of rows means the same."""

from pathlib import Path

import numpy as np
import pytest

from maker.catalog import gguf as header
from maker.catalog import templates
from maker.pipeline import prompts
from tests.training.numpy_llama import Array, Model, turned
from training.export import Origin, export, neighbours
from training.shape import Shape
from training.tokenizer import SPECIAL, Tokenizer

TOKENIZER = Tokenizer((("t", "h"), ("th", "e")))
SHAPE = Shape(vocabulary=len(TOKENIZER.tokens), width=64, layers=2, heads=2, feed_forward=96, context=128)


def state() -> dict[str, Array]:
    """Random parameters under the trainer's names."""
    rng = np.random.default_rng(0)
    made = {"embedding.weight": (SHAPE.vocabulary, 64), "norm": (64,)}
    for layer in range(SHAPE.layers):
        for name, shape in {
            "attention_norm": (64,), "qkv.weight": (192, 64), "out.weight": (64, 64), "feed_forward_norm": (64,),
            "gate_up.weight": (192, 64), "down.weight": (64, 96),
        }.items():  # fmt: skip
            made[f"blocks.{layer}.{name}"] = shape
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in made.items()}


def written(path: Path, kind: str) -> Model:
    export(state(), SHAPE, TOKENIZER, Origin("coder", 7, 42), path, kind)
    return Model(path)


def test_the_file_says_what_it_is_and_where_it_comes_from(tmp_path: Path) -> None:
    model = written(tmp_path / "made.gguf", "q8_0")
    assert model.says("general.name") == "maker tiny coder"
    assert model.says("general.license") == "MIT"
    assert (model.says("maker.seed"), model.says("maker.steps")) == (7, 42)
    assert model.says("maker.prompts") == prompts.digest("tiny")
    assert len(model.says("maker.data")) == 64
    assert header.read(model.path).templates == (templates.CHATML,)
    assert model.tokenizer == TOKENIZER


def test_the_special_tokens_are_named(tmp_path: Path) -> None:
    model = written(tmp_path / "made.gguf", "f32")
    tokens = model.says("tokenizer.ggml.tokens")
    named = {
        name: tokens[model.says(f"tokenizer.ggml.{name}_token_id")] for name in ("eos", "fim_pre", "fim_suf", "fim_mid")
    }
    assert list(named.values()) == ["<|im_end|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
    kinds = model.says("tokenizer.ggml.token_type")
    assert [token for token, kind in zip(tokens, kinds, strict=True) if kind == 3] == list(SPECIAL)


@pytest.mark.parametrize(("kind", "off"), [("f32", 0.0), ("f16", 1e-3), ("q8_0", 1e-2)])
def test_the_weights_come_back_as_exactly_as_the_kind_allows(tmp_path: Path, kind: str, off: float) -> None:
    model, made = written(tmp_path / "made.gguf", kind), state()
    for name, wanted in (
        ("token_embd.weight", made["embedding.weight"]),
        ("blk.1.ffn_down.weight", made["blocks.1.down.weight"]),
    ):
        assert np.abs(model.weights[name] - wanted).max() <= off
    assert np.array_equal(model.weights["output_norm.weight"], made["norm"])


def test_turning_neighbours_after_reordering_is_turning_halves_before() -> None:
    rng = np.random.default_rng(1)
    query, key = (rng.normal(size=(64, 64)).astype(np.float32) for _ in range(2))
    x, angles = rng.normal(size=(5, 64)).astype(np.float32), rng.normal(size=(5, 16))

    def halves(matrix: Array) -> Array:
        low, high = np.split((x @ matrix.T).reshape(5, 2, 32).swapaxes(0, 1), 2, -1)
        cosine, sine = np.cos(angles), np.sin(angles)
        return np.concatenate((low * cosine - high * sine, low * sine + high * cosine), -1)

    def reordered(matrix: Array) -> Array:
        return turned((x @ neighbours(matrix, 2).T).reshape(5, 2, 32).swapaxes(0, 1), angles)

    ours, theirs = halves(query) @ halves(key).swapaxes(1, 2), reordered(query) @ reordered(key).swapaxes(1, 2)
    assert np.allclose(ours, theirs, atol=1e-4)
