"""Who of a phantom cohort has what, and what the table of labels says of it; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from medcli.config import Phantom, SynthConfig
from medcli.images.phantoms.canvas import generator
from medcli.images.phantoms.chest_findings import FINDINGS
from medcli.images.phantoms.skin import CLASSES as SKIN_CLASSES
from medcli.stages._phantom_people import deal
from medcli.store.digests import derive_seed

CT_CLASSES = ("benign", "malignant", "no_nodule")
MRI_CLASSES = ("no_tumour", "tumour")
NUM_READERS = 4

_CLASSES = {
    Phantom.cxr: FINDINGS,
    Phantom.derm: SKIN_CLASSES,
    Phantom.ct: CT_CLASSES,
    Phantom.mri: MRI_CLASSES,
}
_CHEST_SHARES = {"Atelectasis": 5, "Cardiomegaly": 5, "Effusion": 6, "Nodule": 6, "Pneumothorax": 4}  # of 20
_SKIN_SHARES = {"akiec": 2, "bcc": 2, "bkl": 3, "df": 1, "mel": 3, "nv": 8, "vasc": 1}  # of 20 lesions
_PLACES_ON_SKIN = (
    "abdomen", "back", "chest", "face", "foot", "lower extremity", "neck", "scalp", "trunk", "arm",
)  # fmt: skip


@dataclass(frozen=True)
class Film:
    """One chest film: its findings, and the cells of the label columns (1, 0, -1 or blank)."""

    view: str
    findings: tuple[str, ...]
    stated: tuple[int | str, ...]


@dataclass(frozen=True)
class Lesion:
    """One skin lesion; `stated` is the label cell of each of its images."""

    seed: int
    name: str
    diagnosis: str
    localisation: str
    stated: tuple[str, ...]


@dataclass(frozen=True)
class Nodule:
    """What a CT series shows: the truth, the readers' ratings (none without a nodule), and the label cell."""

    true_class: str
    malignancy: float | None
    ratings: tuple[int, ...]
    stated: str


@dataclass(frozen=True)
class Head:
    """What a brain volume shows, and the label cell."""

    true_class: str
    stated: str


def patient_seed(config: SynthConfig, number: int) -> int:
    """The seed of all that is drawn of a patient."""
    return derive_seed(config.seed, str(config.kind), number)


def plan_films(config: SynthConfig, number: int) -> list[Film]:
    """The chest films of a patient: one to four, findings come and go between them, but rarely."""
    seed = patient_seed(config, number)
    rng = generator(seed, "films")
    has = [
        name
        for name, share in _CHEST_SHARES.items()
        if deal([True] * share + [False] * (20 - share), config.seed, name, number)
    ]
    films = []
    for film in range(deal([1, 1, 2, 2, 3, 4], config.seed, "films", number)):
        present = tuple(name for name in has if film == 0 or rng.random() > 0.12)
        view = "PA" if rng.random() < 0.7 else "AP"
        cells = generator(seed, "labels", film)
        films.append(Film(view, present, tuple(_state(cells, config, name in present) for name in FINDINGS)))
    return films


def plan_lesions(config: SynthConfig, number: int) -> list[Lesion]:
    """The skin lesions of a patient: one or two, with one to three images each."""
    seed = patient_seed(config, number)
    rng = generator(seed, "lesions")
    cards = [name for name, share in _SKIN_SHARES.items() for _ in range(share)]
    lesions = []
    for lesion in range(1 + int(rng.random() < 0.35)):
        diagnosis = deal(cards, config.seed, f"diagnosis {lesion}", number)
        num_images = deal([1, 1, 1, 2, 2, 3], config.seed, f"images {lesion}", number)
        cells = generator(seed, "labels", lesion)
        lesions.append(
            Lesion(
                seed=derive_seed(seed, "lesion", lesion),
                name=f"LYXMOLQ-{number:06d}-{lesion}",
                diagnosis=diagnosis,
                localisation=_PLACES_ON_SKIN[int(rng.integers(len(_PLACES_ON_SKIN)))],
                stated=tuple(_blank(cells, config, diagnosis) for _ in range(num_images)),
            )
        )
    return lesions


def plan_nodule(config: SynthConfig, number: int) -> Nodule:
    """The nodule of a CT patient, if any, as it is and as four readers see it."""
    rng = generator(patient_seed(config, number), "plan")
    true_class = deal(CT_CLASSES, config.seed, "nodule", number)
    span = {"no_nodule": None, "benign": (1.0, 2.5), "malignant": (3.7, 5.0)}[true_class]
    if span is None:
        return Nodule(true_class, None, (), _blank(rng, config, true_class))
    malignancy = float(rng.uniform(*span))
    seen = np.clip(np.rint(malignancy + rng.normal(0, 0.6, NUM_READERS)), 1, 5)
    ratings = tuple(int(rating) for rating in seen)
    return Nodule(true_class, malignancy, ratings, _blank(rng, config, label_of_ratings(ratings)))


def label_of_ratings(ratings: tuple[int, ...]) -> str:
    """The median rule for malignancy ratings from 1 to 5: benign to 2, malignant from 4, else no label."""
    middle = median(ratings)
    return "benign" if middle <= 2 else "malignant" if middle >= 4 else ""


def plan_head(config: SynthConfig, number: int) -> Head:
    """Whether a brain has a tumour; half of them do."""
    true_class = deal(MRI_CLASSES, config.seed, "tumour", number)
    return Head(true_class, _blank(generator(patient_seed(config, number), "plan"), config, true_class))


def classes_of(config: SynthConfig) -> tuple[str, ...]:
    """Classes as whoever reads labels.csv finds them: label columns, or the sorted names that occur in them.

    A small cohort may lack a class, and a mask counts classes from the first that is there.
    """
    every = _CLASSES[config.kind]
    if config.kind is Phantom.cxr:
        return every
    found: set[str] = set()
    for number in range(config.patients):
        found.update(label for label in _stated(config, number) if label)
        if len(found) == len(every):
            break
    return tuple(sorted(found))


def _stated(config: SynthConfig, number: int) -> Iterator[str]:
    if config.kind is Phantom.derm:
        for lesion in plan_lesions(config, number):
            yield from lesion.stated
    else:
        plan: Nodule | Head = (plan_nodule if config.kind is Phantom.ct else plan_head)(config, number)
        yield plan.stated


def _state(rng: np.random.Generator, config: SynthConfig, is_true: bool) -> int | str:
    """A cell of a multi-label table: the truth, or for a share of the cells -1 or blank."""
    draw = rng.random()
    if draw < config.blank:
        return ""
    return -1 if draw < config.blank + config.uncertain else int(is_true)


def _blank(rng: np.random.Generator, config: SynthConfig, label: str) -> str:
    """A cell with the name of a class, blank for a share of the cells; a class cannot be uncertain."""
    return "" if rng.random() < config.blank else label


def mask_value(classes: Iterable[str], name: str) -> int:
    """What a mask holds where a class is: 1 for the first, 0 for a class that labels.csv never names."""
    return {known: value for value, known in enumerate(classes, 1)}.get(name, 0)
