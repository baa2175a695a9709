"""The arguments a tester chooses: known ones of each kind, edges among them, and some round a request's constants."""

import random
from collections.abc import Sequence

CALLS: dict[str, tuple[object, ...]] = {
    "ints": (
        [1, 2, 3, 4], [5, -3, 0, 8], [10, 20, 30], [7], [-1, -2, -3], [2, 2, 3, 3, 3], [0, 0], [9, 4, 6, 1],
        [12, 15, 18, 21],
        [100, -50, 25], [3, 1, 2], [-5, 5, -5], [8, 6, 7, 5, 3, 0, 9], [1, 1, 2, 3, 5, 8], [11, 22, 33, 44],
        [-10, 0, 10],
        [4, -4, 16, 2], [13, 7, 40, 99], [6, 60, 36], [17, 23, 50, 64],
    ),
    "text": (
        "hello world", "Hello World", "The quick brown fox", "level", "a b c", "Anna", "abc123", "one two three",
        "banana", "AbC dEf",
        "racecar", "Stop, now!", "x", "42 is it", "aeiou", "Go To 7 Stars", "bcdfg", "noon sun moon", "UPPER lower",
        "a  b",
    ),
    "word": (
        "hello", "level", "abc", "banana", "Anna", "listen", "silent", "stop", "tops", "a", "x1", "maker", "noon",
        "Zed", "lo", "he", "42", "xyz",
    ),
    "words": (
        ["apple", "fig", "kiwi"], ["one", "two", "three"], ["a", "bb", "ccc"], ["dog"], ["x", "x", "y"],
        ["Hi", "there"], ["tree", "stone", "river", "sun"],
        ["banana", "cherry"], ["go", "gone", "going"], ["north", "east", "south", "west"], ["b", "a"],
        ["level", "noon", "radar"],
    ),
    "nested": (
        [[1, 2], [3]], [[], [4, 5]], [[0]], [[1], [2], [3]], [[-1, 1], [10, 20, 30]], [[7, 7], [], [8]],
        [[5, 6], [7, 8]],
    ),
    "int": (5, -3, 0, 12, 7, 100, -8, 1, 15, 42, 3, -20, 9, 64, 2, 31, -1, 10),
    "pos": (1, 2, 12, 7, 9, 20, 15, 30, 6, 17, 28, 36, 5, 49, 10, 24, 3, 8),
    "nat": (0, 1, 5, 7, 10, 3, 2, 6, 4, 8, 9, 12),
    "size": (1, 2, 3, 4, 5),
    "big": (0, 7, 123, 9041, 555, 1001, 80, 246, 1357, 99, 4821, 10, 6309, 2772),
    "year": (1900, 2000, 2004, 2023, 1996, 2100, 1984, 2019, 2400),
    "temp": (0, 100, 37, -40, 25, 212, 32, 68, 10, -5),
    "letter": ("a", "e", "o", "l", "n", "b", "r", "t", "s"),
    "bools": ([True, False], [True, True], [], [False], [False, True, True]),
}  # fmt: skip
SMALL: dict[str, tuple[object, ...]] = {
    "ints": (
        [], [1], [2], [3, 4], [5], [1, 2], [0], [-1], [2, 1], [4, 4], [7, 2], [6], [10], [-2, 3], [3, 3], [1, 2, 3],
    ),
    "text": ("", "a", "ab", "abc", "Hi", "a b", "bob", "A", "no", "e", "x y", "aa", "Ab1"),
    "word": ("a", "ab", "abc", "hi", "bob", "aa", "e", "no", "ba"),
    "words": ([], ["a"], ["ab"], ["a", "bc"], ["hi", "no"], ["b", "a"], ["abc", "d"]),
    "nested": ([], [[1]], [[1], [2]], [[]], [[1, 2]], [[3], []]),
    "int": (0, 1, 2, 3, 4, 5, -1, -2, 6, 7, 10),
    "pos": (1, 2, 3, 4, 5, 6, 7, 8),
    "nat": (0, 1, 2, 3, 4, 5),
    "size": (1, 2, 3),
    "big": (0, 5, 7, 10, 12, 21, 30, 44, 9),
    "year": (2000, 1900, 2004, 2023, 2100),
    "temp": (0, 10, 100, 50, -40, 32, 5),
    "letter": ("a", "b", "e", "n", "o"),
    "bools": ([], [True], [False], [True, False], [True, True]),
}  # fmt: skip
EDGES: dict[str, object] = {"ints": [], "text": "", "words": [], "nested": [], "int": 0, "pos": 1, "nat": 0, "big": 0}


def _known(kind: str, small: bool) -> Sequence[object]:
    return (SMALL if small else CALLS)["ints" if kind == "more" else kind]


def arguments(
    kinds: Sequence[str], constants: Sequence[int], rng: random.Random, *, small: bool = False, edge: bool = False
) -> tuple[object, ...]:
    """One set of arguments as a tester would choose it."""
    return tuple(_one(kind, constants, rng, small, edge) for kind in kinds)


def _one(kind: str, constants: Sequence[int], rng: random.Random, small: bool, edge: bool) -> object:
    if edge and kind in EDGES:
        return EDGES[kind]
    if constants and kind in ("ints", "int", "pos") and rng.random() < (0.25 if small else 0.5):
        return _near(kind, constants[0], rng, small)
    value = rng.choice(_known(kind, small))
    return [3] if kind == "more" and not value else value


def _near(kind: str, constant: int, rng: random.Random, small: bool) -> object:
    if kind in ("int", "pos"):
        return constant + rng.choice((0, 1) if kind == "pos" else (-1, 0, 1))
    if small:
        return [constant + rng.choice((0, 1))]
    lists = (
        [constant - 1, constant, constant + 1],
        [constant, 2 * constant, 3, 4],
        [0, 1, constant + 1, constant],
        [5, constant + 2, 8],
    )
    return rng.choice(lists)
