"""What the reference solutions of the hand-worded suite are tried on."""

from typing import Any

LISTS = (
    [],
    [1],
    [1, 2, 3],
    [3, 1, 2],
    [-1, -2, 5],
    [0, 0, 7],
    [10, 20, 30, 40],
    [5, 5, 5],
    [-4, 4],
    [2, 4, 6, 9],
    [100, -100, 50, 3],
)
FULL = tuple(one for one in LISTS if one) + ([8, 6, 7], [1, 9, 1, 9])
TEXTS = (
    "",
    "a",
    "hello",
    "Hello World",
    "racecar",
    "The quick brown fox",
    "aeiou",
    "bcdf",
    "A1b2C3",
    "one two  three",
    "Anna",
    "x y z",
)
WORDS = (
    [],
    ["a"],
    ["apple", "fig"],
    ["b", "a", "c"],
    ["dog", "cat", "horse"],
    ["x", "x"],
    ["Hi", "there", "you"],
    ["aa", "b"],
    ["one", "two", "three", "four"],
    ["z", "yy", "xxx"],
)
NUMBERS = (0, 1, 2, 3, 7, 10, 12, 25, 99, 100, 101)
SIGNED = (-10, -7, -1, 0, 1, 2, 5, 8, 11, 100, 33)
PAIRS = ((1, 2), (0, 0), (-1, 1), (5, 3), (10, 10), (7, -2), (100, 1), (12, 18), (9, 6), (2, 8), (-4, -5))
POSITIVE = ((1, 1), (2, 4), (12, 18), (7, 5), (9, 6), (100, 10), (17, 51), (8, 12), (21, 14), (3, 3))


def single(*values: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple((value,) for value in values)


LIST_AND_NUMBER = tuple(zip(LISTS, (1, 1, 2, 3, 0, 7, 20, 5, 4, 9, 3), strict=True))
FULL_AND_NUMBER = tuple(zip(FULL, (1, 2, 1, 2, 3, 2, 1, 2, 4, 3, 1, 2), strict=True))
