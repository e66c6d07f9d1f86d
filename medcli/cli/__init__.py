"""Words on a command line: typer only; parse, call one stage, print the result."""
