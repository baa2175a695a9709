"""Reading GGUF headers that may be hostile."""

import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maker.catalog import gguf, tiny
from maker.catalog.templates import CHATML

LAYERS = 6
HEADER_BYTES = 36_000
"""A little more than a tiny model's header takes."""

quickly = settings(
    max_examples=300,
    deadline=timedelta(seconds=5),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def whole() -> bytes:
    return tiny.source("coder").read_bytes()


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], gguf.Header]:
    path = tmp_path / "some.gguf"

    def read_bytes(content: bytes) -> gguf.Header:
        path.write_bytes(content)
        return gguf.read(path)

    return read_bytes


def header(tensors: int = 0, keys: int = 0, version: int = 3, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + rest


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def tensor(shape: list[int], kind: int = 0, offset: int = 0) -> bytes:
    return text(b"w") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def test_a_whole_file_has_its_template(whole: bytes, read: Callable[[bytes], gguf.Header]) -> None:
    found = read(whole)
    assert found.version == 3
    assert found.templates == (CHATML,)
    assert found.tensors == 2 + 9 * LAYERS


def test_the_last_byte_counts(whole: bytes, read: Callable[[bytes], gguf.Header]) -> None:
    ends = whole.rstrip(b"\0")
    with pytest.raises(gguf.Unreadable, match=r"truncated or damaged: it has \d+ bytes, its header speaks of \d+"):
        read(ends[:-32])


@quickly
@given(length=st.integers(min_value=0, max_value=3_069_000))
def test_any_truncation_is_refused_cleanly(whole: bytes, read: Callable[[bytes], gguf.Header], length: int) -> None:
    if length >= len(whole) - 32:
        return
    with pytest.raises(gguf.Unreadable):
        read(whole[:length])


@quickly
@given(at=st.integers(min_value=0, max_value=HEADER_BYTES), bits=st.integers(min_value=1, max_value=255))
def test_any_flipped_header_byte_is_accepted_or_refused(
    whole: bytes, read: Callable[[bytes], gguf.Header], at: int, bits: int
) -> None:
    try:
        read(whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :])
    except gguf.Unreadable as error:
        assert str(error)


@quickly
@given(rest=st.binary(max_size=200), tensors=st.integers(0, 2**64 - 1), keys=st.integers(0, 2**64 - 1))
def test_a_made_up_header_is_accepted_or_refused(
    read: Callable[[bytes], gguf.Header], rest: bytes, tensors: int, keys: int
) -> None:
    try:
        read(header(tensors % 3, keys % 3, rest=rest))
        read(header(tensors, keys, rest=rest))
    except gguf.Unreadable as error:
        assert str(error)


HUGE = 2**63 - 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"GG", "not a GGUF file"),
        (b"PK\3\4" + bytes(100), "not a GGUF file"),
        (header(version=1), "GGUF version 1 is not supported"),
        (b"GGUF\0\0\0\3" + bytes(16), "GGUF version 50331648 is not supported"),
        (header(tensors=HUGE), "damaged: 9223372036854775807 tensors"),
        (header(keys=HUGE), "damaged: 9223372036854775807 metadata keys"),
        (header(keys=1, rest=struct.pack("<Q", HUGE)), "damaged: a metadata key of 9223372036854775807 bytes"),
        (header(keys=1, rest=text(b"\xff")), "damaged: a metadata key is not text"),
        (header(keys=1, rest=text(b"a") + struct.pack("<I", 99)), "the unknown type 99"),
        (header(keys=1, rest=text(b"a") + struct.pack("<IQ", 8, HUGE)), "truncated or damaged"),
        (header(keys=1, rest=text(b"a") + struct.pack("<IIQ", 9, 4, HUGE)), "truncated or damaged"),
        (header(keys=1, rest=text(b"a") + struct.pack("<IIQ", 9, 8, HUGE)), "arrays of more than 4194304 strings"),
        (header(keys=1, rest=text(b"a") + struct.pack("<IIQ", 9, 9, 1)), "the unknown type 9"),
        (
            header(keys=1, rest=text(b"tokenizer.chat_template") + struct.pack("<IQ", 8, HUGE)),
            "damaged: the chat template of",
        ),
        (header(keys=1, rest=text(b"general.alignment") + struct.pack("<II", 4, 0)), "the alignment is 0"),
        (header(keys=1, rest=text(b"general.alignment") + struct.pack("<II", 4, 48)), "the alignment is 48"),
        (header(tensors=1, rest=tensor([])), "'w' has 0 dimensions"),
        (header(tensors=1, rest=tensor([1] * 5)), "'w' has 5 dimensions"),
        (header(tensors=1, rest=tensor([32], kind=4)), "'w' has type 4, which maker does not know"),
        (header(tensors=1, rest=tensor([33], kind=8)), "'w' has rows of 33 elements"),
        (header(tensors=1, rest=tensor([8], offset=5) + bytes(99)), "'w' is out of line"),
        (header(tensors=1, rest=tensor([HUGE] * 4)), "truncated or damaged"),
        (header(tensors=1, rest=tensor([8], offset=2**64 - 32)), "truncated or damaged"),
    ],
)
def test_a_damaged_file_is_refused_with_a_reason(
    read: Callable[[bytes], gguf.Header], content: bytes, reason: str
) -> None:
    with pytest.raises(gguf.Unreadable, match=reason):
        read(content)


def test_a_quantised_tensor_is_measured_in_blocks(read: Callable[[bytes], gguf.Header]) -> None:
    content = header(tensors=1, rest=tensor([256, 2], kind=14))
    content += bytes(-len(content) % 32)
    assert read(content + bytes(420)).tensors == 1
    with pytest.raises(gguf.Unreadable):
        read(content + bytes(419))


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(gguf.Unreadable, match="cannot be read: Is a directory"):
        gguf.read(tmp_path)
