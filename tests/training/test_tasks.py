"""Generated tasks: all their programs are right, and nothing that is held out is trained on."""

import copy
import keyword
import random
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from maker.sandbox.inside.canonical import canonical
from training import values
from training.evidence import differs, load, wrong_program
from training.frames import NOUN, ORDER, THIRD, WHOLE
from training.inputs import arguments
from training.library import singles
from training.mutate import EDITS
from training.pipelines import pipelines
from training.split import HELD, Split, held
from training.string_parts import COUNTS, OPERATIONS
from training.strings import longer, strings
from training.tasks import choose, task, tasks
from training.template import Task, Template, constants_for, program
from training.wording import GENERAL, mistyped, third

MANY = 1500


def _did(function: Callable[..., Any], args: tuple[object, ...]) -> str:
    return canonical(function(*copy.deepcopy(args)))


def _agrees(template: Template, rng: random.Random, times: int) -> None:
    constants = constants_for(template, rng, unseen=False)
    names = tuple(f"given{number}" for number, _ in enumerate(template.kinds))
    functions = [load(program("ours", names, body, constants), "ours") for body in template.bodies]
    for number in range(times):
        drawn = values.draw(template.kinds, rng, small=number % 2 == 0)
        chosen = arguments(template.kinds, constants, rng, small=number % 3 == 0, edge=number % 4 == 0)
        for args in (drawn, chosen):
            assert len({_did(function, args) for function in functions}) == 1, (template.key, constants, args)


@pytest.mark.parametrize("template", singles(), ids=lambda template: template.key)
def test_all_styles_of_a_template_do_the_same(template: Template) -> None:
    _agrees(template, random.Random(template.key), 12)


def test_all_styles_of_compositions_do_the_same() -> None:
    rng = random.Random(1)
    for template in (*rng.sample(pipelines(), 500), *rng.sample(strings(), 250)):
        _agrees(template, rng, 2)


def test_longer_chains_do_one_thing_after_the_other_and_no_part_of_them_is_held_out() -> None:
    rng = random.Random(2)
    steps = {one.key: load(f"def one(S, K):\n    return {one.expression}", "one") for one in (*OPERATIONS, *COUNTS)}
    for template in rng.sample(longer(), 200):
        keys = template.composition.split("/")
        assert not any(held("composition", "/".join(part)) for part in (keys, keys[:2], keys[1:]))
        (constant,) = constants_for(template, rng, unseen=False) or (0,)
        ours = load(program("ours", ("given",), template.bodies[0], (constant,)), "ours")
        for _ in range(3):
            (text,) = arguments(template.kinds, (constant,), rng)
            wanted = text
            for key in keys:
                wanted = steps[key](wanted, constant)
            assert ours(text) == wanted, (template.key, text)


def test_longer_chains_are_trained_on_and_never_asked_for() -> None:
    assert any(one.key.startswith("longer:") for one in islice(tasks(3), 100))
    assert not any(one.key.startswith("longer:") for one in islice(tasks(3, HELD), 600))


def test_templates_are_different_and_have_phrases_and_names() -> None:
    every = (*singles(), *pipelines(), *strings())
    assert len({(template.key, template.bodies) for template in every}) == len(every) > 6000
    assert len(singles()) > 150
    assert all(template.bodies and template.hints for template in every)
    assert all((template.nouns and template.verbs) or template.compose for template in every)


def test_the_same_seed_gives_the_same_tasks() -> None:
    assert list(islice(tasks(5), 50)) == list(islice(tasks(5), 50))
    assert list(islice(tasks(5), 50)) != list(islice(tasks(6), 50))


def test_a_request_names_its_function_and_programs_define_it() -> None:
    for one in islice(tasks(7, ("train", *HELD)), MANY):
        assert re.search(rf"\b{one.name}\b", one.request), one
        assert not keyword.iskeyword(one.name)
        assert len({one.name, *one.args}) == len(one.args) + 1
        assert all(source.startswith(f"def {one.name}({', '.join(one.args)}):\n    ") for source in one.sources)


