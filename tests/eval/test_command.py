import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from maker.cli import evaluate
from maker.cli.session import Session
from maker.cli.votes import votes
from maker.config import Config, Home
from maker.errors import ServiceError
from maker.sandbox.values import Unavailable
from tests.eval.recorded import PROBLEMS, TrustedSandbox, write


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> TrustedSandbox:
    found = TrustedSandbox()

    async def available(config: Config, *, parallel: int | None = None) -> TrustedSandbox:
        return found

    monkeypatch.setattr(evaluate, "available", available)
    return found


def select(data: Path, *options: str) -> Result:
    arguments = ["select", "--data", str(data), "--n", "3", "--draws", "5", *options]
    return CliRunner().invoke(evaluate.evaluate, arguments, obj=Session())


def test_json_is_one_line_with_every_rule(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    result = select(write(tmp_path / "problems.jsonl.gz"), "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert (shown["n"], shown["draws"]) == (3, 5)
    assert [one["rule"] for one in shown["rules"]] == ["random", "text", "cluster", "codet", "maker", "oracle"]
    assert all(set(one) == {"rule", "pass_at_1", "low", "high"} for one in shown["rules"])
    assert set(shown["maker_minus_codet"]) == {"mean", "low", "high"}
    assert len(sandbox.trials) == 16


def test_another_draw_runs_nothing(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    data = write(tmp_path / "problems.jsonl")
    first = select(data, "--json")
    sandbox.trials.clear()
    again = select(data, "--json")
    assert again.stdout == first.stdout
    assert select(data, "--seed", "5", "--n", "6", "--json").stdout != first.stdout
    assert sandbox.trials == []
    assert len(list((home.root / "eval").iterdir())) == 4


def test_the_cache_may_be_elsewhere(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    select(write(tmp_path / "problems.jsonl"), "--cache", str(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").iterdir())) == 4
    assert not (home.root / "eval").exists()


def test_people_get_a_table(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    lines = select(write(tmp_path / "problems.jsonl")).stdout.splitlines()
    assert lines[0].split() == ["RULE", "RIGHT,", "%", "95", "%"]
    assert [line.split()[0] for line in lines[1:7]] == ["random", "text", "cluster", "codet", "maker", "oracle"]
    assert lines[7].startswith("maker against codet: +")


def test_where_nobody_sees_a_bar_there_is_a_line_for_each_tenth(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    lines = select(write(tmp_path / "problems.jsonl")).stderr.splitlines()
    assert lines[0] == "running samples: 0 of 16"
    assert lines[10:] == ["running samples: 16 of 16", *(f"drawing: {done} of 4" for done in (1, 2, 3, 4))]


def test_a_wrong_file_and_too_many_samples_are_one_sentence(home: Home, tmp_path: Path) -> None:
    data = write(tmp_path / "problems.jsonl", [*PROBLEMS, {"task_id": "x"}])
    result = select(data)
    assert result.exit_code == 2
    assert f"{data}: line 5: prompt: field required" in result.stderr
    result = select(write(data), "--n", "7")
    assert result.exit_code == 2
    assert "Sum/0 has 6 samples" in result.stderr


def test_without_a_sandbox_nothing_is_measured(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def available(config: Config, *, parallel: int | None = None) -> Unavailable:
        return Unavailable("bubblewrap is not installed", "install it")

    monkeypatch.setattr(evaluate, "available", available)
    result = select(write(tmp_path / "problems.jsonl"))
    assert isinstance(result.exception, ServiceError)
    assert str(result.exception) == "bubblewrap is not installed; install it"


@pytest.mark.processes
def test_samples_run_in_the_real_sandbox(home: Home, tmp_path: Path) -> None:
    endless = "    while True:\n        pass\n"
    problem = dict(PROBLEMS[0], samples=[*PROBLEMS[0]["samples"], endless])  # type: ignore[misc]
    result = select(write(tmp_path / "problems.jsonl", [problem]), "--n", "7", "--json")
    assert result.exit_code == 0, result.output
    shares = {one["rule"]: one["pass_at_1"] for one in json.loads(result.stdout)["rules"]}
    assert shares["random"] == pytest.approx(200 / 7)
    assert (shares["codet"], shares["maker"], shares["oracle"]) == (100, 100, 100)


def test_votes_prints_the_margin_and_what_it_costs() -> None:
    arguments = ["--accuracy", "0.9978", "--steps", "1048575", "--target", "0.95"]
    shown = json.loads(CliRunner().invoke(votes, [*arguments, "--json"]).stdout)
    assert set(shown) == {"k", "expected_samples", "success"}
    assert shown["k"] == 3
    assert shown["expected_samples"] == pytest.approx(3.0133, abs=5e-5)
    assert shown["success"] == pytest.approx(0.9888, abs=5e-5)
    assert CliRunner().invoke(votes, arguments).stdout.splitlines() == [
        "k                 3",
        "expected samples  3.013 a step, 3,159,627 in all",
        "success           0.9888",
    ]


@pytest.mark.parametrize(
    ("accuracy", "steps", "target", "says"),
    [
        ("0.5", "10", "0.9", "give a value above 0.5"),
        ("0.8", "0", "0.9", "at least 1 step"),
        ("0.8", "10", "1", "between 0 and 1"),
    ],
)
def test_votes_without_an_answer_are_refused_with_a_sentence(accuracy: str, steps: str, target: str, says: str) -> None:
    result = CliRunner().invoke(votes, ["--accuracy", accuracy, "--steps", steps, "--target", target])
    assert result.exit_code == 2
    assert says in result.stderr
