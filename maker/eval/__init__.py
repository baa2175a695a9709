"""Measuring maker on recorded model replies; above everything but the command line."""
