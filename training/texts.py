"""Texts to train the tokenizer on: what the models read and write."""

from collections.abc import Iterator
from itertools import islice

from training.roles import samples


def corpus(n: int, seed: int) -> list[str]:
    """About n texts: the messages and answers of both families' samples."""
    return list(islice(_texts(seed), n))


def _texts(seed: int) -> Iterator[str]:
    for coder, helper in zip(samples("coder", seed), samples("helper", seed), strict=False):
        for one in (coder, helper):
            yield from (message["content"] for message in one.messages)
            yield one.answer
