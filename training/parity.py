"""`python -m training.parity`: whether llama.cpp sees and says what the trainer does; prints one line of JSON.

Token ids of 1,000 texts, greedy answers of the F32 files to 100 held-out prompts, and pass@1 of the Q8_0 coder against
the F32 one's on a suite, all through the server as maker starts it.
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import torch

from training.command import FAMILIES, LAST, learnt
from training.compared import texts
from training.evaluate import answers, apart, source
from training.roles import Family, samples
from training.served import Server, serving
from training.tokenizer import Tokenizer
from training.train import load

SUITE = Path(__file__).parents[1] / "maker" / "eval" / "suites" / "tiny.jsonl"
TEXTS, PROMPTS = 1000, 100


def same_tokens(server: Server, tokenizer: Tokenizer) -> int:
    """How many of the texts both cut alike."""
    return sum(server.tokens(text) == tokenizer.encode(text) for text in texts(TEXTS))


def same_answers(folder: Path, family: Family, tokenizer: Tokenizer, count: int) -> int:
    """How many prompts the trainer's model and the F32 file answer alike, greedily."""
    many = list(itertools.islice(samples(family, 4, held=True), count))
    ours = answers(load(folder / f"{LAST[family]}.pt"), tokenizer, many)
    with serving(folder / f"{family}-f32.gguf") as server:
        return sum(server.greedy(one.messages) == text for one, text in zip(many, ours, strict=True))


def passed(model: Path, suite: Path) -> float:
    """pass@1 of the greedy answers to the suite's bare requests, in percent."""
    problems = [json.loads(line) for line in suite.read_text(encoding="utf-8").splitlines()]
    with serving(model) as server:
        told = [source(server.greedy(({"role": "user", "content": one["request"]},))) for one in problems]
    right = apart(passes, [(text, one["test"], one["entry_point"]) for text, one in zip(told, problems, strict=True)])
    return 100 * sum(right) / len(right)


def passes(text: str, test: str, name: str) -> bool:
    """Whether the program passes its hidden test, which raises where it does not."""
    names: dict[str, Any] = {}
    exec(text, names)
    exec(test, names)
    names["check"](names[name])
    return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m training.parity", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(".build/training"), help="where the training wrote its files")
    parser.add_argument("--suite", type=Path, default=SUITE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = learnt(given.out / "merges.json", 0)
    with serving(given.out / "coder-f32.gguf") as server:
        tokens = same_tokens(server, tokenizer)
    greedy = {one: same_answers(given.out, one, tokenizer, PROMPTS // len(FAMILIES)) for one in FAMILIES}
    right = {kind: round(passed(given.out / f"coder-{kind}.gguf", given.suite), 1) for kind in ("f32", "f16", "q8_0")}
    print(
        json.dumps(
            {"texts": TEXTS, "same_tokens": tokens, "prompts": PROMPTS, "same_greedy": greedy, "pass_at_1": right}
        )
    )


if __name__ == "__main__":
    main()
