"""Wording a request: a name, arguments, a phrase in a frame, and the small liberties people take."""

import builtins
import keyword
import random
import re
from dataclasses import dataclass

from training import values
from training.frames import NOUN, ORDER, THIRD, WHOLE
from training.split import Split, held
from training.template import Template

WORDS = (
    "get compute calc calculate find make do my the run fast simple new helper util solve check list num number text "
    "str word value item data result total all only from of to in with by for each keep pick select filter apply "
    "build show tell process handle transform convert parse clean main test foo bar baz func fn step one two a b x"
).split()
GENERAL = tuple(word for word in WORDS if word not in keyword.kwlist)
SYLLABLES = tuple(
    a + b
    for a in ("b", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "st", "tr", "ch", "")
    for b in ("a", "e", "i", "o", "u", "an", "el", "in", "or", "us", "ea", "ay")
)
CODE = tuple(
    sorted({one for kind in (str, list, dict, builtins) for one in dir(kind) if one.isalpha() and one.islower()})
)
"""Words of Python itself, which stand in names too."""
RESERVED = frozenset((*keyword.kwlist, *keyword.softkwlist, *dir(builtins)))
ORDERS = ORDER + THIRD
DOING = re.compile(r"\{g?do")
LINK = re.compile(r"( and then | and after that |, then | and )")
DONE = frozenset(
    "convert turn uppercase lowercase swap remove drop keep double sort reverse replace strip take repeat count list "
    "give return add".split()
)
"""Verbs that may stand in the middle of an order."""
WORD = re.compile(r"\b[a-z]{5,}\b(?![^{]*\})")
BEFORE = ("Hi! ", "Hello, ", "Hey, ", "Quick one: ", "ok, ", "For my homework: ", "Hi there. ", "Next: ", "One more: ")
BEHIND = (
    " Thanks!", " please", " Thank you.", " Use plain Python.", " No imports.", " In Python.", " Keep it short.",
    " It is for a small script.", " Just the code.", " Python 3.",
)  # fmt: skip
UNSEEN: tuple[Split, ...] = ("comp", "name")
"""The splits whose names have parts that are held out."""
GLUING = 0.2
"""Share of the pieces in a name that hold a word: without, a model cannot copy the tokens of words that are held out.
Names of held-out tasks have none, which keeps the suite what it was before there were any."""
EMPHASIS = re.compile(r"^[A-Z](?=[a-z])")


def piece(rng: random.Random, gluing: float = 0.0) -> str:
    """A string of pieces that is no word: what is copied, not known; `gluing` of them have a word in them."""
    chance = rng.random()
    if chance < 0.6 - gluing / 2:
        made = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3)))
    elif chance < 0.6 + gluing / 2:
        made = glued(rng)
    else:
        made = "".join(rng.choice(values.LETTERS) for _ in range(rng.randint(1, 6)))
    return made + rng.choice("0123456789") if chance > 0.95 else made


def glued(rng: random.Random) -> str:
    """A word of code or of names with some letters at either end: each token is to be copied now and then."""
    word = rng.choice(CODE if rng.random() < 0.5 else GENERAL)
    more = rng.choice(SYLLABLES) if rng.random() < 0.6 else rng.choice(values.LETTERS)
    return word + more if rng.random() < 0.5 else more + word


def part(rng: random.Random, hints: tuple[str, ...], unseen: bool, gluing: float) -> str:
    """One part of a name: half of them random pieces; all on the wanted side of the split."""
    while True:
        chance = rng.random()
        if chance < 0.5 or (not hints and chance < 0.75):
            made = piece(rng, gluing)
        else:
            made = rng.choice(hints if hints and chance < 0.85 else GENERAL)
        if held("word", made) == unseen:
            return made


def function_name(rng: random.Random, template: Template, split: Split) -> str:
    """A name for the function that nothing in its body means something else by."""
    unseen, gluing = split in UNSEEN, GLUING if split == "train" else 0.0
    while True:
        parts = [part(rng, template.hints, unseen, gluing) for _ in range(rng.choices((1, 2, 3), (30, 55, 15))[0])]
        name = "_".join(parts)
        if rng.random() < 0.06:
            name = parts[0] + "".join(one.capitalize() for one in parts[1:])
        if name.isidentifier() and name not in RESERVED and name not in template.taken:
            return name


def argument_names(rng: random.Random, template: Template, split: Split, taken: str) -> tuple[str, ...]:
    """Names for the arguments, all different."""
    unseen, gluing = split in UNSEEN, GLUING if split == "train" else 0.0
    names: list[str] = []
    for kind in template.kinds:
        while True:
            known = values.NAMES[values.base(kind)]
            name = piece(rng, gluing) if unseen or rng.random() < 0.4 else rng.choice(known)
            if held("word", name) != unseen and name not in known[:2]:
                continue
            if (
                name.isidentifier()
                and name not in RESERVED
                and name not in template.taken
                and name not in {taken, *names}
            ):
                names.append(name)
                break
    return tuple(names)


