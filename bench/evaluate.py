"""The arithmetic of evaluate beside scikit-learn, torchmetrics and plain formulas: seconds and ratios."""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{name}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from torchmetrics.functional.classification import binary_auroc, binary_calibration_error  # noqa: E402

from medcli.metrics.bootstrap import Resamples, bootstrap_aucs, ranking  # noqa: E402
from medcli.metrics.delong_tests import delong_test  # noqa: E402
from medcli.metrics.ece import label_ece  # noqa: E402
from medcli.metrics.probability import expected_calibration_error  # noqa: E402

torch.set_num_threads(1)
LABELS = 14
NAIVE = 2000


def cohort(size: int, labels: int = LABELS, *, models: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Targets [images, labels] of 1 to 30 % prevalence, and probabilities [models, images, labels]."""
    generator = np.random.default_rng(0)
    targets = generator.random((size, labels)) < np.linspace(0.01, 0.3, labels)
    lines = generator.normal(size=(models, size, labels)) + 1.5 * targets - 2
    return targets.astype(float), 1 / (1 + np.exp(-lines))


def seconds(work: Callable[[], Any], *, times: int = 1) -> tuple[float, Any]:
    """The least of several runs, and what the last gave."""
    best, result = np.inf, None
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def tell(what: str, tool: str, spent: float, ours: float, **facts: Any) -> None:
    row = {"what": what, "tool": tool, "seconds": round(spent, 3), "times_medcli": round(spent / ours, 2)}
    print(json.dumps({**row, **facts}), flush=True)


def bench_delong(size: int) -> None:
    """Two AUCs with variances, covariance and test, for every label."""
    what = f"DeLong, {size:,} images x {LABELS} labels x 2 models"
    targets, scores = cohort(size, models=2)
    patients = np.arange(size)

    def delong() -> list[list[float]]:
        return [
            delong_test(targets[:, k], scores[0][:, k], scores[1][:, k], patients, level=0.95)["aucs"]
            for k in range(LABELS)
        ]

    def areas(area: Callable[[np.ndarray, np.ndarray], float]) -> list[list[float]]:
        return [[area(targets[:, k], model[:, k]) for model in scores] for k in range(LABELS)]

    ours, found = seconds(delong, times=2)
    tell(what, "medcli, with variance, covariance, interval and test", ours, ours)
    theirs, wanted = seconds(lambda: areas(roc_auc_score), times=2)
    gap = float(np.abs(np.array(found) - wanted).max())
    tell(what, "scikit-learn roc_auc_score, area alone", theirs, ours, largest_difference=gap)
    theirs, _ = seconds(
        lambda: areas(lambda y, s: binary_auroc(torch.from_numpy(s), torch.from_numpy(y).int()).item())
    )
    tell(what, "torchmetrics binary_auroc, area alone", theirs, ours)
    few = cohort(NAIVE, 1, models=2)
    one, _ = seconds(lambda: [naive_delong(few[0][:, 0], model[:, 0]) for model in few[1]])
    share = float(np.mean(targets.mean(axis=0) * (1 - targets.mean(axis=0))))
    own = float(few[0].mean() * (1 - few[0].mean()))
    scaled = one * LABELS * (size / NAIVE) ** 2 * share / own
    tell(what, "the formula, pair by pair (extrapolated)", scaled, ours)


def naive_delong(targets: np.ndarray, scores: np.ndarray) -> float:
    """Variance from the matrix of all pairs."""
    positive, negative = scores[targets == 1], scores[targets == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(axis=1).var(ddof=1) / len(positive) + wins.mean(axis=0).var(ddof=1) / len(negative)


def bench_bootstrap(size: int, *, resamples: int, sampled: int) -> None:
    """AUCs of resampled patients; scikit-learn's loop is timed on a few resamples and extrapolated."""
    what = f"bootstrap, {resamples:,} resamples of {LABELS} AUCs, {size:,} patients"
    targets, scores = cohort(size)
    columns = [np.ascontiguousarray(scores[0][:, k]) for k in range(LABELS)]
    truths = [np.ascontiguousarray(targets[:, k]) for k in range(LABELS)]

    def ours_of(count: int, threads: int) -> np.ndarray:
        orders = [ranking(y, s, np.arange(size)) for y, s in zip(truths, columns, strict=True)]
        return bootstrap_aucs(orders, Resamples(size, 1, count), threads=threads)

    ours_of(2, 1)
    ours, found = seconds(lambda: ours_of(resamples, 1))
    tell(what, "medcli", ours, ours)
    spent, both = seconds(lambda: ours_of(resamples, 2))
    tell(what, "medcli, 2 threads", spent, ours, same=bool((both == found).all()))
    _, draw = next(iter(Resamples(size, 1, sampled).blocks()))
    drawn = [np.repeat(np.arange(size), row) for row in draw()]
    spent, wanted = seconds(
        lambda: [
            [roc_auc_score(y[rows], s[rows]) for y, s in zip(truths, columns, strict=True)] for rows in drawn
        ]
    )
    gap = float(np.abs(found[:sampled] - np.array(wanted)).max())
    spent *= resamples / sampled
    tell(what, "scikit-learn loop (extrapolated)", spent, ours, largest_difference=gap)


def bench_ece(size: int) -> None:
    what = f"ECE, 15 bins, {size:,} images"
    targets, scores = cohort(size, 1)
    y, p = targets[:, 0], scores[0][:, 0]
    ours, found = seconds(lambda: expected_calibration_error(p, y), times=3)
    tell(what, "medcli", ours, ours)
    spent, _ = seconds(lambda: label_ece(p, y, np.arange(size)))
    tell(what, "medcli, with null band and debiased value", spent, ours)
    theirs, other = seconds(
        lambda: binary_calibration_error(torch.from_numpy(p), torch.from_numpy(y).int(), n_bins=15).item(),
        times=3,
    )
    tell(what, "torchmetrics", theirs, ours, largest_difference=abs(found - other))

    def plain() -> float:
        edges = np.linspace(0, 1, 16)
        total = 0.0
        for low, high in itertools.pairwise(edges):
            rows = (p > low) & (p <= high)
            total += abs(p[rows].sum() - y[rows].sum())
        return total / size

    spent, other = seconds(plain, times=3)
    tell(what, "the formula, bin by bin", spent, ours, largest_difference=abs(found - other))


def bench_command(size: int) -> None:
    """The complete default evaluation of a table, with subgroups and report."""
    targets, scores = cohort(size)
    generator = np.random.default_rng(1)
    patients = np.sort(generator.integers(0, size // 2, size))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "scores.csv"
        names = [f"finding {k}" for k in range(LABELS)]
        header = [*(f"target:{n}" for n in names), *(f"score:{n}" for n in names)]
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "patient", "sex", "age", *header])
            for row in range(size):
                facts = [row, patients[row], "FM"[patients[row] % 2], 20 + int(patients[row]) % 60]
                writer.writerow([*facts, *targets[row].astype(int), *scores[0][row].round(6)])
        line = [sys.executable, "-m", "medcli.cli.main", "evaluate", "-q", str(table), f"{folder}/report"]
        line += ["-o", f"{folder}/out.json", "--key-file", f"{folder}/key"]
        line += ["--subgroup", "sex,age:0-40-60-120"]
        spent, _ = seconds(lambda: subprocess.run(line, check=True))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    what = f"evaluate, {size:,} images x {LABELS} labels, 2,000 resamples, subgroups, report"
    tell(what, "medcli", spent, spent, peak_mb=round(peak))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of everything")
    parser.add_argument("--only", nargs="*", default=["delong", "bootstrap", "ece", "command"])
    options = parser.parse_args()
    part = 20 if options.quick else 1
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} CPUs", flush=True)
    if "delong" in options.only:
        bench_delong(112_120 // part)
    if "bootstrap" in options.only:
        bench_bootstrap(10_000, resamples=10_000 // part, sampled=10)
        bench_bootstrap(100_000, resamples=10_000 // part, sampled=3)
    if "ece" in options.only:
        bench_ece(1_000_000 // part)
    if "command" in options.only:
        bench_command(25_000 // part)


if __name__ == "__main__":
    main()
