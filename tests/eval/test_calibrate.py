"""p of each role and the k that follows, against values computed by hand; the command over real orchestrators."""

import asyncio
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from maker import config as configuration
from maker.cli import evaluate_run
from maker.cli.calibrate import calibrate
from maker.cli.session import Session
from maker.config import Config, Home, Mode
from maker.errors import RequestError
from maker.eval import results
from maker.eval.calibrate import UNDECIDED, Coder, coder, enough, propose, roles
from maker.eval.results import Round, Tried
from maker.pipeline.vote import Race
from tests.eval.answering import BAD, GOOD, WORSE, Script, bundle, write_suite
from tests.eval.recorded import TrustedSandbox
from tests.models.support import in_loop

RIGHT, FLAGGED = Tried(True, False, "right"), Tried(False, True, "")


def wrong(signature: str) -> Tried:
    return Tried(False, False, signature)


def run(*rounds: Round) -> results.Result:
    return results.Result("key", "id", True, 1.0, 1, voted=True, rounds=rounds)


def samples(right: float, wrong: float, valid: float, wrong_first: float = 0.0) -> Coder:
    """So many samples that p is known exactly."""
    p = right / (right + wrong)
    return Coder(100, right, wrong, valid, wrong_first, p_others=p, p_low=p, p_high=p)


def test_the_coder_races_against_its_most_frequent_wrong_behaviour() -> None:
    """Of 8 valid samples 5 are right; the most frequent wrong ones are 0, 1 and 1; one of three tasks is lost."""
    waves = [
        [RIGHT, RIGHT, RIGHT],
        [RIGHT, wrong("a"), FLAGGED],
        [RIGHT, wrong("b"), wrong("b")],
    ]
    found = coder(waves)
    assert (found.samples, found.valid) == (8, pytest.approx(8 / 9))
    assert (found.right, found.frequent_wrong) == (5 / 8, 3 / 8)
    assert found.p == pytest.approx(5 / 8)
    assert found.voting == pytest.approx(8 / 9)
    assert (found.wrong_first, found.p_others) == (pytest.approx(1 / 3), 4 / 5)


def test_wrong_samples_that_differ_make_a_better_race() -> None:
    found = coder([[RIGHT, RIGHT, wrong("a"), wrong("b"), wrong("c")]])
    assert found.right == pytest.approx(0.4)
    assert found.p == pytest.approx(2 / 3)
    assert found.voting == pytest.approx(3 / 5)


def test_only_the_first_wave_counts_since_who_goes_on_depends_on_it() -> None:
    voted = Round(True, True, (RIGHT, wrong("a"), RIGHT, RIGHT), (1, 2))
    unvoted = results.Result("other", "id", False, 1.0, 1)
    found = roles([run(voted, Round(False, True, (wrong("a"),) * 2)), unvoted], Mode(k=2))
    assert (found.tasks, found.voted) == (2, 1)
    assert (found.coder.samples, found.coder.right) == (2, 0.5)
    assert (found.tester.count, found.tester.right) == (2, 50)
    assert (found.validator.count, found.validator.right) == (2, 50)


def test_roles_that_said_nothing_have_no_share() -> None:
    found = roles([run(Round(False, None, (wrong("a"),), None))], Mode())
    assert (found.tester.right, found.validator.right) == (None, None)


def test_runs_without_a_vote_say_nothing() -> None:
    with pytest.raises(RequestError, match="nothing to calibrate by"):
        roles([results.Result("key", "id", True, 1.0, 1)], Mode())


@pytest.mark.parametrize(
    ("target", "steps", "k", "success"),
    # p = .8, odds of 4: one vote is right with 4^k / (4^k + 1).
    [(0.79, 1, 1, 4 / 5), (0.94, 1, 2, 16 / 17), (0.95, 1, 3, 64 / 65), (0.95, 5, 4, (256 / 257) ** 5)],
)
def test_k_is_the_smallest_that_reaches_the_target(target: float, steps: int, k: int, success: float) -> None:
    found = propose(samples(0.8, 0.2, 0.5), target=target, steps=steps)
    assert (found.k, found.success) == (k, pytest.approx(success))
    assert found.max_candidates >= 2 * k


def test_an_average_vote_pays_for_flagged_candidates_too() -> None:
    """With k = 1 the first valid candidate decides; every second one is flagged."""
    assert propose(samples(0.8, 0.2, 0.5), target=0.79, steps=1).samples == pytest.approx(2)


def test_a_coder_that_is_mostly_wrong_gets_no_k() -> None:
    with pytest.raises(RequestError, match=r"p = 0\.40.*a better coder"):
        propose(samples(0.4, 0.6, 1.0), target=0.95, steps=1)


def test_a_coder_that_is_hardly_right_more_often_than_wrong_gets_no_k_that_cannot_work() -> None:
    for right in (0.51, 0.55):
        with pytest.raises(RequestError, match="hardly more frequent.*more than 64 candidates"):
            propose(samples(right, 1 - right, 1.0), target=0.95, steps=1)


def test_what_a_wrong_behaviour_leads_is_told_beside_what_is_expected_of_the_rest() -> None:
    found = propose(samples(0.9, 0.1, 1.0, wrong_first=0.1), target=0.95, steps=2)
    assert found.success > 0.95
    assert found.ceiling == pytest.approx(0.81)


