"""The generator of tasks: a template, a name, a wording, and its right programs."""

import copy
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from training import wording
from training.inputs import arguments
from training.library import singles
from training.pipelines import pipelines
from training.split import Split, held
from training.strings import longer, strings
from training.template import Task, Template, constants_for, program

SHARES: dict[Split, tuple[float, ...]] = {
    "train": (0.45, 0.32, 0.14, 0.09),
    "comp": (0.0, 0.7, 0.3, 0.0),
    "para": (0.5, 0.34, 0.16, 0.0),
    "name": (0.5, 0.34, 0.16, 0.0),
}
"""Of single templates, of pipelines on numbers, of those on strings, and of longer ones, which are only trained on."""


@cache
def _pools(composed: bool) -> tuple[tuple[Template, ...], ...]:
    """The templates of each kind; `composed` those that are held out as compositions."""
    kinds = (singles(), _weighted(pipelines()), strings(), longer())
    return tuple(
        tuple(one for one in kind if (bool(one.composition) and held("composition", one.composition)) == composed)
        for kind in kinds
    )


def _weighted(many: tuple[Template, ...]) -> tuple[Template, ...]:
    """Simple compositions several times: there are fewer of them, and people ask for them more."""
    simple = [one for one in many if one.key.count("/same") or ":any/" in one.key]
    return (*many, *simple * (len(many) // len(simple)))


def choose(rng: random.Random, split: Split) -> Template:
    """A template of this side of the split."""
    return rng.choice(rng.choices(_pools(split == "comp"), SHARES[split])[0])


def task(rng: random.Random, split: Split = "train") -> Task:
    """One task of this side of the split."""
    return worded(rng, choose(rng, split), split)


def worded(rng: random.Random, template: Template, split: Split) -> Task:
    """A task of this template."""
    constants = constants_for(template, rng, split == "name")
    while True:
        name = wording.function_name(rng, template, split)
        args = wording.argument_names(rng, template, split, name)
        try:
            said = wording.request(rng, template, split, name, args, constants)
        except wording.Clash:
            continue
        sources = tuple(program(name, said.args, body, constants) for body in template.bodies)
        text = exampled(rng, said.text, sources[0], name, template, constants)
        return Task(
            text, name, said.args, template.kinds, sources, split, template.key, constants, said.frame, said.phrase
        )


EXAMPLES = (
    "{request} For example, {call} -> {result}",
    "{request} e.g. {call} -> {result}",
    "{request} Example: {call} == {result}",
    "{request}\n\n>>> {call}\n{result}",
    "{request}\n{call} -> {result}",
    "{request}\n\nassert {call} == {result}",
    "{request} So {call} gives {result}",
    "{request}\nExample: {call} returns {result}",
)


def exampled(
    rng: random.Random, request: str, source: str, name: str, template: Template, constants: tuple[int, ...]
) -> str:
    """The request, now and then with an example of what the function returns."""
    if rng.random() > 0.08:
        return request
    args = arguments(template.kinds, constants, rng, small=rng.random() < 0.6)
    names: dict[str, Any] = {}
    exec(source, names)  # one of this folder's own programs
    call = f"{name}({', '.join(map(repr, args))})"
    result = repr(names[name](*copy.deepcopy(args)))
    if len(result) > 40:
        return request
    return rng.choice(EXAMPLES).format(request=request, call=call, result=result)


def tasks(seed: int, splits: tuple[Split, ...] = ("train",)) -> Iterator[Task]:
    """Tasks without end, the splits in turn."""
    rng = random.Random(seed)
    while True:
        for split in splits:
            yield task(rng, split)
