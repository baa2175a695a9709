"""JavaScript and TypeScript candidates in the real sandbox."""

import asyncio

import pytest

from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Call, Check, Evidence, Trial, Unavailable
from tests.sandbox.conftest import LIMITS, Try, as_input, kinds, texts

pytestmark = pytest.mark.processes

SHAPES = """
export function double(x) { return 2 * x }
const sort = (values) => { values.sort(); return values };
class Stack {
  constructor() { this.items = [] }
  push(item) { this.items.push(item); return this }
  get size() { return this.items.length }
  pop() { if (!this.items.length) throw new RangeError('nothing there'); return this.items.pop() }
}
async function later(x) {
  await new Promise((done) => setTimeout(done, 1));
  if (x < 0) throw new RangeError('negative');
  return x + 1;
}
const keep = (test, values) => values.filter(test);
function* squares(n) { for (let i = 0; i < n; i++) yield i * i }
let count = 0;
function next() { return ++count }
"""

TESTS = [
    "assert.strictEqual(double(2), 4)",
    "assert.deepStrictEqual([...squares(3)], [0, 1, 4]);\n",
    "const a = [3, 1]; const back = sort(a);\nassert.deepStrictEqual(a, [1, 3]); assert(a === back)",
    "const s = new Stack();\ns.push(1).push({ a: 2 });\nassert.equal(s.size, 2); assert.deepEqual(s.pop(), { a: 2 })",
    "assert.throws(() => new Stack().pop(), RangeError)",
    "assert.strictEqual(await later(1), 2)",
    "await assert.rejects(later(-1), /negative/)\n",
    "assert.deepStrictEqual(keep((value) => value > 1, [1, 2, 3]), [2, 3])",
    "const assert = require('node:assert/strict');\nassert.equal(double(1), 2)",
    "console.assert(double(1) === 2)\n",
]


def script(attempt: Try, source: str, *inputs: str, **limits: object) -> Evidence:
    return attempt(source, *inputs, language="javascript", **limits)


def test_calls_are_observed(attempt: Try) -> None:
    evidence = script(
        attempt,
        SHAPES,
        "double(3)",
        "new Map([[2, new Set([1])], [1, { b: -0, a: NaN }]])",
        "later(1)",
        "later(-1)",
        "squares(3)",
        "new Stack().push('x')",
        "double(",
        "console.log('hi')",
        "[1n, undefined, null, /a/g, new Date(0), Symbol('s'), double]",
    )
    assert texts(evidence) == [
        "6",
        'Map{1: {"a": NaN, "b": 0}, 2: Set{1}}',
        "2",
        "RangeError",
        "iterator[0, 1, 4]",
        'Stack{"items": ["x"]}',
        "SyntaxError",
        "undefined",
        "[1n, undefined, null, /a/g, Date(1970-01-01T00:00:00.000Z), Symbol(s), <function double>]",
    ]
    assert evidence.observations[7].stdout == "hi\n"


@pytest.mark.parametrize("code", TESTS)
def test_a_right_candidate_passes(attempt: Try, code: str) -> None:
    evidence = script(attempt, SHAPES, code)
    assert kinds(evidence) == ["passed"], evidence.observations


def test_a_wrong_candidate_fails(attempt: Try) -> None:
    wrong = SHAPES.replace("2 * x", "x").replace("values.sort();", "").replace("> 1", "> 2").replace("i * i", "i")
    evidence = script(attempt, wrong, TESTS[0], TESTS[1], TESTS[2], "assert(double)\nassert(nowhere)")
    assert kinds(evidence) == ["failed"] * 4
    assert texts(evidence)[0] == "AssertionError"
    assert texts(evidence)[3] == "ReferenceError"


def test_one_input_does_not_see_what_another_did(attempt: Try) -> None:
    evidence = script(attempt, SHAPES, "next()", "[next(), next()]", "next()", "assert.strictEqual(next(), 1)")
    assert texts(evidence)[:3] == ["1", "[1, 2]", "1"]
    assert kinds(evidence)[3] == "passed"


def test_what_hangs_or_leaves_loses_only_itself(attempt: Try) -> None:
    source = f"{SHAPES}\nfunction spin() {{ for (;;); }}\nfunction wait() {{ return new Promise(() => {{}}) }}"
    inputs = ("spin()", "double(1)", "process.exit(3)", "double(2)", "assert(spin())", "assert.equal(double(3), 6)")
    evidence = script(attempt, source, *inputs)
    assert kinds(evidence) == ["timed out", "returned", "crashed", "returned", "timed out", "passed"]
    assert texts(evidence)[2] == "exit 3"


