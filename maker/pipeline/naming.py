"""The function that a request names: what is written must mention it, and what is tested must call it."""

import builtins
import keyword
import re

from maker.pipeline import prompts
from maker.pipeline.work import Work

FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
SIGNATURE = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\(")
"""`reverse(s)`: no space before the bracket."""
SAID = re.compile(
    r"\b(?:called|named|(?:call|name) (?:it|the function)|(?:its|the) name (?:is|should be)|function name:)"
    r"[ :]+[`'\"]?([A-Za-z_]\w*)",
    re.I,
)
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
        *"function integer item key letter line list method name number parameter row signature string".split(),
        *"tuple value vowel word that which this python".split(),
    )
)
"""Words that stand before a bracket, as `integer(s)`, or after `called`, without being the name."""


def function_named(text: str) -> str | None:
    """The one function that the words name; None where they name none, or several, or only show code."""
    prose = FENCED.sub(" ", text)
    for pattern in (SIGNATURE, SAID, QUOTED, AFTER_FUNCTION, ORDERED):
        said = {match.group(match.lastindex or 0) for match in pattern.finditer(prose)}
        found = {name for name in said if name.lower() not in NO_NAMES and name not in NO_NAMES}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def wanted_name(work: Work) -> str | None:
    """The function that the run's only step has to deliver; with more steps nobody says which of them delivers it."""
    plan = work.progress.plan
    if plan is None or len(plan.steps) != 1:
        return None
    return function_named(prompts.text_of(work.task.request.messages))


def phrase(name: str | None) -> str:
    """` of reverse`, for the texts of roles; empty where there is no name."""
    return f" of {name}" if name else ""
