"""Samples of every role: of the form that the pipeline parses, and true."""

import asyncio
import json
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from maker import config
from maker.chat.types import Completion
from maker.pipeline.plan import usable
from maker.pipeline.redflag import extract, form_flags
from maker.pipeline.replies import (
    BallotReply,
    KindReply,
    PlanReply,
    ReflectionReply,
    Reply,
    ReviewReply,
    TestsReply,
    parse,
)
from maker.sandbox.available import find
from maker.sandbox.sandbox import ConfinedSandbox
from maker.sandbox.values import Call, Check, Evidence, Trial, Unavailable
from training import outside
from training.evidence import Written, differs, evidence, load, vote, write, wrong_program
from training.helper import preprocessor
from training.review import judged
from training.roles import coder, fenced, samples
from training.sample import Sample
from training.tasks import tasks
from training.texts import corpus

REPLIES: dict[str, type[Reply]] = {
    "preprocessor": KindReply,
    "planner": PlanReply,
    "tester": TestsReply,
    "reviewer": ReviewReply,
    "reflection": ReflectionReply,
    "voter": BallotReply,
}
HELPER = list(islice(samples("helper", 1), 600))


def _of(role: str) -> list[Sample]:
    return [one for one in HELPER if one.role == role]


def test_the_same_seed_gives_the_same_samples_and_another_does_not() -> None:
    for family in ("coder", "helper"):
        first, again, other = (list(islice(samples(family, seed, slip=0.3), 60)) for seed in (3, 3, 4))  # type: ignore[arg-type]
        assert first == again
        assert first != other


def test_every_reply_is_of_the_form_that_the_pipeline_parses() -> None:
    assert {one.role for one in HELPER} == set(REPLIES)
    for one in HELPER:
        parse(Completion(one.answer, finish_reason="stop"), REPLIES[one.role], one.role)


def test_replies_have_their_keys_in_the_order_that_a_grammar_forces() -> None:
    for one in HELPER:
        keys = list(json.loads(one.answer))
        assert keys == [key for key in REPLIES[one.role].model_fields if key in keys]
        for found in json.loads(one.answer).get("findings", []):
            assert list(found) == ["severity", "category", "what"]


def test_the_coder_answers_with_one_block_that_no_red_flag_is_raised_by() -> None:
    for one in islice(samples("coder", 2, slip=0.3), 300):
        if one.role == "outside":
            continue
        code = extract(one.answer)
        assert code is not None
        assert code.language == "python"
        assert form_flags(Completion(one.answer, finish_reason="stop"), code) == ()


def test_what_is_outside_gets_the_honest_sentence_and_nothing_else_does() -> None:
    got = list(islice(samples("coder", 5), 600))
    assert {one.answer for one in got if one.role == "outside"} == {outside.ANSWER}
    assert 0.03 < sum(one.role == "outside" for one in got) / len(got) < 0.12
    assert all(one.answer != outside.ANSWER for one in got if one.role == "coder")


def test_the_preprocessor_sees_as_much_inside_as_outside() -> None:
    rng = random.Random(6)
    kinds = Counter(preprocessor(rng, one).answer for one in islice(tasks(6), 400))
    assert set(kinds) == {'{"kind":"code"}', '{"kind":"question"}'}
    assert 0.7 < kinds['{"kind":"code"}'] / kinds['{"kind":"question"}'] < 1.4


def test_a_testers_calls_run_and_its_checks_are_true() -> None:
    rng = random.Random(7)
    for one in islice(tasks(7), 120):
        written = write(one, rng)
        inputs = usable(written.calls, written.checks, 6)
        assert sum(isinstance(item, Call) for item in inputs) >= 3
        names = {one.name: load(one.sources[-1], one.name)}
        for item in inputs:
            exec(item.expression if isinstance(item, Call) else item.code, names)


def test_a_testers_wrong_checks_mostly_fail_on_the_right_program() -> None:
    rng = random.Random(8)
    kinds = Counter()
    for one in islice(tasks(8), 60):
        written = write(one, rng, wrong=1.0)
        inputs, seen = evidence(one, one.sources[0], written)
        kinds.update(was.kind for item, was in zip(inputs, seen.observations, strict=True) if item in _checks(written))
    assert kinds["failed"] > 0.9 * kinds.total() > 100


