"""Candidates over the files of a repository, which they may import and not change."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from maker.sandbox.inside.candidate import modules
from maker.sandbox.sandbox import Sandbox
from maker.sandbox.seatbelt import in_place
from maker.sandbox.values import Call, Check, Evidence, Language, Mount, Trial
from tests.sandbox.conftest import LIMITS, kinds, texts

PLACE = "/opt/repository"
Within = Callable[..., Evidence]

CART = """
from .money import Price

def total(prices):
    return Price(sum(price.cents for price in prices))
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    files = {
        "shop/__init__.py": "from .cart import total\n",
        "shop/money.py": "class Price:\n    def __init__(self, cents):\n        self.cents = cents\n",
        "shop/cart.py": "def total(prices):\n    return 'what was there before'\n",
        "shop/bill.py": "from shop.cart import total\n\ndef bill(prices):\n    return total(prices)\n",
        "src/deep/__init__.py": "",
        "lib/rate.js": "module.exports = { rate: 0.25 };\n",
    }
    tmp_path.chmod(0o755)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def within(sandbox: Sandbox, repository: Path) -> Within:
    """Run a candidate that is to become one of the repository's files."""

    def run(source: str, *inputs: str, files: tuple[str, ...] = (), language: Language = "python") -> Evidence:
        given = tuple(Check(text) if text.startswith("assert") else Call(text) for text in inputs)
        mounts = (Mount(repository, PLACE, importable=True), Mount(repository / "src", f"{PLACE}/src", importable=True))
        trial = Trial(language, source, given, limits=LIMITS, mounts=mounts, files=files)
        result = asyncio.run(sandbox.run(trial))
        assert isinstance(result, Evidence), result
        return result

    return run


@pytest.mark.processes
def test_a_candidate_imports_the_repository_around_it(within: Within) -> None:
    evidence = within(
        CART, "total([Price(2), Price(3)])", "assert total([Price(2)]).cents == 2", files=("shop/cart.py",)
    )
    assert evidence.load_error == ""
    assert kinds(evidence) == ["returned", "passed"]
    assert texts(evidence)[0] == "Price{'cents': 5}"


@pytest.mark.processes
def test_the_repository_sees_the_candidate_in_place_of_what_was_there(within: Within) -> None:
    source = CART + "\ndef billed():\n    from shop.bill import bill\n    import shop\n"
    source += "    return bill([Price(7)]).cents, shop.total is total\n"
    assert texts(within(source, "billed()", files=("shop/cart.py",))) == ["(7, True)"]


@pytest.mark.processes
def test_earlier_steps_in_the_same_source_are_found_under_their_own_files(within: Within) -> None:
    source = "def tax(x):\n    return x / 4\n\n"
    source += "from shop.new.rates import tax as again\n\ndef with_tax(x):\n    return x + again(x)\n"
    assert texts(within(source, "with_tax(4)", files=("shop/after.py", "shop/new/rates.py"))) == ["5.0"]


@pytest.mark.processes
def test_a_file_below_src_is_loaded_as_its_package(within: Within) -> None:
    assert texts(within("def f():\n    return __name__, __package__\n", "f()", files=("src/deep/well.py",))) == [
        "('deep.well', 'deep')"
    ]


@pytest.mark.processes
def test_a_candidate_cannot_change_the_repository(within: Within, repository: Path) -> None:
    source = f"def f():\n    open('{PLACE}/shop/money.py', 'a').write('x')\n"
    assert kinds(within(source, "f()")) == ["raised"]
    assert "x\n" not in (repository / "shop" / "money.py").read_text(encoding="utf-8")


@pytest.mark.processes
def test_javascript_requires_what_stands_beside_its_file(within: Within) -> None:
    source = "const { rate } = require('./rate');\nexport function taxed(x) { return x * rate }\n"
    assert texts(within(source, "taxed(8)", files=("lib/tax.js",), language="javascript")) == ["2"]


def test_a_file_has_the_dotted_name_that_the_nearest_import_path_gives() -> None:
    paths = ["/r", "/r/src"]
    assert modules(["shop/cart.py", "src/deep/well.py", "deep/__init__.py"], paths) == [
        "shop.cart",
        "deep.well",
        "deep",
    ]
    assert modules(["my-tool.py", "readme.md", "a b/c.py"], paths) == []


def test_mounts_stay_where_they_are_where_nothing_can_be_seen_elsewhere(tmp_path: Path) -> None:
    trial = Trial("python", "", (), mounts=(Mount(tmp_path, PLACE, importable=True),))
    assert in_place(trial) == replace(trial, mounts=(Mount(tmp_path, str(tmp_path.resolve()), importable=True),))
