"""`maker runs`: past runs, as the orchestrators remember them."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click
import httpx
from rich.table import Table

from maker.cli.session import Session
from maker.cli.terminal import console, plain
from maker.config import MODES, Config
from maker.errors import MakerError, NotRunning, RequestError

Json = dict[str, Any]

TIMEOUT = httpx.Timeout(10, connect=2)
COLUMNS = ("ID", "WHEN", "MODE", "KIND", "STATUS", "STEPS", "CAND", "MARGIN", "VERDICT", "SECONDS")
RIGHT = frozenset(("STEPS", "CAND", "MARGIN", "SECONDS"))


@click.group(
    epilog="""\b
Examples:
  maker runs list
  maker runs show run-0123456789abcdef01234567
"""
)
def runs() -> None:
    """List past runs, or show one.

    A run is kept for a week: how its answer came about and the code that was written, not what was asked.
    """


@runs.command(
    "list",
    epilog="""\b
Examples:
  maker runs list
  maker runs list --limit 3 --json
""",
)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Runs at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_obj
def list_(session: Session, limit: int, as_json: bool) -> None:
    """List the newest runs, newest first."""
    answers = _answers(session.config(), "/api/runs")
    known = {record["run_id"]: record for records in answers for record in records or ()}
    newest = sorted(known.values(), key=lambda record: float(record["started"]), reverse=True)[:limit]
    if as_json:
        click.echo(json.dumps(newest, indent=2, ensure_ascii=False))
    elif newest:
        console().print(table(newest))
    else:
        click.echo("there is no run yet")


@runs.command(
    epilog="""\b
Examples:
  maker runs show run-0123456789abcdef01234567
  maker runs show run-0123456789abcdef01234567 --json
"""
)
@click.argument("run_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is kept, as JSON.")
@click.pass_obj
def show(session: Session, run_id: str, as_json: bool) -> None:
    """Show one run: plan, candidates, vote, verdict and the chosen code."""
    answers = _answers(session.config(), f"/api/runs/{quote(run_id, safe='')}")
    record = next((record for record in answers if record is not None), None)
    if record is None:
        raise RequestError(f"there is no run {run_id!r}; `maker runs list` shows those that are kept")
    click.echo(json.dumps(record, indent=2, ensure_ascii=False) if as_json else plain("\n".join(lines(record))))


def table(records: list[Json]) -> Table:
    """One row a run."""
    result = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in COLUMNS:
        result.add_column(column, justify="right" if column in RIGHT else "left", no_wrap=column == "ID")
    for record in records:
        steps = record["steps"]
        result.add_row(
            record["run_id"],
            _when(record),
            record["mode"],
            record["kind"] or "",
            record["error"] or record["status"],
            str(len(steps) or ""),
            str(sum(step["made"] for step in steps) or ""),
            str(min((step["margin"] for step in steps), default="")),
            _verdict(steps),
            f"{record['seconds']:.1f}",
        )
    return result


def lines(record: Json) -> list[str]:
    """The run for a person to read."""
    head = [record["run_id"], f"{record['mode']} mode", record["kind"] or "", record["status"], record["error"] or ""]
    said = [", ".join([*filter(None, head), _when(record), f"{record['seconds']:.1f} s"])]
    said += [f"resumed after: {', '.join(record['resumed_after'])}"] if record["resumed_after"] else []
    if plan := record["plan"]:
        said += [f"plan: {plan['summary'] or 'as asked'}"]
        said += [f"  {step['number']}. {step['title']}" for step in plan["steps"]]
    for step in record["steps"]:
        said += ["", *_step(step)]
    said += [f"note: {note}" for note in record["notes"]]
    tokens = [f"{role} {used['prompt_tokens']}+{used['completion_tokens']}" for role, used in record["usage"].items()]
    said += ["", f"tokens (prompt+answer): {', '.join(tokens)}"] if tokens else []
    return [*said, "(shortened: this run was too long to be kept whole)"] if record["shortened"] else said


def _step(step: Json) -> list[str]:
    unfinished = "" if step["finished"] else " (not finished)"
    is_turn = any(candidate.get("action") for candidate in step["candidates"])
    decided = "" if step["converged"] else f", not decided: {'by most votes' if is_turn else 'chosen by score'}"
    votes = ":".join(map(str, step["votes"])) or "none"
    said = [f"step {step['number']}: {step['title']}{unfinished}"]
    said += [f"  {_candidate(candidate)}" for candidate in step["candidates"]]
    said += [f"  vote {votes}, margin {step['margin']}, confidence {step['confidence']:.2f}{decided}"]
    said += [f"  verdict: {step['verdict'] or 'none'}, round {step['rounds']}"]
    for found in step["findings"]:
        where = f"{found['where']}: " if found["where"] else ""
        said.append(f"    {found['severity']} {found['category']}: {where}{found['what']}")
    chosen = next(one for one in step["candidates"] if one["number"] == step["chosen"])
    said += [f"  chosen: candidate {chosen['number']}", ""]
    return [*said, *(f"    {line}" for line in chosen["code"].splitlines()), ""]


def _candidate(candidate: Json) -> str:
    head = f"candidate {candidate['number']}"
    if candidate["flags"]:
        return f"{head}: discarded ({', '.join(candidate['flags'])})"
    if action := candidate.get("action"):
        return f"{head}: {action}"
    ran = f"{candidate['passed']} of {candidate['checks']} checks" if candidate["executed"] else "not run"
    return f"{head}: {ran}, behaviour {candidate['signature']}"


def _verdict(steps: list[Json]) -> str:
    """The worst of the steps' verdicts."""
    verdicts = [step["verdict"] or "none" for step in steps]
    return next((verdict for verdict in ("refused", "none", "accepted") if verdict in verdicts), "")


def _when(record: Json) -> str:
    return datetime.fromtimestamp(record["started"]).strftime("%Y-%m-%d %H:%M:%S")


def _answers(config: Config, path: str) -> list[Any]:
    """What each orchestrator that runs says to the path; None from one that does not know it.

    Both are asked: without Redis each remembers only its own runs.

    Raises:
        NotRunning: neither answers.
        MakerError: none can say.
    """
    key = config.server.api_key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    replies = []
    # A proxy of the environment must not see what is asked on loopback.
    with httpx.Client(timeout=TIMEOUT, headers=headers, trust_env=False) as client:
        for mode in MODES:
            with suppress(httpx.HTTPError):
                replies.append(client.get(f"http://127.0.0.1:{config.port(f'orchestrator-{mode}')}{path}"))
    if not replies:
        raise NotRunning("no orchestrator answers; run `maker start`")
    refusals: list[str] = []
    answers = [answer for reply in replies for answer in _answer(reply, refusals)]
    if not answers:
        raise MakerError(refusals[0])
    return answers


def _answer(reply: httpx.Response, refusals: list[str]) -> list[Any]:
    """The one answer; none, and a sentence among the refusals, where it is no answer."""
    try:
        body = reply.json()
        if reply.status_code == 200 and (isinstance(body, list) or "run_id" in body):
            return [body]
        if body["error"]["code"] == "run_not_found":
            return [None]
        refusals.append(str(body["error"]["message"]))
    except (ValueError, TypeError, KeyError):
        refusals.append(f"what answers there is not an orchestrator of maker (HTTP status {reply.status_code})")
    return []
