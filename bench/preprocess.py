"""medcli and its peers on the same films, in turns; prints seconds a film and the medians of the ratios."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from films import write_films

HERE = Path(__file__).parent
PEERS = ["opencv", "skimage", "monai", "torchio"]
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


def command(name: str, *, films: Path, work: Path, mode: str) -> list[str]:
    """What is run, from a cold start to everything written."""
    if name != "medcli":
        return [sys.executable, str(HERE / f"peer_{name}.py"), str(films), str(work / "out.npy"), mode]
    filters = ["--clahe"] + (["--denoise", "--denoise-strength", "3"] if mode == "nlm" else [])
    manifest = ["-q", "-j", "2", str(films.parent / "films.json"), str(work / "out.h5")]
    return [
        sys.executable,
        "-m",
        "medcli.cli.main",
        "preprocess",
        *filters,
        *manifest,
        "-o",
        str(work / "out.json"),
    ]


def measure(name: str, *, films: Path, mode: str) -> tuple[float, float]:
    """Seconds and the largest process's memory in MB of one run."""
    with tempfile.TemporaryDirectory() as folder:
        line = command(name, films=films, work=Path(folder), mode=mode)
        started = time.perf_counter()
        process = subprocess.Popen(line, env={**os.environ, **THREADS}, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{name} failed: {' '.join(line)}")
        return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=PEERS)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        films = folder / "films"
        write_films(films, count=options.images)
        ingest = [
            sys.executable,
            "-m",
            "medcli.cli.main",
            "ingest",
            "-q",
            str(films),
            "-o",
            str(folder / "films.json"),
        ]
        subprocess.run([*ingest, "--key-file", str(folder / "key")], check=True)
        for mode in ("plain", "nlm"):
            compare(films, mode=mode, options=options)
    finally:
        shutil.rmtree(folder)


def compare(films: Path, *, mode: str, options: argparse.Namespace) -> None:
    names = ["medcli", *options.peers]
    measure("medcli", films=films, mode=mode)  # numba compiles once for a machine
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            runs[name].append(measure(name, films=films, mode=mode))
    print(f"\n{mode}: {options.images} films, {options.rounds} rounds; load {os.getloadavg()[0]:.1f}")
    for name in names:
        seconds = [run[0] for run in runs[name]]
        ratios = [theirs / ours[0] for theirs, ours in zip(seconds, runs["medcli"], strict=True)]
        row = {
            "tool": name,
            "ms_a_film": round(1000 * statistics.median(seconds) / options.images, 1),
            "times_medcli": round(statistics.median(ratios), 2),
            "peak_mb": round(max(run[1] for run in runs[name])),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
