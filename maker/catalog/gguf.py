"""Reading the header of a GGUF file that nobody vouches for.

What is covered: no length in the file is believed before it was compared with what is left of the file; work and
memory are bounded; a file that ends before its last tensor does is refused, and so is a tensor of unknown size.
What is not covered: the weights themselves, and what llama.cpp asks of a header beyond its being whole.

Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_ITEMS = 1 << 22
"""Entries of all arrays together; the largest vocabulary in use has 2^18 tokens and as many merges and types."""
MAX_ENTRIES = 1 << 16
"""Metadata keys, and tensors."""
MAX_KEPT = 1 << 20
"""Bytes of a name, or of a string that is kept."""

TEMPLATE_PREFIX = "tokenizer.chat_template"
"""llama.cpp also reads named ones: tokenizer.chat_template.tool_use, ..."""

STRING, ARRAY = 8, 9
SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Metadata value type -> bytes."""

TENSOR_TYPES = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18),
}  # fmt: skip
"""Tensor type -> (elements, bytes) of one block, as in ggml.h."""


class Unreadable(Exception):
    """The file is not a whole GGUF; the text says what is wrong with it and what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """What maker wants to know of a GGUF."""

    version: int
    tensors: int
    templates: tuple[str, ...]


def read(path: Path) -> Header:
    """Read and check the header.

    Raises:
        Unreadable: missing, empty, not GGUF, or cut short.
    """
    try:
        with path.open("rb", buffering=1 << 16) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise Unreadable("the file is empty; fetch or make it again")
            return _Reader(file, size).header()
    except FileNotFoundError:
        raise Unreadable(
            "the model file is missing; put it there, or name another file for this role in maker.toml "
            "(`maker init` makes the tiny ones)"
        ) from None
    except OSError as error:
        raise Unreadable(f"the model file cannot be read: {error.strerror or error}") from error


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size, self.at, self.items = file, size, 0, 0

    def header(self) -> Header:
        if self.size < 4 or self.take(4) != b"GGUF":
            raise Unreadable("not a GGUF file; fetch it again, or name another file for this role in maker.toml")
        version = self.u32()
        if version not in (2, 3):
            raise Unreadable(f"GGUF version {version} is not supported; take a file of version 2 or 3")
        tensors, keys = self.count("tensors", self.u64()), self.count("metadata keys", self.u64())
        templates: list[str] = []
        alignment = 32
        for _ in range(keys):
            key, kind = self.text("a metadata key"), self.u32()
            if key.startswith(TEMPLATE_PREFIX) and kind == STRING:
                templates.append(self.text("the chat template"))
            elif key == "general.alignment" and kind == 4:
                alignment = self.u32()
            else:
                self.skip_value(kind)
        if alignment < 1 or alignment & (alignment - 1) or alignment > 1 << 20:
            raise Unreadable(f"damaged: the alignment is {alignment}; fetch the file again")
        self.check_tensors(tensors, alignment)
        return Header(version, tensors, tuple(templates))

    def check_tensors(self, count: int, alignment: int) -> None:
        ends = [self.tensor() for _ in range(count)]
        start = math.ceil(self.at / alignment) * alignment
        for name, offset, length in ends:
            if offset % alignment:
                raise Unreadable(f"damaged: tensor {name!r} is out of line; fetch the file again")
            if start + offset + length > self.size:
                raise self.truncated(start + offset + length)

    def tensor(self) -> tuple[str, int, int]:
        """Name, offset from the start of the data, and length in bytes."""
        name, dims = self.text("a tensor's name"), self.u32()
        if not 1 <= dims <= 4:
            raise Unreadable(f"damaged: tensor {name!r} has {dims} dimensions; fetch the file again")
        shape = [self.u64() for _ in range(dims)]
        kind, offset = self.u32(), self.u64()
        if kind not in TENSOR_TYPES:
            raise Unreadable(f"tensor {name!r} has type {kind}, which maker does not know; take another quantisation")
        elements, size = TENSOR_TYPES[kind]
        if shape[0] % elements:
            raise Unreadable(f"damaged: tensor {name!r} has rows of {shape[0]} elements; fetch the file again")
        return name, offset, math.prod(shape) // elements * size

    def skip_value(self, kind: int) -> None:
        if kind == STRING:
            self.skip(self.u64())
        elif kind == ARRAY:
            self.skip_array(self.u32(), self.u64())
        else:
            self.skip(self.scalar(kind))

    def skip_array(self, kind: int, count: int) -> None:
        if kind != STRING:
            self.skip(self.scalar(kind) * count)
            return
        self.items += count
        if self.items > MAX_ITEMS:
            raise Unreadable(f"damaged: arrays of more than {MAX_ITEMS} strings; fetch the file again")
        for _ in range(count):
            self.skip(self.u64())

    def scalar(self, kind: int) -> int:
        if kind not in SCALARS:
            raise Unreadable(f"damaged: metadata of the unknown type {kind}; fetch the file again")
        return SCALARS[kind]

    def count(self, what: str, value: int) -> int:
        if value > MAX_ENTRIES:
            raise Unreadable(f"damaged: {value} {what}; fetch the file again")
        return value

    def text(self, what: str) -> str:
        length = self.u64()
        if length > MAX_KEPT:
            raise Unreadable(f"damaged: {what} of {length} bytes; fetch the file again")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise Unreadable(f"damaged: {what} is not text; fetch the file again") from None

    def u32(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def u64(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def take(self, length: int) -> bytes:
        self.room(length)
        self.at += length
        taken = self.file.read(length)
        if len(taken) != length:
            raise self.truncated(self.at)
        return taken

    def skip(self, length: int) -> None:
        self.room(length)
        self.at += length
        # Reading past short strings keeps the buffer; seeking would empty it for every word of the vocabulary.
        if length > 4096:
            self.file.seek(length, os.SEEK_CUR)
        else:
            self.file.read(length)

    def room(self, length: int) -> None:
        if self.at + length > self.size:
            raise self.truncated(self.at + length)

    def truncated(self, needed: int) -> Unreadable:
        return Unreadable(
            f"truncated or damaged: it has {self.size} bytes, its header speaks of {needed}; fetch or make it again"
        )
