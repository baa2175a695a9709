"""The run store: Redis, and its in-process twin."""
