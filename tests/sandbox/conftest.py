"""The sandbox of this machine, found once, and a way to try one candidate in it."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maker import config
from maker.sandbox.available import find
from maker.sandbox.sandbox import ConfinedSandbox, Confinement, Sandbox
from maker.sandbox.values import Call, Check, Evidence, Input, Language, Limits, Trial, Unavailable

LIMITS = Limits(input_s=0.5, load_s=2.0, total_s=10.0, memory_mib=256, processes=32, file_mib=4, output_bytes=16_384)

Try = Callable[..., Evidence]


@pytest.fixture(scope="session")
def confinement() -> Iterator[Confinement]:
    """How this machine confines; a machine that cannot fails here, with the fix."""
    root = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
    found = asyncio.run(find(config.parse("", config.Home(root))))
    assert not isinstance(found, Unavailable), f"{found.reason}: {found.fix}"
    yield found
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def sandbox(confinement: Confinement) -> Sandbox:
    """The sandbox, for one event loop."""
    return ConfinedSandbox(confinement, parallel=2)


@pytest.fixture
def attempt(sandbox: Sandbox) -> Try:
    """Run a candidate on inputs: expressions as text, tests as text that begins with `assert` or spans lines."""

    def run(source: str, *inputs: str | Input, language: Language = "python", **limits: object) -> Evidence:
        values = {name: getattr(LIMITS, name) for name in Limits.__slots__} | limits
        trial = Trial(language, source, tuple(map(as_input, inputs)), limits=Limits(**values))
        result = asyncio.run(sandbox.run(trial))
        assert isinstance(result, Evidence), result
        return result

    return run


def as_input(text: str | Input) -> Input:
    """A test where it looks like one, else an expression."""
    if not isinstance(text, str):
        return text
    return Check(text) if text.startswith("assert") or "\n" in text else Call(text)


def kinds(evidence: Evidence) -> list[str]:
    """How each input ended."""
    return [seen.kind for seen in evidence.observations]


def texts(evidence: Evidence) -> list[str]:
    """The text of each observation."""
    return [seen.text for seen in evidence.observations]
