"""Work in processes that may die: one bad item costs that item, never the job.

Native image decoders crash, hang and eat memory. Each item goes to a worker process with a limit on memory
and time; a worker that dies is replaced. Results come in input order, whatever the number of workers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic, TypeVar

from medcli import signals
from medcli.errors import DataError, MedcliError

Item = TypeVar("Item")

START_TIMEOUT_S = 300.0
_LOOK_AHEAD = 4  # results kept per worker while an earlier, slower item is awaited
_BOOT = "from medcli.worker_process import serve; serve({fd}, parent={parent})"
_ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")


@dataclass(frozen=True)
class Result(Generic[Item]):
    """What became of one item: a value, or the error that took its place."""

    item: Item
    value: Any = None
    error: MedcliError | None = None


def available_cpus() -> int:
    """Processors that this process may use: its affinity (SLURM) and its cgroup's quota (containers)."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return count if quota == "max" else max(1, min(count, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return count


def run_in_workers(
    function: Callable[[Item], Any],
    items: Iterable[Item],
    *,
    jobs: int,
    timeout_s: float = 120,
    memory_bytes: int = 4 << 30,
    size_of: Callable[[Item], int] | None = None,
) -> Iterator[Result[Item]]:
    """Results of `function` for every item, in input order.

    A `MedcliError` of the function is the item's error. So is everything else that can happen to it, as a
    `DataError` whose code is `worker/died`, `worker/timeout`, `worker/memory` (more than `memory_bytes`
    beyond what its imports took) or `worker/crashed` (any other exception; its type is named, its text,
    which may quote the input, is not). Close the generator to kill the workers early.

    Args:
        function: Importable by name from a module other than `__main__`.
        items: Read only as far ahead as the workers need, so that memory stays flat.
        jobs: Number of processes; 0 for all processors.
        timeout_s: What every item may take.
        memory_bytes: The same of memory.
        size_of: Bytes that an item reads, of which each MiB allows one second and 8 MiB more.

    Raises:
        MedcliError: If a worker cannot even start.
    """
    pool = _Pool(function, jobs or available_cpus(), timeout_s, memory_bytes, size_of or (lambda item: 0))
    try:
        yield from pool.results(items)
    finally:
        pool.kill()


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    deadline: float
    is_ready: bool = False
    index: int | None = None
    item: Any = None
    timeout_s: float = 0


