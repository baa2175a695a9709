"""Composed templates on strings: keep some characters or words, change each, and put them together again."""

import random
from collections.abc import Iterator
from functools import cache

from training.split import held
from training.string_parts import CHARACTERS, COUNTS, OPERATIONS, TAKEN, Operation
from training.template import Template


@cache
def strings() -> tuple[Template, ...]:
    """Every composition that makes sense."""
    return (*_chains(), *_taken())


def _chains() -> Iterator[Template]:
    for first in OPERATIONS:
        for second in (*OPERATIONS, *COUNTS):
            if first is not second and not ("K" in first.expression and "K" in second.expression):
                yield _chain(first, second)


@cache
def longer() -> tuple[Template, ...]:
    """Chains of three of which no part is held out: who has learnt them puts two together more freely."""
    return tuple(
        _longer(first, second, third)
        for first in OPERATIONS
        for second in OPERATIONS
        for third in (*OPERATIONS, *COUNTS)
        if first is not second is not third and _trained(first, second, third)
    )


def _trained(*many: Operation) -> bool:
    keys = [one.key for one in many]
    chains = ("/".join(keys), "/".join(keys[:2]), "/".join(keys[1:]))
    return sum("K" in one.expression for one in many) < 2 and not any(held("composition", one) for one in chains)


def _longer(*many: Operation) -> Template:
    def say(rng: random.Random, orders: bool) -> str:
        if not orders:
            said = "{a}"
            for one in many:
                said = rng.choice(one.noun).replace("{}", said)
            return said
        links = rng.choice(((", then ", " and then "), (", ", " and "), (", ", " and then "), (", then ", ", then ")))
        orders_said = [rng.choice(one.said) for one in many]
        said = orders_said[0].replace("{}", "{a}")
        for link, order in zip(links, orders_said[1:], strict=True):
            said += link + order.replace("{}", rng.choice(("it", "the result")))
        return said

    first, *middle, last = (one.expression for one in many)
    lines = [f"text = {first.replace('S', 'A')}", *(f"text = {one.replace('S', 'text')}" for one in middle)]
    bodies = ("\n".join((*lines, f"return {last.replace('S', 'text')}")),)
    keys = (2, 9) if "K" in first + "".join(middle) + last else None
    return Template(
        "longer:" + "/".join(one.key for one in many),
        ("text",),
        (),
        (),
        bodies,
        tuple(hint for one in many for hint in one.hints),
        (keys,) if keys else (),
        compose=say,
    )


def _chain(first: Operation, second: Operation) -> Template:
    def say(rng: random.Random, orders: bool) -> str:
        if orders:
            before, after = rng.choice(first.said), rng.choice(second.said)
            link = rng.choice((" and then ", ", then ", " and ", ", and after that "))
            return before.replace("{}", "{a}") + link + after.replace("{}", rng.choice(("it", "the result")))
        return rng.choice(second.noun).replace("{}", rng.choice(first.noun).replace("{}", "{a}"))

    inner = first.expression.replace("S", "A")
    bodies = [f"text = {inner}\nreturn {second.expression.replace('S', 'text')}"]
    whole = f"({inner})" if first.key == "times" else inner
    bodies.append("return " + second.expression.replace("S", whole, 1))
    keys = (2, 9) if "K" in first.expression + second.expression else None
    return Template(
        f"text:{first.key}/{second.key}",
        ("text",),
        (),
        (),
        tuple(bodies),
        (*first.hints, *second.hints),
        (keys,) if keys else (),
        compose=say,
    )


def _taken() -> Iterator[Template]:
    for key, test, said in CHARACTERS:
        for form, expression, nouns, verbs, loop in TAKEN:
            word = key.startswith("word")
            parts = {
                "X": "w" if word else "c",
                "Y": "A.split()" if word else "A",
                "Z": "' '" if word else "''",
                "P": test,
            }
            bodies = [_replaced(f"return {expression}", parts)]
            if form in ("keep", "drop"):
                test_line = "if P:" if form == "keep" else "if not (P):"
                bodies.append(
                    _replaced(
                        f"result = []\nfor X in Y:\n    {test_line}\n        result.append(X)\nreturn Z.join(result)",
                        parts,
                    )
                )
            else:
                bodies.append(_replaced(loop, parts))

            def say(
                rng: random.Random,
                orders: bool,
                said: tuple[str, ...] = said,
                nouns: tuple[str, ...] = nouns,
                verbs: tuple[str, ...] = verbs,
            ) -> str:
                return (
                    rng.choice(verbs if orders else nouns)
                    .replace("{what}", rng.choice(said))
                    .replace("{{", "{")
                    .replace("}}", "}")
                )

            yield Template(
                f"text:{key}/{form}",
                ("text",),
                (),
                (),
                tuple(bodies),
                (form, *key.split("_")),
                ((2, 12),) if "K" in test else (),
                compose=say,
            )


def _replaced(text: str, parts: dict[str, str]) -> str:
    out = text.replace("P", "\0")
    for name in "XYZ":
        out = out.replace(name, parts[name])
    return out.replace("\0", parts["P"])
