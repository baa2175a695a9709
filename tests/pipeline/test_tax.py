"""The measurement of what a run costs that is maker's own, made small."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from benchmarks import tax


def test_the_measured_run_takes_the_whole_path() -> None:
    times = asyncio.run(tax.timed(tax.in_process, 2))
    assert times.reported_ms is not None
    assert 0 < times.reported_ms <= times.p95_ms


@pytest.mark.processes
def test_the_measurement_through_the_server_comes_out_as_json() -> None:
    done = CliRunner().invoke(tax.main, ["--runs", "2", "--json"], catch_exceptions=False)
    found = json.loads(done.output)
    assert done.exit_code == (found["in_process"]["median_ms"] > found["bar_ms"])
    assert found["http"]["reported_ms"] <= found["http"]["p95_ms"]
    assert found["runs"] == 2
