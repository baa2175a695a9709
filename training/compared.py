"""Texts on which the trainer's tokenizer is compared with llama.cpp's."""

import random
from collections.abc import Iterator

from training.batches import conversation
from training.roles import Family, samples
from training.sample import Sample

FAMILIES: tuple[Family, ...] = ("coder", "helper")
ODD = (
    "", " ", "  x", "\n\n  \n", "tab\there", "don't we'll I'd", "x=1.5e-3", "2024-11-22", "naïve café", "größe ß",
    "日本語 テスト", "😀 ok", "½ ² Ⅷ", "a\u00a0b\u2003c", "\u0301e", "<|im_start|>user\nhi<|im_end|>\n",
    "__init__(self, *args)", "'total'", "\r\nline", "a  5  b", "5 's", "ééé", "مرحبا 12", "x\x1cy\x00z",
)  # fmt: skip
"""What tokenizers differ on."""


def texts(count: int) -> list[str]:
    """Conversations and answers of both families, and strings that tokenizers differ on."""
    drawn: list[Iterator[Sample]] = [samples(family, 3, held=True) for family in FAMILIES]
    said = (one for pair in zip(*drawn, strict=False) for one in pair)
    found = [*ODD, *_noise(100)]
    for one in said:
        found += [conversation(one.messages), one.answer]
        if len(found) >= count:
            return found[:count]
    return found


def _noise(count: int) -> Iterator[str]:
    rng = random.Random(0)
    some = "ab zX_09 .,()[]{}'\"=+-*/%<>\n\t éß日½\u00a0"
    for _ in range(count):
        yield "".join(rng.choice(some) for _ in range(rng.randint(1, 40)))
