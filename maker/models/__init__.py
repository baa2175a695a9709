"""Things that answer a chat request: llama.cpp servers over HTTP, and a scripted model for tests."""
