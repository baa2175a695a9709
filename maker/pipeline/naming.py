"""The function that a request names: what is written must mention it, and what is tested must call it."""

import builtins
import keyword
import re
from itertools import islice

from maker.pipeline import prompts
from maker.pipeline.examples import FENCED
from maker.pipeline.work import Work

SIGNATURE = re.compile(r"(?<![\w.])(?<!O\()([A-Za-z_]\w*)\(")
"""`reverse(s)`: no space before the bracket."""
USED = re.compile(
    r"\b(?:without|use|uses|calls?|calling|via|import)\s+(?:using\s+)?(?:the\s+|\w+'s\s+)?[`'\"]?$|"
    r"\b(?:function|program|script|code) (?:that|which|to|for|in|like|similar|equivalent|wrapper|wrapping)\b[^.:;\n]*$",
    re.I,
)
"""What stands before a function that is only used, or that says what one without a name does: `a function that turns
rgb(r, g, b) into hex`."""
WITH = re.compile(rf"{USED.pattern}|\b(?:with|using)\s+(?:the\s+|\w+'s\s+)?[`'\"]?$", re.I)
"""What may: `with lru_cache(...)`, but `count them with count_words(text)` too."""
SAID = re.compile(
    r"(?:\b(?:called|named)|\b(?:call|name) (?:it|the function)|\b(?:its|the) name (?:is|should be)|\bfunction name:)"
    r"[ :]+[`'\"]?([A-Za-z_]\w*)",
    re.I,
)
THING = re.compile(
    r"\b(?:argument|attribute|class|column|command|database|dictionary|director(?:y|ies)|endpoint|enum|event|field|file|"
    r"folder|header|key|list|method|module|option|package|parameter|property|record|script|sheet|table|tag|type|"
    r"variable)s?,? $",
    re.I,
)
"""What stands before `called price` where that is no function."""
OBJECTS = re.compile(r"\bclass (?:called |named )?[`'\"]?[A-Z]|\bmethods?\b")
"""What is asked for may be no function but a class, whose methods look like one."""
FUNCTION = re.compile(r"\bfunction\b", re.I)
ORDER = re.compile(
    r"\b(?:write|implement|define|create|add|make)(?: me)?(?: an?| the)?(?: python)?(?: function)?,? "
    r"[`'\"]?([A-Za-z_]\w*)\(|"
    r"\bfunction,? [`'\"]?([A-Za-z_]\w*)\(",
    re.I,
)
"""`write a function total(cart)`: whatever else is called something."""
BEFORE = 120
"""Characters before a name that are looked at."""
MOST = 1000
"""Names of one form that are looked at: a program in one line has very many."""
QUOTED = re.compile(r"\bfunction,? [`'\"]([A-Za-z_]\w*)[`'\"]")
AFTER_FUNCTION = re.compile(r"\bfunction,? ([A-Za-z]\w*[_\d]\w*|[A-Za-z_]\w*(?=,|:| that\b| which\b| over\b| to\b))")
"""Where it can only be a name: `a function word_count`, `a function mean that`, not `a function counting words`."""
ORDERED = re.compile(
    r"\b(?:write|define|implement|create)(?: me)? [`'\"]?"
    r"(?:([a-z]+(?:_[a-z\d]+)+)(?=[`'\"]?(?:: |,? (?:which|that)\b|\. It (?:takes|returns)\b| to get\b))|"
    r"([a-z_]\w*)(?=[`'\"]?, a (?:python )?function\b))",
    re.I,
)
"""`implement word_count: ...`, `define mean, a function of ...`: an order, and what it says of it."""
NO_NAMES = frozenset(
    (
        *dir(builtins),
        *keyword.kwlist,
        *"with by on when for if as from once twice in at the a an it arg argument definition element file".split(),
        *"O function integer item key letter line list method name number parameter row signature string".split(),
        *"tuple value vowel word that which this python".split(),
    )
)
"""Words that stand before a bracket, as `integer(s)`, or after `called`, without being the name."""


def function_named(text: str) -> str | None:
    """The one function that the words name; None where they name none, or several, or only show code."""
    prose = FENCED.sub(" ", text)
    if OBJECTS.search(prose) and not FUNCTION.search(prose):
        return None
    said = _names(SAID, prose, unless=THING) | _names(QUOTED, prose)
    found = (
        (said and _names(ORDER, prose))
        or said
        or _names(SIGNATURE, prose, unless=WITH)
        or _names(AFTER_FUNCTION, prose)
        or _names(ORDERED, prose)
        or _names(SIGNATURE, prose, unless=USED)
    )
    return found.pop() if len(found) == 1 else None


def _names(pattern: "re.Pattern[str]", prose: str, unless: "re.Pattern[str] | None" = None) -> set[str]:
    """The names that the pattern finds, without those that stand behind what they must not."""
    said = {
        match.group(match.lastindex or 0)
        for match in islice(pattern.finditer(prose), MOST)
        if unless is None or not unless.search(prose[max(0, match.start() - BEFORE) : match.start()])
    }
    return {name for name in said if name.lower() not in NO_NAMES and name not in NO_NAMES}


def wanted_name(work: Work) -> str | None:
    """The function that the run's only step has to deliver; with more steps nobody says which of them delivers it."""
    plan = work.progress.plan
    if plan is None or len(plan.steps) != 1:
        return None
    return function_named(prompts.text_of(work.task.request.messages))


def phrase(name: str | None) -> str:
    """` of reverse`, for the texts of roles; empty where there is no name."""
    return f" of {name}" if name else ""
