"""Deliberate slips: one small edit that makes a right program do something else."""

import random
import re
from collections.abc import Sequence

EDITS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r" == ", (" != ",)),
    (r" != ", (" == ",)),
    (r" > ", (" >= ", " < ")),
    (r" < ", (" <= ", " > ")),
    (r" >= ", (" > ", " <= ")),
    (r" <= ", (" < ", " >= ")),
    (r" \+ ", (" - ", " * ")),
    (r" - ", (" + ",)),
    (r" \* ", (" + ", " - ")),
    (r" \*\* ", (" * ",)),
    (r" // ", (" / ", " % ")),
    (r" / ", (" // ", " * ")),
    (r" % ", (" // ",)),
    (r" \+= ", (" -= ", " = ")),
    (r" \*= ", (" += ", " = ")),
    (r"\b0\b", ("1", "2")),
    (r"\b1\b", ("0", "2")),
    (r"\b2\b", ("3", "1")),
    (r"\b[3-9]\b", ("2", "1", "7")),
    (r"\b\d\d+\b", ("10", "100", "5")),
    (r"\b(?<!\.)max\b", ("min",)),
    (r"\b(?<!\.)min\b", ("max",)),
    (r"\bsum\(", ("len(list(", "max(")),
    (r"\bany\(", ("all(",)),
    (r"\ball\(", ("any(",)),
    (r"\bTrue\b", ("False",)),
    (r"\bFalse\b", ("True",)),
    (r"(?<!is )\bNone\b", ("0", "False")),
    (r" and ", (" or ",)),
    (r" or ", (" and ",)),
    (r" not in ", (" in ",)),
    (r" in (?=[^\n:]*['\"])", (" not in ",)),
    (r"\bnot ", ("",)),
    (r"\bsorted\(", ("list(",)),
    (r", reverse=True", ("",)),
    (r", key=len", ("",)),
    (r"\[::-1\]", ("", "[1:]", "[::2]")),
    (r"\[::2\]", ("[1::2]", "[::3]")),
    (r"\[0\]", ("[-1]",)),
    (r"\[-1\]", ("[0]",)),
    (r"\[1:\]", ("[:-1]", "[2:]")),
    (r"\[1:-1\]", ("[1:]", "[:-1]")),
    (r"\.upper\(\)", (".lower()", ".title()")),
    (r"\.lower\(\)", (".upper()", "")),
    (r"\.isupper\(\)", (".islower()",)),
    (r"\.islower\(\)", (".isupper()",)),
    (r"\.isdigit\(\)", (".isalpha()", ".isalnum()")),
    (r"\.isalpha\(\)", (".isalnum()", ".isdigit()")),
    (r"\.swapcase\(\)", (".upper()", ".lower()")),
    (r"\.capitalize\(\)", (".upper()", ".lower()")),
    (r"' '\.join", ("''.join", "'-'.join")),
    (r"''\.join", ("' '.join",)),
    (r"aeiou", ("aeio", "aeiouy")),
    (r" if (?!not )[^\n\]):]+(?=[\])\n])", ("",)),
    (r"(?<=range\()1, ", ("", "2, ")),
    (r" \+ 1\)", (")",)),
    (r"\bset\(", ("list(",)),
    (r"\babs\(", ("(",)),
    (r"\bstartswith\b", ("endswith",)),
    (r"\bendswith\b", ("startswith",)),
    (r"\n    return (?=\w+$)", ("\n        return ",)),
    (r"\bx \* x\b", ("x * 2", "x")),
    (r"\*\* 3", ("** 2", "* 3")),
    (r"\.insert\(0, ", (".append(",)),
)
"""What is looked for, and what may stand in its place."""

PATTERNS = tuple((re.compile(pattern), instead) for pattern, instead in EDITS)


def edits(source: str) -> list[tuple[int, int, str]]:
    """Every place where something else could stand: beginning, end, and what."""
    body = source.index(":\n") + 1
    found = []
    for pattern, instead in PATTERNS:
        places = list(pattern.finditer(source, body))
        found += [(one.start(), one.end(), text) for one in places[:3] for text in instead]
    return found


def mutated(source: str, rng: random.Random, args: Sequence[str] = ()) -> str | None:
    """The program with one edit, two arguments swapped now and then; None if nothing can be edited."""
    if len(args) > 1 and rng.random() < 0.15:
        head, body = source.split(":\n", 1)
        first, second = args[:2]
        swap = {first: second, second: first}
        return head + ":\n" + re.sub(rf"\b({first}|{second})\b", lambda found: swap[found.group()], body)
    places = edits(source)
    if not places:
        return None
    start, end, text = rng.choice(places)
    changed = source[:start] + text + source[end:]
    if text.endswith("(list("):
        changed = _closed(changed, start + len(text))
    return changed


def _closed(source: str, at: int) -> str:
    """One more bracket behind the one that closes what is open at this place."""
    depth = 1
    for index in range(at, len(source)):
        depth += (source[index] == "(") - (source[index] == ")")
        if depth == 0:
            return source[:index] + ")" + source[index:]
    return source
