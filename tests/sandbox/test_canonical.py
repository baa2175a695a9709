import collections
import datetime
import decimal
import enum
import random

import pytest

from maker.sandbox.inside.canonical import DRAINED, MAX_GLANCE, MAX_NODES, TooLong, canonical, glance


class Colour(enum.Enum):
    RED = 1


class Point:
    def __init__(self, x: int, other: object = None) -> None:
        self.x, self.other = x, other


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self) -> None:
        self.right = 2


Point.__module__ = Slotted.__module__ = "candidate"
Pair = collections.namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (3, "3"),
        (2.0, "2.0"),
        (-0.0, "0.0"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (0.1 + 0.2, "0.3"),
        (1e300 * 1.1, "1.1e+300"),
        (1234567.891, "1234567.891"),
        (complex(0.1 + 0.2, -1), "(0.3, -1.0j)"),
        ("a'\n\ud800", '"a\'\\n\\ud800"'),
        (b"x", "b'x'"),
        ([], "[]"),
        ((), "()"),
        ((1,), "(1,)"),
        ((1, [2]), "(1, [2])"),
        (set(), "set()"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (frozenset({"b", "a"}), "{'a', 'b'}"),
        ({"b": 1, "a": 2}, "{'a': 2, 'b': 1}"),
        (collections.Counter("aab"), "{'a': 2, 'b': 1}"),
        (collections.defaultdict(list, {1: [2]}), "{1: [2]}"),
        (Pair(1, 2), "(1, 2)"),
        (collections.deque([1]), "deque[1]"),
        (range(3), "range(0, 3)"),
        (Colour.RED, "Colour.RED"),
        (decimal.Decimal("1.50"), "Decimal('1.50')"),
        (datetime.date(2024, 2, 29), "datetime.date(2024, 2, 29)"),
        (ValueError("no", 1), "ValueError('no', 1)"),
        (len, "<function len>"),
        (Point, "<class Point>"),
        (Point(1, [Point(2)]), "Point{'other': [Point{'other': None, 'x': 2}], 'x': 1}"),
        (Slotted(), "Slotted{'right': 2}"),
        (object(), "<object object>"),
        ((n * n for n in range(3)), "iterator[0, 1, 4]"),
    ],
)
def test_a_value_has_one_text(value: object, text: str) -> None:
    assert canonical(value) == text


def test_the_order_of_a_set_does_not_show() -> None:
    words = [f"word{number}" for number in range(50)]
    shuffled = random.Random(1).sample(words, 50)
    assert canonical(set(words)) == canonical(set(shuffled))


def test_cycles_end() -> None:
    value: list[object] = [1]
    value.append(value)
    assert canonical(value) == "[1, <cycle>]"


def test_the_same_object_twice_is_no_cycle() -> None:
    one = [1]
    assert canonical([one, one]) == "[[1], [1]]"


def test_deep_structures_end() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert "<deep>" in canonical(value)


def test_an_endless_iterator_is_told_by_its_beginning() -> None:
    assert canonical(iter(int, 1)) == f"iterator[{', '.join(['0'] * DRAINED)}, more]"


def test_a_long_value_is_told_by_its_hash() -> None:
    one, other = canonical("x" * 10_000), canonical("x" * 9_999 + "y")
    assert len(one) < 400
    assert one != other
    assert one == canonical("x" * 10_000)


def test_a_huge_integer_has_a_text() -> None:
    assert canonical(10**5000) != canonical(10**5000 + 1)


def test_more_parts_than_are_looked_at_are_too_long() -> None:
    with pytest.raises(TooLong):
        canonical([0] * (MAX_NODES + 1))


def test_floats_that_differ_in_the_last_digits_are_equal_and_others_are_not() -> None:
    parts = [0.1, 0.7, 1e-3, 12.3, 5e5]
    assert sum(parts) != sum(reversed(parts))
    assert canonical(sum(parts)) == canonical(sum(reversed(parts)))
    assert canonical([1.0000001]) != canonical([1.0000002])


def test_an_object_without_a_repr_of_its_own_is_told_by_its_attributes() -> None:
    kind = type("Price", (), {"__module__": "shop.money"})
    one, other = kind(), kind()
    one.cents, other.cents = 1, 2
    assert (canonical(one), canonical(other)) == ("Price{'cents': 1}", "Price{'cents': 2}")


def test_a_glance_changes_nothing_and_costs_little() -> None:
    class Mute:
        def __repr__(self) -> str:
            raise ValueError

    counted = iter([1, 2])
    assert glance([counted, {2, 1}]) == "[<iterator>, {1, 2}]"
    assert list(counted) == [1, 2]
    assert [glance(value) for value in ([0] * MAX_GLANCE, ["x" * MAX_GLANCE], Mute())] == ["..."] * 3