def test_p_has_an_interval_over_tasks_not_over_samples() -> None:
    sure, unsure = [[RIGHT] * 3] * 9, [[wrong("a")] * 3]
    found = coder([*sure, *unsure])
    assert found.p == pytest.approx(0.9)
    assert found.p_low < 0.8 and 0.99 < found.p_high <= 1
    assert (coder(sure).p_low, coder(sure).p_high) == (pytest.approx(9 / (9 + 1.96**2)), 1)
    assert (coder([[wrong("a")]]).p_low, coder([[wrong("a")]]).p_high) == (0, pytest.approx(1.96**2 / (1 + 1.96**2)))


def test_one_task_that_went_well_switches_no_vote_off() -> None:
    with pytest.raises(RequestError, match=r"too few tasks.*p is between 0\.21 and 1\.00"):
        propose(coder([[RIGHT] * 3]), target=0.95, steps=1)
    assert propose(coder([[RIGHT] * 3] * 20), target=0.95, steps=1).k == 2


def test_samples_that_vote_for_neither_are_paid_for() -> None:
    """Of ten candidates four are right, one is the most frequent wrong one, and five do each something else."""
    found = propose(samples(0.4, 0.1, 1.0), target=0.95, steps=1)
    assert (found.k, found.max_candidates) == (3, 2 * enough(0.8, 3, voting=1.0))
    rng, decided, right = random.Random(5), 0, 0
    for _ in range(5000):
        race = Race[object](found.k)
        for number in range(found.max_candidates):
            drawn = rng.random()
            race.cast("right" if drawn < 0.4 else "wrong" if drawn < 0.5 else number)
            if race.leader is not None:
                break
        decided += race.leader is not None
        right += race.leader == "right"
    assert decided / 5000 > 0.93
    assert right / decided > found.success - 0.01


@pytest.mark.parametrize(("p", "k"), [(0.6, 2), (0.75, 3), (0.9, 4)])
def test_enough_candidates_decide_all_but_one_vote_in_twenty(p: float, k: int) -> None:
    """Simulated with the pipeline's own race; 3 standard errors of 20,000 votes are half a point."""
    rng = random.Random(5)

    def decided(limit: int) -> float:
        races = [Race[bool](k) for _ in range(20_000)]
        for race in races:
            for _ in range(limit):
                race.cast(rng.random() < p)
        return sum(race.leader is not None for race in races) / len(races)

    limit = enough(p, k, voting=1.0)
    assert decided(limit) >= 1 - UNDECIDED - 0.005
    assert decided(limit - 1) <= 1 - UNDECIDED + 0.005
    assert enough(p, k, voting=0.5) == 2 * limit


SCRIPTS = {
    **{f"f_{number}": Script(GOOD, [GOOD]) for number in range(18)},
    "f_slips": Script(GOOD, [GOOD, BAD, GOOD, GOOD]),
    "f_hard": Script(GOOD, [BAD, WORSE, GOOD, GOOD, GOOD]),
}


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> TrustedSandbox:
    found = TrustedSandbox()

    async def available(config: Config, *, parallel: int | None = None) -> TrustedSandbox:
        return found

    monkeypatch.setattr(evaluate_run, "available", available)
    return found


async def command(*options: str) -> Result:
    return await asyncio.to_thread(lambda: CliRunner().invoke(calibrate, options, obj=Session()))


@in_loop
async def test_the_proposal_is_written_and_nothing_else_changes(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    """First waves of 2: of 40 samples 37 are right, 2 the most frequent wrong ones of their tasks, so p = 37 / 39."""
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, Mode(k=2, max_candidates=6)) as server:
        before = home.toml.read_text(encoding="utf-8")
        shown = await command("--data", str(data))
        asked = server.requests
        result = await command("--data", str(data), "--target", "0.99", "--write", "--json")
        assert server.requests == asked
    assert shown.exit_code == result.exit_code == 0, (shown.output, result.output)
    assert shown.stdout.splitlines()[1].split() == ["coder", "low", "92.5", "40", "samples"]
    assert "low: proposed k = 2, max_candidates = " in shown.stdout and "(now 2 and 6)" in shown.stdout
    low, high = json.loads(result.stdout)["modes"]
    assert (low["mode"], high["mode"], low["coder"]["samples"]) == ("low", "high", 40)
    assert low["p"] == high["p"] == pytest.approx(37 / 39)
    assert low["coder"]["wrong_first"] == pytest.approx(1 / 20)
    assert (low["tester"]["count"], low["tester"]["right"]) == (40, 50)
    k, most = low["proposal"]["k"], low["proposal"]["max_candidates"]
    assert k == 3 and low["coder"]["p_low"] > 0.8
    assert home.toml.read_text(encoding="utf-8") == before.replace("k = 2", f"k = {k}").replace(
        "max_candidates = 6", f"max_candidates = {most}"
    )
    assert configuration.load(home).modes.high.k == k
    assert result.stderr.splitlines()[-1].endswith("to follow it: maker restart orchestrator-low orchestrator-high")


@in_loop
async def test_a_coder_that_is_mostly_wrong_is_said_so_and_nothing_is_written(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    scripts = {"f_hard": Script(GOOD, [BAD])}
    async with bundle(home, scripts, Mode(k=2, max_candidates=2, max_rounds=0)):
        before = home.toml.read_bytes()
        data = write_suite(tmp_path / "sums.jsonl", scripts)
        result = await command("--data", str(data), "--write")
    assert (result.exit_code, str(result.exception)[:50]) == (1, "nothing was written for [modes.low] and [modes.hig")
    assert "low: right samples are not more frequent" in result.stderr
    assert home.toml.read_bytes() == before


def test_a_target_that_is_no_probability_is_refused(home: Home) -> None:
    result = CliRunner().invoke(calibrate, ["--suite", "tiny", "--target", "1"], obj=Session())
    assert result.exit_code == 2 and "between 0 and 1" in result.stderr