def default_names(template: Template) -> tuple[str, ...]:
    """What the arguments are named where the request leaves it open."""
    names: list[str] = []
    for kind in template.kinds:
        free = (one for one in values.DEFAULT[values.base(kind)] if one not in names and one not in template.taken)
        names.append(next(free, f"{values.DEFAULT[values.base(kind)][0]}{len(names) + 1}"))
    return tuple(names)


def generic(rng: random.Random, template: Template) -> tuple[str, ...]:
    """The arguments without names: `a list`, `another number`."""
    seen: set[str] = set()
    said = []
    for kind in template.kinds:
        first, second = values.GENERIC[values.base(kind)]
        said.append(rng.choice(second if values.base(kind) in seen else first))
        seen.add(values.base(kind))
    return tuple(said)


def listed(names: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def frame_and_phrase(rng: random.Random, template: Template, split: Split) -> tuple[str, str]:
    """A frame and a phrase that fit each other and the split."""
    while True:
        orders = template.draws_order(rng)
        phrase = template.say(rng, orders)
        if split == "para" and rng.random() < 0.4:
            return rng.choice([one for one in WHOLE if bool(DOING.search(one)) == orders]), phrase
        frame = rng.choice(ORDERS if orders else NOUN)
        if "{g" in frame and rng.random() < 0.5 * (len(template.kinds) - 1):
            continue
        if held("wording", f"{frame}|{template.key}|{phrase}") == (split == "para"):
            return frame, phrase


def third(order: str) -> str:
    """The order as what a function does: `reverse {a}, then sort it` -> `reverses {a}, then sorts it`."""
    head, *rest = LINK.split(order)
    return _does(head) + "".join(
        text if number % 2 == 0 else (_does(text) if text.split(" ")[0] in DONE else text)
        for number, text in enumerate(rest)
    )


def _does(order: str) -> str:
    verb, space, rest = order.partition(" ")
    if verb.endswith(("s", "sh", "ch", "x")):
        verb += "es"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        verb = verb[:-1] + "ies"
    else:
        verb += "s"
    return verb + space + rest


def mistyped(text: str, rng: random.Random) -> str:
    """The text with two neighbouring letters of one longer word in the wrong order; what stands in brackets is kept."""
    places = [found for found in WORD.finditer(text) if text[found.start() - 1 : found.start()] != "{"]
    if not places:
        return text
    at = rng.choice(places)
    where = rng.randrange(at.start() + 1, at.end() - 1)
    return text[:where] + text[where + 1] + text[where] + text[where + 2 :]


def liberties(text: str, rng: random.Random) -> str:
    """Lower case at the beginning, no full stop, a please, a word before."""
    if rng.random() < 0.2:
        text = EMPHASIS.sub(lambda found: found.group().lower(), text)
    if rng.random() < 0.25:
        text = text.rstrip(".")
    chance = rng.random()
    if chance < 0.04:
        text += rng.choice(BEHIND)
    elif chance < 0.08:
        text = rng.choice(BEFORE) + text
    return text


class Clash(Exception):
    """The function and an argument have one name."""


@dataclass(frozen=True, slots=True)
class Said:
    """A request, what the code's arguments are to be called, and of which frame and phrase it was made."""

    text: str
    args: tuple[str, ...]
    frame: str
    phrase: str


def request(
    rng: random.Random, template: Template, split: Split, name: str, args: tuple[str, ...], constants: tuple[int, ...]
) -> Said:
    """The words.

    Raises:
        Clash: the function has the name of an argument that is named for it.
    """
    frame, phrase = frame_and_phrase(rng, template, split)
    numbers = dict(zip("kj", constants, strict=False))
    shown = args
    if "{g" in frame:
        args, shown = default_names(template), generic(rng, template)
        if name in args:
            raise Clash
    chance = rng.random()
    typed = mistyped(phrase, rng) if chance < 0.03 else phrase
    said = typed.format(**dict(zip("abc", shown, strict=False)), **numbers)
    sig = f"{name}({', '.join(args)})"
    if rng.random() < 0.08:
        sig = f"`{sig}`"
    does = third(said) if "does" in frame else ""
    pattern = mistyped(frame, rng) if chance > 0.98 else frame
    words = pattern.format(
        sig=sig, name=name, args=listed(args), np=said, gp=said, do=said, gdo=said, does=does, gdoes=does
    )
    return Said(liberties(words, rng), args, frame, phrase)