def test_half_of_the_parts_of_names_are_no_words() -> None:
    known = {*GENERAL, *(hint for template in (*singles(), *pipelines(), *strings()) for hint in template.hints)}
    parts = [part for one in islice(tasks(8), MANY) for part in one.name.split("_")]
    assert 0.4 < sum(part not in known for part in parts) / len(parts) < 0.65


def _words(one: Task) -> list[str]:
    if "_" not in one.name and not one.name.islower():
        return []  # camelCase was joined of parts that were looked at before
    return one.name.split("_")


def test_nothing_that_is_held_out_is_trained_on() -> None:
    for one in islice(tasks(9), MANY):
        composition = one.key.partition(":")[2]
        assert not (composition and held("composition", composition)), one
        assert not any(held("word", word) for word in _words(one)), one
        assert not any(value >= 10 and held("constant", value) for value in one.constants), one
        assert one.frame not in WHOLE
        assert not held("wording", f"{one.frame}|{one.key}|{one.phrase}"), one


@pytest.mark.parametrize("split", HELD)
def test_what_is_held_out_is_asked_for_in_its_split(split: Split) -> None:
    rng = random.Random(10)
    for one in (task(rng, split) for _ in range(300)):
        assert one.split == split
        if split == "comp":
            assert held("composition", one.key.partition(":")[2]), one
        if split == "para":
            assert one.frame in WHOLE or held("wording", f"{one.frame}|{one.key}|{one.phrase}"), one
        else:
            assert all(held("word", word) for word in _words(one)), one
        if split == "name":
            assert all(value < 10 or held("constant", value) for value in one.constants), one


def test_about_fifteen_percent_are_held_out() -> None:
    compositions = {template.composition for template in (*pipelines(), *strings())}
    share = sum(held("composition", one) for one in compositions) / len(compositions)
    assert 0.1 < share < 0.2
    assert any(held("constant", value) for value in range(10, 100))


def test_there_are_many_frames_and_some_are_never_trained_on() -> None:
    frames = (*NOUN, *ORDER, *THIRD)
    assert len(set(frames)) == len(frames) > 100
    assert len(WHOLE) >= 6
    assert not set(WHOLE) & set(frames)


def test_a_slip_is_a_program_that_does_something_else() -> None:
    rng = random.Random(11)
    slips = [(one, wrong_program(one, rng)) for one in islice(tasks(11), 200)]
    found = [(one, source) for one, source in slips if source is not None]
    assert len(found) > 180
    for one, source in found:
        assert source not in one.sources
        assert any(differs(one, source, random.Random(number)) for number in range(40)), source
    assert len(EDITS) > 45


def test_a_loop_without_an_end_is_stopped_and_a_right_one_is_not() -> None:
    rng = random.Random(12)
    one = next(one for one in islice(tasks(12), 5000) if one.key == "collatz")
    assert not differs(one, one.sources[0], rng)
    endless = f"def {one.name}({one.args[0]}):\n    while True:\n        pass"
    assert not differs(one, endless, rng), "it never returns, so it is flagged and never judged"


def test_an_order_becomes_what_the_function_does() -> None:
    assert third("reverse {a} and then uppercase it") == "reverses {a} and then uppercases it"
    assert third("multiply {a} and {b}") == "multiplies {a} and {b}"
    assert third("play FizzBuzz") == "plays FizzBuzz"
    assert third("swap upper and lower case in {a}") == "swaps upper and lower case in {a}"


def test_typing_errors_keep_what_must_be_copied() -> None:
    rng = random.Random(13)
    for one in (mistyped("Write a function {name} that takes {args} and returns {np}.", rng) for _ in range(50)):
        assert {"{name}", "{args}", "{np}"} <= set(re.findall(r"\{\w+\}", one))


def test_compositions_are_chosen_as_often_as_said() -> None:
    rng = random.Random(14)
    chosen = [choose(rng, "train").key for _ in range(2000)]
    assert 0.45 < sum(":" not in key for key in chosen) / len(chosen) < 0.55
