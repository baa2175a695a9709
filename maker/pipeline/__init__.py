"""The work itself: stages that return values and report events. No HTTP, no Quart, no Redis."""
