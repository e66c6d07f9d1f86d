"""medcli and its peers on the same films, in turns; prints milliseconds a film and the medians of the ratios.

Every tool runs as a program of its own with two workers, from PNG files to everything written. Before the
rounds each runs on two films: once to warm up (imports are compiled, files cached), then twice to measure how
long it takes to start. The shorter is taken off, for it does not grow with a cohort. Where a film takes long
there are fewer of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from films import write_films

HERE = Path(__file__).parent
PEERS = ["opencv", "skimage", "monai", "torchio"]
MODES = {"plain": "percentiles, CLAHE, resize", "nlm": "percentiles, non-local means, CLAHE, resize"}
FEW = 2  # films to warm up with
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


@dataclass
class Tool:
    """One competitor and its measurements."""

    name: str
    start_s: float = 0.0
    seconds_a_film: dict[str, list[float]] = field(default_factory=lambda: {mode: [] for mode in MODES})
    peak_mb: float = 0.0

    def measure(self, films: Path, mode: str) -> float:
        """Seconds of one run."""
        with tempfile.TemporaryDirectory(dir=films.parent) as folder:
            line = self._command(films, Path(folder), mode)
            started = time.perf_counter()
            process = subprocess.Popen(line, env={**os.environ, **THREADS}, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            elapsed = time.perf_counter() - started
        if status:
            raise SystemExit(f"{self.name} failed: {' '.join(line)}")
        self.peak_mb = max(self.peak_mb, usage.ru_maxrss / 1024)
        return elapsed

    def _command(self, films: Path, work: Path, mode: str) -> list[str]:
        if self.name != "medcli":
            return [
                sys.executable,
                str(HERE / f"peer_{self.name}.py"),
                str(films),
                str(work / "out.npy"),
                mode,
            ]
        filters = ["--clahe"] + (["--denoise", "--denoise-strength", "3"] if mode == "nlm" else [])
        manifest = [str(films.with_suffix(".json")), str(work / "out.h5"), "-o", str(work / "out.json")]
        return [*medcli("preprocess"), *filters, "-j", "2", *manifest]

    def share_of_films(self, mode: str) -> float:
        """How many films it gets: scikit-image's non-local means take seconds, steps without them little."""
        if mode == "plain":
            return 2.5
        return 1 if self.name in {"medcli", "opencv"} else 1 / 6


def medcli(command: str) -> list[str]:
    """The beginning of a command line."""
    return [sys.executable, "-m", "medcli.cli.main", command, "-q"]


def make_films(folder: Path, *, count: int) -> Path:
    """A folder of films beside a manifest of the same name."""
    write_films(folder, count=count)
    ingest = [*medcli("ingest"), str(folder), "-o", str(folder.with_suffix(".json"))]
    subprocess.run([*ingest, "--key-file", str(folder.parent / "key")], check=True)
    return folder


def compete(tools: list[Tool], base: Path, *, num_images: int, rounds: int) -> None:
    """All rounds; results go into the tools."""
    few = make_films(base / "few", count=FEW)
    for tool in tools:
        tool.measure(few, "nlm" if tool.name == "medcli" else "plain")  # numba compiles once for a machine
        tool.start_s = min(tool.measure(few, "plain") for _ in range(2))
    counts = {
        (tool.name, mode): round(num_images * tool.share_of_films(mode)) for tool in tools for mode in MODES
    }
    folders = {count: make_films(base / str(count), count=count) for count in set(counts.values())}
    for _ in range(rounds):
        for mode in MODES:
            for tool in tools:
                count = counts[tool.name, mode]
                # The two films of the start count little with non-local means, since they had none.
                others = count - FEW if mode == "plain" else count
                elapsed = tool.measure(folders[count], mode)
                tool.seconds_a_film[mode].append((elapsed - tool.start_s) / others)


def show(tools: list[Tool]) -> None:
    """The table; ratios are medians over the rounds."""
    ours = tools[0]
    for mode, steps in MODES.items():
        print(f"\n{mode}: {steps}\n{'tool':10}{'ms a film':>10}{'films/s':>9}{'ratio':>8}  each round")
        for tool in tools:
            seconds = tool.seconds_a_film[mode]
            ratios = [theirs / mine for theirs, mine in zip(seconds, ours.seconds_a_film[mode], strict=True)]
            middle = statistics.median(seconds)
            each = " ".join(f"{ratio:.2f}" for ratio in ratios)
            ratio = statistics.median(ratios)
            print(f"{tool.name:10}{1000 * middle:>10.1f}{1 / middle:>9.2f}{ratio:>8.2f}  {each}")
    print("\nstart and peak of the largest process")
    for tool in tools:
        print(f"{tool.name:10}{tool.start_s:>8.1f} s{tool.peak_mb:>8.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=PEERS)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp())
    tools = [Tool(name) for name in ["medcli", *options.peers]]
    load = os.getloadavg()[0]
    print(
        f"{options.images} films, {options.rounds} rounds, {os.cpu_count()} CPUs, load {load:.1f}", flush=True
    )
    try:
        compete(tools, base, num_images=options.images, rounds=options.rounds)
    finally:
        shutil.rmtree(base)
    show(tools)


if __name__ == "__main__":
    main()
