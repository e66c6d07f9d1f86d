"""Run the real program in a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = [sys.executable, "-m", "medcli.cli.main"]
ROOT = Path(__file__).resolve().parents[2]


def environment(**extra: str) -> dict[str, str]:
    """A plain environment in which the program, its key and its width are the test's own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MEDCLI_")}
    kept |= {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return {**kept, **extra}


def medcli(
    *arguments: str | Path, cwd: Path | None = None, stdin: bytes = b"", **extra: str
) -> subprocess.CompletedProcess[str]:
    """One command; stdout and stderr as text."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=environment(**{"XDG_CONFIG_HOME": str((cwd or ROOT) / ".config"), **extra}),
        check=False,
        timeout=300,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace")
    )


def shell(line: str, *, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """A line for sh, in which `medcli` is the program under test."""
    folder = cwd / ".bin"
    folder.mkdir(exist_ok=True)
    script = folder / "medcli"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m medcli.cli.main "$@"\n')
    script.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", line],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=environment(**{"PATH": path, "XDG_CONFIG_HOME": str(cwd / ".config"), **extra}),
        check=False,
        timeout=600,
    )
