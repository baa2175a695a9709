"""`python -m training.live`: what validators are really shown, from runs of the trained models on training tasks.

Each task goes through the pipeline itself, with the trained coder and tester behind llama.cpp and the real sandbox; a
validator that accepts everything stands at its end. What was chosen is kept, with its evidence and with whether it is
right, a line of JSON each: simulated evidence has other errors than the models make, and verdicts trained on it alone
were wrong in two refusals of three.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from maker.catalog.profiles import TINY_MODES
from maker.chat.types import ChatRequest
from maker.config import Config, Home, Mode
from maker.errors import MakerError
from maker.models.endpoint import Endpoint
from maker.models.llama import LlamaModel
from maker.models.model import Model
from maker.models.scripted import ScriptedModel
from maker.pipeline.events import ignore
from maker.pipeline.run import run
from maker.pipeline.validate import failures, report
from maker.pipeline.values import StepOutcome
from maker.pipeline.values import Task as Asked
from maker.pipeline.work import Tools
from maker.sandbox.available import find
from maker.sandbox.sandbox import ConfinedSandbox, Sandbox
from maker.sandbox.values import Call, Evidence, Input, Trial, Unavailable
from training.conversation import PROFILE, opened
from training.evidence import call, load, observe
from training.inputs import arguments
from training.review import Judged, Shown, culprit
from training.served import Server, serving
from training.tasks import tasks
from training.template import Task

HIDDEN = 14
"""Sets of arguments that say whether a program is right."""
TASKS = 900
PORTS = (18940, 18941)
SIDE_BY_SIDE = 3
"""Runs at a time: the coder has four slots."""
ACCEPTED = '{"accepted": true, "findings": []}'


Numbered = Iterator[tuple[int, Task]]


async def shown(task: Task, rng: random.Random, tools: Tools, sandbox: Sandbox) -> Shown | None:
    """What a live run of the task comes to; None where nothing was chosen or it cannot be judged."""
    said = opened(rng, task.request)
    asked = Asked("live", "high", ChatRequest(said), kind="code")
    try:
        outcome = await run(asked, tools=tools, emit=ignore)
    except MakerError:
        return None
    if len(outcome.steps) != 1 or outcome.steps[0].chosen.flags:
        return None
    step = outcome.steps[0]
    right = await _is_right(task, step.chosen.code, sandbox)
    return None if right is None else Shown(said, await _judged(task, step, right, sandbox))


async def _is_right(task: Task, source: str, sandbox: Sandbox) -> bool | None:
    rng = random.Random(0)
    drawn = [arguments(task.kinds, task.constants, rng) for _ in range(HIDDEN)]
    seen = await sandbox.run(Trial("python", source, tuple(Call(call(task.name, args)) for args in drawn)))
    if isinstance(seen, Unavailable):
        return None
    reference = load(task.sources[0], task.name)
    wanted = [observe(reference, args) for args in drawn]
    return seen.loads and [one.signature for one in seen.observations] == [one.signature for one in wanted]


async def _judged(task: Task, step: StepOutcome, right: bool, sandbox: Sandbox) -> Judged:
    chosen, inputs = step.chosen, step.inputs
    blamed = "" if right else await _blamed(task, inputs, chosen.evidence, sandbox) or task.name
    return Judged(right, chosen.code.rstrip("\n"), report(chosen, inputs, step.vote), failures(chosen, inputs), blamed)


async def _blamed(task: Task, inputs: tuple[Input, ...], seen: Evidence | None, sandbox: Sandbox) -> str:
    """The first call on which the program and the reference differ; empty if they differ on none of these.

    The reference runs in the sandbox too: what it is called with was written by a model.
    """
    wanted = await sandbox.run(Trial("python", task.sources[0], inputs))
    return "" if seen is None or isinstance(wanted, Unavailable) else culprit(inputs, seen, wanted)


async def produce(count: int, seed: int, servers: dict[str, Server], out: Path) -> None:
    """Run so many tasks; what comes of them stands in the file once all are done."""
    found = await find(Config(home=Home(out.parent)))
    if isinstance(found, Unavailable):
        raise SystemExit(f"{found.reason}: {found.fix}")
    sandbox = ConfinedSandbox(found, parallel=SIDE_BY_SIDE)

    async def ready() -> Sandbox:
        return sandbox

    async with AsyncExitStack() as stack:
        mode = Mode(**TINY_MODES)
        # A planner that has learnt little makes many steps, and each is reviewed.
        models: dict[str, Model] = {"reviewer": ScriptedModel("reviewer", [ACCEPTED] * (count * mode.max_steps))}
        for role, server in servers.items():
            there = LlamaModel(role, [Endpoint(f"{server.url}/v1", server.key)])
            models[role] = await stack.enter_async_context(there)
        tools = Tools(models, mode, ready, profile=PROFILE, own_coder=True, slot_tokens=2048)
        file = stack.enter_context(out.open("w", encoding="utf-8"))
        numbered = zip(range(count), tasks(seed), strict=False)
        async with asyncio.TaskGroup() as group:
            for _ in range(SIDE_BY_SIDE):
                group.create_task(_work(numbered, seed, tools, sandbox, file))


async def _work(numbered: Numbered, seed: int, tools: Tools, sandbox: Sandbox, file: TextIO) -> None:
    begun = time.monotonic()
    for number, task in numbered:
        one = await shown(task, random.Random(f"live {seed} {number}"), tools, sandbox)
        if one is not None:
            file.write(json.dumps({"said": one.said, "judged": asdict(one.judged)}, ensure_ascii=False) + "\n")
            file.flush()
        if number % 100 == 99:
            print(f"live: {number + 1} tasks, {time.monotonic() - begun:.0f} s", flush=True)


def make(folder: Path, count: int, seed: int, out: Path, ports: tuple[int, int] = PORTS) -> None:
    """The file of live runs, of the 8-bit forms of the models in the folder."""
    ours, theirs = (folder / f"{family}-q8_0.gguf" for family in ("coder", "helper"))
    with serving(ours, ports[0]) as coder, serving(theirs, ports[1]) as helper:
        servers = {"coder": coder, "planner": helper, "gpt-oss": helper, "voter": helper}
        partial = out.with_suffix(".part")
        asyncio.run(produce(count, seed, servers, partial))
        partial.replace(out)


def main() -> None:
    """Serve both models and run."""
    parser = argparse.ArgumentParser(prog="python -m training.live", description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--ports", type=int, nargs=2, default=PORTS, help="of the coder's and the helper's server")
    parser.add_argument("--models", type=Path, default=Path(".build/training"), help="where the models' files are")
    parser.add_argument("out", type=Path, help="the file to write")
    given = parser.parse_args()
    make(given.models, given.tasks, given.seed, given.out, tuple(given.ports))


if __name__ == "__main__":
    main()