def test_a_hung_test_loses_only_itself(attempt: Try) -> None:
    assert kinds(script(attempt, SHAPES, "for (;;);\n", TESTS[0])) == ["timed out", "passed"]


def test_a_candidate_does_not_stand_in_for_what_a_test_relies_on(attempt: Try) -> None:
    source = "const assert = { strictEqual() {} }; const Math = { abs: () => 0 }; const f = () => 5"
    evidence = script(attempt, source, "assert.strictEqual(f(), 4)", "assert(Math.abs(f() - 4) < 0.1)")
    assert kinds(evidence) == ["failed", "failed"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("function double( {", "SyntaxError"),
        ("const x = 1", "ReferenceError: double is not defined"),
        ("throw new Error('no')", "Error: no"),
        ("process.exit(0)", "the process ended while it was loading"),
        ("import x from 'nothing-like-it'", "Error: Cannot find module"),
    ],
)
def test_a_candidate_that_does_not_load_says_why(sandbox: Sandbox, source: str, why: str) -> None:
    trial = Trial("javascript", source, (Call("1"),), entry="double", limits=LIMITS)
    evidence = asyncio.run(sandbox.run(trial))
    assert isinstance(evidence, Evidence)
    assert not evidence.loads
    assert evidence.load_error.startswith(why)


def test_exported_names_are_found_however_they_are_exported(attempt: Try) -> None:
    for source in (
        "module.exports = { double: (x) => 2 * x }",
        "exports.double = (x) => 2 * x",
        "function double(x) { return 2 * x }\nexport { double };",
        "export default function double(x) { return 2 * x }",
        "import { inspect as show } from 'node:util';\nexport const double = (x) => show && 2 * x;",
    ):
        evidence = script(attempt, source, "assert.strictEqual(double(2), 4)", "double(3)")
        assert kinds(evidence) == ["passed", "returned"], source


@pytest.mark.parametrize(
    "source",
    [
        "import fs, { readFileSync as read } from 'node:fs';\nconst there = () => typeof fs.openSync + typeof read",
        "import 'node:fs';\nimport $ from 'node:fs'\nconst there = () => typeof $.openSync + typeof $.readFileSync",
        "import fs, * as all from 'node:fs'\nconst there = () => typeof fs.openSync + typeof all.readFileSync",
        "const fs = await import('node:fs').catch(() => require('node:fs'));\n"
        "export const there = () => typeof fs.openSync + typeof fs.readFileSync",
    ],
)
def test_every_form_of_a_module_loads(attempt: Try, source: str) -> None:
    assert texts(script(attempt, source, "there()", "there()")) == ['"functionfunction"'] * 2


def after(sandbox: Sandbox, earlier: tuple[str, ...], source: str, *inputs: str) -> Evidence:
    trial = Trial("javascript", source, tuple(map(as_input, inputs)), limits=LIMITS, earlier=earlier)
    evidence = asyncio.run(sandbox.run(trial))
    assert isinstance(evidence, Evidence)
    assert evidence.loads, evidence.load_error
    return evidence


def test_steps_that_declare_the_same_names_load_one_after_the_other(sandbox: Sandbox) -> None:
    one = """#!/usr/bin/env node
'use strict';
const assert = require('node:assert');
const round = (x) => Math.floor(x);
function label(x) { return `<${x}>` }
class Box { constructor(x) { this.x = label(round(x)) } }
let made = 0;
export function box(x) { made++; return new Box(x) } // the last line"""
    two = "import assert from 'node:assert'\nconst round = 1\nvar label = 2\nfunction twice(x) { return box(2 * x) }"
    three = """
const assert = require('node:assert');
function label(x) { return x }
class Box {}
const round = (x) => x;
const thrice = (x) => [box(x), twice(x), made, round(1.5), label(7), new Box()]
"""
    evidence = after(sandbox, (one, two), three, "thrice(1.5)", "assert.equal(thrice(1.5)[2], 2)")
    assert texts(evidence)[0] == '[Box{"x": "<1>"}, Box{"x": "<3>"}, 2, 1.5, 7, Box{}]'
    assert kinds(evidence)[1] == "passed", evidence.observations[1]


