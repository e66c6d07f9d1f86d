"""How a stage says where it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """What a stage may tell a person while it works."""

    def task(self, label: str, total: int | None = None) -> AbstractContextManager[Callable[..., None]]:
        """Open a bar; the value given is called as `step(count=1, note="loss 0.31")`."""
        ...

    def note(self, text: str) -> None:
        """Say one line now."""
        ...


class _Silent:
    @contextmanager
    def task(self, label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
        yield lambda count=1, note="": None

    def note(self, text: str) -> None:
        """Say nothing."""


SILENT: Progress = _Silent()
