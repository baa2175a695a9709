"""Connecting editors and other clients: their configuration files, changed so that nothing else in them changes."""
