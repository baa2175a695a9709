"""How the trained models' texts are cut into tokens; llama.cpp is compared in `test_served`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training import tokenizer
from training.texts import corpus
from training.tokenizer import SPECIAL, Tokenizer, learn, symbols

SIZE = 560


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    return learn(corpus(300, 1), SIZE)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=80))
def test_every_text_comes_back(small: Tokenizer, text: str) -> None:
    assert small.decode(small.encode(text)) == text


def test_the_vocabulary_has_all_bytes_and_the_special_tokens_and_no_token_twice(small: Tokenizer) -> None:
    assert set(symbols()) | set(SPECIAL) <= set(small.tokens)
    assert len(set(small.tokens)) == len(small.tokens) == SIZE


def test_special_tokens_are_one_token_each(small: Tokenizer) -> None:
    ids = small.encode("<|im_start|>user\nhi<|im_end|>\n")
    assert [small.tokens[one] for one in (ids[0], ids[-2])] == ["<|im_start|>", "<|im_end|>"]


def test_every_digit_stands_alone(small: Tokenizer) -> None:
    pieces = [small.decode([one]) for one in small.encode("x = 1234 + ५६")]
    assert [one for one in pieces if one.strip() in set("1234")] == ["1", "2", "3", "4"]


def test_a_name_is_cut_alike_wherever_it_stands(small: Tokenizer) -> None:
    for name in ("count", "qzuvem", "reverse", "xs"):
        alone = small.encode(name)
        for before in (" ", "(", "_", "def ", "["):
            assert small.encode(before + name)[-len(alone) :] == alone, (before, name)


def test_a_space_is_joined_with_whole_words_only_and_last(small: Tokenizer) -> None:
    space = symbols()[ord(" ")]
    joined = [
        (left, right)
        for left, right in small.merges
        if left.endswith(space) and right[0].isascii() and right[0].isalpha()
    ]
    assert joined
    assert tuple(joined) == small.merges[-len(joined) :]
    assert all(left == space and right in small.tokens for left, right in joined)


def test_the_same_texts_teach_the_same_merges(small: Tokenizer) -> None:
    assert learn(corpus(300, 1), SIZE) == small


def test_a_word_seen_again_is_cut_again_after_the_memory_was_emptied(
    small: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = small.encode("reverse the words")
    monkeypatch.setattr(tokenizer, "REMEMBERED", 0)
    assert small.encode("something else") and small.encode("reverse the words") == before


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a  5  b", ["a", "  ", "5", " ", " b"]),
        ("x\n\n    y", ["x", "\n\n   ", " y"]),
        ("don't", ["don", "'t"]),
        (" f(x)", [" f", "(", "x", ")"]),
        ("½²", ["½", "²"]),
        ("tail  ", ["tail", "  "]),
    ],
)
def test_words_are_cut_out_as_gpt_2_does(text: str, pieces: list[str]) -> None:
    assert tokenizer.splitter().findall(text) == pieces
