"""llama's forward pass in a few lines of numpy, on a GGUF file's weights: what the served model is compared with."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from training.tokenizer import Tokenizer

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """A GGUF file."""

    path: Path

    @cached_property
    def _reader(self) -> Any:
        return gguf.GGUFReader(self.path)

    def says(self, key: str) -> Any:
        """The value of a metadata key."""
        return self._reader.fields[key].contents()

    @cached_property
    def weights(self) -> dict[str, Array]:
        return {one.name: gguf.quants.dequantize(one.data, one.tensor_type) for one in self._reader.tensors}

    @cached_property
    def tokenizer(self) -> Tokenizer:
        merges = [one.split(" ") for one in self.says("tokenizer.ggml.merges")]
        return Tokenizer(tuple((left, right) for left, right in merges))

    def logits(self, tokens: list[int]) -> Array:
        """The scores of what comes after each of these tokens."""
        weights, heads = self.weights, self.says("llama.attention.head_count")
        x = weights["token_embd.weight"][tokens]
        size = x.shape[1] // heads
        frequency = self.says("llama.rope.freq_base") ** (-np.arange(0, size, 2) / size)
        angles = np.arange(len(tokens))[:, None] * frequency
        later = np.triu(np.full((len(tokens), len(tokens)), -np.inf, np.float32), 1)
        for layer in range(self.says("llama.block_count")):
            here = {name.split(".", 2)[2]: one for name, one in weights.items() if name.startswith(f"blk.{layer}.")}
            normed = self._normed(x, here["attn_norm.weight"])
            query, key, value = (
                (normed @ here[f"attn_{one}.weight"].T).reshape(len(tokens), heads, size).swapaxes(0, 1)
                for one in ("q", "k", "v")
            )
            scores = turned(query, angles) @ turned(key, angles).swapaxes(1, 2) * np.float32(size**-0.5) + later
            seen = softmax(scores) @ value
            x = x + seen.swapaxes(0, 1).reshape(x.shape) @ here["attn_output.weight"].T
            normed = self._normed(x, here["ffn_norm.weight"])
            gate = normed @ here["ffn_gate.weight"].T
            inner = gate / (1 + np.exp(-gate)) * (normed @ here["ffn_up.weight"].T)
            x = x + inner @ here["ffn_down.weight"].T
        scores: Array = self._normed(x, weights["output_norm.weight"]) @ weights["token_embd.weight"].T
        return scores

    def _normed(self, x: Array, scale: Array) -> Array:
        epsilon = np.float32(self.says("llama.attention.layer_norm_rms_epsilon"))
        normed: Array = x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * scale
        return normed


def turned(x: Array, angles: npt.NDArray[np.float64]) -> Array:
    """Neighbouring dimensions turned by the angle of their position, as llama.cpp does for this architecture."""
    even, odd = x[..., ::2], x[..., 1::2]
    cosine, sine = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    pairs = np.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1)
    return pairs.reshape(x.shape)


def softmax(x: Array) -> Array:
    """Along the last axis."""
    raised = np.exp(x - x.max(-1, keepdims=True))
    shares: Array = raised / raised.sum(-1, keepdims=True)
    return shares
