"""Composed templates on numbers: a source, a condition, a map and an aggregate, worded and written in styles."""

import random
from collections.abc import Iterator
from functools import cache

from training.number_parts import (
    AGGREGATES,
    CONDITIONS,
    MAPS,
    SOURCES,
    Aggregate,
    Condition,
    Map,
    Source,
)
from training.template import Template

AFTERWARDS = {
    "mean": "return sum(ys) / len(ys) if ys else 0",
    "last": "return ys[-1] if ys else None",
    "first": "return ys[0] if ys else None",
    "product": "result = 1\nfor y in ys:\n    result *= y\nreturn result",
    "count": "return len(ys)",
}
QUESTIONS = (
    (
        "any",
        "any(P for x in S)",
        ("whether any of the {noun}{source} is {said}", "True if some of the {noun}{source} is {said}, else False"),
        ("check whether any of the {noun}{source} is {said}",),
    ),
    (
        "all",
        "all(P for x in S)",
        ("whether all {noun}{source} are {said}", "True if every one of the {noun}{source} is {said}, else False"),
        ("check whether all {noun}{source} are {said}",),
    ),
    (
        "none",
        "not any(P for x in S)",
        ("whether none of the {noun}{source} is {said}", "True if no one of the {noun}{source} is {said}, else False"),
        ("check that none of the {noun}{source} is {said}",),
    ),
)


@cache
def pipelines() -> tuple[Template, ...]:
    """Every composition that makes sense."""
    return tuple(_pipelines())


def _pipelines() -> Iterator[Template]:
    for source in SOURCES:
        for condition in CONDITIONS:
            yield from _questions(source, condition)
            for change in MAPS:
                for aggregate in AGGREGATES:
                    if _sensible(source, condition, change, aggregate):
                        yield _pipeline(source, condition, change, aggregate)


def _sensible(source: Source, condition: Condition, change: Map, aggregate: Aggregate) -> bool:
    plain = condition.key == "any" and change.key == "same"
    if source.kind != "ints" and (condition.key in ("negative", "ends") or change.key in ("abs", "negate", "half")):
        return False
    if source.kind == "pos" and (
        aggregate.key in ("first", "last", "sorted", "distinct", "min", "max")
        or condition.key in ("positive", "nonzero")
    ):
        return False
    if aggregate.key == "count" and (change.key != "same" or condition.key == "any"):
        return False
    if aggregate.key in ("first", "last", "max0") and condition.key == "any":
        return False
    return not (
        plain
        and aggregate.key in ("list", "sum", "max", "min", "sorted", "sorted_down", "mean", "product")
        and source.kind == "ints"
    )


def _pipeline(source: Source, condition: Condition, change: Map, aggregate: Aggregate) -> Template:
    ranges = [_narrowed(condition.constant, source)] if condition.constant else []
    value, behind = change.value, change.behind
    if change.constant:
        ranges.append(change.constant)
        if not condition.constant:
            value, behind = value.replace("J", "K"), tuple(text.replace("{j}", "{k}") for text in behind)

    def say(rng: random.Random, orders: bool) -> str:
        head = rng.choice(aggregate.verbs if orders else aggregate.nouns)
        return f"{head} {_phrase(rng, source, condition, change.of, behind)}{rng.choice(aggregate.tail)}"

    return Template(
        f"{source.key}:{condition.key}/{aggregate.key}/{change.key}",
        (source.kind,),
        (),
        (),
        tuple(_bodies(source, condition.test, value, aggregate)),
        (*aggregate.hints, condition.key.split("_")[0], change.key, source.key.split("_")[0]),
        tuple(ranges),
        compose=say,
    )


def _narrowed(span: tuple[int, int], source: Source) -> tuple[int, int]:
    """Digits and lengths are small: so are the constants they are compared with."""
    return (min(span[0], 4), 8) if source.key in ("digits", "lengths") else span


def _phrase(
    rng: random.Random, source: Source, condition: Condition, of: tuple[str, ...], behind: tuple[str, ...]
) -> str:
    noun = rng.choice(source.noun)
    if condition.before and rng.random() < 0.7:
        core = f"{rng.choice(condition.before)}{noun}{source.said}"
    else:
        core = f"{noun}{source.said}{rng.choice(condition.behind or ('',))}"
    if of and (not behind or rng.random() < 0.5):
        return rng.choice(of) + core
    return core + rng.choice(behind or ("",))


def _bodies(source: Source, test: str, value: str, aggregate: Aggregate) -> Iterator[str]:
    only = f" if {test}" if test else ""
    each = f"{value} for x in {source.expression}{only}"
    if aggregate.key == "list" and value == "x" and not test:
        yield f"return list({source.expression})"
    if aggregate.expression:
        made = aggregate.expression.replace("S", source.expression).replace("P", test).replace("(G)", f"({each})")
        yield f"return {made.replace('G', each)}"
    if aggregate.step:
        step = aggregate.step.replace("V", value if aggregate.key not in ("max", "min") or value == "x" else "y")
        if aggregate.key in ("max", "min") and value != "x":
            step = f"y = {value}\n{step}"
        inner = f"if {test}:\n{_indent(step)}" if test else step
        name = aggregate.start.split()[0]
        yield f"{aggregate.start}\nfor x in {source.expression}:\n{_indent(inner)}\nreturn {name}"
    if aggregate.key in AFTERWARDS:
        yield f"ys = [{each}]\n{AFTERWARDS[aggregate.key]}"
    elif aggregate.expression and aggregate.key != "list":
        whole = "(G)" if "((G)" in aggregate.expression else "G"
        yield f"ys = [{each}]\nreturn {aggregate.expression.replace(whole, 'ys')}"


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))


def _questions(source: Source, condition: Condition) -> Iterator[Template]:
    said = condition.asked
    if not said or (source.kind != "ints" and condition.key in ("negative", "positive", "nonzero")):
        return
    for key, expression, nouns, verbs in QUESTIONS:
        made = expression.replace("S", source.expression).replace("P", condition.test)

        def say(
            rng: random.Random, orders: bool, nouns: tuple[str, ...] = nouns, verbs: tuple[str, ...] = verbs
        ) -> str:
            text = rng.choice(verbs if orders else nouns)
            return (
                text.replace("{noun}", rng.choice(source.noun))
                .replace("{source}", source.said)
                .replace("{said}", rng.choice(said))
            )

        yield Template(
            f"{source.key}:{condition.key}/{key}/same",
            (source.kind,),
            (),
            (),
            (f"return {made}", _asked(key, source.expression, condition.test)),
            (key, condition.key.split("_")[0], "is", "has"),
            (_narrowed(condition.constant, source),) if condition.constant else (),
            compose=say,
        )


def _asked(key: str, source: str, test: str) -> str:
    found, end = ("True", "False") if key == "any" else ("False", "True")
    test = f"not ({test})" if key == "all" else test
    return f"for x in {source}:\n    if {test}:\n        return {found}\nreturn {end}"
