"""Work on files: one module per command, `run(config) -> Manifest`."""
