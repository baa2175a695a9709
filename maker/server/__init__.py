"""The orchestrator's HTTP side, thin: routes, events to wire, errors, lifespan."""
