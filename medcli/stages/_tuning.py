"""Whether a calibration or thresholds have seen the images that they are applied to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medcli.metrics.patients import UNITS
from medcli.stages._predictions import open_predictions
from medcli.stages.calibrate import images_digest
from medcli.store.digests import sha256_file
from medcli.store.manifest import Manifest, load
from medcli.store.predictions import Predictions
from medcli.store.references import Reference


def take_calibration(manifest: Manifest, path: Path | None) -> Reference | None:
    """Take the calibration of another manifest; what it was fitted on, if that is still there, unchanged."""
    if path is None:
        return None
    calibrated = load(str(path))
    manifest.calibration = calibrated.require("calibration", made_by="calibrate")
    ref = calibrated.predictions.get("val")
    if ref is None or not Path(ref["path"]).is_file() or sha256_file(Path(ref["path"])) != ref["sha256"]:
        return None
    return ref


def tuned_on(predictions: Predictions, manifest: Manifest, chosen_on: Reference | None) -> Iterator[str]:
    """A line for a choice made after a part was looked at, and for one that was made on its patients.

    Args:
        predictions: That the choice is applied to.
        manifest: With their calibration and history.
        chosen_on: Predictions that calibration or thresholds were chosen on, if known.
    """
    steps = [(entry["command"], entry.get("part")) for entry in manifest.history]
    if ("evaluate", predictions.part) in steps and predictions.part == "test":
        looked = steps.index(("evaluate", "test"))
        later = {command for command, _ in steps[looked:]} & {"train", "calibrate"}
        if later:
            yield f"test was used for tuning: {' and '.join(sorted(later))} ran after it had been evaluated"
    if predictions.part == "val":
        return
    fitted = (manifest.calibration or {}).get("fitted_on")
    if fitted and fitted["images"] == images_digest(predictions.records):
        yield "test was used for tuning: the calibration was fitted on these very images"
    if chosen_on is None:
        return
    unit = next((name for name in UNITS if any(r.get(name) for r in predictions.records)), "id")
    seen = {record.get(unit) for record in open_predictions(chosen_on).records} - {None}
    own = {record.get(unit) for record in predictions.records} - {None}
    if shared := len(seen & own):
        word = "image" if unit == "id" else unit
        yield f"test was used for tuning: {shared} of {len(own)} {word}s are in val too"
