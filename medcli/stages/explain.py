"""Explain: which pixels mattered, as maps, as a gallery, and held against known findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medcli.attribution import METHODS, choose_method
from medcli.attribution.examples import (
    Finding,
    balanced,
    findings_of_exclusive,
    findings_of_labels,
)
from medcli.calibration.calibrator import calibrated
from medcli.calibration.scores import to_probabilities
from medcli.checks import check_finite
from medcli.config import ExplainConfig
from medcli.errors import UsageError
from medcli.models.devices import choose_device, computing_threads
from medcli.models.loader import BatchLoader, ordered_batches
from medcli.models.networks import normalise
from medcli.progress import SILENT, Progress
from medcli.reporting.gallery import Example, gallery_png
from medcli.stages._faithful import Areas, faithfulness, summarise_faithfulness
from medcli.stages._localised import Outcome, localised, map_of, summarise
from medcli.stages._study import Study, open_study
from medcli.store.atomic import check_creatable, locked, write_bytes
from medcli.store.hdf5 import open_hdf5, read_array
from medcli.store.manifest import Manifest
from medcli.store.maps import MapsWriter
from medcli.store.references import reference
from medcli.workers import available_cpus

NUM_EXAMPLES = 24
TITLES = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM", "rollout": "Attention rollout"}


def run(config: ExplainConfig, *, progress: Progress = SILENT) -> Manifest:
    """Write maps and a gallery, and add the section `explanation`.

    Images are chosen by their labels and ids, never by their scores, so that localisation is not measured
    on the ones that went well.

    Raises:
        UsageError: If the method does not work for the model.
        DataError: If model or shards are missing, or the shards are not like those the model was trained on.
    """
    gallery = config.gallery or config.maps.with_suffix(".png")
    if gallery.absolute() == config.maps.absolute():
        raise UsageError("maps and gallery would be the same file", hint="give --gallery another name")
    check_creatable(config.maps, gallery, config.output)
    study = open_study(config, progress=progress)
    manifest = study.manifest
    inputs = [("model", study.model), *(("shard", shard["sha256"]) for shard in manifest.shards)]
    manifest.add_history("explain", config, inputs, part=study.part)
    with computing_threads(study.header["options"].get("threads", 1)):
        section, logits = _write_maps(study, config, progress=progress)
    with progress.task("gallery") as step, locked(gallery):
        page = _gallery(study, logits, section=section)
        section["gallery"] = reference(gallery, write_bytes(gallery, page))
        step()
    manifest.explanation = section
    _tell(section, progress)
    return manifest


def _write_maps(
    study: Study, config: ExplainConfig, *, progress: Progress
) -> tuple[dict[str, Any], np.ndarray]:
    """Maps of one image after the other into their file; the section, and the logits of all images."""
    network = study.network.to(choose_device(config.device))
    method = choose_method(str(config.method), network, _input(study, [study.shards.image(study.rows[0])]))
    is_specific = METHODS[method].is_class_specific
    targets = study.classes if is_specific else ["all classes"]
    facts = {"method": method, "class_specific": is_specific, "targets": targets, "part": study.part}
    header = {"task": study.header["task"], **facts, "model": study.model, "history": study.manifest.history}
    shape = (len(targets), *study.shards.shape[:2])
    found: dict[int, list[Outcome]] = {}
    faithful: list[tuple[dict[str, Any], Areas]] = []
    empty: Counter[str] = Counter()
    logits = []
    with (
        MapsWriter(config.maps, shape=shape, header=header) as writer,
        progress.task("explain", len(study.rows)) as step,
    ):
        for row, maps, scores in _explained(study, method, config):
            record = study.shards.records[row]
            writer.append(maps, record)
            logits.append(scores)
            empty.update(name for name, one in zip(targets, maps, strict=True) if not one.any())
            for column, figures in localised(maps, study.mask(row), tolerance=config.tolerance):
                found.setdefault(column, []).append((record, figures))
            if config.faithfulness and (areas := _faithfulness(study, row, maps, scores, config)):
                faithful.append((record, areas))
            step()
        maps_reference = writer.finish()
    section = {
        **facts,
        "n": len(study.rows),
        "n_available": study.num_images,
        "empty_maps": dict(sorted(empty.items())),
        "localisation": {study.classes[column]: summarise(found[column]) for column in sorted(found)},
        "faithfulness": summarise_faithfulness(faithful, steps=config.faithfulness)
        if config.faithfulness
        else None,
        "maps": maps_reference,
    }
    return section, np.stack(logits)


def _explained(
    study: Study, method: str, config: ExplainConfig
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Position, maps (float16 [targets, height, width]) and logits of each image."""
    loader = BatchLoader(study.shards, jobs=config.jobs or available_cpus())
    batches = ordered_batches(np.array(study.rows), batch_size=config.batch_size)
    for rows, images in zip(batches, loader.batches(batches), strict=True):
        result = METHODS[method].explain(study.network, _input(study, images))
        check_finite(result.logits, name="the model's scores")
        check_finite(result.maps, name="maps")
        yield from zip(rows, result.maps.astype(np.float16), result.logits, strict=True)


