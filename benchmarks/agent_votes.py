"""What voting on agents' turns buys: `python -m benchmarks.agent_votes [--turns N] [--json]`.

Whole runs of agents' turns over a coder that is a coin: each sampled turn is the right writing call with probability
0.8, independently, and else a wrong one. The judge accepts everything, so that what is counted is the vote's alone.

    varied   a wrong turn is one of eight, as models make them: half are malformed (what red flags catch), half are
             valid calls of another path, text or tool
    valid    a wrong turn is one of the four valid ones: no red flag helps
    same     every wrong turn is one and the same valid call: the worst case, for which the paper's formula is written
             (the formula knows no limit of candidates; where eight do not decide, the most votes do, so more is left)

Ends with 1 if, at k = 2, more than a quarter of the wrong calls that single samples hold are released in the varied or
the valid case.
"""

import asyncio
import json
import random
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, replace

import click

from maker.chat.types import ChatRequest, Completion, Delta, TextDelta, ToolCall, Usage, deltas_of
from maker.config import Mode
from maker.models.model import Limits, ModelState
from maker.pipeline.events import ignore
from maker.pipeline.run import run
from maker.pipeline.values import Task
from maker.pipeline.vote import p_sub
from maker.pipeline.work import Tools
from maker.sandbox.values import Unavailable

SEED = 20261122
RIGHT_SHARE = 0.8
BAR = 0.25
"""Share of the wrong calls that may be left at k = 2."""
WRITE = {"path": "src/limits.py", "content": "LIMIT = 10\n"}


def tool(name: str, *required: str) -> dict[str, object]:
    """A tool with text arguments, as clients offer it."""
    properties = {key: {"type": "string"} for key in required}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def call(name: str, arguments: object) -> Completion:
    """A turn of one call; arguments that are text stay as they are."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Completion(tool_calls=(ToolCall("c00000001", name, text),), finish_reason="tool_calls")


TOOLS = (tool("write_file", "path", "content"), tool("run_command", "command"))
MESSAGES = ({"role": "user", "content": "Set LIMIT to 10 in src/limits.py."},)
RIGHT = call("write_file", WRITE)
VALID = (
    call("write_file", {**WRITE, "path": "src/limit.py"}),
    call("write_file", {**WRITE, "content": "LIMIT = 100\n"}),
    call("write_file", {**WRITE, "content": "limit = 10\n"}),
    call("run_command", {"command": "sed -i s/LIMIT/10/ src/limits.py"}),
)
MALFORMED = (
    call("write_file", {"path": "src/limits.py"}),
    call("create_file", WRITE),
    call("write_file", json.dumps(WRITE)[:-2]),
    Completion('<tool_call>\n{"name": "write_file", "arguments": {"path": "src/limits.py"\n</tool_call>'),
)
CASES: Mapping[str, tuple[Completion, ...]] = {"varied": VALID + MALFORMED, "valid": VALID, "same": VALID[:1]}


class Coin:
    """A coder that is right with probability 0.8, sample by sample."""

    role = "coder"
    name = "coin"

    def __init__(self, seed: int, wrong: tuple[Completion, ...]) -> None:
        self.samples = self.wrong = 0
        self._random, self._wrong_turns = random.Random(seed), wrong

    async def state(self) -> ModelState:
        """Always there."""
        return "ready"

    async def limits(self) -> Limits:
        """It tells of none."""
        return Limits()

    async def count(self, request: ChatRequest) -> int | None:
        """It does not count."""
        return None

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """As many turns as are asked for."""
        async with aclosing(self._choices(request.sampling.n)) as deltas:
            yield deltas

    async def _choices(self, count: int) -> AsyncGenerator[Delta, None]:
        for choice in range(count):
            for delta in deltas_of(self._turn(), choice):
                yield delta
        yield Usage(1, count)

    def _turn(self) -> Completion:
        self.samples += 1
        if self._random.random() < RIGHT_SHARE:
            return RIGHT
        self.wrong += 1
        return self._random.choice(self._wrong_turns)


class Lenient(Coin):
    """A reviewer that accepts everything."""

    role = "reviewer"

    async def _choices(self, count: int) -> AsyncGenerator[Delta, None]:
        yield TextDelta(json.dumps({"accepted": True, "findings": []}))
        for delta in deltas_of(Completion()):
            yield delta


@dataclass(frozen=True)
class Measured:
    """What many turns came to."""

    case: str
    k: int
    turns: int
    wrong_released: float
    """Share of turns that released a wrong call; malformed ones would be released without any checks."""
    nothing_released: float
    left: float
    """Wrong calls released, as a share of those that single samples hold."""
    samples: float
    """Sampled turns for one released."""
    by_formula: float | None
    """The share of wrong ones that the paper's formula expects of the worst case."""


async def no_sandbox() -> Unavailable:
    """Nothing is run."""
    return Unavailable("turns are not run", "none is needed")


async def measure(case: str, k: int, turns: int, seed: int = SEED) -> Measured:
    """Take so many turns and count."""
    coder, wrong, nothing = Coin(seed, CASES[case]), 0, 0
    tools = Tools({"coder": coder, "reviewer": Lenient(seed, ())}, Mode(k=k), no_sandbox)
    request = ChatRequest(MESSAGES, tools=TOOLS)
    for number in range(turns):
        outcome = await run(Task(f"run-{number}", "high", request, "agent"), tools=tools, emit=ignore)
        released = [replace(one, id="") for one in outcome.completions[0].tool_calls]
        nothing += not released
        wrong += bool(released) and released != [replace(one, id="") for one in RIGHT.tool_calls]
    expected = 1 - p_sub(RIGHT_SHARE, k) if case == "same" else None
    share = wrong / turns
    return Measured(case, k, turns, share, nothing / turns, share / (1 - RIGHT_SHARE), coder.samples / turns, expected)


async def measure_all(turns: int) -> list[Measured]:
    """Every case at every lead."""
    return [await measure(case, k, turns) for case in CASES for k in (1, 2, 3)]


def passes(found: list[Measured]) -> bool:
    """Whether voting pays as it must."""
    return all(one.left <= BAR for one in found if one.k == 2 and one.case != "same")


@click.command()
@click.option("--turns", type=click.IntRange(1), default=4000, show_default=True, help="Turns of each case and lead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(turns: int, as_json: bool) -> None:
    """Count wrong calls that are released, with and without a vote."""
    found = asyncio.run(measure_all(turns))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
    else:
        click.echo("case    k  wrong released  of single samples' 20 %  nothing  samples a turn  (added)  formula")
        for one in found:
            formula = f"{one.by_formula:.1%}" if one.by_formula is not None else ""
            click.echo(
                f"{one.case:7} {one.k}  {one.wrong_released:14.2%}  {one.left:23.1%}  {one.nothing_released:7.2%}"
                f"  {one.samples:14.2f}  {one.samples - 1:+7.2f}  {formula:>7}"
            )
    sys.exit(0 if passes(found) else 1)


if __name__ == "__main__":
    main()
