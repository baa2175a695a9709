"""Reading YAML, every position known; what two readers could take for different things is refused."""

import copy
import functools
from typing import Any

import yaml

from maker.clients.tree import Node
from maker.errors import ClientFileError


class _Loader(yaml.SafeLoader):
    """Composes nodes as PyYAML does, but an alias keeps the place where it stands."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node; a copy of the anchor's for an alias."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if not isinstance(event, yaml.AliasEvent) or node is None:
            return node
        alias: yaml.Node = copy.copy(node)
        alias.start_mark, alias.end_mark = event.start_mark, event.end_mark
        alias.alias = True  # type: ignore[attr-defined]
        return alias


@functools.lru_cache(maxsize=8)
def parse(text: str) -> Node:
    """The one document that the text is; an empty one is a null that ends where the text does.

    Raises:
        ClientFileError: it is not YAML, or more than one document.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1} is" if error.problem_mark else "it is"
        raise ClientFileError(f"{where} not YAML as it is meant: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ClientFileError(f"it is not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError:
        raise ClientFileError("it is nested too deeply") from None
    if root is None:
        return Node("scalar", len(text), len(text), scalar=("null", ""), bracketed=False)
    return _node(root, {}, set())


def _node(node: yaml.Node, done: dict[int, Node], open_: set[int]) -> Node:
    """Our node for PyYAML's: each is converted once, however many aliases lead to it."""
    if id(node.value) in open_ and not isinstance(node, yaml.ScalarNode):
        raise ClientFileError("it contains itself")
    if id(node) not in done:
        open_.add(id(node.value))
        done[id(node)] = _converted(node, done, open_)
        open_.discard(id(node.value))
    return done[id(node)]


def _converted(node: yaml.Node, done: dict[int, Node], open_: set[int]) -> Node:
    start, end = node.start_mark.index, node.end_mark.index
    alias = getattr(node, "alias", False)
    if isinstance(node, yaml.ScalarNode):
        return Node("scalar", start, end, scalar=(node.tag, node.value), bracketed=False, alias=alias)
    items: list[tuple[Node | None, Node]]
    if isinstance(node, yaml.MappingNode):
        items = [(_node(key, done, open_), _node(value, done, open_)) for key, value in node.value]
        return Node("map", start, end, tuple(items), bracketed=bool(node.flow_style), alias=alias)
    items = [(None, _node(value, done, open_)) for value in node.value]
    flow = isinstance(node, yaml.SequenceNode) and bool(node.flow_style)
    return Node("list", start, end, tuple(items), bracketed=flow, alias=alias)
