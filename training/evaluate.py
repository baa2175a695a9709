"""How good a model is on tasks held out of training: what its programs do, and whether its verdicts are right."""

import json
import multiprocessing
import random
import re
import resource
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from training import evidence, inputs
from training.batches import conversation
from training.model import Decoder
from training.roles import Family, samples
from training.sample import Sample
from training.served import LONGEST
from training.split import HELD
from training.tasks import tasks
from training.template import Task
from training.tokenizer import Tokenizer

FENCE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
GIGABYTE = 1 << 30
START_S, CASE_S = 60, 5
"""Seconds until the first program is judged at most, and for each."""


def evaluate(family: Family, model: Decoder, tokenizer: Tokenizer, count: int, seed: int) -> dict[str, float]:
    """Shares between 0 and 1, by name; greedy answers to `count` held-out tasks or samples."""
    model.eval()
    found = _coder(model, tokenizer, count, seed) if family == "coder" else _helper(model, tokenizer, count, seed)
    model.train()
    return {name: round(value, 3) for name, value in found.items()}


def _coder(model: Decoder, tokenizer: Tokenizer, count: int, seed: int) -> dict[str, float]:
    made = tasks(seed, HELD)
    asked = [next(made) for _ in range(count)]
    plain = [Sample("coder", ({"role": "user", "content": one.request},), "") for one in asked]
    texts = answers(model, tokenizer, plain)
    right = behave(asked, [source(text) for text in texts])
    shares = {split: [ok for one, ok in zip(asked, right, strict=True) if one.split == split] for split in HELD}
    return {
        "right": mean(right),
        **{split: mean(one) for split, one in shares.items()},
        **_exact(model, tokenizer, "coder", count, seed),
    }


def _helper(model: Decoder, tokenizer: Tokenizer, count: int, seed: int) -> dict[str, float]:
    drawn = samples("helper", seed, held=True)
    by_role: dict[str, list[Sample]] = {}
    for _ in range(count * 8):
        one = next(drawn)
        by_role.setdefault(one.role, []).append(one)
    found: dict[str, float] = {}
    for role, many in sorted(by_role.items()):
        many = many[:count]
        said = answers(model, tokenizer, many)
        found[role] = mean([text == one.answer for text, one in zip(said, many, strict=True)])
        if '"accepted"' in many[0].answer:
            found |= {f"{role} {name}": value for name, value in verdicts(said, many).items()}
    return found


def _exact(model: Decoder, tokenizer: Tokenizer, family: Family, count: int, seed: int) -> dict[str, float]:
    drawn = samples(family, seed, held=True)
    many = [next(drawn) for _ in range(count)]
    said = answers(model, tokenizer, many)
    return {"exact": mean([text == one.answer for text, one in zip(said, many, strict=True)])}


def verdicts(said: Sequence[str], many: Sequence[Sample]) -> dict[str, float]:
    """Of refusals: precision and recall; and the share of right verdicts."""
    pairs = [(accepted(text), accepted(one.answer)) for text, one in zip(said, many, strict=True)]
    hits = sum(given is False and true is False for given, true in pairs)
    return {
        "accuracy": mean([given == true for given, true in pairs]),
        "precision": hits / max(1, sum(given is False for given, _ in pairs)),
        "recall": hits / max(1, sum(true is False for _, true in pairs)),
    }


def accepted(text: str) -> bool | None:
    """The verdict of a validator's answer; None if it has none."""
    try:
        return bool(json.loads(text)["accepted"])
    except (ValueError, KeyError, TypeError):
        return None


def mean(values: Sequence[float]) -> float:
    """0 for none."""
    return sum(values) / len(values) if values else 0.0


def answers(model: Decoder, tokenizer: Tokenizer, many: Sequence[Sample], limit: int = LONGEST) -> list[str]:
    """The model's greedy answers, some at a time."""
    end = tokenizer.ids["<|im_end|>"]
    shown = [tokenizer.encode(conversation(one.messages)) for one in many]
    found: list[str] = []
    for start in range(0, len(shown), 32):
        found += map(tokenizer.decode, model.greedy(shown[start : start + 32], end, limit))
    return found


def source(answer: str) -> str:
    """The program in an answer; empty if there is none."""
    found = FENCE.search(answer)
    return found.group(1) if found else ""


def behave(asked: Sequence[Task], sources: Sequence[str]) -> list[bool]:
    """Whether each program does as the task's reference on 14 sets of arguments."""
    return apart(_same, list(zip(asked, sources, strict=True)))


def _same(task: Task, text: str) -> bool:
    rng = random.Random(0)
    drawn = [inputs.arguments(task.kinds, task.constants, rng) for _ in range(14)]
    right, other = evidence.load(task.sources[0], task.name), evidence.load(text, task.name)
    return all(evidence.observe(right, args) == evidence.observe(other, args) for args in drawn)


def apart(judge: Callable[..., bool], cases: Sequence[tuple[object, ...]]) -> list[bool]:
    """What the judge says of each case, in a process of its own with bounded memory and time; a failure is False.

    What is run are the programs of a model that was trained here, not a stranger's; `maker eval` runs them in maker's
    sandbox.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_judge, args=(theirs, judge, list(cases)), daemon=True)
    process.start()
    theirs.close()
    found: list[bool] = []
    while ours.poll(START_S):
        try:
            found.append(ours.recv())
        except EOFError:
            break
    process.kill()
    process.join()
    return [*found, *[False] * (len(cases) - len(found))]


def _judge(pipe: Connection, judge: Callable[..., bool], cases: list[tuple[object, ...]]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 * GIGABYTE, 4 * GIGABYTE))
    signal.signal(signal.SIGALRM, _stop)
    for case in cases:
        signal.alarm(CASE_S)
        try:
            said = judge(*case)
        except BaseException:  # noqa: BLE001 - whatever a program raises, it is wrong
            said = False
        signal.alarm(0)
        pipe.send(said)


def _stop(number: int, frame: object) -> None:
    raise TimeoutError
