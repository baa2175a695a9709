"""What a call that returns nothing did instead: how its arguments look afterwards, if that is not as before.

Each argument is wrapped where it stands, so that order, stars and keywords are Python's own affair. What is no single
call is left as it is.
"""

import _ast  # `ast` itself takes milliseconds to import, at each start of a candidate's process
import builtins
import types
from typing import Any

from maker.sandbox.inside.canonical import glance, shortened

KEEP = "<keep>"
"""No identifier: nothing that an expression says can mean it."""


class Effects:
    """The arguments of one call, and how each looked before it."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._kept: list[tuple[Any, str]] = []

    def prepared(self, expression: str) -> types.CodeType:
        """The expression, compiled so that the arguments are kept if it is one call.

        Raises:
            SyntaxError: it is no expression.
        """
        tree: Any = compile(expression, "input", "eval", _ast.PyCF_ONLY_AST, dont_inherit=True)
        if isinstance(call := tree.body, _ast.Call):
            call.args = [_kept_star(one) if isinstance(one, _ast.Starred) else _kept(one) for one in call.args]
            for word in call.keywords:
                word.value = _kept(word.value)
            # Not in the candidate's module: it may look at its own names.
            setattr(builtins, KEEP, self._keep)
        return compile(tree, "input", "eval", dont_inherit=True)

    def _keep(self, value: Any) -> Any:
        self._kept.append((value, glance(value, self._own)))
        return value

    def told(self) -> str:
        """`; arguments afterwards: [3, 2, 1], 5`, all of them if one has changed; else empty."""
        now = [glance(value, self._own) for value, _ in self._kept]
        changed = now != [before for _, before in self._kept]
        return f"; arguments afterwards: {shortened(', '.join(now))}" if changed else ""


def _kept(value: Any) -> Any:
    place = {name: getattr(value, name) for name in value._attributes}
    return _ast.Call(_ast.Name(KEEP, _ast.Load(), **place), [value], [], **place)


def _kept_star(star: Any) -> Any:
    star.value = _kept(star.value)
    return star
