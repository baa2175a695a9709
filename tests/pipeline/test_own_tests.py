"""A trusted repository's own tests as checks."""

import asyncio
from pathlib import Path

import pytest

from maker.pipeline.own_tests import checks_in, module_name, own_tests
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.values import Check, Evidence, Mount, Trial
from tests.sandbox.conftest import LIMITS, confinement, kinds, sandbox

__all__ = ["confinement", "sandbox"]

INSIDE = {"shop", "tests"}
FILE = """
import math
import pytest
from shop.cart import total as sum_of
from shop.money import Price
import shop.rates

START = 3

def prices(*cents):
    return [Price(one) for one in cents]

def test_sum():
    assert sum_of(prices(1, 2)).cents == START

def test_floor():
    assert math.floor(sum_of([]).cents) == 0

async def test_later():
    assert sum_of([]).cents == 0

def test_needs_a_fixture(tmp_path):
    assert sum_of([])

@pytest.mark.slow
def test_marked():
    assert sum_of([])

def test_needs_pytest():
    with pytest.raises(ValueError):
        sum_of(None)

def test_of_another_module():
    assert shop.rates.RATE == 4
"""


def names(checks: list[Check]) -> list[str]:
    return [check.code.rpartition("def ")[2].partition("(")[0] for check in checks]


def test_plain_tests_of_the_module_count_with_what_they_use() -> None:
    checks = checks_in(FILE, {"shop.cart"}, INSIDE)
    assert names(checks) == ["test_sum", "test_floor", "test_later"]
    assert checks[0].imports == ("from shop.cart import total as sum_of", "from shop.money import Price")
    assert "START = 3" in checks[0].code and "def prices" in checks[0].code and "import" not in checks[0].code
    assert checks[1].code.startswith("import math\n")
    assert checks[1].imports == ("from shop.cart import total as sum_of",)


def test_a_module_may_be_imported_in_any_form() -> None:
    assert names(checks_in(FILE, {"shop.rates"}, INSIDE)) == ["test_of_another_module"]
    other = "from shop import cart\n\ndef test_it():\n    assert cart.total([])\n"
    assert names(checks_in(other, {"shop.cart"}, INSIDE)) == ["test_it"]


def test_what_is_no_python_or_imports_strangers_has_no_tests() -> None:
    assert checks_in("def test_(", {"shop.cart"}, INSIDE) == []
    strange = "import numpy\nfrom shop.cart import total\n\ndef test_it():\n    assert total(numpy.array([]))\n"
    assert checks_in(strange, {"shop.cart"}, INSIDE) == []
    relative = "from .help import one\nfrom shop.cart import total\n\ndef test_it():\n    assert total(one())\n"
    assert checks_in(relative, {"shop.cart"}, INSIDE) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("shop/cart.py", "shop.cart"),
        ("src/shop/cart.py", "shop.cart"),
        ("shop/__init__.py", "shop"),
        ("cart.js", ""),
        ("my-tool.py", ""),
    ],
)
def test_a_file_is_imported_by_its_dotted_name(file: str, name: str) -> None:
    assert module_name(file) == name


def repository(root: Path) -> Path:
    files = {
        "shop/__init__.py": "",
        "shop/money.py": "class Price:\n    def __init__(self, cents):\n        self.cents = cents\n",
        "shop/cart.py": "def total(prices):\n    return None\n",
        "shop/rates.py": "RATE = 4\n",
        "tests/test_cart.py": FILE,
        "tests/test_rates.py": "def test_nothing():\n    pass\n",
    }
    root.chmod(0o755)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_they_are_bounded_in_number_and_none_are_found_for_other_files(tmp_path: Path) -> None:
    root = repository(tmp_path)
    assert len(own_tests(root, ["shop/cart.py"], 8)) == 3
    assert len(own_tests(root, ["shop/cart.py"], 2)) == 2
    assert own_tests(root, ["shop/money.js"], 8) == own_tests(root, [], 8) == ()


@pytest.mark.processes
def test_they_tell_a_right_candidate_from_a_wrong_one_in_the_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    root = repository(tmp_path)
    checks = own_tests(root, ["shop/cart.py"], 8)
    head = "from shop.money import Price\n\ndef total(prices):\n"
    right = head + "    return Price(sum(price.cents for price in prices))\n"
    wrong = head + "    return Price(1 + sum(price.cents for price in prices))\n"

    def tried(source: str) -> list[str]:
        mounts = (Mount(root, "/opt/repository", importable=True),)
        trial = Trial("python", source, checks, limits=LIMITS, mounts=mounts, files=("shop/cart.py",))
        result = asyncio.run(sandbox.run(trial))
        assert isinstance(result, Evidence), result
        return kinds(result)

    assert tried(right) == ["passed"] * 3
    assert tried(wrong) == ["failed"] * 3
