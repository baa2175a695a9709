"""The OpenAI chat wire, both directions, without I/O: types, parsing, encoding, server-sent events."""
