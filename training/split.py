"""What is held out of training, by hash: a fixed 15 % of words, constants, compositions and wordings."""

import zlib
from typing import Literal

Split = Literal["train", "comp", "para", "name"]
"""`comp`: held-out compositions, names too; `para`: held-out wordings; `name`: held-out names and constants."""

HELD: tuple[Split, ...] = ("comp", "para", "name")
PERCENT = 15


def held(kind: str, item: object) -> bool:
    """Whether this item of this kind is never trained on."""
    return zlib.crc32(f"maker/{kind}/{item}".encode()) % 100 < PERCENT
