"""Any images, any recipe, any number of workers, any partition: the bytes of one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cli.run import environment

EXAMPLES = int(os.environ.get("MEDCLI_EXAMPLES", "20"))


def test_any_recipe_jobs_and_partition_give_the_same_bytes(tmp_path: Path) -> None:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.stages.partitions", str(EXAMPLES), folder],
            capture_output=True,
            text=True,
            env=environment(OPENBLAS_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1"),
            check=False,
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    print(seen)
    assert seen["examples"] >= EXAMPLES
    assert seen["images made"] > 0
