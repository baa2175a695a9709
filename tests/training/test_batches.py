"""From samples to batches: what of an answer counts, and how much."""

from itertools import islice

import pytest

from training.batches import FREE, batch, encoded
from training.roles import samples
from training.sample import Sample
from training.texts import corpus
from training.tokenizer import Tokenizer, learn


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return learn(corpus(200, 1), 400)


def test_of_a_testers_answer_only_what_is_determined_counts_whole(tokenizer: Tokenizer) -> None:
    for sample in islice(samples("tester", 1), 20):
        _, said, weights = encoded(tokenizer, sample)
        whole = tokenizer.decode(one for one, weight in zip(said, weights, strict=True) if weight == sample.weight)
        for start, end in sample.known:
            assert sample.answer[start : end - 1] in whole  # the quote at its end is one token with what follows
        assert len(whole) < sum(end - start + 4 for start, end in sample.known) + len("<|im_end|>")
        assert set(weights) == {sample.weight, sample.weight * FREE}


def test_of_any_other_answer_everything_counts(tokenizer: Tokenizer) -> None:
    _, said, weights = encoded(tokenizer, Sample("coder", ({"role": "user", "content": "x"},), "a b c", 0.7))
    assert weights == [0.7] * len(said)


def test_a_batch_has_a_weight_for_every_token_that_is_wanted(tokenizer: Tokenizer) -> None:
    made = batch([encoded(tokenizer, one) for one in islice(samples("tester", 2), 3)])
    assert len(made.at) == len(made.wanted) == len(made.weights)
    flat = made.tokens.ravel()
    assert made.real == sum(len(shown) + len(said) - 1 for shown, said, _ in _encoded(tokenizer))
    assert (flat[made.at[1:]] == made.wanted[:-1]).mean() > 0.9  # each wanted token is the next one that is shown


def _encoded(tokenizer: Tokenizer) -> list[tuple[list[int], list[int], list[float]]]:
    return [encoded(tokenizer, one) for one in islice(samples("tester", 2), 3)]
