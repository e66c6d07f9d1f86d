"""A polite request to stop, for loops that can save and go on later."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Terminated(BaseException):
    """A stop signal arrived while there was nothing worth saving."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class _State:
    depth = 0
    requested = 0


def install() -> None:
    """Take over TERM, INT and USR1 for this process; called once, by the command line."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, _on_signal)


def _on_signal(signum: int, frame: FrameType | None) -> None:
    if _State.depth:
        _State.requested = signum
    else:
        raise Terminated(signum)


@contextmanager
def saving() -> Iterator[None]:
    """Inside, a stop signal only raises a flag: the loop asks `stop_requested` and saves first."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1


def stop_requested() -> bool:
    """Whether TERM, INT or USR1 arrived inside `saving`."""
    return bool(_State.requested)


def ignore_in_worker() -> None:
    """Make a worker process deaf to stop signals: its parent tells it when to end."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
