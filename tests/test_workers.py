"""Order, and what becomes of workers that crash, hang, eat memory, or outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.errors import DataError, InputError, MedcliError
from medcli.signals import Terminated
from medcli.workers import available_cpus, run_in_workers
from tests.misbehaving import MIB, act


def codes(items: Sequence[tuple[str, float]], *, jobs: int = 2, **limits: float) -> list[str]:
    results = run_in_workers(act, items, jobs=jobs, **limits)  # type: ignore[arg-type]
    return [result.error.code if result.error else "ok" for result in results]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.001, 0.02]), max_size=12), st.integers(1, 3))
def test_results_come_in_input_order_for_any_jobs(delays: list[float], jobs: int) -> None:
    items = [("sleep", delay) for delay in delays]
    results = list(run_in_workers(act, items, jobs=jobs))
    assert [result.item for result in results] == items
    assert all(result.item is item for result, item in zip(results, items, strict=True))
    assert [result.value for result in results] == items


def test_a_slow_first_item_does_not_change_the_order_nor_let_the_input_run_ahead() -> None:
    taken = []

    def items() -> Iterator[tuple[str, float]]:
        for number in range(100):
            taken.append(number)
            yield ("sleep", 0.5 if number == 0 else 0.0)

    results = run_in_workers(act, items(), jobs=2)
    assert next(results).item == ("sleep", 0.5)
    assert len(taken) <= 9
    assert [result.item for result in results] == [("sleep", 0.0)] * 99


def test_a_worker_that_dies_is_one_error_and_the_rest_goes_on() -> None:
    items = [("ok", 0), ("exit", 139), ("ok", 1), ("segfault", 0), ("ok", 2), ("exit", 0), ("ok", 3)]
    assert codes(items) == ["ok", "worker/died", "ok", "worker/died", "ok", "worker/died", "ok"]


def test_the_end_of_a_worker_is_named() -> None:
    status, segfault = run_in_workers(act, [("exit", 139), ("segfault", 0)], jobs=1)
    assert "exit status 139" in str(status.error)
    assert "SIGSEGV" in str(segfault.error)
    assert isinstance(segfault.error, DataError)


def test_a_worker_that_hangs_is_stopped_at_its_deadline() -> None:
    started = time.monotonic()
    assert codes([("sleep", 60), ("ok", 0), ("ok", 1)], jobs=1, timeout_s=0.3) == [
        "worker/timeout",
        "ok",
        "ok",
    ]
    assert time.monotonic() - started < 10


def test_memory_is_limited_beyond_the_imports() -> None:
    items = [("eat", 20), ("eat", 400), ("eat", 20)]
    assert codes(items, memory_bytes=100 * MIB) == ["ok", "worker/memory", "ok"]


def test_large_inputs_may_take_more_time_and_memory() -> None:
    items = [("eat", 400), ("sleep", 1.5)]
    assert codes(items, memory_bytes=100 * MIB, timeout_s=0.5) == ["worker/memory", "worker/timeout"]
    results = run_in_workers(
        act, items, jobs=1, memory_bytes=100 * MIB, timeout_s=0.5, size_of=lambda item: 60 * MIB
    )
    assert [result.error for result in results] == [None, None]


def test_errors_of_the_function_keep_their_words_and_others_lose_theirs() -> None:
    refused, crashed = run_in_workers(act, [("refuse", 0), ("raise", 0)], jobs=1)
    assert isinstance(refused.error, InputError)
    assert (refused.error.where, refused.error.hint, refused.error.code) == ("a.png", "look", "input/missing")
    assert crashed.error is not None
    assert crashed.error.code == "worker/crashed"
    assert "ValueError" in str(crashed.error)
    assert "PATIENT" not in repr(crashed.error) + "".join(crashed.error.__notes__)


def test_a_worker_is_kept_for_many_items_and_has_one_thread() -> None:
    results = list(run_in_workers(act, [("pid", 0)] * 5 + [("env", 0)], jobs=1))
    assert len({result.value for result in results[:5]}) == 1
    assert results[0].value != os.getpid()
    assert results[5].value == ("1", "1")


def test_no_items_start_no_worker() -> None:
    assert list(run_in_workers(act, [], jobs=2)) == []


def test_a_function_that_can_not_be_imported_is_an_error_and_no_hang() -> None:
    with pytest.raises((MedcliError, AttributeError)):
        list(run_in_workers(lambda item: item, [1], jobs=1))  # type: ignore[arg-type, return-value]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", ["close", "terminated"])
def test_ending_early_kills_the_workers(how: str) -> None:
    results = run_in_workers(act, [("pid", 0), ("sleep", 60), ("sleep", 60)], jobs=1)
    pid = next(results).value
    assert is_alive(pid)
    if how == "close":
        results.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(Terminated):
            results.throw(Terminated(15))  # type: ignore[attr-defined]
    assert not is_alive(pid)


def test_a_killed_parent_leaves_no_orphan_and_group_signals_do_not_reach_workers() -> None:
    script = (
        "from tests.misbehaving import act\nfrom medcli.workers import run_in_workers\n"
        "for result in run_in_workers(act, [('pid', 0), ('sleep', 60)], jobs=1):\n"
        "    print(result.value, flush=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        os.kill(worker, signum)
    time.sleep(0.2)
    assert is_alive(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(worker)


def test_processors_are_counted_by_affinity() -> None:
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)