def _input(study: Study, images: Any) -> torch.Tensor:
    device = next(study.network.parameters()).device
    batch = torch.as_tensor(np.asarray(images)).to(device)
    made = study.header["architecture"]
    return normalise(batch, mean=made["mean"], std=made["std"])


def _faithfulness(
    study: Study, row: int, maps: np.ndarray, logits: np.ndarray, config: ExplainConfig
) -> Areas | None:
    """What the map of the called class is worth to the model; None for an empty map."""
    column = int(logits.argmax())
    attribution = map_of(maps, column)
    if not attribution.any():
        return None

    def score(images: np.ndarray) -> np.ndarray:
        found = []
        for batch in np.split(images, range(config.batch_size, len(images), config.batch_size)):
            with torch.no_grad():
                found.append(study.network(torch.from_numpy(batch).to(device)).float().cpu().numpy())
        values = to_probabilities(np.concatenate(found), kind="logit", exclusive=study.is_exclusive)
        return np.asarray(values[:, column])

    image = _input(study, [study.shards.image(row)])[0]
    device = image.device
    return faithfulness(score, image.cpu().numpy(), attribution, steps=config.faithfulness)


def _gallery(study: Study, logits: np.ndarray, *, section: dict[str, Any]) -> bytes:
    """A page of findings, half of them wrong where there are enough."""
    kind, probabilities, thresholds = _probabilities(study, logits)
    targets = study.targets()
    if study.is_exclusive:
        unit, what = "images", "of the called class"
        findings = findings_of_exclusive(probabilities, targets, study.classes)
    else:
        unit, what = "findings", "of the named class, against its threshold"
        findings = findings_of_labels(probabilities, targets, thresholds)
    totals = Counter(finding.verdict for finding in findings)
    with open_hdf5(Path(section["maps"]["path"])) as file:
        sections = {
            f"{verdict.capitalize()}: {len(chosen)} of {totals[verdict]} {unit}": [
                _example(study, finding, probabilities, thresholds, file=file) for finding in chosen
            ]
            for verdict, chosen in balanced(findings, limit=NUM_EXAMPLES).items()
        }
    title = (
        f"{TITLES[section['method']]}: {section['n']} of {section['n_available']} images, part {study.part}"
    )
    about = "map and" if section["class_specific"] else "one map for all classes;"
    return gallery_png(sections, title=title, subtitle=f"{about} {kind} probability {what}".capitalize())


def _example(
    study: Study, finding: Finding, probabilities: np.ndarray, thresholds: np.ndarray, *, file: Any
) -> Example:
    row, column = study.rows[finding.row], finding.column
    maps = read_array(file, "maps", rows=finding.row)
    mask = study.shards.mask(row)
    if mask is not None:
        # Of exclusive classes the whole finding is of interest, whatever it was called.
        mask = mask > 0 if study.is_exclusive else mask == column + 1
    return Example(
        image=study.shards.image(row),
        attribution=map_of(maps, column).astype(np.float64),
        mask=mask,
        name=study.classes[column],
        probability=float(probabilities[finding.row, column]),
        threshold=None if study.is_exclusive else float(thresholds[column]),
        verdict=finding.verdict,
        truth=finding.truth,
        record=study.shards.records[row]["id"],
    )


def _probabilities(study: Study, logits: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """`calibrated` or `uncalibrated` probabilities, and the thresholds that go with them."""
    calibration = study.manifest.calibration
    thresholds = np.full(len(study.classes), 0.5)
    raw = to_probabilities(logits, kind="logit", exclusive=study.is_exclusive)
    is_ours = calibration is not None and calibration["fitted_on"].get("model") in {study.model, None}
    if calibration is None or not is_ours:
        return "uncalibrated", raw, thresholds
    for column, point in enumerate(calibration["operating_points"]):
        if point["threshold"] is not None:
            thresholds[column] = point["threshold"]
    values = calibrated(logits, calibration, kind="logit", exclusive=study.is_exclusive)
    return ("uncalibrated", raw, thresholds) if values is None else ("calibrated", values, thresholds)


def _tell(section: dict[str, Any], progress: Progress) -> None:
    if not section["class_specific"]:
        progress.note(f"{section['method']} knows no classes: one map an image")
    if section["empty_maps"]:
        words = ", ".join(f"{name} {count}" for name, count in section["empty_maps"].items())
        progress.note(f"maps without a positive value, left at zero: {words}")
    if section["faithfulness"]:
        gain = section["faithfulness"]["insertion_gain"]
        if gain["ci"]:
            low, high = gain["ci"]
            progress.note(
                f"inserting the pixels of the maps gains {gain['estimate']:.3f} of the area ({low:.3f} to "
                f"{high:.3f}) over the same maps turned by 180 degrees"
            )
    for name, values in section["localisation"].items():
        hit, chance = values["pointing"]["estimate"], values["pointing"]["baseline"]["estimate"]
        if hit is not None:
            low, high = values["pointing"]["ci"]
            progress.note(
                f"{name}: the peak is in the finding in {hit:.0%} of {values['pointing']['n']} maps "
                f"({low:.0%} to {high:.0%}), by chance {chance:.0%}"
            )
