"""Model servers that answer exercises: right, wrong and broken code as the test says, in both modes at once."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maker.catalog import profiles
from maker.config import Home, Mode, load
from tests.fake_llama import FakeLlama
from tests.llama_wire import Behaviour, Reply, prompt_text
from tests.server.orchestra import Trusted, in_process, orchestra
from tests.support import free_ports

KEY = "sesame"  # the orchestra's
ROLES = ("preprocessor", "planner", "coder", "reviewer", "gpt-oss")
GOOD = "def {0}(a, b):\n    return a + b\n"
BAD = "def {0}(a, b):\n    return a - b\n"
WORSE = "def {0}(a, b):\n    return a * b\n"
BROKEN = "def {0}(a, b:\n"
CHECK = "def check(candidate):\n    assert candidate(2, 5) == 7\n    assert candidate(-1, 4) == 3\n"


@dataclass(frozen=True)
class Script:
    """What the coder says of one exercise: asked directly, and as candidates, in turn in every run."""

    direct: str
    candidates: Sequence[str]
    split: str = ""


class Answering(FakeLlama):
    """A model server that plays every role: what it says depends on what it is asked."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        super().__init__(slots=16, key=KEY)
        self._scripts = scripts
        self._said: Counter[str] = Counter()

    def _reply(self, body: Any, how: Behaviour) -> Reply:
        prompt = prompt_text(body)
        form = ((body.get("response_format") or {}).get("json_schema") or {}).get("name", "")
        [name] = set(re.findall(r"\b(f_\w+)\(", prompt))
        return Reply([{"content": self._words(name, form, prompt)}])

    def _words(self, name: str, form: str, prompt: str) -> str:
        match form:
            case "KindReply":
                return json.dumps({"kind": "code"})
            case "PlanReply":
                self._said[name] = 0  # a run begins
                return json.dumps({"summary": "A function", "steps": [{"title": f"Write {name}(a, b)"}]})
            case "TestsReply":
                checks = [f"assert {name}(1, 1) == 2", f"assert {name}(2, 2) == 5"]
                return json.dumps({"calls": [f"{name}(3, 5)", f"{name}(1, 6)"], "checks": checks})
            case "ReviewReply":
                accepted = BAD.format(name).strip() not in prompt
                return json.dumps({"accepted": accepted, "findings": []})
            case "ReflectionReply":
                return json.dumps({"accepted": True, "missing": []})
            case _:
                return self._code(name, prompt)

    def _code(self, name: str, prompt: str) -> str:
        script = self._scripts[name]
        if "You are the coder" not in prompt:
            code = script.direct
        else:
            code = script.candidates[self._said[name] % len(script.candidates)]
            self._said[name] += 1
        return f"It is this:\n\n```python\n{code.format(name)}```\n"


def write_suite(path: Path, scripts: dict[str, Script]) -> Path:
    """A suite of functions that add, which only their names tell apart."""
    lines = [
        {"id": name, "request": f"Write a Python function {name}(a, b) that adds.", "entry_point": name}
        | {"test": CHECK, "split": script.split}
        for name, script in scripts.items()
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


@asynccontextmanager
async def bundle(
    home: Home, scripts: dict[str, Script], mode: Mode, *, sandbox: Trusted = in_process, lacking: Sequence[str] = ()
) -> AsyncIterator[Answering]:
    """Both orchestrators over one model server, and a maker.toml by which commands find all three.

    The server of the roles that are `lacking` has ended.
    """
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Answering(scripts))
        async with FakeLlama(key=KEY) as ended:
            fakes: dict[str, FakeLlama] = dict.fromkeys(ROLES, server) | dict.fromkeys(lacking, ended)
        ports = {"coder": server.port}
        for name in ("high", "low"):
            running = await stack.enter_async_context(orchestra(name, fakes=fakes, answering=mode, sandbox=sandbox))
            ports[f"orchestrator-{name}"] = running.port
        lines = ["[ports]", *(f"{name} = {port}" for name, port in ports.items())]
        for name in ("low", "high"):
            set_here = mode.model_dump(mode="json", exclude_unset=True)
            lines += [
                f"[modes.{name}]  # as asked",
                *(f"{key} = {json.dumps(value)}" for key, value in set_here.items()),
            ]
        home.toml.write_text("\n".join(lines) + "\n", encoding="utf-8")
        home.api_key.write_text(f"{KEY}\n", encoding="ascii")
        server.model = str(profiles.plan(load(home))["coder"].model)
        yield server


def nobody(home: Home) -> None:
    """A maker.toml of a bundle that does not run."""
    names = ("coder", "orchestrator-low", "orchestrator-high")
    lines = [f"{name} = {port}\n" for name, port in zip(names, free_ports(3), strict=True)]
    home.toml.write_text("[ports]\n" + "".join(lines), encoding="utf-8")
    home.api_key.write_text(f"{KEY}\n", encoding="ascii")
