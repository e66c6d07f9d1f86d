"""kill -9, a full disk and a read-only one at every act of writing of `preprocess` and `merge`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.run import PROGRAM, environment
from tests.stages.faults import look, restore
from tests.stages.test_preprocess import image_files, make_cohort

LEAST = 30  # acts of writing that a run cannot do without
OF_COMMAND = "write,pwrite64,fsync,fdatasync,rename,unlink,ftruncate,truncate,openat"
OF_WRITER = "pwrite64,ftruncate"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Holds `in/cohort.json` of three images, of which one is missing; in memory, where fsync is cheap."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=memory) as name:
        work = Path(name) / "work"
        manifest = make_cohort(work / "in", num_images=3, with_masks=True, side=12)
        image_files(manifest)[2].unlink()
        yield work


def test_a_fault_at_any_act_of_writing_leaves_whole_files_and_the_same_line_ends_well(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stages.faults", str(folder)],
        capture_output=True,
        text=True,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, result in json.loads(done.stdout).items():
        assert result["points"] >= (1 if name.startswith("read-only") else LEAST), (name, result)


@pytest.mark.skipif(
    not (shutil.which("strace") and os.environ.get("MEDCLI_EXHAUSTIVE")),
    reason="strace and MEDCLI_EXHAUSTIVE=1",
)
@pytest.mark.parametrize("command", ["preprocess", "merge"])
@pytest.mark.parametrize(("calls", "follows"), [(OF_COMMAND, False), (OF_WRITER, True), ("write", True)])
def test_a_kill_at_every_system_call_that_writes(
    folder: Path, command: str, calls: str, follows: bool
) -> None:
    """The real program: the command alone, then the process that writes HDF5, then every process at once."""
    plain = ["preprocess", "-q", "-j", "1", "--size", "16", "in/cohort.json"]
    for number in (1, 2):
        program(
            [*plain, f"part-{number}.h5", "--part", f"{number}/2", "-o", f"part-{number}.json"], cwd=folder
        )
    line = (
        [*plain, "out.h5"]
        if command == "preprocess"
        else ["merge", "-q", "out.h5", "part-1.json", "part-2.json"]
    )
    line += ["-o", "out.json"]
    before = look(folder)
    status = program(line, cwd=folder)
    whole = look(folder)
    num_points = 0
    for call in calls.split(","):
        for at in numbers_of(line, folder, before, call=call, follows=follows):
            restore(folder, before)
            trace = ["strace", "-qq", "-o", "/dev/null", *(["-f"] if follows else []), "-e", f"trace={call}"]
            program(line, cwd=folder, under=[*trace, "-e", f"inject={call}:signal=KILL:when={at}"])
            for name, content in look(folder).items():
                is_whole = content in {before.get(name), whole.get(name)}
                assert name.startswith(".") or is_whole, (call, at, name)
            assert program(line, cwd=folder) == status, (call, at)
            assert look(folder) == whole, (call, at)
            num_points += 1
    print(f"{command}: {num_points} points of {calls}")


def program(line: list[str], *, cwd: Path, under: list[str] | None = None) -> int:
    done = subprocess.run(
        [*(under or []), *PROGRAM, *line],
        cwd=cwd,
        env=environment(XDG_CONFIG_HOME=str(cwd)),
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode


def numbers_of(
    line: list[str], folder: Path, before: dict[str, bytes], *, call: str, follows: bool
) -> list[int]:
    """Which calls, counted from 1 in each process, change something; of `openat` those that create."""
    restore(folder, before)
    log = folder.parent / "log"
    trace = ["strace", "-qq", *(["-ff"] if follows else []), "-o", str(log), "-e", f"trace={call}"]
    program(line, cwd=folder, under=trace)
    numbers: set[int] = set()
    for path in folder.parent.glob("log*"):
        made = re.findall(rf"^{call}\(.*", path.read_text(), re.M)
        numbers |= {n for n, words in enumerate(made, 1) if call != "openat" or "O_CREAT" in words}
        path.unlink()
    return sorted(numbers)
