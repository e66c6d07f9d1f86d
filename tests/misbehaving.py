"""A function for workers, in a module of its own so that a worker starts without pytest."""

from __future__ import annotations

import os
import signal
import time

from medcli.errors import InputError

MIB = 1 << 20


def act(item: tuple[str, float]) -> object:
    """What the item says: the misbehaviour of every decoder in one function."""
    kind, value = item
    if kind == "sleep":
        time.sleep(value)
    elif kind == "exit":
        os._exit(int(value))
    elif kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif kind == "eat":
        return len(bytearray(int(value) * MIB))
    elif kind == "refuse":
        raise InputError("not there", where="a.png", hint="look", code="input/missing")
    elif kind == "raise":
        raise ValueError("patient^name".upper())
    elif kind == "pid":
        return os.getpid()
    elif kind == "env":
        return os.environ["OMP_NUM_THREADS"], os.environ["OPENCV_FOR_THREADS_NUM"]
    return item