def _checks(written: Written) -> list[Check]:
    return [Check(text) for text in written.checks]


def test_a_verdict_is_true_and_a_refusal_names_a_call_that_shows_why() -> None:
    rng = random.Random(9)
    verdicts = Counter()
    for one in islice(tasks(9), 250):
        shown = judged(rng, one)
        verdicts[shown.right] += 1
        if shown.right:
            assert shown.source in one.sources
            assert shown.culprit == ""
        else:
            assert any(differs(one, shown.source, random.Random(number)) for number in range(60)), shown.source
            assert shown.culprit == one.name or f"{shown.culprit} " in shown.report, shown
    assert 0.6 < verdicts[True] / verdicts.total() < 0.88


def test_a_vote_mostly_elects_what_is_right_and_by_more() -> None:
    rng = random.Random(10)
    margins: dict[bool, list[int]] = {True: [], False: []}
    for _ in range(2000):
        right, signature, counted = vote(rng)
        assert counted.votes[signature] == max(counted.votes.values())
        margins[right].append(counted.margin)
    assert 0.55 < len(margins[True]) / 2000 < 0.9
    mean = {right: sum(found) / len(found) for right, found in margins.items()}
    assert mean[True] > mean[False] + 0.5


@pytest.mark.parametrize("slip", [0.0, 0.25])
def test_slips_are_as_many_as_asked_for(slip: float) -> None:
    rng = random.Random(12)
    answers = [(one, coder(rng, one, slip)) for one in islice(tasks(12), 400)]
    right = {True: 0, False: 0}
    for one, said in answers:
        if said.role == "coder":
            right[said.answer in {fenced(source) for source in one.sources}] += 1
    assert abs(right[False] / sum(right.values()) - slip) <= 0.25 * slip


def test_a_voters_choice_is_one_of_what_it_is_shown() -> None:
    for one in _of("voter"):
        labels = re.findall(r"^Candidate ([A-Z]):$", one.messages[-1]["content"], re.MULTILINE)
        assert len(labels) >= 2
        assert json.loads(one.answer)["choice"] in labels


def test_held_samples_are_of_held_out_tasks() -> None:
    trained = {one.messages[-1]["content"] for one in islice(samples("coder", 13), 800) if one.role == "coder"}
    assert not trained & {
        one.messages[-1]["content"] for one in islice(samples("coder", 13, held=True), 800) if one.role == "coder"
    }


def test_the_corpus_has_requests_prompts_and_answers() -> None:
    texts = corpus(300, 1)
    assert len(texts) == 300
    assert any("Plan the steps of " in text for text in texts)
    assert any(text.startswith("```python\n") for text in texts)
    assert texts == corpus(300, 1)


@pytest.fixture
def sandbox() -> Iterator[ConfinedSandbox]:
    root = Path(tempfile.mkdtemp(prefix="mk-", dir="/tmp"))
    found = asyncio.run(find(config.parse("", config.Home(root))))
    assert not isinstance(found, Unavailable), f"{found.reason}: {found.fix}"
    yield ConfinedSandbox(found, parallel=1)
    shutil.rmtree(root, ignore_errors=True)


@pytest.mark.processes
def test_what_training_says_a_program_does_is_what_the_sandbox_says(sandbox: ConfinedSandbox) -> None:
    rng = random.Random(14)

    async def compare() -> None:
        for number, one in enumerate(islice(tasks(14), 12)):
            source = (wrong_program(one, rng) if number % 2 else None) or one.sources[0]
            inputs, ours = evidence(one, source, write(one, rng, wrong=0.3))
            live = await sandbox.run(Trial("python", source + "\n", inputs))
            assert isinstance(live, Evidence)
            assert ours.observations == live.observations, source
            assert [seen.message for seen in ours.observations] == [seen.message for seen in live.observations]

    asyncio.run(compare())
