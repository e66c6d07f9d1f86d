"""Random bytes changed in a good file of every format: a code or a sound array, and no worker dies.

`MEDCLI_MUTATIONS` asks for another number of mutations a file than 40.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from medcli.formats.codes import CODES
from medcli.workers import run_in_workers
from tests.hostile.kinds_of_dicom import DICOM
from tests.hostile.kinds_of_files import NIFTI, RASTER
from tests.hostile.mutations import decode_file

NUM_MUTATIONS = int(os.environ.get("MEDCLI_MUTATIONS", "40"))
CONTROLS = {
    name: kinds[name][0]
    for kinds, names in (
        (RASTER, ("grey.png", "sixteen.png", "deep-colour.png", "grey.jpg", "grey.tif", "packed.tif")),
        (NIFTI, ("plain.nii", "packed.nii.gz", "second.nii")),
        (DICOM, ("plain.dcm", "jpeg.dcm", "deflated.dcm")),
    )
    for name in names
}


def mutated(content: bytes, *, seed: int) -> bytes:
    """The content with 1 to 8 bytes changed; every other time within the first 512, where headers are."""
    generator = np.random.default_rng(seed)
    changed = np.frombuffer(content, np.uint8).copy()
    reach = min(len(changed), 512) if seed % 2 else len(changed)
    places = generator.integers(0, reach, generator.integers(1, 9))
    changed[places] = generator.integers(0, 256, len(places))
    return changed.tobytes()


@pytest.mark.parametrize("name", CONTROLS)
def test_a_mutated_file_is_refused_or_gives_a_sound_array(name: str, tmp_path: Path) -> None:
    content = CONTROLS[name]()
    paths = [tmp_path / str(number) for number in range(NUM_MUTATIONS)]
    for seed, path in enumerate(paths):
        path.write_bytes(mutated(content, seed=seed))
    outcomes: dict[str, int] = {}
    for result in run_in_workers(decode_file, paths, jobs=2, timeout_s=60):
        if result.error is None:
            assert result.value[0], result.value
        code = result.error.code if result.error else result.value[1]
        outcomes[code] = outcomes.get(code, 0) + 1
        if result.error:
            assert code in CODES, result.error
            assert "CANARY" not in str(result.error)
            assert not code.startswith("worker/"), (result.item.name, result.error)
    print(name, dict(sorted(outcomes.items())))
    assert sum(outcomes.values()) == NUM_MUTATIONS