@dataclass
class _Pool:
    function: Callable[[Any], Any]
    jobs: int
    timeout_s: float
    memory_bytes: int
    size_of: Callable[[Any], int]
    workers: list[_Worker] = field(default_factory=list)
    finished: dict[int, Result[Any]] = field(default_factory=dict)
    num_taken: int = 0
    has_more: bool = True

    def results(self, items: Iterable[Item]) -> Iterator[Result[Item]]:
        """Feed, collect, and hand out what is next in line, until nothing is left."""
        numbered = enumerate(items)
        position = 0
        while self.has_more or position < self.num_taken:
            self._collect(patiently=position not in self.finished)
            self._feed(numbered, up_to=position + _LOOK_AHEAD * self.jobs)
            if position in self.finished:
                yield self.finished.pop(position)
                position += 1

    def kill(self) -> None:
        """End all workers now; they hold nothing worth saving."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.connection.close()
            worker.process.wait()
        self.workers.clear()

    def _feed(self, numbered: Iterator[tuple[int, Any]], *, up_to: int) -> None:
        """Give every idle worker an item, starting workers as there is work for them."""
        while self.has_more and self.num_taken < up_to:
            worker = self._idle_worker()
            if worker is None and len(self.workers) == self.jobs:
                return
            index, item = next(numbered, (None, None))
            if index is None:
                self.has_more = False
                return
            self.num_taken += 1
            self._assign(worker or self._start(), index, item)

    def _idle_worker(self) -> _Worker | None:
        for worker in [worker for worker in self.workers if worker.index is None]:
            if worker.process.poll() is None:
                return worker
            self.workers.remove(worker)
            worker.connection.close()
        return None

    def _assign(self, worker: _Worker, index: int, item: Any) -> None:
        worker.index, worker.item = index, item
        if worker.is_ready:
            self._send(worker)

    def _start(self) -> _Worker:
        worker = _spawn()
        self.workers.append(worker)
        worker.connection.send(self.function)
        return worker

    def _send(self, worker: _Worker) -> None:
        size = self.size_of(worker.item)
        worker.timeout_s = self.timeout_s + size / (1 << 20)
        worker.deadline = time.monotonic() + worker.timeout_s
        try:
            worker.connection.send((worker.item, self.memory_bytes + 8 * size))
        except (BrokenPipeError, ConnectionResetError):
            self._bury(worker)

    def _collect(self, *, patiently: bool) -> None:
        """Take what workers have done; with patience, sleep until one speaks, dies, or runs out of time."""
        busy = {worker.connection: worker for worker in self.workers if worker.index is not None}
        if not busy:
            return
        patience = min(worker.deadline for worker in busy.values()) - time.monotonic() if patiently else 0.0
        for connection in wait(list(busy), timeout=max(0.0, patience)):
            self._receive(busy[connection])  # type: ignore[index]
        now = time.monotonic()
        for worker in [
            worker for worker in self.workers if worker.index is not None and worker.deadline <= now
        ]:
            self._bury(worker, is_late=True)

    def _receive(self, worker: _Worker) -> None:
        try:
            value, error = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            self._bury(worker)
            return
        if worker.is_ready:
            self._finish(worker, value=value, error=error)
        elif error is not None:
            raise error
        else:
            worker.is_ready = True
            self._send(worker)

    def _finish(self, worker: _Worker, *, value: Any = None, error: MedcliError | None = None) -> None:
        assert worker.index is not None
        self.finished[worker.index] = Result(worker.item, value, error)
        worker.index = worker.item = None

    def _bury(self, worker: _Worker, *, is_late: bool = False) -> None:
        """Charge the worker's end to its item; `_feed` starts another when there is more to do."""
        self.workers.remove(worker)
        worker.connection.close()
        end = "" if is_late else _describe_end(worker.process)
        worker.process.kill()
        worker.process.wait()
        if not worker.is_ready:
            raise MedcliError(f"a worker process could not start: {end or 'it took too long'}")
        self._finish(worker, error=_late(worker.timeout_s) if is_late else _died(end))


def _late(timeout_s: float) -> MedcliError:
    return DataError(f"took longer than {timeout_s:.3g} s", code="worker/timeout")


def _died(end: str) -> MedcliError:
    return DataError(
        f"the worker process that read it died: {end}",
        hint="SIGKILL often means that the machine ran out of memory: try fewer --jobs",
        code="worker/died",
    )


def _describe_end(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "it closed its pipe"
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _spawn() -> _Worker:
    process, connection = start_interpreter(_BOOT)
    return _Worker(process, connection, deadline=time.monotonic() + START_TIMEOUT_S)


def start_interpreter(boot: str) -> tuple[subprocess.Popen[bytes], Connection]:
    """A fresh interpreter and a pipe to it; never a fork, which would copy threads and locks.

    Args:
        boot: Its program, with `{fd}` for its end of the pipe and `{parent}` for this process's number.
    """
    here, there = Pipe()
    # Blocked while the child is born, and so for all of its life: a TERM or INT to the process group can
    # not hit it before it gets to ignoring them. In this process they are delivered right after.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, signals.STOP_SIGNALS)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", boot.format(fd=there.fileno(), parent=os.getpid())],
            pass_fds=[there.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_environment(),
        )
        return process, here
    finally:
        there.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _environment() -> dict[str, str]:
    """The parent's, with its module search path, and one thread a library: workers are the parallelism."""
    threads = {f"{name}_NUM_THREADS": "1" for name in _ONE_THREAD}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, **threads, "OPENCV_FOR_THREADS_NUM": "1", "PYTHONPATH": path}
