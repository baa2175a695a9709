"""A request that names its repository, from the header to the answer: real tools, real copies, real sandbox."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from maker.config import Config, Home, ModeName
from maker.sandbox.sandbox import ConfinedSandbox, Confinement, Sandbox
from maker.tools import registry, server
from maker.wiring.repository import COPIES, Repositories
from tests.pipeline.support import ACCEPTED, IMPLEMENTED, fenced
from tests.sandbox.conftest import confinement
from tests.server.orchestra import ALL_ROLES, Orchestra, coding, orchestra, script
from tests.support import write_toml

__all__ = ["confinement"]

FILES = {
    "shop/__init__.py": "",
    "shop/money.py": "class Price:\n    def __init__(self, cents):\n        self.cents = cents\n",
    "shop/cart.py": "def total(prices):\n    raise NotImplementedError\n",
    "tests/test_cart.py": "from shop.cart import total\nfrom shop.money import Price\n\n"
    "def test_total():\n    assert total([Price(2), Price(3)]).cents == 5\n",
    "shop/.env": "PRICE_KEY=canary\n",
}
PLAN = {"summary": "", "steps": [{"title": "Write total(prices)", "detail": "", "files": ["shop/cart.py"]}]}
TESTS = {"calls": ["total([])"], "checks": []}
HEAD = "from .money import Price\n\ndef total(prices):\n"
RIGHT = HEAD + "    return Price(sum(price.cents for price in prices))\n"
RIGHT_TOO = HEAD + "    cents = 0\n    for price in prices:\n        cents += price.cents\n    return Price(cents)\n"
ASK = "Write the Python function total(prices) of the shop's cart: a Price."


@pytest.fixture
def config(home: Home, tmp_path: Path) -> Config:
    for name, text in FILES.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    registry.add(home, tmp_path / "project", trust=True)
    return write_toml(home)


@asynccontextmanager
async def working(config: Config, mode: ModeName, confinement: Confinement) -> AsyncIterator[Orchestra]:
    """An orchestrator with a real mcp server beside it and a real sandbox below it."""
    stop = asyncio.Event()
    tools = asyncio.create_task(server.serve(config, None, stop.wait))  # type: ignore[arg-type]

    async def sandbox() -> Sandbox:
        return ConfinedSandbox(confinement, parallel=2)

    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            repositories = Repositories(config, http)
            async with orchestra(mode, roles=ALL_ROLES, sandbox=sandbox, repository=repositories) as it:
                script(
                    it.fakes,
                    planner=[PLAN, IMPLEMENTED],
                    gpt_oss=[TESTS],
                    coder=[fenced(RIGHT), fenced(RIGHT_TOO)],
                    reviewer=[ACCEPTED],
                )
                yield it
    finally:
        stop.set()
        await tools


@pytest.mark.processes
@pytest.mark.parametrize("mode", ["high", "low"])
def test_a_repository_is_read_imported_and_tested_by_its_own_tests(
    config: Config, confinement: Confinement, mode: ModeName
) -> None:
    async def ask() -> tuple[Any, dict[str, list[Any]]]:
        async with working(config, mode, confinement) as it:
            headers = {"x-maker-workspace": str(registry.load(config.home)[0].path)}
            answer = await it.client.post("/v1/chat/completions", json=coding(ASK), headers=headers, timeout=60)
            assert answer.status_code == 200, answer.text
            return answer.json(), {role: fake.bodies for role, fake in it.fakes.items()}

    answer, bodies = asyncio.run(asyncio.wait_for(ask(), 90))
    assert RIGHT in answer["choices"][0]["message"]["content"]
    assert not answer["maker"].get("notes")
    judge = "reviewer" if mode == "high" else "planner"
    for role in ("planner", "gpt-oss", "coder", judge):
        assert "shop/money.py, lines 1 to 3:" in _said(bodies[role][-1])
    # One call of the tester's, and the repository's own test.
    assert "1 of 1 checks passed" in _said(bodies[judge][-1])
    assert "Price{'cents': 0}" in _said(bodies[judge][-1])
    assert (len(bodies["reviewer"]) == 0) == (mode == "low")
    assert "canary" not in json.dumps(bodies)
    assert list((config.home.run / COPIES).iterdir()) == []


@pytest.mark.processes
def test_a_repository_that_nobody_registered_is_not_touched_and_that_is_said(
    config: Config, confinement: Confinement, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "total.py").write_text("canary = 'total price cart'\n", encoding="utf-8")

    async def ask() -> tuple[Any, str]:
        async with working(config, "high", confinement) as it:
            headers = {"x-maker-workspace": str(other)}
            script(it.fakes, coder=[fenced("def add(a, b):\n    return a + b\n")] * 2)
            answer = await it.client.post("/v1/chat/completions", json=coding(), headers=headers, timeout=60)
            return answer.json(), json.dumps([fake.bodies for fake in it.fakes.values()])

    answer, sent = asyncio.run(asyncio.wait_for(ask(), 90))
    assert "canary" not in sent
    assert any("maker workspace add" in note for note in answer["maker"]["notes"])


def _said(body: Any) -> str:
    return str(body["messages"][-1]["content"])
