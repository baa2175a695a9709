"""Codebase tools as plain functions of a Workspace; the MCP registration last."""
