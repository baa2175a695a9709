"""The code index: Qdrant's server, or its engine embedded in the mcp process."""
