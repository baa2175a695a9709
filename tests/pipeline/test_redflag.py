"""Red flags and the code in a reply: pure functions."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maker.chat.types import Completion
from maker.pipeline.redflag import Code, canonical, extract, form_flags

ADD = "def add(a, b):\n    return a + b\n"
DOCUMENTED = 'def add(a, b):\n    """\n    ```\n    add(1, 2)\n    ```\n    """\n    return a + b\n'
README = "# Sums\n```bash\npip install sums\n```\nIts files:\n```\nsums.py\n```\n## License\nMIT\n"


def flags(text: str, reason: str = "stop") -> tuple[str, ...]:
    return form_flags(Completion(text, finish_reason=reason), extract(text))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"Sure:\n```python\n{ADD}```\nDone.", Code(ADD, "python")),
        (f"```py src/add.py\n{ADD}```", Code(ADD, "python", "src/add.py")),
        (f"````python\n{ADD}````", Code(ADD, "python")),
        (f"~~~\n{ADD}~~~", Code(ADD, "python")),
        ("```js\nlet a = 1\n```", Code("let a = 1\n", "javascript")),
        (f"```sh\npip\n```\nthen\n```python\n{ADD}```", Code(ADD, "python")),
        (ADD, Code(ADD, "python")),
        (f"<think>\n```python\n{ADD}{ADD}```\n</think>\n```python\n{ADD}```", Code(ADD, "python")),
        (f"```python\n{ADD}```\nIt prints:\n```\n{'1 and 1 are 2, ' * 9}\n```", Code(ADD, "python")),
        ("1. Write\n\n   ```python\n   def add(a, b):\n       return a + b\n   ```\n", Code(ADD, "python")),
        (f" ```python\n{ADD}\n ```", Code(f"{ADD}\n", "python")),
        (f"```python\n{ADD}```".replace("\n", "\r\n"), Code(ADD, "python")),
        (f"```python\n{ADD}`````", Code(ADD, "python")),
        (f"```python\n{DOCUMENTED}```", Code(DOCUMENTED, "python")),
        (f'```py3 title="add.py"\n{ADD}```', Code(ADD, "python", "add.py")),
        (f'```title="add.py"\n{ADD}```', Code(ADD, "python", "add.py")),
        (f"```python {{.line-numbers}}\n{ADD}```", Code(ADD, "python")),
        (f"```{{python}}\n{ADD}```", Code(ADD, "python")),
        (f"```python:src/add.py\n{ADD}```", Code(ADD, "python", "src/add.py")),
        (f"```src/add.py\n{ADD}```", Code(ADD, "python", "src/add.py")),
        (f"```markdown README.md\n{README}```\nThat is all.", Code(README, "markdown", "README.md")),
    ],
)
def test_the_longest_block_is_the_code_with_what_its_fence_says(text: str, code: Code) -> None:
    assert extract(text) == code


TESTS = "from your_module import add\n\ndef test_add():\n    assert add(1, 2) == 3\n    assert add(2, 2) == 4\n"


@pytest.mark.parametrize("beside", [TESTS, ">>> add(1, 2)\n3\n>>> add(2, 2)\n4\n>>> add(3, 3)\n6\n"])
@pytest.mark.parametrize("name", ["add", None])
def test_a_block_that_defines_what_is_wanted_goes_before_its_tests(beside: str, name: str | None) -> None:
    text = f"```python\n{ADD}```\nTests:\n```python\n{beside}```"
    assert extract(text, "python", name) == Code(ADD, "python")


@pytest.mark.parametrize("info", ["python 3.12", "python v1.2", 'python title="Example"'])
def test_not_all_that_a_fence_says_is_a_path(info: str) -> None:
    assert extract(f"```{info}\n{ADD}```") == Code(ADD, "python")


@pytest.mark.parametrize("line", ["```a\n", "```markdown\n```a\n", "```\n"])
def test_no_reply_takes_time_by_its_square(line: str) -> None:
    """20,000 fences took seconds, in which an orchestrator did nothing else."""
    begun = time.monotonic()
    extract(line * 100_000)
    assert time.monotonic() - begun < 20


def test_a_block_in_the_wanted_language_goes_before_longer_ones() -> None:
    text = f"```python\n{ADD}{ADD}```\n```ts\nlet a = 1\n```\n```bash\nnpm install\n```"
    assert extract(text, "javascript") == Code("let a = 1\n", "typescript")
    assert extract(text, "bash") == Code("npm install\n", "bash")
    assert extract(text, "rust") == extract(text) == Code(ADD + ADD, "python")


@pytest.mark.parametrize("text", ["", "Sure", "I would add them.", "```python\ndef add(a, b):", "yes, no"])
def test_prose_and_open_fences_hold_no_code(text: str) -> None:
    assert extract(text) is None


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        ("def add(a, b):\n    return a +\n", "syntax error"),
        ("def add(a, b):\n    pass\n", "only stubs"),
        ('def add(a, b):\n    """Adds."""\n    raise NotImplementedError\n', "only stubs"),
        ("def add(a, b):\n    # rest of the code\n    return 1\n", "placeholder"),
        ("def add(a, b):\n    # ... existing code ...\n    return 1\n", "placeholder"),
        ("def add(a, b):\n    # TODO: write this\n    pass\n", "placeholder"),
        ("def add(a, b):\n    # rest of the code remains the same\n    return 1\n", "placeholder"),
        ("def add(a, b):\n    # TODO\n    return None\n", "placeholder"),
        ("function add(a, b) {\n  // Your code here\n}\n", "placeholder"),
        ("class Shape:\n    def area(self): ...\n", "only stubs"),
        ("function add(a, b) {\n  // TODO: implement\n  return null;\n}\n", "placeholder"),
        ("function add(a, b) {\n  // TODO: implement\n  throw new Error('not implemented');\n}\n", "placeholder"),
        ("def add(a, b):\n    # TODO: implement\n    return []\n", "placeholder"),
        ("def add(a, b):\n    # ... (rest of the code remains the same)\n    return 1\n", "placeholder"),
        ("def add(a, b):\n    # ... rest of code ...\n    return 1\n", "placeholder"),
        ("def add(a, b):\n    # Your implementation here\n    return 1\n", "placeholder"),
        ("# ... existing imports ...\ndef add(a, b):\n    return 1\n", "placeholder"),
        ("n = s.count('(')  # see [1\n" + "x = 1\n" * 40, "repetition"),
        ("x = 1\n" * 40, "repetition"),
        ("GRID = [1]\n" + "GRID.append([0, 0, 0])\n" * 20, "repetition"),
        ("a = 1\nb = 2\n" * 40, "repetition"),
        ("\n\n", "empty"),
    ],
)
def test_what_is_wrong_by_form_is_flagged(body: str, flag: str) -> None:
    assert flag in flags(f"```python\n{body}```")


@pytest.mark.parametrize(
    "body",
    [
        ADD,
        "def noop():\n    pass\n\ndef add(a, b):\n    return a + b\n",
        "def add(a, b):\n    # TODO: support hex\n    return a + b\n",
        "def add(a, b):\n    # TODO: support hex\n    total = a + b\n    return total\n",
        "def add(a, b):\n    '''Add.\n\n    Same as before, the list is copied.\n    '''\n    return a + b\n",
        "def add(a, b):\n    # The rest of the function adds.\n    return a + b\n",
        "def add(a, b):\n    # Implement this with a heap one day\n    return a + b\n",
        "from abc import abstractmethod\n\nclass Shape:\n    @abstractmethod\n    def area(self):\n        ...\n",
        "from typing import Protocol\n\nclass Shape(Protocol):\n    def area(self) -> float: ...\n",
        "GRID = [\n" + "    [0, 0, 0],\n" * 20 + "]\n",
        "TABLE = [\n" + "".join(f"    {n},\n" for n in range(40)) + "]\n",
        "def f(*args):\n    return args[...]\n",
    ],
)
def test_sound_code_has_no_flag(body: str) -> None:
    assert flags(f"```python\n{body}```") == ()


def test_a_reply_that_was_cut_off_is_flagged_with_or_without_code() -> None:
    assert flags(f"```python\n{ADD}```", "length") == ("cut off",)
    assert flags("```python\ndef add(", "length") == ("cut off",)


def test_a_refusal_is_called_one() -> None:
    assert flags("I'm sorry, I can't help with that.") == ("refuses",)


def test_layout_comments_and_docstrings_do_not_make_code_different() -> None:
    other = 'def add(a,b):\n    """Add."""\n    # sum\n    return (a + b)\n'
    assert canonical(Code(ADD, "python")) == canonical(Code(other, "python"))
    assert canonical(Code(ADD, "python")) != canonical(Code(ADD.replace("+", "-"), "python"))
    assert canonical(Code("let a  = 1\n\n", "javascript")) == canonical(Code("let a = 1", "javascript"))


@given(st.text(alphabet="`~ \npydefa(b):x=1#.\t\x00é", max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    code = extract(text)
    form_flags(Completion(text), code)
    if code:
        canonical(code)


@pytest.mark.parametrize(
    ("path", "files", "foreign"),
    [
        ("src/add.py", ("src/add.py",), False),
        ("./src/add.py", ("src/add.py", "src/sub.py"), False),
        ("src/other.py", ("src/add.py",), True),
        ("../add.py", ("add.py",), True),
        ("anything.py", (), False),
        ("", ("src/add.py",), False),
    ],
)
def test_a_file_outside_the_step_is_flagged(path: str, files: tuple[str, ...], foreign: bool) -> None:
    found = form_flags(Completion(f"```python {path}\n{ADD}```"), Code(ADD, "python", path), files)
    assert found == ((f"writes {path}, which is not a file of the step",) if foreign else ())
