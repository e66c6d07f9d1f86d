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
from medcli.images.phantoms import brain, chest, chest_findings, ct, skin
from medcli.images.phantoms.canvas import generator
from medcli.stages import _phantom_files as encode
from medcli.stages._phantom_people import OPERATOR, PHYSICIAN, Person, deal, person
from medcli.store.digests import derive_seed

CT_CLASSES = ("benign", "malignant", "no_nodule")
MRI_CLASSES = ("no_tumour", "tumour")
NUM_READERS = 4

_CHEST_SHARES = {"Atelectasis": 5, "Cardiomegaly": 5, "Effusion": 6, "Nodule": 6, "Pneumothorax": 4}  # of 20
_CHEST_PLACES = (
    [("site-a", "dx-100")] * 2 + [("site-a", "dx-200"), ("site-b", "dx-200")] + [("site-b", "cr-300")] * 2
)
_INVERTED_DEVICES = {"cr-300"}
_SKIN_SHARES = {"akiec": 2, "bcc": 2, "bkl": 3, "df": 1, "mel": 3, "nv": 8, "vasc": 1}  # of 20 lesions
_SKIN_PLACES = [("site-a", "dermatoscope-1"), ("site-a", "dermatoscope-2"), ("site-b", "dermatoscope-2")]
_LOCALISATIONS = (
    "abdomen",
    "back",
    "chest",
    "face",
    "foot",
    "lower extremity",
    "neck",
    "scalp",
    "trunk",
    "upper extremity",
)
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

    def add_image(self, path: str, content: bytes, row: Row, labels: Row, truth: Row) -> None:
        """One image with its row of labels, as stated and as they are."""
        self.files[path] = content
        self.labels.append({"path": path, **row, **labels})
        self.truth.append({"path": path, **truth})

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
    return [f"label:{name}" for name in chest_findings.FINDINGS] if kind is Phantom.cxr else ["label"]


def make_patient(config: SynthConfig, number: int) -> Patient:
    """Patient `number` of a cohort: a pure function of the options, whatever the other patients are."""
    return _MAKERS[config.kind](config, number)


def _meet(config: SynthConfig, number: int, places: list[tuple[str, str]]) -> tuple[Patient, Person, Row]:
    site, device = deal(places, config.seed, "place", number)
    who = person(config.seed, number, site=site)
    row = {"patient": who.patient_id, "site": site, "device": device, "age": who.age, "sex": who.sex}
    return Patient(canaries=who.canaries()), who, row


def _chest_patient(config: SynthConfig, number: int) -> Patient:
    patient, who, row = _meet(config, number, _CHEST_PLACES)
    seed = derive_seed(config.seed, "chest", number)
    rng = generator(seed, "films")
    has = {
        name: deal([True] * share + [False] * (20 - share), config.seed, name, number)
        for name, share in _CHEST_SHARES.items()
    }
    for film in range(deal([1, 1, 2, 2, 3, 4], config.seed, "films", number)):
        # Findings come and go between the films of a patient, but rarely.
        present = tuple(name for name in has if has[name] and (film == 0 or rng.random() > 0.12))
        view = "PA" if rng.random() < 0.7 else "AP"
        drawn = chest.chest_film(
            seed, size=config.size, device=row["device"], view=view, findings=present, film=film
        )
        content = encode.chest_dicom(
            drawn.pixels, who, seed=seed, film=film, device=row["device"], view=view,
            is_inverted=row["device"] in _INVERTED_DEVICES,
        )  # fmt: skip
        stem = f"{who.file_stem}_{number:05d}_{film}"
        path = f"images/{stem}.dcm"
        mask = np.zeros(drawn.pixels.shape, np.uint8)
        for value, name in enumerate(chest_findings.FINDINGS, 1):
            if name in drawn.regions:
                mask[drawn.regions[name]] = value
                patient.add_boxes(path, name, drawn.regions[name])
        mask_path = _add_mask(patient, f"masks/{stem}.png", mask)
        truth = {f"label:{name}": int(name in present) for name in chest_findings.FINDINGS}
        stated = _state(generator(seed, "labels", film), config, truth)
        patient.add_image(path, content, {**row, "view": view, "mask": mask_path}, stated, truth)
        patient.canaries += [PHYSICIAN, OPERATOR, who.accession(film), encode.study_uid(seed, film)]
    return patient


def _add_mask(patient: Patient, path: str, mask: np.ndarray) -> str:
    if not mask.any():
        return ""
    patient.files[path] = encode.png(mask)
    return path


def _state(rng: np.random.Generator, config: SynthConfig, truth: Row) -> Row:
    """The truth as the table states it: a share of it uncertain (-1), a share left blank."""
    stated: Row = {}
    for column, value in truth.items():
        draw = rng.random()
        stated[column] = "" if draw < config.blank else value
        if column != "label" and config.blank <= draw < config.blank + config.uncertain:
            stated[column] = -1
    return stated


