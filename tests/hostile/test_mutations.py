"""Random bytes changed in a good file of every format: a code or a sound array, and no worker dies.

`MEDCLI_MUTATIONS` asks for another number of mutations a file than 40.
"""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest

from medcli.errors import MedcliError
from medcli.formats.codes import CODES
from medcli.workers import run_in_workers
from tests.hostile.kinds_of_dicom import DICOM
from tests.hostile.kinds_of_files import RASTER
from tests.hostile.kinds_of_streams import STREAMS
from tests.hostile.kinds_of_volumes import NIFTI, NPZ
from tests.hostile.mutations import decode_file

NUM_MUTATIONS = int(os.environ.get("MEDCLI_MUTATIONS", "40"))
MEMORY_BYTES = 2 << 30
CONTROLS = {
    name: kinds[name].build
    for kinds, names in (
        (RASTER, ("grey.png", "sixteen.png", "deep-colour.png", "grey.jpg", "colour.webp")),
        (RASTER, ("grey.tif", "packed.tif", "deep-colour.tif", "pages.tif")),
        (NIFTI, ("plain.nii", "packed.nii.gz", "second.nii", "rgb.nii")),
        (NPZ, ("plain.npz",)),
        (DICOM, ("plain.dcm", "deflated.dcm", "palette.dcm", "enhanced.dcm")),
        (STREAMS, ("jpeg.dcm", "jpeg-ls.dcm", "jpeg2000.dcm", "htj2k.dcm", "rle.dcm")),
    )
    for name in names
}
Outcome = tuple[bool, str] | MedcliError


def mutated(content: bytes, *, seed: int) -> bytes:
    """The content with 1 to 8 bytes changed; every other time within the first 512, where headers are."""
    generator = np.random.default_rng(seed)
    changed = np.frombuffer(content, np.uint8).copy()
    reach = min(len(changed), 512) if seed % 2 else len(changed)
    places = generator.integers(0, reach, generator.integers(1, 9))
    changed[places] = generator.integers(0, 256, len(places))
    return changed.tobytes()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Outcome]]:
    """What became of every mutation of every control, all through one pool of workers."""
    root = tmp_path_factory.mktemp("mutations")
    paths = []
    for name, build in CONTROLS.items():
        content = build()
        for seed in range(NUM_MUTATIONS):
            paths.append(root / f"{seed} {name}")
            paths[-1].write_bytes(mutated(content, seed=seed))
    found: dict[str, list[Outcome]] = {name: [] for name in CONTROLS}
    for result in run_in_workers(decode_file, paths, jobs=2, timeout_s=60, memory_bytes=MEMORY_BYTES):
        found[result.item.name.partition(" ")[2]].append(result.error or result.value)
    return found


@pytest.mark.parametrize("name", CONTROLS)
def test_a_mutated_file_is_refused_or_gives_a_sound_array(
    name: str, outcomes: dict[str, list[Outcome]]
) -> None:
    assert len(outcomes[name]) == NUM_MUTATIONS
    counts: Counter[str] = Counter()
    for outcome in outcomes[name]:
        if isinstance(outcome, MedcliError):
            assert outcome.code in CODES, outcome
            assert not outcome.code.startswith("worker/"), outcome
            assert "CANARY" not in str(outcome)
            counts[outcome.code] += 1
        else:
            is_sound, dtype = outcome
            assert is_sound, outcome
            counts[dtype] += 1
    print(name, dict(sorted(counts.items())))
