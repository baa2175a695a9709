"""Measuring maker, as it runs and on recorded model replies; above everything but the command line."""
