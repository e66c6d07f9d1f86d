"""Batches of images from shards, in an order that no number of workers changes."""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from medcli.errors import DataError
from medcli.signals import STOP_SIGNALS, ignore_in_worker
from medcli.store.digests import derive_seed

# Random changes of an image, a pure function of the image, the epoch and the record's id.
Augmenter = Callable[[np.ndarray, int, str], np.ndarray]
_HANGING_S = 120.0


class Images(Protocol):
    """What the loader reads: a `ShardReader`, or anything alike."""

    records: list[dict]

    def image(self, index: int) -> np.ndarray:
        """Image at `index`, uint8, uint16 or float16 [height, width, channels]."""
        ...


class _Items(Dataset):
    """Images by (epoch, position), so that one set of workers serves all epochs."""

    def __init__(self, images: Images, augmenter: Augmenter | None) -> None:
        self.images, self.augmenter = images, augmenter

    def __getitem__(self, key: tuple[int, int]) -> torch.Tensor:
        epoch, index = key
        image = self.images.image(index)
        if self.augmenter is not None:
            image = self.augmenter(image, epoch, self.images.records[index]["id"])
        return torch.from_numpy(np.ascontiguousarray(image))


class _Batches:
    """The keys of the batches of one epoch, which the owner sets before each pass."""

    def __init__(self) -> None:
        self.keys: list[list[tuple[int, int]]] = []

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


class BatchLoader:
    """Loads batches in this process, or ahead of time in workers that are deaf to stop signals.

    Args:
        images: A reader of shards; workers open the files themselves.
        augmenter: Applied to every image, or None.
        jobs: Processes in all; 1 loads in this one.
    """

    def __init__(self, images: Images, *, augmenter: Augmenter | None = None, jobs: int = 1) -> None:
        self.images = images
        self.awaited: list[int] = []
        self._batches = _Batches()
        num_workers = max(jobs - 1, 0)
        context = "fork" if sys.platform.startswith("linux") else "spawn"
        self._loader: DataLoader = DataLoader(
            _Items(images, augmenter),
            batch_sampler=self._batches,  # type: ignore[arg-type]
            num_workers=num_workers,
            worker_init_fn=_start_worker,
            persistent_workers=num_workers > 0,
            multiprocessing_context=context if num_workers else None,
            timeout=_HANGING_S if num_workers else 0,
        )

    def batches(self, rows: Sequence[np.ndarray], *, epoch: int = 0) -> Iterator[torch.Tensor]:
        """Images of each list of positions, [images, height, width, channels], in the order given.

        Raises:
            DataError: If a worker dies or hangs, naming what it was loading.
        """
        self._batches.keys = [[(epoch, int(index)) for index in indices] for indices in rows]
        ahead = 1 + 2 * self._loader.num_workers
        with naming_lost_workers(self):
            with _stop_signals_held_back():
                iterator = iter(self._loader)
            for number in range(len(rows)):
                self.awaited = [int(i) for indices in rows[number : number + ahead] for i in indices]
                yield next(iterator)
        self.awaited = []


@contextmanager
def naming_lost_workers(*loaders: BatchLoader) -> Iterator[None]:
    """Turn the loss of a worker, which torch may raise at any line, into an error that names records.

    Raises:
        DataError: With the first records that were awaited.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader" not in str(error):
            raise
        ids = [loader.images.records[row]["id"] for loader in loaders for row in loader.awaited]
        more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
        raise DataError(
            f"a process that loads images died or hung; records to come were {', '.join(ids[:8])}{more}",
            hint="--jobs 1 loads in one process and shows the cause; more memory may be needed",
            code="worker/died",
        ) from error


@contextmanager
def _stop_signals_held_back() -> Iterator[None]:
    """Workers that start inside cannot be killed by a stop signal before they have become deaf to it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@atexit.register
def _end_workers() -> None:
    """Kill what is left at exit: multiprocessing would send TERM, which workers ignore, and wait forever."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would call each of these deaths an error
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()


def _start_worker(number: int) -> None:
    import cv2

    ignore_in_worker()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def training_batches(rows: np.ndarray, *, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Positions in each batch of an epoch: a shuffle by (seed, epoch), in batches of nearly equal size.

    No batch is a leftover of one image, which batch normalisation would not survive: a batch may instead be
    one larger than asked.

    Raises:
        DataError: If there is one image only.
    """
    if len(rows) < 2:
        raise DataError("one image cannot be trained on, two are needed")
    generator = np.random.default_rng(derive_seed(seed, "order", epoch))
    order = generator.permutation(rows)
    num_batches = min(-(-len(order) // batch_size), len(order) // 2)
    return np.array_split(order, num_batches)


def ordered_batches(rows: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
    """Positions in each batch when the order is that of `rows`."""
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
