"""Progress on stderr: bars on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from medcli.cli.streams import printable, say
from medcli.progress import SILENT, Progress

LINE_INTERVAL_S = 30.0


def choose_progress(command: str, *, quiet: bool) -> Progress:
    """The progress that fits: silent, bars or lines."""
    if quiet:
        return SILENT
    try:
        is_terminal = sys.stderr.isatty()
    except (AttributeError, ValueError):
        return SILENT
    return BarProgress(command) if is_terminal else LineProgress(command)


class LineProgress:
    """Plain lines for logs: notes at once, counts every 30 s."""

    def __init__(self, command: str) -> None:
        self._command = command

    def note(self, text: str) -> None:
        """Say one line now."""
        say(f"medcli {self._command}: {text}")

    @contextmanager
    def task(self, label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
        """Count towards `total`, with a line every 30 s."""
        done = 0
        spoke = time.monotonic()

        def step(count: int = 1, note: str = "") -> None:
            nonlocal done, spoke
            done += count
            if time.monotonic() - spoke >= LINE_INTERVAL_S:
                spoke = time.monotonic()
                share = f"{done}/{total}" if total else f"{done}"
                self.note(f"{label} {share}" + (f" ({note})" if note else ""))

        yield step


class BarProgress:
    """Bars for people; rich is imported when the first is drawn."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._live: Any = None

    def note(self, text: str) -> None:
        """Say one line, above a running bar if there is one."""
        if self._live is None:
            say(f"medcli {self._command}: {text}")
        else:
            self._live.console.print(
                printable(f"medcli {self._command}: {text}"), markup=False, highlight=False
            )

    @contextmanager
    def task(self, label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
        """Draw a bar towards `total` until the block ends."""
        if self._live is not None:
            with self._bar(label, total) as step:
                yield step
            return
        with _rich_progress() as live, self._bar_on(live, label, total) as step:
            yield step

    @contextmanager
    def _bar_on(self, live: Any, label: str, total: int | None) -> Iterator[Callable[..., None]]:
        self._live = live
        try:
            with self._bar(label, total) as step:
                yield step
        finally:
            self._live = None

    @contextmanager
    def _bar(self, label: str, total: int | None) -> Iterator[Callable[..., None]]:
        bar = self._live.add_task(label, total=total, note="")
        live = self._live

        def step(count: int = 1, note: str = "") -> None:
            live.update(bar, advance=count, **({"note": note} if note else {}))

        yield step


def _rich_progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description:<12}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )
