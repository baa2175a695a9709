"""`maker eval run` over real orchestrators, from requests to tables."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from maker import config as configuration
from maker.cli import evaluate, evaluate_run
from maker.cli.session import Session
from maker.config import Config, Home, Mode, child_environment
from maker.errors import NotReady, NotRunning, ServiceError
from maker.eval import results, suite
from maker.eval.ways import DRAWS, ways
from maker.sandbox.values import Unavailable
from tests.eval.answering import BAD, BROKEN, GOOD, Answering, Script, bundle, nobody, write_suite
from tests.eval.recorded import TrustedSandbox
from tests.models.support import in_loop
from tests.support import free_ports, tail

SCRIPTS = {
    "f_easy": Script(GOOD, [GOOD], split="comp"),
    "f_slips": Script(BAD, [BAD, GOOD, GOOD, GOOD], split="comp"),
    "f_refused": Script(BAD, [BAD, BAD, GOOD, GOOD], split="name"),
    "f_broken": Script(BROKEN, [BROKEN, GOOD, GOOD], split="name"),
}
MODE = Mode(k=2, max_candidates=6, max_rounds=1)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> TrustedSandbox:
    found = TrustedSandbox()

    async def available(config: Config, *, parallel: int | None = None) -> TrustedSandbox:
        return found

    monkeypatch.setattr(evaluate_run, "available", available)
    return found


async def command(*options: str) -> Result:
    """The command in a thread, beside the servers of this loop."""
    arguments = ["run", *options]
    return await asyncio.to_thread(lambda: CliRunner().invoke(evaluate.evaluate, arguments, obj=Session()))


def of_mode(result: Result, mode: str) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    [line] = result.stdout.splitlines()
    found: dict[str, Any] = {one["mode"]: one for one in json.loads(line)["modes"]}[mode]
    return found


@in_loop
async def test_each_mode_is_measured_by_what_its_answers_do(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, MODE) as server:
        result = await command("--data", str(data), "--modes", "direct,direct0,low,high", "--json")
    direct, low, high = (of_mode(result, mode) for mode in ("direct", "low", "high"))
    assert [one["pass_at_1"] for one in (direct, low, high)] == [25, 75, 100]
    assert direct["samples"] == 1 and direct["converged"] is None and direct["splits"] == {"comp": 50, "name": 0}
    assert (low["samples"] * 4, high["samples"] * 4) == (11, 13)
    assert low["flagged"] == pytest.approx(100 / 11)
    assert (low["converged"], low["accepted"], low["oracle"]) == (100, 100, 75)
    assert low["margins"] == [{"label": "2", "answers": 4, "right": 75}]
    assert low["verdicts"]["accepted_wrong"] == 1 and low["verdicts"]["refusal"] == {"precision": None, "recall": 0}
    assert high["verdicts"]["correct"] == 100 and high["verdicts"]["refused_wrong"] == 1
    assert high["verdicts"]["acceptance"] == {"precision": 100, "recall": 100}
    assert high["tokens"] > low["tokens"] > direct["tokens"] > 0
    values = json.loads(result.stdout)
    assert (values["suite"], values["tasks"]) == ("sums", 4)
    assert [(one["mode"], one["minus"]) for one in values["differences"]][-1] == ("high", "low")
    assert {(one["mode"], one["minus"]): one["points"] for one in values["differences"]}["low", "direct"] == 50
    asked = [body for body in server.bodies if "You are" not in body["messages"][0]["content"]]
    bare = [body for body in asked if "response_format" not in body]
    assert [body["temperature"] for body in bare] == [*[0.8] * DRAWS, 0.0] * 4
    assert len({body["seed"] for body in bare}) == DRAWS * 4


@in_loop
async def test_what_was_measured_is_not_asked_for_again(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, MODE) as server:
        first = await command("--data", str(data), "--modes", "direct,low", "--json")
        asked = server.requests
        trials = len(sandbox.trials)
        again = await command("--data", str(data), "--modes", "direct,low", "--json")
        assert again.stdout == first.stdout and server.requests == asked and len(sandbox.trials) == trials
        other = await command("--data", str(data), "--modes", "direct,low", "--json", "--temperature", "1")
        assert of_mode(other, "direct")["pass_at_1"] == 25 and server.requests == asked + 4 * DRAWS
        few = await command("--data", str(data), "--modes", "direct", "--limit", "3", "--json", "--fresh")
        assert of_mode(few, "direct")["answers"] == 3 and server.requests == asked + 7 * DRAWS
        once = await command("--data", str(data), "--modes", "direct", "--json", "--draws", "1")
        assert of_mode(once, "direct")["pass_at_1"] == 25 and server.requests == asked + 7 * DRAWS + 4
    assert len(list((home.root / "eval" / "runs" / "sums").iterdir())) == 4


@in_loop
async def test_people_get_tables_and_a_figure(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    data, figure = write_suite(tmp_path / "sums.jsonl", SCRIPTS), tmp_path / "worth.svg"
    async with bundle(home, SCRIPTS, MODE):
        result = await command("--data", str(data), "--plot", str(figure), "--jobs", "2")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[0] == "MODE"
    assert [line.split()[0] for line in lines[1:4]] == ["direct", "low", "high"]
    assert any(line.startswith("low against direct: +") for line in lines)
    assert any("refusing wrong programs: precision 100.0 %" in line for line in lines)
    texts = ["".join(one.itertext()) for one in ElementTree.fromstring(figure.read_text(encoding="utf-8"))]
    assert "sums, 4 tasks: right answers and what they cost" in texts
    assert "direct: one sample at temperature 0.8; low and high: k = 2, N up to 6" in texts
    assert result.stderr.splitlines()[-1] == "answers: 12 of 12"


@in_loop
async def test_exercises_that_nobody_solves_are_named(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    """Their hidden test may be one that no program passes."""
    scripts = {f"f_{letter}": Script(BAD, [BAD]) for letter in "abcdefg"} | {"f_near": Script(BAD, [BAD, BAD, GOOD])}
    data = write_suite(tmp_path / "sums.jsonl", scripts)
    async with bundle(home, scripts, Mode(k=3, max_candidates=4, max_rounds=0)):
        shown = await command("--data", str(data), "--modes", "direct,low")
        values = json.loads((await command("--data", str(data), "--modes", "direct,low", "--json")).stdout)
        of_direct = json.loads((await command("--data", str(data), "--modes", "direct", "--json")).stdout)
    last = shown.stdout.splitlines()[-1]
    assert last == "nobody solved f_a, f_b, f_c, f_d, f_e and 2 more: too hard, or a test that no program passes"
    assert values["unsolved"] == [f"f_{letter}" for letter in "abcdefg"]
    assert of_direct["unsolved"] == list(scripts)


@in_loop
async def test_an_answer_that_never_comes_is_not_right_and_the_rest_goes_on(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    scripts = {name: SCRIPTS[name] for name in ("f_easy", "f_slips")}
    data = write_suite(tmp_path / "sums.jsonl", scripts)
    async with bundle(home, scripts, MODE) as server:
        server.behave(status=500, times=1)
        result = await command("--data", str(data), "--modes", "direct", "--json")
        server.behave(status=500, times=1)
        shown = await command("--data", str(data), "--modes", "direct")
        later = await command("--data", str(data), "--modes", "direct", "--json")
    direct = of_mode(result, "direct")
    assert (direct["pass_at_1"], direct["failed"]) == (0, 50)
    [(code, count)] = direct["errors"].items()
    assert count == 1
    assert f"direct: 50.0 % ended in an error ({code} 1): `maker logs coder`; the next run asks these" in shown.stdout
    assert max(map(len, shown.stdout.splitlines()[:2])) <= 80
    assert of_mode(later, "direct")["failed"] == 0
    assert "nobody solved f_slips: too hard" in shown.stdout  # of the other it is not known


@in_loop
async def test_a_role_that_is_down_ends_it_with_its_name_and_nothing_is_lost(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, MODE) as server:
        server.behave(loading_s=60)
        result = await command("--data", str(data), "--modes", "direct")
        assert isinstance(result.exception, NotReady), result.output
        assert str(result.exception).startswith("coder: ")
        server.behave()
        assert of_mode(await command("--data", str(data), "--modes", "direct", "--json"), "direct")["pass_at_1"] == 25


def run(*options: str) -> Result:
    return CliRunner().invoke(evaluate.evaluate, ["run", *options], obj=Session())


async def untrusted(config: Config, *, parallel: int | None = None) -> Unavailable:
    return Unavailable("bubblewrap is not installed", "install it")


def test_a_bundle_that_does_not_run_is_one_sentence_before_the_sandbox_is_tested(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_run, "available", untrusted)
    nobody(home)
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    for mode, service in (("direct", "coder"), ("low", "orchestrator-low")):
        result = run("--data", str(data), "--modes", mode)
        assert isinstance(result.exception, NotRunning)
        assert str(result.exception).startswith(f"{service} does not answer at http://127.0.0.1:")


@in_loop
async def test_nobody_is_asked_while_one_of_those_who_are_to_be_does_not_run(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, MODE) as server:
        text = home.toml.read_text(encoding="utf-8")
        home.toml.write_text(re.sub(r"(?m)^orchestrator-high = .*", f"orchestrator-high = {free_ports(1)[0]}", text))
        result = await command("--data", str(data))
        assert isinstance(result.exception, NotRunning) and server.requests == 0
    assert str(result.exception).startswith("orchestrator-high does not answer at http://127.0.0.1:")


@in_loop
async def test_without_a_sandbox_nothing_is_judged_and_what_is_kept_is_still_shown(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: TrustedSandbox
) -> None:
    words = ("--data", str(write_suite(tmp_path / "sums.jsonl", SCRIPTS)), "--modes", "direct")
    async with bundle(home, SCRIPTS, MODE):
        first = await command(*words)
        monkeypatch.setattr(evaluate_run, "available", untrusted)
        assert (await command(*words)).stdout == first.stdout != ""
        result = await command(*words, "--fresh")
        kept = await command(*words)
    assert kept.stdout == first.stdout, "what is kept stays until there is something in its place"
    assert isinstance(result.exception, ServiceError)
    assert "judged in the sandbox only" in str(result.exception) and "install it" in str(result.exception)


def test_a_figure_says_how_the_coder_was_asked_and_each_mode_s_k_and_n(home: Home) -> None:
    config = configuration.parse("[modes.low]\nk = 3\nmax_candidates = 9", home)
    said = evaluate_run.setup(config, ("direct", "direct0", "low", "high"), 0.8)
    assert said == "direct, direct0: one sample at temperature 0.8, 0; low: k = 3, N up to 9; high: k = 2, N up to 8"
    assert evaluate_run.setup(config, ("high",), 0.8) == "high: k = 2, N up to 8"


def test_answers_with_candidates_that_are_not_run_are_other_answers(home: Home) -> None:
    def digests(text: str) -> list[str]:
        home.api_key.write_text("0" * 64, encoding="ascii")
        config = configuration.parse(text, home)
        return [way.digest for way in ways(config, ("direct", "low", "high"), temperature=0.8, seed=0)]

    on, off = digests(""), digests("[sandbox]\nenabled = false")
    assert on[0] == off[0] and on[1] != off[1] and on[2] != off[2]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "give one of --suite and --data"),
        (("--suite", "tiny", "--data", "x.jsonl"), "give one of --suite and --data"),
        (("--suite", "enormous"), "no suite 'enormous'"),
        (("--data", "/nonexistent.jsonl"), "no such file"),
        (("--suite", "tiny", "--modes", "low,medium"), "no mode 'medium'; there are: direct, direct0, low, high"),
        (("--suite", "tiny", "--modes", ","), "no mode is named; there are: direct, direct0, low, high"),
        (("--suite", "tiny", "--plot", "/nonexistent/worth.svg"), "there is no folder /nonexistent"),
        (("--suite", "tiny", "--plot", "worth.png"), "worth.png is no .svg"),
        (("--suite", "../suites/tiny"), "no suite '../suites/tiny'; there are: hand, tiny"),
        (("--data", "/tmp"), "/tmp: is a folder"),
    ],
)
def test_wrong_options_are_one_sentence(home: Home, options: tuple[str, ...], says: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.processes
def test_a_measurement_that_is_killed_goes_on_where_it_stopped(home: Home, tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(killed_and_gone_on(home, tmp_path), 240))


async def killed_and_gone_on(home: Home, tmp_path: Path) -> None:
    scripts = {f"f_{number}": Script(GOOD, [GOOD]) for number in range(6)}
    data = write_suite(tmp_path / "sums.jsonl", scripts)
    async with bundle(home, scripts, MODE) as server:
        async with started(home, data) as process:
            await server.until(
                lambda: direct_requests(server) > 3 * DRAWS or process.returncode is not None, within_s=120
            )
            process.kill()
            await process.communicate()
        assert process.returncode == -signal.SIGKILL, tail(home.root / "log.txt")
        kept = {path.name: path.read_text(encoding="utf-8").count("\n") for path in folder(home).iterdir()}
        assert all(2 <= lines <= 5 for lines in kept.values()), kept
        async with started(home, data) as process:
            output, _ = await process.communicate()
        assert process.returncode == 0, tail(home.root / "log.txt")
        # What was being asked when it was killed is asked once more.
        assert 6 * DRAWS <= direct_requests(server) <= 7 * DRAWS
    shown = {one["mode"]: one for one in json.loads(output.decode().splitlines()[-1])["modes"]}
    assert [(shown[mode]["answers"], shown[mode]["pass_at_1"]) for mode in ("direct", "low")] == [(6, 100), (6, 100)]


@asynccontextmanager
async def started(home: Home, data: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command in a process of its own."""
    words = ("-m", "tests.eval.trusted", "eval", "run", "--data", str(data), "--modes", "direct,low", "--json")
    with (home.root / "log.txt").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, env=child_environment(), stdout=asyncio.subprocess.PIPE, stderr=log
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def folder(home: Home) -> Path:
    return home.root / "eval" / "runs" / "sums"


