"""Reference solutions of the hand-worded suite: entry point -> a right function, and what it is tried on."""

import math
from collections.abc import Callable
from typing import Any

from tests.training.hand_inputs import (
    FULL,
    LIST_AND_NUMBER,
    LISTS,
    NUMBERS,
    PAIRS,
    POSITIVE,
    SIGNED,
    TEXTS,
    WORDS,
    single,
)

Reference = tuple[Callable[..., Any], tuple[tuple[Any, ...], ...]]


def _running(xs: list[int]) -> list[int]:
    return [sum(xs[: i + 1]) for i in range(len(xs))]


def _unique(xs: list[Any]) -> list[Any]:
    return list(dict.fromkeys(xs))


def _prime(n: int) -> bool:
    return n > 1 and all(n % i for i in range(2, n))


def _fib(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


REFERENCES: dict[str, Reference] = {
    "count_vowels": (lambda s: sum(c in "aeiouAEIOU" for c in s), single(*TEXTS)),
    "is_palindrome": (lambda s: s == s[::-1], single(*TEXTS)),
    "sum_even": (lambda xs: sum(x for x in xs if x % 2 == 0), single(*LISTS)),
    "fact": (math.factorial, single(0, 1, 2, 3, 4, 5, 6, 7, 8, 10)),
    "gcd": (math.gcd, POSITIVE),
    "biggest": (max, single(*FULL)),
    "reverse_string": (lambda s: s[::-1], single(*TEXTS)),
    "word_count": (lambda text: len(text.split()), single(*TEXTS)),
    "is_prime": (_prime, single(0, 1, 2, 3, 4, 5, 9, 11, 15, 17, 25, 31)),
    "square_all": (lambda nums: [n * n for n in nums], single(*LISTS)),
    "c_to_f": (lambda c: c * 9 / 5 + 32, single(0, 100, 37, -40, 10, 25, 5, -10, 50, 1)),
    "dedupe": (_unique, single(*LISTS)),
    "fizzbuzz": (
        lambda n: "FizzBuzz" if n % 15 == 0 else "Fizz" if n % 3 == 0 else "Buzz" if n % 5 == 0 else str(n),
        single(1, 2, 3, 5, 6, 10, 15, 30, 7, 9, 11),
    ),
    "clamp": (
        lambda x, lo, hi: max(lo, min(hi, x)),
        (
            (5, 0, 10),
            (-1, 0, 10),
            (11, 0, 10),
            (0, 0, 10),
            (10, 0, 10),
            (3, 3, 3),
            (-5, -10, -1),
            (-20, -10, -1),
            (0, -10, -1),
            (7, 1, 9),
        ),
    ),
    "add_up_to": (lambda n: n * (n + 1) // 2, single(0, 1, 2, 3, 4, 5, 10, 20, 33, 50)),
    "only_positive": (lambda xs: [x for x in xs if x > 0], single(*LISTS)),
    "longest": (lambda words: max(words, key=len), single(*(one for one in WORDS if one), ["q"])),
    "avg": (lambda xs: sum(xs) / len(xs) if xs else 0, single(*LISTS)),
    "is_leap": (
        lambda year: year % 4 == 0 and (year % 100 != 0 or year % 400 == 0),
        single(1900, 2000, 2004, 2023, 2024, 2100, 2400, 1996, 1999, 1800),
    ),
    "digit_sum": (lambda n: sum(map(int, str(n))), single(*NUMBERS)),
    "titleize": (lambda s: " ".join(w.capitalize() for w in s.split()), single(*TEXTS)),
    "no_vowels": (lambda s: "".join(c for c in s if c not in "aeiouAEIOU"), single(*TEXTS)),
    "flatten": (
        lambda rows: [x for row in rows for x in row],
        single(
            [],
            [[]],
            [[1]],
            [[1], [2]],
            [[1, 2], [3]],
            [[], [4]],
            [[5, 6], [7, 8]],
            [[0], [], [1]],
            [[9, 9]],
            [[1], [2], [3]],
        ),
    ),
    "how_many_big": (lambda xs: sum(x > 10 for x in xs), single(*LISTS, [11, 10, 9, 12])),
    "second_largest": (
        lambda xs: sorted(set(xs))[-2],
        single(
            [1, 2],
            [3, 1, 2],
            [5, 5, 4],
            [10, 20, 30],
            [-1, -2],
            [7, 7, 8],
            [0, 1, 0],
            [100, 50, 75],
            [9, 8, 9],
            [2, 4, 6, 8],
        ),
    ),
    "to_binary": (lambda n: bin(n)[2:], single(*NUMBERS)),
    "are_anagrams": (
        lambda a, b: sorted(a) == sorted(b),
        (
            ("listen", "silent"),
            ("a", "a"),
            ("a", "b"),
            ("", ""),
            ("ab", "ba"),
            ("abc", "ab"),
            ("stop", "tops"),
            ("hello", "world"),
            ("aab", "abb"),
            ("night", "thing"),
        ),
    ),
    "last_item": (lambda items: items[-1] if items else None, single(*LISTS)),
    "doubled": (lambda values: [v * 2 for v in values], single(*LISTS)),
    "min_max_gap": (lambda xs: max(xs) - min(xs), single(*FULL)),
    "shout": (lambda msg: msg.upper(), single(*TEXTS)),
    "fib": (_fib, single(0, 1, 2, 3, 4, 5, 6, 10, 15, 20)),
    "evens": (lambda n: [x for x in range(1, n + 1) if x % 2 == 0], single(0, 1, 2, 3, 4, 5, 8, 9, 10, 13)),
    "product": (lambda values: math.prod(values), single(*LISTS)),
    "rev_words": (lambda sentence: " ".join(sentence.split()[::-1]), single(*TEXTS)),
    "count_char": (
        lambda s, ch: s.count(ch),
        (
            ("", "a"),
            ("a", "a"),
            ("banana", "a"),
            ("banana", "n"),
            ("hello", "l"),
            ("hello", "z"),
            ("AAA", "a"),
            ("aaa", "a"),
            ("x y z", " "),
            ("racecar", "r"),
        ),
    ),
    "is_sorted": (lambda a: a == sorted(a), single(*LISTS)),
    "power": (
        lambda base, exp: base**exp,
        ((2, 3), (2, 0), (0, 0), (5, 1), (10, 2), (3, 3), (-2, 3), (-2, 2), (1, 9), (7, 2)),
    ),
    "common": (
        lambda a, b: [x for x in a if x in b],
        (
            ([], []),
            ([1], []),
            ([1], [1]),
            ([1, 2], [2, 3]),
            ([3, 2, 1], [1, 2]),
            ([5], [6]),
            ([1, 2, 3], [3, 2, 1]),
            ([0, 4], [4, 0]),
            ([7, 8, 9], [8]),
            ([-1, 1], [1]),
        ),
    ),
    "abs_diff": (lambda a, b: abs(a - b), PAIRS),
    "running_total": (_running, single(*LISTS)),
    "divisors": (lambda n: [i for i in range(1, n + 1) if n % i == 0], single(1, 2, 3, 4, 6, 7, 12, 16, 25, 30)),
    "initials": (
        lambda name: "".join(w[0].upper() for w in name.split()),
        single(
            "ada lovelace",
            "a",
            "John Ronald Reuel",
            "x y",
            "grace hopper",
            "b C d",
            "Alan Turing",
            "one two three",
            "Q",
            "mary ann evans",
        ),
    ),
    "sort_desc": (lambda xs: sorted(xs, reverse=True), single(*LISTS)),
    "starts_with_vowel": (
        lambda w: w[0] in "aeiouAEIOU",
        single("apple", "dog", "Egg", "tree", "up", "Zoo", "ink", "x", "a", "Old"),
    ),
    "multiples_of_7": (lambda xs: [x for x in xs if x % 7 == 0], single(*LISTS, [7, 14, 20], [21, 22])),
    "repeat": (
        lambda s, n: s * n,
        (("ab", 2), ("", 5), ("x", 0), ("x", 1), ("abc", 3), ("-", 10), ("a b", 2), ("Z", 4), ("hi", 6), ("no", 1)),
    ),
    "count_upper": (lambda s: sum(c.isupper() for c in s), single(*TEXTS)),
    "sign": (lambda n: (n > 0) - (n < 0), single(*SIGNED)),
    "is_even": (lambda n: n % 2 == 0, single(*SIGNED)),
    "lcm": (math.lcm, POSITIVE),
    "chunk": (
        lambda lst, size: [lst[i : i + size] for i in range(0, len(lst), size)],
        tuple((xs, size) for xs, size in zip(LISTS, (1, 1, 2, 2, 5, 3, 3, 1, 2, 3, 2), strict=True)),
    ),
    "perimeter": (lambda w, h: 2 * (w + h), tuple((abs(a), abs(b)) for a, b in PAIRS)),
    "merge_sorted": (
        lambda a, b: sorted(a + b),
        (
            ([], []),
            ([1], []),
            ([1], [2]),
            ([1, 3], [2, 4]),
            ([5], [1]),
            ([1, 1], [1]),
            ([-3, 0], [-2]),
            ([7, 8], [9]),
            ([2], [2]),
            ([0, 10], [5, 15]),
        ),
    ),
    "letter_freq": (lambda s: {c: s.count(c) for c in s}, single(*TEXTS)),
    "sum_sq": (lambda n: sum(i * i for i in range(1, n + 1)), single(0, 1, 2, 3, 4, 5, 6, 10, 12, 20)),
    "drop_first_n": (lambda xs, n: xs[n:], LIST_AND_NUMBER),
    "odd_count": (lambda xs: sum(x % 2 != 0 for x in xs), single(*LISTS)),
    "middle_char": (
        lambda s: s[len(s) // 2],
        single("a", "abc", "hello", "racecar", "xyz", "12345", "noon1", "Anna!", "q", "abcdefg"),
    ),
    "all_positive": (lambda xs: all(x > 0 for x in xs), single(*LISTS)),
    "join_dash": (lambda parts: "-".join(parts), single(*WORDS)),
    "find_index": (lambda xs, target: xs.index(target) if target in xs else -1, LIST_AND_NUMBER),
    "dot": (
        lambda u, v: sum(x * y for x, y in zip(u, v, strict=False)),
        (
            ([], []),
            ([1], [2]),
            ([1, 2], [3, 4]),
            ([0, 0], [5, 6]),
            ([1, 2, 3], [1, 2, 3]),
            ([-1], [1]),
            ([10, 1], [1, 10]),
            ([2, 2], [2, 2]),
            ([7], [0]),
            ([3, -3], [3, 3]),
        ),
    ),
    "swap_case": (lambda s: s.swapcase(), single(*TEXTS)),
    "last_digit": (lambda n: n % 10, single(*NUMBERS)),
    "lengths": (lambda words: [len(w) for w in words], single(*WORDS)),
    "top3": (lambda xs: sorted(xs, reverse=True)[:3], single(*LISTS)),
    "in_range": (lambda n: 10 <= n <= 20, single(9, 10, 11, 15, 19, 20, 21, 0, -10, 100)),
    "max_of_three": (
        max,
        (
            (1, 2, 3),
            (3, 2, 1),
            (2, 3, 1),
            (0, 0, 0),
            (-1, -2, -3),
            (5, 5, 1),
            (1, 5, 5),
            (10, -10, 0),
            (7, 8, 7),
            (100, 99, 101),
        ),
    ),
    "add_ten": (lambda nums: [n + 10 for n in nums], single(*LISTS)),
}


def asserts(name: str) -> str:
    """The hidden test of a request, as HumanEval writes it."""
    function, cases = REFERENCES[name]
    return "def check(candidate):\n" + "".join(f"    {_assertion(function, case)}\n" for case in cases)


def _assertion(function: Callable[..., Any], case: tuple[Any, ...]) -> str:
    result = function(*case)
    call = f"candidate({', '.join(map(repr, case))})"
    if isinstance(result, float):
        return f"assert abs({call} - {result!r}) < 1e-9"
    return f"assert {call} == {result!r}"
