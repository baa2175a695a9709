"""What a kind of task is: its phrases, its right programs, and what they are run on."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from training.split import Split, held

SLOT = re.compile(r"\b[ABCFJK]\b")
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Template:
    """One kind of task. In bodies A, B, C stand for arguments, F for the function, K and J for constants."""

    key: str
    kinds: tuple[str, ...]
    """Kind of each argument; see `training.values`."""
    nouns: tuple[str, ...]
    """What is returned: `the sum of {a}`, `whether {a} is even`."""
    verbs: tuple[str, ...]
    """What is done, as an order: `add up {a}`."""
    bodies: tuple[str, ...]
    """Right programs in different styles, the function's body each."""
    hints: tuple[str, ...] = ()
    """Words that people name such a function with."""
    constants: tuple[tuple[int, int], ...] = ()
    """Smallest and largest value of each constant."""
    compose: Callable[[random.Random, bool], str] | None = None
    """A phrase, an order if the flag says so: for compositions, whose phrases are too many to be listed."""

    @property
    def composition(self) -> str:
        """What it is composed of, wherever its numbers come from; empty if it is not composed."""
        return self.key.partition(":")[2]

    def say(self, rng: random.Random, orders: bool) -> str:
        """One of its phrases."""
        if self.compose is not None:
            return self.compose(rng, orders)
        return rng.choice(self.verbs if orders else self.nouns)

    def draws_order(self, rng: random.Random) -> bool:
        """Whether the next phrase is to be an order."""
        if self.compose is not None:
            return rng.random() < 0.4
        return rng.randrange(len(self.nouns) + len(self.verbs)) >= len(self.nouns)

    @cached_property
    def taken(self) -> frozenset[str]:
        """The names that the bodies use: no argument may have one of them."""
        return frozenset(IDENTIFIER.findall(" ".join(self.bodies)))


@dataclass(frozen=True, slots=True)
class Task:
    """One function to write."""

    request: str
    name: str
    args: tuple[str, ...]
    kinds: tuple[str, ...]
    sources: tuple[str, ...]
    """All right, in different styles; the first is the reference."""
    split: Split
    key: str
    constants: tuple[int, ...] = ()
    frame: str = ""
    phrase: str = ""


def program(name: str, args: tuple[str, ...], body: str, constants: tuple[int, ...]) -> str:
    """The function as source text, without a line end behind it."""
    slots = {"F": name, **dict(zip("ABC", args, strict=False)), **dict(zip("KJ", map(str, constants), strict=False))}
    text = SLOT.sub(lambda found: slots[found.group()], body)
    return f"def {name}({', '.join(args)}):\n" + "\n".join("    " + line for line in text.split("\n"))


def constants_for(template: Template, rng: random.Random, unseen: bool) -> tuple[int, ...]:
    """Values for the template's constants; those from 10 up are held out, or not, as asked."""
    found = []
    for low, high in template.constants:
        value = rng.randint(low, high)
        while value >= 10 and held("constant", value) != unseen:
            value = rng.randint(low, high)
        found.append(value)
    return tuple(found)
