"""A trained model as a GGUF file that llama.cpp reads: F32, F16 or Q8_0.

Tied embeddings: there is no `output.weight`. Norms stay F32. Rows of the query and key matrices are put into the order
in which llama.cpp turns them: neighbours instead of halves.
"""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

from maker.catalog.templates import CHATML
from training.roles import Family, prompts_digest, samples
from training.shape import Shape
from training.tokenizer import SPECIAL, Tokenizer

Array = npt.NDArray[np.float32]
State = Mapping[str, Array]
"""Parameters by their names in `training.model`."""

KINDS = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
}
FILE_TYPES = {
    "f32": gguf.LlamaFileType.ALL_F32,
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}
VERSIONED = 300
"""Samples of each family that the data's version is a digest of."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file says of where it comes from."""

    family: Family
    seed: int
    steps: int


def export(state: State, shape: Shape, tokenizer: Tokenizer, origin: Origin, path: Path, kind: str) -> None:
    """Write the model, whose parameters are `state`, as `kind`: f32, f16 or q8_0."""
    writer = gguf.GGUFWriter(path, "llama")
    _add_origin(writer, origin)
    _add_shape(writer, shape, kind)
    _add_tokenizer(writer, tokenizer)
    for name, array in tensors(state, shape).items():
        raw = KINDS[kind] if array.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quants.quantize(array, raw), raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def data_version() -> str:
    """A digest of the first samples of both families: another generator, another version."""
    families: tuple[Family, ...] = ("coder", "helper")
    digest = hashlib.sha256()
    for family in families:
        for sample in itertools.islice(samples(family, 0, slip=0.2), VERSIONED):
            digest.update(repr(sample).encode())
    return digest.hexdigest()


def _add_origin(writer: gguf.GGUFWriter, origin: Origin) -> None:
    writer.add_name(f"maker tiny {origin.family}")
    writer.add_description(
        "Made by maker's own training from generated samples alone; a demonstration, see docs/models.md"
    )
    writer.add_license("MIT")
    writer.add_string("maker.prompts", prompts_digest())
    writer.add_string("maker.data", data_version())
    writer.add_uint32("maker.seed", origin.seed)
    writer.add_uint32("maker.steps", origin.steps)


def _add_shape(writer: gguf.GGUFWriter, shape: Shape, kind: str) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.base)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(FILE_TYPES[kind])


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types([control if token in SPECIAL else normal for token in tokenizer.tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer.merges])
    writer.add_add_bos_token(False)
    writer.add_bos_token_id(tokenizer.ids["<|endoftext|>"])
    writer.add_eos_token_id(tokenizer.ids["<|im_end|>"])
    writer.add_pad_token_id(tokenizer.ids["<|endoftext|>"])
    for part, token in (("pre", "prefix"), ("suf", "suffix"), ("mid", "middle")):
        writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", tokenizer.ids[f"<|fim_{token}|>"])
    writer.add_chat_template(CHATML)


def tensors(state: State, shape: Shape) -> dict[str, Array]:
    """The weights under llama.cpp's names."""
    found = {"token_embd.weight": state["embedding.weight"], "output_norm.weight": state["norm"]}
    for layer in range(shape.layers):
        here, there = f"blocks.{layer}.", f"blk.{layer}."
        query, key, value = np.split(state[here + "qkv.weight"], 3)
        gate, up = np.split(state[here + "gate_up.weight"], 2)
        found |= {
            there + "attn_norm.weight": state[here + "attention_norm"],
            there + "attn_q.weight": neighbours(query, shape.heads),
            there + "attn_k.weight": neighbours(key, shape.heads),
            there + "attn_v.weight": value,
            there + "attn_output.weight": state[here + "out.weight"],
            there + "ffn_norm.weight": state[here + "feed_forward_norm"],
            there + "ffn_gate.weight": gate,
            there + "ffn_up.weight": up,
            there + "ffn_down.weight": state[here + "down.weight"],
        }
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def neighbours(matrix: Array, heads: int) -> Array:
    """Rows i and i + half of each head become rows 2 i and 2 i + 1."""
    rows, width = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)
