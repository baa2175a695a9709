"""Programs as trees: what is the same but for layout, and what JavaScript may be run."""

import pytest

from maker.pipeline import syntax
from maker.pipeline.redflag import Code, canonical
from maker.pipeline.syntax import calls_in, is_call, is_check, is_value

SAME = {
    "go": ("func add(a, b int) int {\n\treturn a + b // sum\n}\n", "func add(a,b int) int { return a+b }"),
    "rust": ("fn add(a: i32, b: i32) -> i32 {\n    a + b\n}", "/* adds */ fn add(a:i32,b:i32)->i32{a+b}"),
    "java": ("class A {\n  int f() { return 1; }\n}", "class A { /** doc */ int f() {\n return 1;\n} }"),
    "c": ("int f(int a) {\n  return a; // same\n}", "int f(int a){return a;}"),
    "cpp": ("auto f = [](int a) { return a; };", "auto f=[](int a){\n  return a;\n};"),
    "bash": ("f() {\n  echo hi # says hi\n}", "f() {\n    echo   hi\n}"),
    "javascript": ("const f = (a) => {\n  return a;\n};", "const f=(a)=>{return a;}; // f"),
    "typescript": ("const f = (a: number): number => a;", "const f = (a:number) : number => a;"),
    "jsx": ("const a = <b>{x}</b>;", "const a = <b>{ x }</b>;"),
    "tsx": ("const a: X = <b>{x}</b>;", "const a:X = <b>{x}</b>;"),
}
OTHER = {
    "go": "func add(a, b int) int { return a - b }",
    "rust": "fn add(a: i32, b: i32) -> i32 { a + b + 0 }",
    "java": "class A { int f() { return 2; } }",
    "c": "int f(int b) { return b; }",
    "cpp": "auto f = [](int a) { return -a; };",
    "bash": "f() {\n  echo 'h i'\n}",
    "javascript": "const f = (a) => { return a + 1; };",
    "typescript": "const f = (a: string): string => a;",
    "jsx": "const a = <b>{y}</b>;",
    "tsx": "const a: Y = <b>{x}</b>;",
}


@pytest.mark.parametrize("language", sorted(SAME))
def test_layout_and_comments_do_not_count_and_everything_else_does(language: str) -> None:
    one, other = (canonical(Code(text, language)) for text in SAME[language])
    assert one == other != canonical(Code(OTHER[language], language))
    assert set(SAME) == set(syntax.GRAMMARS)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("javascript", "f('a  b')", "f('a b')"),
        ("javascript", "f(`a ${x}  b`)", "f(`a ${x} b`)"),
        ("go", 'var a = "x  y"', 'var a = "x y"'),
        ("bash", 'echo "a  b"', 'echo "a b"'),
    ],
)
def test_spaces_within_text_count(language: str, one: str, other: str) -> None:
    assert syntax.canonical(one, language) != syntax.canonical(other, language) is not None


def test_what_is_no_program_is_compared_as_text() -> None:
    assert syntax.canonical("func add(", "go") is None
    assert syntax.canonical("a: 1", "yaml") is None
    assert canonical(Code("a:   1\n\n", "yaml")) == canonical(Code("a: 1", "yaml"))


def test_a_deeply_nested_program_is_no_problem() -> None:
    assert syntax.canonical(f"f({'[' * 3000}{']' * 3000})", "javascript")


@pytest.mark.parametrize("text", ["add(1, 2)", "new Stack().size", "[1, 2].map(double)", "f({ a: 1 })", "f`x`"])
def test_an_expression_with_a_call_is_one(text: str) -> None:
    assert is_call(text)


@pytest.mark.parametrize(
    "text", ["add(1", "1 + 2", "let a = f()", "f(); g()", "f()); g(", "", "// f()", "while(f()){}"]
)
def test_anything_else_is_not(text: str) -> None:
    assert not is_call(text)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("assert.strictEqual(add(1, 2), 3)", ["add(1, 2)"]),
        ("assert.deepStrictEqual(await later([1]), [2]);", ["later([1])"]),
        ("assert(add(1, 1) === 2)", ["add(1, 1)"]),
        ("const s = new Stack();\nassert.equal(s.pop(), 1)", ["s.pop()"]),
        ("console.assert(f(1) == 2)", ["f(1)"]),
        ("assert(x > f(1))", []),
        ("assert.throws(() => f(), RangeError)", []),
    ],
)
def test_a_check_asserts_and_lends_its_calls(text: str, calls: list[str]) -> None:
    assert is_check(text)
    assert calls_in(text) == calls


@pytest.mark.parametrize("text", ["add(1, 2)", "assert", "assert(", "const assert = 1", "def f(): assert x"])
def test_what_does_not_assert_is_no_check(text: str) -> None:
    assert not is_check(text)


@pytest.mark.parametrize(("text", "value"), [("[1, 'a']", True), ("{a: 1}", True), ("x + 1", False), ("f()", False)])
def test_a_result_that_was_written_down_names_nothing(text: str, value: bool) -> None:
    assert is_value(text) == value