def _skin_patient(config: SynthConfig, number: int) -> Patient:
    patient, who, row = _meet(config, number, _SKIN_PLACES)
    seed = derive_seed(config.seed, "skin", number)
    rng = generator(seed, "patient")
    tone, hair = float(rng.beta(1.2, 2.6)), float(rng.beta(0.8, 1.6))
    for lesion in range(1 + int(rng.random() < 0.35)):
        lesion_seed = derive_seed(seed, "lesion", lesion)
        diagnosis = _diagnosis(config.seed, number, lesion)
        name = f"LYXMOLQ-{number:06d}-{lesion}"
        place = _LOCALISATIONS[int(rng.integers(len(_LOCALISATIONS)))]
        patient.canaries.append(name)
        for image in range(deal([1, 1, 1, 2, 2, 3], config.seed, f"images {lesion}", number)):
            drawn = skin.skin_image(
                lesion_seed, size=config.size, diagnosis=diagnosis, tone=tone, hair=hair, image=image
            )
            stem = f"{who.file_stem}_{number:05d}_{lesion}{image}"
            path = f"images/{stem}.png"
            content = encode.png(drawn.pixels, _png_texts(who))
            value = np.uint8(1 + skin.CLASSES.index(diagnosis))
            mask_path = _add_mask(patient, f"masks/{stem}.png", drawn.region * value)
            patient.add_boxes(path, diagnosis, drawn.region)
            truth = {"label": diagnosis}
            stated = _state(generator(lesion_seed, "labels", image), config, truth)
            facts = {**row, "group": name, "mask": mask_path, "localisation": place}
            patient.add_image(path, content, facts, stated, truth)
    patient.canaries.append(who.accession(0))
    return patient


def _diagnosis(seed: int, number: int, lesion: int) -> str:
    cards = [name for name, share in _SKIN_SHARES.items() for _ in range(share)]
    return deal(cards, seed, f"diagnosis {lesion}", number)


def _png_texts(who: Person) -> dict[str, str]:
    return {
        "Patient Name": who.dicom_name,
        "Patient ID": who.patient_id,
        "Birth Date": who.birth_date(),
        "Accession": who.accession(0),
        "Institution": encode.INSTITUTIONS[who.site],
    }


def _ct_patient(config: SynthConfig, number: int) -> Patient:
    patient, who, row = _meet(config, number, _CT_PLACES)
    seed = derive_seed(config.seed, "ct", number)
    rng = generator(seed, "nodule")
    true_class = deal(["no_nodule"] * 3 + ["benign"] * 5 + ["malignant"] * 4, config.seed, "nodule", number)
    span = {"no_nodule": None, "benign": (1.0, 2.5), "malignant": (3.7, 5.0)}[true_class]
    malignancy = None if span is None else float(rng.uniform(*span))
    series = ct.ct_series(seed, size=config.size, malignancy=malignancy)
    folder = f"images/{who.file_stem}_{number:05d}"
    label = "no_nodule"
    if malignancy is not None:
        ratings = [int(np.clip(np.rint(malignancy + rng.normal(0, 0.6)), 1, 5)) for _ in range(NUM_READERS)]
        label = label_of_ratings(ratings)
        ratings_row = {f"reader_{k}": rating for k, rating in enumerate(ratings, 1)}
        patient.readers.append(
            {"series": folder, "patient": who.patient_id, **ratings_row, "median": median(ratings)}
        )
    stated = _state(generator(seed, "labels"), config, {"label": label})
    truth = {"label": true_class, "diameter_mm": "" if span is None else f"{series.nodule_diameter_mm:.1f}"}
    value = np.uint8(1 + CT_CLASSES.index(true_class))
    for index, content in enumerate(encode.ct_dicoms(series, who, seed=seed)):
        path = f"{folder}/slice_{index + 1:02d}.dcm"
        mask_path = f"masks/{who.file_stem}_{number:05d}/slice_{index + 1:02d}.png"
        mask_path = _add_mask(patient, mask_path, series.region[index] * value)
        if mask_path:
            patient.add_boxes(path, true_class, series.region[index])
        patient.add_image(path, content, {**row, "mask": mask_path, "series": folder}, stated, truth)
    patient.canaries += [PHYSICIAN, OPERATOR, who.accession(0), encode.study_uid(seed, 0)]
    return patient


def label_of_ratings(ratings: list[int]) -> str:
    """The median rule for malignancy ratings from 1 to 5: benign to 2, malignant from 4, else no label."""
    middle = median(ratings)
    return "benign" if middle <= 2 else "malignant" if middle >= 4 else ""


def _brain_patient(config: SynthConfig, number: int) -> Patient:
    patient, who, row = _meet(config, number, _MRI_PLACES)
    seed = derive_seed(config.seed, "brain", number)
    has_tumour = deal([True, False], config.seed, "tumour", number)
    drawn = brain.brain_volume(seed, size=config.size, has_tumour=has_tumour)
    stem = f"{who.file_stem}_{number:05d}"
    path, mask_path = f"images/{stem}.nii.gz", ""
    truth = {"label": MRI_CLASSES[has_tumour]}
    if has_tumour:
        mask_path = f"masks/{stem}.nii.gz"
        value = np.uint8(1 + MRI_CLASSES.index("tumour"))
        patient.files[mask_path] = encode.mask_nifti(drawn.region * value, drawn.spacing_mm)
        patient.add_boxes(path, "tumour", drawn.region[:, :, brain.NUM_SLICES // 2])
    stated = _state(generator(seed, "labels"), config, truth)
    patient.add_image(path, encode.brain_nifti(drawn, who), {**row, "mask": mask_path}, stated, truth)
    patient.canaries.append(who.accession(0))
    return patient


_MAKERS: dict[Phantom, Callable[[SynthConfig, int], Patient]] = {
    Phantom.cxr: _chest_patient,
    Phantom.derm: _skin_patient,
    Phantom.ct: _ct_patient,
    Phantom.mri: _brain_patient,
}
