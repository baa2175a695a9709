"""What a text says that calls give: `f(1) -> 2`, `f(1) should return 2`, and how far it is to be believed; pure.

Nothing is taken that only tells what code does now, or a part of what a call gives.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

NAME = re.compile(r"(?<![\w.])(?=[A-Za-z_][\w.]*\()")
FUNCTION, METHOD = re.compile(r"[\w.]+"), re.compile(r"\.\w+")
VERB = r"(?:return|give|be|equal|yield)"
GIVES = re.compile(rf"`?\s*(?:(?P<demand>(?:should|must|has to) {VERB})|->|=>|===?|→|returns|gives|yields|equals)\s*`?")
STOP = re.compile(r"[`,;\n]|\.(?=\s|$)|\s(?:and|but|because|since|for|as)\s|\s+(?:#|//|\()")
"""What ends the value that a call gives; within brackets and quotes it does not."""
VALUE = r"`?(?:[\d'\"\[({-]|(?:True|False|None)\b)"
MORE = re.compile(rf"`?(?:\s+for\b[^.;\n]*?)?(?:,|,?\s+(?:and|or|then)\b)\s*(?:then\s+)?(?:{VALUE}|an?\s)")
"""Behind a value: it was the first of several."""
AMENDED = re.compile(
    rf"[`\s,;:.()–—-]*(?:\w+(?:'d)?,?\s+){{0,3}}?"
    rf"(?:should|must|has to|needs? to|want(?:ed)?|expect(?:ed)?|like|it)(?: it)?(?: (?:to )?{VERB})?:?\s*{VALUE}",
    re.IGNORECASE,
)
"""Behind a value: what is wanted is another."""
LABEL = re.compile(
    r"(?:^|[.!?]\s)\W*(?:actual(?:ly)?|got|currently|current|now|today|before|old|previously|existing|output)"
    r"(?: (?:behaviou?r|output|result|value))?\s*:\s*`?$",
    re.IGNORECASE | re.MULTILINE,
)
"""Before a call: what follows is what the code does now."""
PART = re.compile(r"(?:[+*/%=<>&|^~]|[\w)\]] ?-|(?<![\s-])-)[ \t]*$")
"""Before a call, on its line: it is a part of an expression."""
QUOTED = re.compile(r"\b(?:assert|return)\s+$")
"""Before a call: it stands in code."""
BULLET = re.compile(r"[\s>*+`–—-]*(?:\d+[.)]\s+`?)?")
"""What may stand before an example that has a line for itself."""
EXAMPLE = re.compile(
    r"\be\.g\.|\b(?:for example|for instance|examples?|such (?:as|that)|so that|test cases?)\b", re.IGNORECASE
)
SENTENCE = re.compile(r"[.!?:;]\s|\n|\be\.g\.|\b(?:for example|for instance|such as)\b", re.IGNORECASE)
BROKEN = re.compile(
    r"\b(fix(es)?|bugs?|buggy|debug|wrong(ly)?|incorrect(ly)?|broken|currently|fails?|failing)\b", re.IGNORECASE
)
"""Words of a request about code that does not do what it should: what it says of the code may be what is wrong."""
DOUBT = re.compile(
    r"\b(not|never|now|instead|why|if|when|whether|while|unless|but|actual(ly)?|today|at the moment|existing|old|given|"
    r"assume|suppose|unlike|(i|we|it) (get|got|sees?|prints?))\b|n't\b",
    re.IGNORECASE,
)
DEMAND = re.compile(r"\b(should|must|has to|so that|expect(s|ed)?|want(s|ed)?)\b", re.IGNORECASE)
TOGETHER = re.compile(r"[`,;.\s]*(?:and\s+)?`?")
"""What stands between two examples of one list."""
LONGEST = 500
"""Characters of a call's arguments, or of a value."""
AROUND = 200
"""Characters around a call that are looked at."""
MOST = 1000
"""Calls, doctests and asserts of a text that are looked at: a program in one line has very many."""
QUOTES = "'\""
OPEN, CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Said:
    """A call, and what it is said to give."""

    call: str
    value: str
    firm: bool
    """Whether it is demanded, called an example, or has a line for itself; else it is said in passing."""


def said(text: str, *, broken: bool) -> Iterator[Said]:
    """The calls in a text with what they are to give; where code is `broken`, only what is demanded of it."""
    firm_until = -1
    for found in islice(NAME.finditer(text), MOST):
        start = found.start()
        end = _end_of_call(text, start)
        gives = GIVES.match(text, end) if end else None
        if gives is None:
            continue
        stop = _scan(text, gives.end(), until=STOP)
        around, behind = text[max(0, start - AROUND) : start], text[stop : stop + AROUND]
        demanded = gives["demand"] is not None
        if _is_part(around, behind) or not (demanded or _is_meant(around, behind, broken=broken)):
            continue
        firm = demanded or _is_shown(around) or TOGETHER.fullmatch(text, max(firm_until, 0), start) is not None
        if firm:
            firm_until = stop
        yield Said(text[start:end], text[gives.end() : stop].strip(), firm)


def _is_part(before: str, behind: str) -> bool:
    """Whether more belongs to the call or to what it gives."""
    line = BULLET.sub("", before.rpartition("\n")[2], count=1)
    return bool(QUOTED.search(before) or PART.search(line) or MORE.match(behind))


def _is_meant(before: str, behind: str, *, broken: bool) -> bool:
    """Whether what is said of a call, by the words around it, is what is wanted."""
    sentence = SENTENCE.split(before)[-1]
    doubted = DOUBT.search(sentence) or DOUBT.search(SENTENCE.split(behind)[0])
    if doubted or LABEL.search(before) or AMENDED.match(behind):
        return False
    return not broken or DEMAND.search(sentence) is not None


def _is_shown(before: str) -> bool:
    """Whether an example is announced, or has a line for itself."""
    line = before.rpartition("\n")[2]
    announced = max((found.end() for found in EXAMPLE.finditer(before)), default=-1)
    near = announced >= 0 and not re.search(r"[.!?]\s+[A-Z]", before[announced:])
    return near or BULLET.fullmatch(line) is not None or DEMAND.search(SENTENCE.split(before)[-1]) is not None


def _end_of_call(text: str, start: int) -> int:
    """Where the call that begins here ends, on its line, with the calls on its result; 0 if it does not."""
    end, name = 0, FUNCTION.match(text, start)
    while name is not None and text[name.end() : name.end() + 1] == "(":
        closed = _scan(text, name.end(), until=None)
        if closed == 0:
            return 0
        end, name = closed, METHOD.match(text, closed)
    return end


def _scan(text: str, start: int, *, until: "re.Pattern[str] | None") -> int:
    """Behind the bracket that closes the one here, else before what ends a value outside of brackets; 0 for none."""
    depth, quote, at = 0, "", start
    while at < min(len(text), start + LONGEST):
        char = text[at]
        if not depth and not quote and until is not None and until.match(text, at):
            return at
        if char == "\n":
            return 0 if until is None else at
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in QUOTES:
            quote = char
        elif char in OPEN:
            depth += 1
        elif char in CLOSE:
            depth -= 1
            if depth < 0:
                return at
            if depth == 0 and until is None:
                return at + 1
        at += 1
    return 0 if until is None else at
