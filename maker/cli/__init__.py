"""The `maker` command: parse, call, print; one file per group of commands."""
