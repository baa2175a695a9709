"""`python -m training.released`: checkpoints and tokenizer from the files that maker ships, to go on from there.

The recipe's own checkpoints are not kept with maker. What ships is 8-bit, which costs nothing that was measured; each
phase begins with optimizers of its own, so that a checkpoint between two phases is its parameters alone.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import torch

from training.model import Decoder
from training.shape import Shape
from training.train import checkpoint, made

WEIGHTS = Path(__file__).parents[1] / "maker" / "catalog" / "weights"

Array = npt.NDArray[np.float32]


def model(path: Path) -> Decoder:
    """The model of a file that `training.export` wrote, as 32-bit numbers."""
    shape = Shape()
    found = {one.name: gguf.quants.dequantize(one.data, one.tensor_type) for one in gguf.GGUFReader(path).tensors}
    state: dict[str, Array] = {"embedding.weight": found["token_embd.weight"], "norm": found["output_norm.weight"]}
    for layer in range(shape.layers):
        here, there = f"blocks.{layer}.", f"blk.{layer}."
        turned = [halves(found[f"{there}attn_{one}.weight"], shape.heads) for one in "qk"]
        state |= {
            here + "attention_norm": found[there + "attn_norm.weight"],
            here + "qkv.weight": np.concatenate((*turned, found[there + "attn_v.weight"])),
            here + "out.weight": found[there + "attn_output.weight"],
            here + "feed_forward_norm": found[there + "ffn_norm.weight"],
            here + "gate_up.weight": np.concatenate((found[there + "ffn_gate.weight"], found[there + "ffn_up.weight"])),
            here + "down.weight": found[there + "ffn_down.weight"],
        }
    loaded = Decoder(shape)
    loaded.load_state_dict({name: torch.from_numpy(np.array(array, np.float32)) for name, array in state.items()})
    return loaded


def halves(matrix: Array, heads: int) -> Array:
    """Rows 2 i and 2 i + 1 of each head become rows i and i + half: what `export.neighbours` does, undone."""
    rows, width = matrix.shape
    return matrix.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def merges(path: Path) -> list[list[str]]:
    """The tokenizer's merges of such a file."""
    field = gguf.GGUFReader(path).fields["tokenizer.ggml.merges"]
    return [merge.split(" ") for merge in field.contents()]


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(prog="python -m training.released", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(".build/training"), help="where `python -m training` looks")
    parser.add_argument(
        "steps", nargs="*", metavar="NAME=STEP", help="the training's checkpoint at this step, a phase's end"
    )
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "merges.json").write_text(json.dumps(merges(WEIGHTS / "coder.gguf")), encoding="utf-8")
    for one in given.steps:
        name, _, step = one.partition("=")
        loaded = model(WEIGHTS / f"{name}.gguf")
        checkpoint(loaded, made(loaded), int(step), given.out / f"{name}.pt")


if __name__ == "__main__":
    main()
