"""How long `maker --help` takes: the median of ten runs, beside importing click alone.

Run `python benchmarks/help_time.py`; exits 1 when the median is above the limit. What comes on top of click is what a
change to maker/cli can make worse.
"""

import statistics
import subprocess
import sys
import time

RUNS = 10
LIMIT_S = 0.3


def median_s(*argv: str) -> float:
    """The median wall time of the command in seconds, after one run that fills the caches."""
    times = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> int:
    """Measure, print, and compare with the limit."""
    python = sys.executable
    shown = median_s(python, "-m", "maker", "--help")
    click = median_s(python, "-c", "import click")
    print(f"maker --help   {shown * 1000:6.0f} ms  (median of {RUNS}; limit {LIMIT_S * 1000:.0f} ms)")
    print(f"import click   {click * 1000:6.0f} ms  (ratio {shown / click:.2f})")
    return 0 if shown < LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
