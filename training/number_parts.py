"""What pipelines on numbers are composed of: sources, conditions, maps and aggregates, with their words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Where numbers come from."""

    key: str
    kind: str
    expression: str
    said: str
    """Behind `the even numbers`: ` in {a}`."""
    noun: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """Which numbers count: an expression of `x`, and how it is said before or behind the noun."""

    key: str
    test: str
    before: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    constant: tuple[int, int] | None = None
    asked: tuple[str, ...] = ()
    """What a number is asked to be: `even`."""


@dataclass(frozen=True, slots=True)
class Map:
    """What becomes of each number; `of` stands before the noun, `behind` after the source."""

    key: str
    value: str
    of: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    constant: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is made of the numbers: an expression of `[...]`, a loop, and the words."""

    key: str
    expression: str
    """With G for the generator expression."""
    start: str
    step: str
    """With V for the value of one number."""
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    hints: tuple[str, ...]
    tail: tuple[str, ...] = ("",)
    """What is said of the empty case."""


SOURCES = (
    Source("list", "ints", "A", " in {a}", ("numbers", "elements", "values", "integers")),
    Source("list_of", "ints", "A", " of {a}", ("elements", "numbers", "items")),
    Source("digits", "big", "map(int, str(A))", " of {a}", ("digits",)),
    Source("up_to", "pos", "range(1, A + 1)", " from 1 to {a}", ("numbers", "whole numbers", "integers")),
    Source("lengths", "words", "map(len, A)", " of the strings in {a}", ("lengths",)),
)
CONDITIONS = (
    Condition("any", ""),
    Condition(
        "even", "x % 2 == 0", ("even ",), (" that are even", " divisible by 2"), asked=("even", "divisible by 2")
    ),
    Condition("odd", "x % 2 != 0", ("odd ",), (" that are odd", " that are not even"), asked=("odd", "not even")),
    Condition(
        "positive",
        "x > 0",
        ("positive ",),
        (" that are positive", " above zero", " greater than 0"),
        asked=("positive", "above zero", "greater than 0"),
    ),
    Condition(
        "negative",
        "x < 0",
        ("negative ",),
        (" that are negative", " below zero", " less than 0"),
        asked=("negative", "below zero", "less than 0"),
    ),
    Condition(
        "nonzero",
        "x != 0",
        ("nonzero ", "non-zero "),
        (" that are not zero", " other than 0"),
        asked=("nonzero", "other than 0"),
    ),
    Condition(
        "above",
        "x > K",
        (),
        (" greater than {k}", " above {k}", " larger than {k}", " that are more than {k}"),
        (2, 99),
        asked=("greater than {k}", "above {k}", "larger than {k}"),
    ),
    Condition(
        "below",
        "x < K",
        (),
        (" less than {k}", " below {k}", " smaller than {k}", " under {k}"),
        (2, 99),
        asked=("less than {k}", "below {k}", "smaller than {k}"),
    ),
    Condition(
        "least",
        "x >= K",
        (),
        (" of at least {k}", " that are {k} or more", " not below {k}"),
        (2, 99),
        asked=("at least {k}", "not below {k}"),
    ),
    Condition(
        "most",
        "x <= K",
        (),
        (" of at most {k}", " that are {k} or less", " not above {k}"),
        (2, 99),
        asked=("at most {k}", "not above {k}"),
    ),
    Condition(
        "multiple",
        "x % K == 0",
        (),
        (" divisible by {k}", " that are multiples of {k}", " that {k} divides"),
        (3, 30),
        asked=("divisible by {k}",),
    ),
    Condition("no_multiple", "x % K != 0", (), (" not divisible by {k}", " that are not multiples of {k}"), (3, 30)),
    Condition(
        "not_equal",
        "x != K",
        (),
        (" other than {k}", " not equal to {k}", " that are not {k}"),
        (1, 40),
        asked=("different from {k}", "not equal to {k}"),
    ),
    Condition("ends", "x % 10 == K", (), (" that end in {k}", " whose last digit is {k}"), (1, 9)),
)
MAPS = (
    Map("same", "x"),
    Map("square", "x * x", ("squares of the ", "squared "), (", squared", ", each squared")),
    Map("cube", "x ** 3", ("cubes of the ", "cubed "), (", cubed", ", each cubed")),
    Map("double", "x * 2", ("doubles of the ", "doubled "), (", doubled", ", each doubled", ", each times two")),
    Map("half", "x // 2", (), (", each halved with floor division", ", integer-divided by 2")),
    Map("negate", "-x", ("negated ",), (", negated", ", with signs flipped")),
    Map("abs", "abs(x)", ("absolute values of the ",), (", without their signs", ", as absolute values")),
    Map("plus", "x + J", (), (", each plus {j}", ", each increased by {j}", ", with {j} added to each"), (1, 60)),
    Map(
        "minus",
        "x - J",
        (),
        (", each minus {j}", ", each decreased by {j}", ", with {j} subtracted from each"),
        (1, 60),
    ),
    Map("times", "x * J", (), (", each times {j}", ", each multiplied by {j}", ", multiplied by {j}"), (3, 60)),
    Map("mod", "x % J", (), (", each modulo {j}", ", taken modulo {j}"), (3, 30)),
)
AGGREGATES = (
    Aggregate(
        "list",
        "[G]",
        "result = []",
        "result.append(V)",
        ("a list of the", "the list of the", "the", "all the"),
        ("list the", "collect the", "keep the", "get the"),
        ("list", "filter", "keep", "select"),
    ),
    Aggregate(
        "sum",
        "sum(G)",
        "total = 0",
        "total += V",
        ("the sum of the", "the total of the", "the sum of all the"),
        ("add up the", "sum the", "sum up all the"),
        ("sum", "total", "add"),
    ),
    Aggregate(
        "count",
        "sum(1 for x in S if P)",
        "count = 0",
        "count += 1",
        ("the number of", "how many there are of the", "the count of"),
        ("count the", "count all the"),
        ("count", "number"),
    ),
    Aggregate(
        "product",
        "",
        "result = 1",
        "result *= V",
        ("the product of the", "the product of all the"),
        ("multiply the", "multiply together the"),
        ("product", "multiply"),
    ),
    Aggregate(
        "max",
        "max((G), default=None)",
        "result = None",
        "if result is None or V > result:\n    result = V",
        ("the largest of the", "the maximum of the", "the biggest of the"),
        ("find the largest of the", "find the maximum of the"),
        ("max", "largest"),
        (", or None if there is none", " (None if there are none)", ""),
    ),
    Aggregate(
        "min",
        "min((G), default=None)",
        "result = None",
        "if result is None or V < result:\n    result = V",
        ("the smallest of the", "the minimum of the", "the least of the"),
        ("find the smallest of the", "find the minimum of the"),
        ("min", "smallest"),
        (", or None if there is none", " (None if there are none)", ""),
    ),
    Aggregate(
        "max0",
        "max((G), default=0)",
        "",
        "",
        ("the largest of the", "the maximum of the"),
        ("find the largest of the", "find the maximum of the"),
        ("max", "largest"),
        (", or 0 if there is none", " (0 if there are none)"),
    ),
    Aggregate(
        "sorted",
        "sorted(G)",
        "",
        "",
        ("the sorted list of the", "a sorted list of the"),
        ("sort the", "put in ascending order the"),
        ("sorted", "sort"),
    ),
    Aggregate(
        "sorted_down",
        "sorted((G), reverse=True)",
        "",
        "",
        ("a descending list of the", "the list, largest first, of the"),
        ("sort in descending order the", "sort from largest to smallest the"),
        ("sorted", "descending"),
    ),
    Aggregate(
        "distinct",
        "len(set(G))",
        "",
        "",
        ("the number of distinct values among the", "how many different values there are among the"),
        ("count the distinct values among the",),
        ("distinct", "unique", "count"),
    ),
    Aggregate(
        "mean",
        "",
        "",
        "",
        ("the average of the", "the mean of the"),
        ("average the", "compute the mean of the"),
        ("mean", "average"),
        (", or 0 if there is none", " (0 if there are none)", ", 0 for none"),
    ),
    Aggregate(
        "last",
        "",
        "",
        "",
        ("the last of the",),
        ("find the last of the",),
        ("last",),
        (", or None if there is none", " (None if there are none)"),
    ),
    Aggregate(
        "first",
        "",
        "",
        "",
        ("the first of the",),
        ("find the first of the",),
        ("first",),
        (", or None if there is none", " (None if there are none)"),
    ),
)
