"""`maker votes`."""

import json

import click

from maker.errors import RequestError
from maker.pipeline import vote


@click.command(
    epilog="""\b
Examples:
  maker votes --accuracy 0.8 --steps 20 --target 0.95
  maker votes --accuracy 0.9978 --steps 1048575 --target 0.95 --json
"""
)
@click.option("--accuracy", type=float, required=True, help="Share of samples that get one step right.")
@click.option("--steps", type=int, required=True, help="Steps that must all be right.")
@click.option("--target", type=float, required=True, help="Wanted probability that they are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def votes(accuracy: float, steps: int, target: float, as_json: bool) -> None:
    """Show which margin k a task needs, and what it costs.

    k is how many votes the winner of each step must be ahead of every other; expected_samples is what one step takes
    on average, success the probability that every step comes out right.
    """
    try:
        k = vote.k_min(accuracy, steps, target)
        samples, success = vote.expected_samples(accuracy, k), vote.p_full(accuracy, k, steps)
    except RequestError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps({"k": k, "expected_samples": samples, "success": success}))
        return
    click.echo(f"k                 {k}")
    click.echo(f"expected samples  {samples:.4g} a step, {samples * steps:,.0f} in all")
    click.echo(f"success           {success:.4f}")
