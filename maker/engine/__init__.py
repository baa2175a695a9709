"""Starting one model server process: pick the engine, build its argv, exec."""