@pytest.mark.parametrize("head", ["import { half } from './half.js'", "const { half } = require('../lib/half')"])
def test_what_an_earlier_step_wrote_can_be_imported_by_its_file(sandbox: Sandbox, head: str) -> None:
    earlier = ("export const half = (x) => x / 2;",)
    evidence = after(sandbox, earlier, f"{head}\nexport const quarter = (x) => half(half(x))", "quarter(8)")
    assert texts(evidence) == ["2"]


def test_a_file_that_nobody_wrote_cannot_be_imported(attempt: Try) -> None:
    assert "Cannot find module" in script(attempt, "const { half } = require('./half')", "half(8)").load_error


def test_an_earlier_step_that_fails_does_not_load(sandbox: Sandbox) -> None:
    trial = Trial("javascript", "const f = 1", (Call("f"),), limits=LIMITS, earlier=("throw new Error('no')",))
    evidence = asyncio.run(sandbox.run(trial))
    assert isinstance(evidence, Evidence)
    assert evidence.load_error == "Error: no"


def test_what_a_script_left_to_do_is_not_waited_for(attempt: Try) -> None:
    source = "let now = 0; Promise.resolve().then(() => { now = 1 }); const is = () => now; new Promise(() => {})"
    assert texts(script(attempt, source, "is()")) == ["0"]


def test_typescript_runs_where_node_can_strip_types_and_is_refused_elsewhere(sandbox: Sandbox) -> None:
    source = "function double(x: number): number { return 2 * x }"
    trial = Trial("typescript", source, (Call("double(2)"), Check("const y: number = double(1); assert.equal(y, 2)")))
    result = asyncio.run(sandbox.run(trial))
    if (refusal := sandbox.supports("typescript")) is not None:
        assert result == refusal
        assert isinstance(result, Unavailable) and "node" in result.fix
    else:
        assert isinstance(result, Evidence)
        assert kinds(result) == ["returned", "passed"]


IN_PLACE = """
const reverse = (items) => { items.reverse() };
const forget = (items) => { items = [...items].reverse() };
async function later(items, ...more) { await null; items.push(...more) }
const shown = (items) => console.log(items.length);
const counted = (items) => items.push(0);
const box = { by: 2, grow(items) { items.push(this.by) } };
const rename = (thing, table) => { thing.name = 'b'; table.set('k', 1) };
const drain = (iterator, items) => { for (const one of iterator) items.push(one) };
const order = [];
const seen = (one) => { order.push(one); return [one] };
const both = (one, other) => { one.push(...order) };
const keep = (items) => { items.pop() };
"""


def test_what_a_call_without_a_value_does_to_its_arguments_is_observed(attempt: Try) -> None:
    evidence = script(
        attempt,
        IN_PLACE,
        "reverse([1, 2, 3])",
        "forget([1, 2, 3])",
        "later([1], ...[2, 3], 'x')",
        "box.grow([1])",
        "rename({ name: 'a' }, new Map())",
        "drain([1, 2].values(), [])",
        "both(seen(1), seen(2))",
        "keep([1, ')', 2], /[)(]/)",
        "reverse(Array(30000).fill(0))",
    )
    assert texts(evidence) == [
        "undefined; arguments afterwards: [3, 2, 1]",
        "undefined",
        'undefined; arguments afterwards: [1, 2, 3, "x"], 2, 3, "x"',
        "undefined; arguments afterwards: [1, 2]",
        'undefined; arguments afterwards: {"name": "b"}, Map{"k": 1}',
        "undefined; arguments afterwards: <iterator>, [1, 2]",
        "undefined; arguments afterwards: [1, 1, 2], [2]",
        'undefined; arguments afterwards: [1, ")"], /[)(]/',
        "undefined",
    ]


def test_what_is_no_single_call_or_returns_something_is_observed_as_it_is(attempt: Try) -> None:
    inputs = ("counted([1])", "shown([1, 2])", "reverse([2, 1]) || 7", "reverse([1]), counted([])", "(keep)([1])")
    broken = ("reverse(", "reverse(] + [)", "nowhere([1])", "reverse(1)(2)", "typeof(order)", "eval('order')")
    evidence = script(attempt, IN_PLACE, *inputs, *broken)
    assert texts(evidence) == [
        *("2", "undefined", "7", "1", "undefined"),
        *("SyntaxError", "SyntaxError", "ReferenceError", "TypeError", '"object"', "[]"),
    ]
    assert evidence.observations[1].stdout == "2\n"
    assert evidence.observations[7].message == "ReferenceError: nowhere is not defined"
    assert evidence.observations[8].message == "TypeError: items.reverse is not a function"