def direct_requests(server: Answering) -> int:
    return sum("You are" not in str(body["messages"]) and "response_format" not in body for body in server.bodies)


@in_loop
async def test_what_runs_with_other_settings_than_maker_toml_says_is_not_measured(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    """Its answers would be kept, and drawn, as those of settings that nobody tried."""
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, MODE):
        text = home.toml.read_text(encoding="utf-8")
        home.toml.write_text(text.replace("k = 2", "k = 3"), encoding="utf-8")
        result = await command("--data", str(data), "--modes", "low")
    assert isinstance(result.exception, NotReady)
    assert "another k than maker.toml has now; run `maker restart`" in str(result.exception)


@in_loop
async def test_a_coder_of_another_file_than_maker_toml_says_is_not_measured(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, MODE) as server:
        wanted, server.model = Path(server.model).name, "/models/of-yesterday.gguf"
        result = await command("--data", str(data), "--modes", "direct")
    assert isinstance(result.exception, NotReady), result.output
    said = f"coder was started with of-yesterday.gguf, and maker.toml has {wanted} now; run `maker restart`"
    assert str(result.exception) == said


@pytest.mark.parametrize(("model_id", "listed"), [('model_id = "the-coder"', ()), ("", ("the-coder",))])
@in_loop
async def test_direct_asks_a_coder_elsewhere_as_the_orchestrators_do(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox, model_id: str, listed: tuple[str, ...]
) -> None:
    scripts = {"f_easy": SCRIPTS["f_easy"]}
    data = write_suite(tmp_path / "sums.jsonl", scripts)
    async with bundle(home, scripts, MODE) as server:
        server.key, server.models = "of-theirs", listed or ("one", "other")
        with home.toml.open("a", encoding="utf-8") as file:
            file.write(f'[roles.coder]\nurls = ["{server.url}"]\napi_key = "of-theirs"\n{model_id}\n')
        result = await command("--data", str(data), "--modes", "direct0", "--json")
    assert of_mode(result, "direct0")["pass_at_1"] == 100
    assert [body["model"] for body in server.bodies] == ["the-coder"]
    assert not any("of-theirs" in path.read_text(encoding="utf-8") for path in (home.root / "eval").rglob("*.jsonl"))


