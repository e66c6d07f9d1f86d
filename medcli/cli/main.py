"""The way in. Help and version come from the table alone, so they start fast; the rest is in `program`."""

from __future__ import annotations

import os
import sys

from medcli import __version__
from medcli.cli.light import print_and_end
from medcli.cli.table import program_help


def main() -> None:
    """Run the command line and exit with the status that the manual promises."""
    arguments = sys.argv[1:]
    is_completion = "_MEDCLI_COMPLETE" in os.environ
    if not is_completion and arguments in ([], ["-h"], ["--help"]):
        sys.exit(print_and_end(program_help()))
    if arguments == ["--version"]:
        sys.exit(print_and_end(f"medcli {__version__}\n"))
    from medcli.cli.program import run_as_process

    sys.exit(run_as_process(arguments))


if __name__ == "__main__":
    main()
