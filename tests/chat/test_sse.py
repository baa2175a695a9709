"""Server-sent events: whatever way the network cuts them, the same events come out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maker.chat.sse import DONE, KEEP_ALIVE, Decoder, comment, frame


def decode(raw: bytes, cuts: list[int] | None = None) -> list[str]:
    decoder = Decoder()
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts or []), len(raw)]
    pieces = [raw[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    return [event for piece in pieces for event in decoder.feed(piece)]


def test_a_frame_is_one_event_and_survives_every_line_splitter() -> None:
    text = "a\u2028b\u2029c\x85d\x0be\nf\rg \U0001f600 é"

    raw = frame({"text": text})

    assert raw.endswith(b"\n\n")
    assert len(raw.decode().strip().splitlines()) == 1
    assert [json.loads(event) for event in decode(raw)] == [{"text": text}]


def test_half_a_surrogate_pair_passes_and_joins_its_other_half() -> None:
    events = decode(frame("\ud83d") + frame("\ude00"))

    assert "".join(json.loads(event) for event in events).encode("utf-16", "surrogatepass").decode("utf-16") == "😀"


def test_comments_are_no_events() -> None:
    assert comment("two\nlines") == b": two lines\n\n"
    assert KEEP_ALIVE == b": keep-alive\n\n"
    assert decode(KEEP_ALIVE + DONE + KEEP_ALIVE) == ["[DONE]"]


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data: a\n\n", ["a"]),
        (b"data: a\r\n\r\n", ["a"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", ["a"]),
        (b"id: 7\nevent: x\nretry: 5\ndata: a\n: c\nnonsense\n\n", ["a"]),
        (b"data\n\n", [""]),
        (b"data: a:b\n\n", ["a:b"]),
        (b"\n\n\n", []),
        (b"data: unfinished\n", []),
        ("data: \u2028\x85\x0b\x0c\n\n".encode(), ["\u2028\x85\x0b\x0c"]),
        (b"data: \xff\n\n", ["\ufffd"]),
    ],
)
def test_lines_end_where_the_standard_says_and_nowhere_else(raw: bytes, events: list[str]) -> None:
    assert decode(raw) == events
    assert decode(raw, list(range(len(raw)))) == events


LINES = st.lists(
    st.one_of(
        st.text(max_size=12).map(lambda text: b"data: " + text.replace("\n", " ").replace("\r", " ").encode()),
        st.sampled_from([b"", b": keep-alive", b"event: x", b"data", b"data:", b"id"]),
    ),
    max_size=12,
)


@given(LINES, st.lists(st.sampled_from([b"\n", b"\r", b"\r\n"]), min_size=12, max_size=12), st.lists(st.integers(0)))
@settings(deadline=None, max_examples=400)
def test_the_pieces_of_the_network_change_nothing(lines: list[bytes], ends: list[bytes], cuts: list[int]) -> None:
    raw = b"".join(line + end for line, end in zip(lines, ends, strict=False))

    assert decode(raw, cuts) == decode(raw) == decode(raw, list(range(len(raw))))


def test_an_event_beyond_the_limit_is_an_error_whether_it_has_lines_or_not() -> None:
    for raw in (b"data: " + b"x" * 200, b"data: xxxxxx\n" * 20, b": " + b"x" * 200):
        with pytest.raises(ValueError, match="longer than 100 bytes"):
            Decoder(max_event_bytes=100).feed(raw)


def test_the_limit_is_per_event_and_comments_do_not_add_up() -> None:
    decoder = Decoder(max_event_bytes=100)

    assert decoder.feed(b"data: xxxxxxxxxx\n\n" * 50) == ["xxxxxxxxxx"] * 50
    assert decoder.feed(b": keep-alive\n" * 50) == []


def test_a_long_event_in_many_pieces_takes_linear_time() -> None:
    decoder = Decoder()
    decoder.feed(b"data: ")
    for _ in range(100_000):
        decoder.feed(b"xxxxxxxxxx")

    assert decoder.feed(b"\n\n") == ["x" * 1_000_000]