@in_loop
async def test_a_mode_that_lacks_a_role_is_not_measured(home: Home, tmp_path: Path, sandbox: TrustedSandbox) -> None:
    """Its answers would be kept, and never asked again, as those of a whole mode."""
    data = write_suite(tmp_path / "sums.jsonl", SCRIPTS)
    async with bundle(home, SCRIPTS, MODE, lacking=["voter"]):
        result = await command("--data", str(data), "--modes", "low")
    assert isinstance(result.exception, NotReady)
    assert "without all of its roles: voter does not answer; run `maker start`" in str(result.exception)


@in_loop
async def test_what_was_answered_without_a_role_is_asked_again(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    data = write_suite(tmp_path / "sums.jsonl", {"f_easy": SCRIPTS["f_easy"]})
    async with bundle(home, SCRIPTS, MODE) as server:
        await command("--data", str(data), "--modes", "low")
        [path] = (home.root / "eval" / "runs").rglob("low-*.jsonl")
        path.write_text(path.read_text().replace('"notes": []', '"notes": ["the gpt-oss does not answer"]'))
        asked = server.requests
        again = await command("--data", str(data), "--modes", "low")
        assert server.requests > asked
        asked = server.requests
        await command("--data", str(data), "--modes", "low")
        assert server.requests == asked
    assert again.exit_code == 0


@in_loop
async def test_a_figure_that_cannot_be_written_costs_no_table(
    home: Home, tmp_path: Path, sandbox: TrustedSandbox
) -> None:
    data, figure = write_suite(tmp_path / "sums.jsonl", SCRIPTS), tmp_path / "worth.svg"
    figure.symlink_to("/nonexistent/worth.svg")
    async with bundle(home, SCRIPTS, MODE):
        result = await command("--data", str(data), "--modes", "low", "--json", "--plot", str(figure))
        figure.unlink()
        again = await command("--data", str(data), "--modes", "low", "--plot", str(figure))
    assert isinstance(result.exception, ServiceError) and "the figure cannot be written" in str(result.exception)
    assert json.loads(result.stdout)["modes"][0]["pass_at_1"] == 75
    assert figure.is_file() and "4 of 4 answers were kept before; --fresh measures them again" in again.stderr


@pytest.mark.parametrize(("width", "columns"), [(60, 5), (80, 8)])
def test_a_narrow_terminal_gets_fewer_columns_and_whole_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, columns: int
) -> None:
    terminal = Console(width=width, force_terminal=True, no_color=True, highlight=False)
    monkeypatch.setattr(evaluate_run, "console", lambda: terminal)
    answers = {name: [results.Result("key", "id", True, 1.0, 1234)] for name in ("direct0", "high")}
    chosen = suite.Suite("x[bold]", suite.named("tiny").exercises[:1])
    with terminal.capture() as shown:
        evaluate_run._show(evaluate_run.summary(chosen, answers, 0))
    lines = plain_text(shown.get()).splitlines()
    assert lines[1].split()[0] == "direct0" and "…" not in shown.get()
    assert sum(heading in lines[0] for heading in evaluate_run.COLUMNS) == columns
    assert "x[bold], 1 task:" in shown.get()


def plain_text(shown: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", shown)
