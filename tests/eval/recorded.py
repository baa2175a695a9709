"""A small file of recorded samples in the real format, and a sandbox that runs such trusted samples in this process."""

import gzip
import json
from pathlib import Path

from maker.sandbox.values import Call, Evidence, Input, Language, Observation, Trial, Unavailable

RIGHT = "    return a + b\n"
WRONG = "    return a - b\n"
CONSTANT = "    return 3\n"
RAISES = "    raise ValueError(a)\n"
BROKEN = "    return (\n"


def problem(name: str, samples: list[str], tests: list[str]) -> dict[str, object]:
    """One line of the file: a function `add` of two numbers."""
    return {
        "task_id": name,
        "prompt": 'def add(a, b):\n    """The sum."""\n',
        "entry_point": "add",
        "test": "def check(candidate):\n    assert candidate(2, 2) == 4\n    assert candidate(-1, 5) == 4\n",
        "canonical_solution": RIGHT,
        "samples": samples,
        "generated_tests": tests,
    }


TESTS = [
    "add(1, 2) == 3\nassert add(5, 5) == 10\nassert add(0, 7) == 7",
    "\n",
    "add(1, 1) == 2\nassert add(4, 3) == 1",
    "add(2, 2) is not None\nassert (",
]

PROBLEMS = [
    problem("Sum/0", [RIGHT, RIGHT, WRONG, CONSTANT, RAISES, BROKEN], TESTS),
    problem("Sum/1", [RIGHT, WRONG, WRONG, WRONG, CONSTANT, CONSTANT], TESTS),
    problem("Sum/2", [WRONG, CONSTANT, RAISES, BROKEN, WRONG, CONSTANT], TESTS),
    problem("Sum/3", [RIGHT, RIGHT, RIGHT, WRONG, CONSTANT, RAISES], ["\n", "nothing of use"]),
]


def write(path: Path, problems: list[dict[str, object]] | None = None) -> Path:
    """Write the file, compressed where its name says so."""
    text = "".join(json.dumps(one) + "\n" for one in (PROBLEMS if problems is None else problems))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


class TrustedSandbox:
    """Runs trials in this process and counts them: only for code that a test wrote itself."""

    parallel = 2

    def __init__(self, refusal: Unavailable | None = None, *, works_for: int = 10**6) -> None:
        self.trials: list[Trial] = []
        self._refusal = refusal
        self._works_for = works_for

    def supports(self, language: Language) -> Unavailable | None:
        return self._refusal

    async def run(self, trial: Trial) -> Evidence | Unavailable:
        if len(self.trials) >= self._works_for:
            return Unavailable("the sandbox broke", "mend it")
        self.trials.append(trial)
        names: dict[str, object] = {}
        try:
            exec(trial.source, names)
        except SyntaxError as error:
            return Evidence(False, (Observation("crashed"),) * len(trial.inputs), str(error))
        return Evidence(True, tuple(observe(item, dict(names)) for item in trial.inputs))


def observe(item: Input, names: dict[str, object]) -> Observation:
    try:
        if isinstance(item, Call):
            return Observation("returned", repr(eval(item.expression, names)))
        exec(item.code, names)
    except Exception as error:
        return Observation("raised" if isinstance(item, Call) else "failed", type(error).__name__)
    return Observation("passed")
