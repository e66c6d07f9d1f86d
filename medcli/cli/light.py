"""Printing help without typer, with the same manners on a closed pipe or a full disk."""

from __future__ import annotations

import os
import sys


def print_and_end(text: str) -> int:
    """Write text to stdout and return the exit status: 0, 141 (closed pipe) or 74 (cannot be written)."""
    data = text.encode()
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return 141
    except OSError as error:
        words = (error.strerror or "").lower()
        if sys.stderr is not None:
            print(f"medcli: error: standard output cannot be written: {words}", file=sys.stderr)
        return 74
    return 0
