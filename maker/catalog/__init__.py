"""Which model file for which role, how large, and whether it is whole; the tiny models that maker makes itself."""
