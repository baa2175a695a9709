"""`python -m maker` and the `maker` command."""

import sys


def main() -> None:
    """Run the command line; the only place that turns it into an exit status."""
    from maker.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
