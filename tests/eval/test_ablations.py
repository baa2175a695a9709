"""What each part of the pipeline is worth (`benchmarks/ablations.py`)."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks.ablations import MARK, VARIANTS, WHOLE, as_values, main, rows, shown, toml
from maker import config
from maker.catalog.profiles import PROFILES
from maker.config import Home
from maker.eval.results import Result
from maker.eval.suite import Exercise, Suite
from tests.support import SERVICES

PORTS = {name: 20_000 + number for number, name in enumerate(SERVICES)}


def test_each_variant_differs_from_the_profile_in_what_it_switches_off_alone(home: Home) -> None:
    whole = config.parse(toml(PORTS, WHOLE), home)
    assert {key: getattr(whole.modes.low, key) for key in PROFILES["tiny"].modes} == PROFILES["tiny"].modes
    assert whole.modes.low == whole.modes.high and whole.sandbox.enabled and whole.port("coder") == PORTS["coder"]
    before = whole.model_dump()
    for name, switched in {
        "no tests": {"max_inputs": 0},
        "no vote": {"k": 1},
        "no revision": {"max_rounds": 0},
    }.items():
        modes = {mode: {**before["modes"][mode], **switched} for mode in ("high", "low")}
        assert config.parse(toml(PORTS, name), home).model_dump() == {**before, "modes": modes}
    found = config.parse(toml(PORTS, "no execution"), home).model_dump()
    assert found == {**before, "sandbox": {"enabled": False}}
    assert len({toml(PORTS, name) for name in VARIANTS}) == 5


def answers(*right: bool) -> list[Result]:
    return [Result(str(number), str(number), one, 1.0, 100) for number, one in enumerate(right)]


def test_differences_are_paired_by_task_and_the_coder_alone_stands_once() -> None:
    found = rows(
        {
            WHOLE: {"direct": answers(True, False, False, False), "low": answers(True, True, True, False)},
            "no vote": {"low": answers(True, False, True, False)},
        },
        0,
    )
    assert [(one.worth.mode, one.variant) for one in found] == [("direct", WHOLE), ("low", WHOLE), ("low", "no vote")]
    assert [one.difference is None for one in found] == [True, True, False]
    values = as_values(Suite("four", tuple(Exercise(str(n), "f", "f", "t") for n in range(4))), 0, found)
    assert (values["suite"], values["tasks"], [one["pass_at_1"] for one in values["rows"]]) == ("four", 4, [25, 75, 50])
    # Three tasks are as they were and one is lost: resamples lose between none and all four.
    assert values["rows"][2]["difference"] == {"points": -25, "low": -75, "high": 0}
    out = Console(width=120, file=io.StringIO())
    out.print(shown(found))
    lines = out.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0].split()[:2] == ["MODE", "VARIANT"]
    assert lines[3].split()[:8] == ["low", "no", "vote", "50.0", "0.0", "to", "100.0", "-25.0"]


def test_a_home_of_somebody_s_own_is_left_alone(home: Home) -> None:
    home.toml.write_text('profile = "full"\n', encoding="utf-8")
    result = CliRunner().invoke(main, ["--limit", "1", "--home", str(home.root)])
    assert result.exit_code == 2 and "somebody's own MAKER_HOME" in result.stderr
    assert home.toml.read_text(encoding="utf-8") == 'profile = "full"\n'
    assert [path.name for path in home.root.iterdir()] == ["maker.toml"]


@pytest.mark.processes
@pytest.mark.full
def test_every_variant_is_measured_and_what_is_kept_is_not_asked_for_again(home: Home, tmp_path: Path) -> None:
    words = ["--limit", "1", "--home", str(home.root), "--json"]
    first = CliRunner().invoke(main, words)
    assert first.exit_code == 0, (first.output, first.exception)
    assert home.toml.read_text(encoding="utf-8").startswith(MARK)
    measured = json.loads(first.stdout.splitlines()[-1])["rows"]
    assert [(one["mode"], one["variant"]) for one in measured] == [
        ("direct", WHOLE),
        *((mode, name) for mode in ("low", "high") for name in VARIANTS),
    ]
    assert CliRunner().invoke(main, words).stdout == first.stdout
