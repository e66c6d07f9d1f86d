"""One phantom patient of each kind: which findings, which devices, which files and which rows of the tables.

A mask holds 0 where there is nothing and k where the k-th class is, in the order of the label columns (or of
the sorted class names); where findings overlap, the later class is on top. A file without a finding in
it has no mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import cv2
import numpy as np

from medcli.config import Phantom, SynthConfig
from medcli.images.phantoms import brain, chest, ct, skin
from medcli.images.phantoms.canvas import generator
from medcli.stages import _phantom_files as encode
from medcli.stages import _phantom_plans as plans
from medcli.stages._phantom_people import OPERATOR, PHYSICIAN, Person, deal, person

_CHEST_PLACES = [
    *[("site-a", "dx-100")] * 2, ("site-a", "dx-200"), ("site-b", "dx-200"), *[("site-b", "cr-300")] * 2,
]  # fmt: skip
_INVERTED_DEVICES = {"cr-300"}
_SKIN_PLACES = [("site-a", "dermatoscope-1"), ("site-a", "dermatoscope-2"), ("site-b", "dermatoscope-2")]
_CT_PLACES = [("site-a", "ct-400"), ("site-b", "ct-400")]
_MRI_PLACES = [("site-a", "mr-500"), ("site-b", "mr-500")]

Row = dict[str, Any]


@dataclass
class Patient:
    """What a patient adds to a cohort: contents of files by their paths, rows of tables, canaries."""

    files: dict[str, bytes] = field(default_factory=dict)
    labels: list[Row] = field(default_factory=list)
    truth: list[Row] = field(default_factory=list)
    boxes: list[Row] = field(default_factory=list)
    readers: list[Row] = field(default_factory=list)
    canaries: list[str] = field(default_factory=list)

    def add_image(self, path: str, content: bytes, facts: Row, *, labels: Row, truth: Row) -> None:
        """One image with its row of labels, as stated and as they are."""
        self.files[path] = content
        self.labels.append({"path": path, **facts, **labels})
        self.truth.append({"path": path, **truth})

    def add_mask(self, path: str, mask: np.ndarray) -> str:
        """A mask as PNG, and its path; blank when there is nothing in it."""
        if not mask.any():
            return ""
        self.files[path] = encode.png(mask.astype(np.uint8))
        return path

    def add_boxes(self, path: str, name: str, region: np.ndarray) -> None:
        """Bounding boxes of the connected parts of a region, largest first; specks are left out."""
        _, _, parts, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
        sizes = parts[1:, cv2.CC_STAT_AREA]
        for index in np.argsort(-sizes, kind="stable"):
            if sizes[index] >= min(4, sizes.max()):
                x, y, width, height, _ = (int(value) for value in parts[1 + index])
                self.boxes.append(
                    {"path": path, "class": name, "x": x, "y": y, "width": width, "height": height}
                )


def label_columns(kind: Phantom) -> list[str]:
    """Names of the columns that hold labels."""
    return [f"label:{name}" for name in plans.FINDINGS] if kind is Phantom.cxr else ["label"]


def make_patient(config: SynthConfig, number: int, classes: tuple[str, ...]) -> Patient:
    """Patient `number` of a cohort: a pure function of the options, whatever else has been drawn.

    Args:
        config: Options of the cohort.
        number: Counted from 0.
        classes: What `classes_of` gives for the cohort.
    """
    return _MAKERS[config.kind](config, number, classes)


def _meet(config: SynthConfig, number: int, places: list[tuple[str, str]]) -> tuple[Patient, Person, Row]:
    site, device = deal(places, config.seed, "place", number)
    who = person(config.seed, number, site=site)
    row = {"patient": who.patient_id, "site": site, "device": device, "age": who.age, "sex": who.sex}
    return Patient(canaries=[*who.canaries(), who.accession(0)]), who, row


def _chest_patient(config: SynthConfig, number: int, classes: tuple[str, ...]) -> Patient:
    patient, who, row = _meet(config, number, _CHEST_PLACES)
    seed = plans.patient_seed(config, number)
    columns = label_columns(Phantom.cxr)
    for index, film in enumerate(plans.plan_films(config, number)):
        device = row["device"]
        drawn = chest.chest_film(
            seed, size=config.size, device=device, view=film.view, findings=film.findings, film=index
        )
        is_inverted = device in _INVERTED_DEVICES
        content = encode.chest_dicom(
            drawn.pixels, who, seed=seed, film=index, device=device, view=film.view, is_inverted=is_inverted
        )
        stem = f"{who.file_stem}_{number:05d}_{index}"
        path = f"images/{stem}.dcm"
        mask = np.zeros(drawn.pixels.shape, np.uint8)
        for name, region in drawn.regions.items():
            mask[region] = plans.mask_value(classes, name)
            patient.add_boxes(path, name, region)
        facts = {**row, "view": film.view, "mask": patient.add_mask(f"masks/{stem}.png", mask)}
        truth = {f"label:{name}": int(name in film.findings) for name in classes}
        stated = dict(zip(columns, film.stated, strict=True))
        patient.add_image(path, content, facts, labels=stated, truth=truth)
        patient.canaries += [PHYSICIAN, OPERATOR, who.accession(index), encode.study_uid(seed, index)]
    return patient


def _skin_patient(config: SynthConfig, number: int, classes: tuple[str, ...]) -> Patient:
    patient, who, row = _meet(config, number, _SKIN_PLACES)
    rng = generator(plans.patient_seed(config, number), "skin")
    tone, hair = float(rng.beta(1.2, 2.6)), float(rng.beta(0.8, 1.6))
    for index, lesion in enumerate(plans.plan_lesions(config, number)):
        patient.canaries.append(lesion.name)
        value = plans.mask_value(classes, lesion.diagnosis)
        for image, label in enumerate(lesion.stated):
            drawn = skin.skin_image(
                lesion.seed, size=config.size, diagnosis=lesion.diagnosis, tone=tone, hair=hair, image=image
            )
            stem = f"{who.file_stem}_{number:05d}_{index}{image}"
            path = f"images/{stem}.png"
            patient.add_boxes(path, lesion.diagnosis, drawn.region)
            mask_path = patient.add_mask(f"masks/{stem}.png", drawn.region * value)
            facts = {**row, "group": lesion.name, "mask": mask_path, "localisation": lesion.localisation}
            content = encode.png(drawn.pixels, _png_texts(who))
            truth = {"label": lesion.diagnosis}
            patient.add_image(path, content, facts, labels={"label": label}, truth=truth)
    return patient


def _png_texts(who: Person) -> dict[str, str]:
    return {
        "Patient Name": who.dicom_name,
        "Patient ID": who.patient_id,
        "Birth Date": who.birth_date(),
        "Accession": who.accession(0),
        "Institution": encode.INSTITUTIONS[who.site],
    }


def _ct_patient(config: SynthConfig, number: int, classes: tuple[str, ...]) -> Patient:
    patient, who, row = _meet(config, number, _CT_PLACES)
    seed = plans.patient_seed(config, number)
    plan = plans.plan_nodule(config, number)
    series = ct.ct_series(seed, size=config.size, malignancy=plan.malignancy)
    name = f"{who.file_stem}_{number:05d}"
    if plan.ratings:
        ratings = {f"reader_{k}": rating for k, rating in enumerate(plan.ratings, 1)}
        middle = f"{median(plan.ratings):g}"
        patient.readers.append(
            {"series": f"images/{name}", "patient": who.patient_id, **ratings, "median": middle}
        )
    size = "" if series.nodule_diameter_mm is None else f"{series.nodule_diameter_mm:.1f}"
    truth = {"label": plan.true_class, "diameter_mm": size}
    value = plans.mask_value(classes, plan.true_class)
    for index, content in enumerate(encode.ct_dicoms(series, who, seed=seed)):
        path, region = f"images/{name}/slice_{index + 1:02d}.dcm", series.region[index]
        if region.any():
            patient.add_boxes(path, plan.true_class, region)
        mask_path = patient.add_mask(f"masks/{name}/slice_{index + 1:02d}.png", region * value)
        facts = {**row, "mask": mask_path, "series": f"images/{name}"}
        patient.add_image(path, content, facts, labels={"label": plan.stated}, truth=truth)
    patient.canaries += [PHYSICIAN, OPERATOR, encode.study_uid(seed, 0)]
    return patient


def _brain_patient(config: SynthConfig, number: int, classes: tuple[str, ...]) -> Patient:
    patient, who, row = _meet(config, number, _MRI_PLACES)
    plan = plans.plan_head(config, number)
    seed = plans.patient_seed(config, number)
    drawn = brain.brain_volume(seed, size=config.size, has_tumour=plan.true_class == "tumour")
    stem = f"{who.file_stem}_{number:05d}"
    path, mask_path = f"images/{stem}.nii.gz", ""
    mask = drawn.region * np.uint8(plans.mask_value(classes, plan.true_class))
    if mask.any():
        mask_path = f"masks/{stem}.nii.gz"
        patient.files[mask_path] = encode.mask_nifti(mask, drawn.spacing_mm)
    if drawn.region.any():
        patient.add_boxes(path, plan.true_class, drawn.region[:, :, brain.NUM_SLICES // 2])
    truth = {"label": plan.true_class}
    facts = {**row, "mask": mask_path}
    patient.add_image(path, encode.brain_nifti(drawn, who), facts, labels={"label": plan.stated}, truth=truth)
    return patient


_MAKERS: dict[Phantom, Callable[[SynthConfig, int, tuple[str, ...]], Patient]] = {
    Phantom.cxr: _chest_patient,
    Phantom.derm: _skin_patient,
    Phantom.ct: _ct_patient,
    Phantom.mri: _brain_patient,
}
