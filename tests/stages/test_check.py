"""`check` is silent about whole files and names the others, whatever happened to them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from medcli.config import CalibrateConfig, CalibrationMethod, CheckConfig
from medcli.errors import DataError, InputError
from medcli.stages import calibrate
from medcli.stages.check import run
from medcli.store.manifest import Manifest, write_manifest
from medcli.store.predictions import write_predictions
from medcli.store.weights import read_tensors, write_safetensors
from tests.cli.run import medcli
from tests.reporting.synthetic import study as scored_study
from tests.store.helpers import TASK, record, small_predictions, write_shard


def study(folder: Path) -> Path:
    """A manifest that names a shard and predictions."""
    manifest = Manifest(task=TASK, records=[record(1)], shards=[write_shard(folder / "a.h5")])
    manifest.predictions = {"val": write_predictions(folder / "p.h5", small_predictions())}
    write_manifest(manifest, folder / "m.json")
    return folder / "m.json"


def test_whole_files_are_passed_over_in_silence(tmp_path: Path) -> None:
    path = study(tmp_path)
    assert run(CheckConfig(files=(str(path), str(tmp_path / "a.h5"), str(tmp_path / "p.h5")))) == []
    done = medcli("check", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_any_flipped_bit_of_a_named_file_is_found(tmp_path: Path) -> None:
    path = study(tmp_path)
    whole = (tmp_path / "a.h5").read_bytes()
    rng = random.Random(1)
    for _ in range(20):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        (tmp_path / "a.h5").write_bytes(damaged)
        assert [Path(fault.path).name for fault in run(CheckConfig(files=(str(path),)))] == ["a.h5"]


def test_a_flipped_bit_of_a_model_is_found_without_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    write_safetensors(path, {"b": torch.ones(9), "a": torch.zeros(3, 40)}, {"medcli": "model/1"})
    assert run(CheckConfig(files=(str(path),))) == []
    assert read_tensors(path)["a"].shape == (3, 40)
    whole = path.read_bytes()
    for place in random.Random(2).sample(range(len(whole)), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert run(CheckConfig(files=(str(path),))), place
        with pytest.raises(DataError):
            read_tensors(path)


def test_names_of_bad_files_go_to_stdout_with_status_4(tmp_path: Path) -> None:
    path = study(tmp_path)
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:-100])
    (tmp_path / "p.h5").unlink()
    (tmp_path / "cut.json").write_bytes(path.read_bytes()[:-10])
    done = medcli("check", "m.json", "cut.json", cwd=tmp_path)
    assert done.returncode == 4
    assert sorted(done.stdout.split()) == ["a.h5", "cut.json", "p.h5"]


def test_a_missing_file_is_no_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        run(CheckConfig(files=(str(tmp_path / "none"),)))


@pytest.mark.parametrize(
    "place", [("operating_points", 1, "threshold"), ("parameters", 0, "slope"), ("fitted_on", "n_patients")]
)
def test_a_threshold_or_parameter_that_was_changed_is_found_and_refused(tmp_path: Path, place: tuple) -> None:
    manifest = calibrate.run(
        CalibrateConfig(source=str(scored_study(tmp_path)), method=CalibrationMethod.platt)
    )
    path = tmp_path / "calibrated.json"
    write_manifest(manifest, path)
    assert run(CheckConfig(files=(str(path),))) == []
    document = json.loads(path.read_bytes())
    *way, last = place
    part = document["calibration"]
    for step in way:
        part = part[step]
    part[last] += 1 if last == "n_patients" else 1e-12
    path.write_text(json.dumps(document))
    [fault] = run(CheckConfig(files=(str(path),)))
    assert fault.path == str(path)
    assert "calibration was changed after it was made" in fault.reason
    done = medcli("evaluate", path, tmp_path / "report")
    assert done.returncode == 65
    assert "calibrated.json: its calibration was changed" in done.stderr
