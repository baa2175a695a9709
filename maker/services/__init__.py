"""What supervisord runs: which services there are, starting and stopping them, and whether they are ready."""
