"""Arguments to run programs on, by kind, and how the kinds are called."""

import random
from collections.abc import Callable

LETTERS = "abcdefghijklmnopqrstuvwxyz"
COMMON = (
    "the quick brown fox jumps over lazy dog hello world abc level noon radar python code data tree river stone apple "
    "banana cherry Anna Bob Hi maker one two three go stop sun moon day night"
).split()


def integers(rng: random.Random, small: bool) -> list[int]:
    """A list of whole numbers; now and then an empty one."""
    if rng.random() < (0.2 if small else 0.08):
        return []
    top = rng.choice((4, 9) if small else (5, 12, 30, 120))
    low = 0 if rng.random() < (0.6 if small else 0.3) else -top
    return [rng.randint(low, top) for _ in range(rng.randint(1, 3) if small else rng.randint(1, 8))]


def word(rng: random.Random, small: bool) -> str:
    """One word, mostly of lower-case letters."""
    if rng.random() < 0.5:
        return rng.choice(COMMON)
    some = rng.choice((LETTERS, "abc", "aeioubcd", "abAB12"))
    return "".join(rng.choice(some) for _ in range(rng.randint(1, 4 if small else 8)))


def text(rng: random.Random, small: bool) -> str:
    """Some words; now and then empty, or with digits and signs."""
    if rng.random() < 0.1:
        return ""
    said = " ".join(word(rng, small) for _ in range(rng.randint(1, 2 if small else 5)))
    if rng.random() < 0.2:
        said += rng.choice(("!", "?", " 42", "7", ", ok", " A1b2", "  x"))
    return said.title() if rng.random() < 0.15 else said


def words(rng: random.Random, small: bool) -> list[str]:
    """A list of words."""
    if rng.random() < (0.15 if small else 0.08):
        return []
    return [word(rng, small) for _ in range(rng.randint(1, 2 if small else 6))]


def nested(rng: random.Random, small: bool) -> list[list[int]]:
    """A list of lists of numbers."""
    return [integers(rng, True) for _ in range(rng.randint(0, 2 if small else 4))]


def _between(low: int, high: int, small_high: int) -> Callable[[random.Random, bool], int]:
    def draw(rng: random.Random, small: bool) -> int:
        if rng.random() < 0.12:
            return rng.choice((low, min(low + 1, high), 0 if low <= 0 else low))
        return rng.randint(max(low, -small_high) if small else low, small_high if small else high)

    return draw


DRAW: dict[str, Callable[[random.Random, bool], object]] = {
    "ints": integers,
    "more": lambda rng, small: integers(rng, small) or [rng.randint(-9, 9)],
    "word": word,
    "text": text,
    "words": words,
    "nested": nested,
    "int": _between(-50, 120, 9),
    "pos": _between(1, 60, 9),
    "nat": _between(0, 12, 5),
    "size": _between(1, 5, 3),
    "big": _between(0, 9999, 99),
    "year": lambda rng, small: rng.choice((1900, 2000, 2004, 2023, 1996, 2100, rng.randint(1800, 2400))),
    "temp": _between(-40, 110, 20),
    "letter": lambda rng, small: rng.choice("abeilnorst"),
    "bools": lambda rng, small: [rng.random() < 0.5 for _ in range(rng.randint(0, 4))],
}
"""Kind -> a value of it; the flag asks for a small one, whose result is easily told."""

NAMES: dict[str, tuple[str, ...]] = {
    "ints": tuple("xs nums values lst items numbers arr data a seq list1 ys scores v l array ns vals".split()),
    "text": tuple("s text word string sentence phrase line t st txt msg message input_string".split()),
    "words": tuple("words names strs strings items lst tokens ws lines texts".split()),
    "nested": tuple("rows lists matrix nested groups grid xss table".split()),
    "int": tuple("n x num value number a m y val b k p q i".split()),
    "letter": tuple("c ch letter char ltr symbol".split()),
    "year": ("year", "y", "yr", "n"),
    "temp": tuple("c f deg temp t celsius degrees x".split()),
    "bools": ("flags", "bools", "values", "bs"),
}
ALIKE = {"more": "ints", "word": "text", "pos": "int", "nat": "int", "size": "int", "big": "int"}

GENERIC: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ints": (
        ("a list", "a list of numbers", "a list of integers", "the list", "the numbers in a list"),
        ("another list", "a second list"),
    ),
    "text": (
        ("a string", "a text", "the string", "the input string", "a given string"),
        ("another string", "a second string"),
    ),
    "words": (("a list of words", "a list of strings", "the words"), ("another list of strings", "a second list")),
    "nested": (("a list of lists", "a nested list", "the rows"), ("another nested list",)),
    "int": (
        ("a number", "a whole number", "an integer", "the number", "a given number"),
        ("another number", "a second number"),
    ),
    "letter": (("a letter", "a given letter", "a character"), ("another letter",)),
    "year": (("a year", "the year"), ("another year",)),
    "temp": (("a temperature", "the degrees", "a number of degrees"), ("another temperature",)),
    "bools": (("a list of booleans", "the flags"), ("another list",)),
}
"""What an argument without a name is called: the first of its kind, and the second."""

DEFAULT = {
    "ints": ("xs", "ys", "zs"),
    "text": ("s", "t", "u"),
    "words": ("words", "others"),
    "nested": ("rows", "others"),
    "int": ("n", "m", "k"),
    "letter": ("c", "d"),
    "year": ("year",),
    "temp": ("t", "u"),
    "bools": ("flags", "others"),
}
"""What arguments are named where the request does not name them."""


def base(kind: str) -> str:
    """The kind as far as names go."""
    return ALIKE.get(kind, kind)


def draw(kinds: tuple[str, ...], rng: random.Random, *, small: bool = False) -> tuple[object, ...]:
    """One value for each argument."""
    return tuple(DRAW[kind](rng, small) for kind in kinds)
