"""Settings of every stage: one frozen dataclass each, the only home of defaults.

Fields made by `place` say where to read, where to write and how many hands to use; they never change a
result and are left out of provenance. All other fields do, and are recorded (`recorded_options`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from medcli.choices import (
    Adjudication,
    AreaCovariance,
    AttributionMethod,
    Augment,
    Blank,
    Bootstrap,
    CalibrationMethod,
    Crop,
    Depth,
    Fit,
    KappaWeights,
    LabelPolicy,
    Layout,
    Loss,
    Normalize,
    Pairing,
    Part,
    Phantom,
    Plane,
    Precision,
    RatingScale,
    ScoreKind,
    Series,
    SetScore,
    ShareInterval,
    SplitBy,
    Task,
    Uncertain,
    Unmatched,
    When,
)


def place(default: Any = None) -> Any:
    """A field that says where or how fast, not what."""
    return field(default=default, metadata={"place": True})


def recorded_options(config: Any) -> dict[str, Any]:
    """Options of a stage that decide its result, as JSON values."""
    return {f.name: _plain(getattr(config, f.name)) for f in fields(config) if not f.metadata.get("place")}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return value.name
    return value


@dataclass(frozen=True)
class SynthConfig:
    """A phantom cohort."""

    output: Path = place(Path("phantoms"))
    kind: Phantom = Phantom.cxr
    patients: int = 60
    size: int = 256
    uncertain: float = 0.05
    blank: float = 0.05
    seed: int = 0
    jobs: int = place(0)


@dataclass(frozen=True)
class IngestConfig:
    """Which files, which labels, and which columns say what."""

    source: Path = place(Path("."))
    output: Path | None = place()
    key_file: Path | None = place()
    jobs: int = place(0)
    layout: Layout | None = None
    labels: Path | None = place()
    delimiter: str | None = None
    task: Task | None = None
    key: str = "path"
    label: tuple[str, ...] = ()
    separator: str | None = None
    classes: tuple[str, ...] = ()
    patient: str = "patient"
    group: str = "group"
    site: str = "site"
    device: str = "device"
    view: str = "view"
    age: str = "age"
    sex: str = "sex"
    part: str = "part"
    mask: str = "mask"
    keep: tuple[str, ...] = ()
    unmatched: Unmatched = Unmatched.reject
    labels_only: bool = False
    quick: bool = False
    series: Series = Series.auto
    report: Path | None = place()
    max_rejects: str | None = place()


@dataclass(frozen=True)
class PreprocessConfig:
    """How an image becomes what a network eats; `recipe` of a shard is this without the places."""

    source: str = place("-")
    shard: Path = place(Path("out.h5"))
    output: Path | None = place()
    sheet: Path | None = place()
    like: Path | None = place()
    key_file: Path | None = place()
    jobs: int = place(0)
    size: int = 224
    channels: int = 1
    depth: Depth = Depth.uint8
    fit: Fit = Fit.pad
    plane: Plane = Plane.axial
    spacing: tuple[float, ...] | None = None
    slices: str = "central"
    neighbours: int = 0
    crop: Crop = Crop.none
    margin: float = 0.2
    normalize: Normalize = Normalize.auto
    window: tuple[tuple[float, float], ...] = ()
    percentiles: tuple[float, float] = (0.5, 99.5)
    foreground: bool = False
    denoise: bool = False
    denoise_strength: float | None = None
    rician: bool = False
    clahe: bool = False
    clahe_clip: float = 2.0
    clahe_tiles: int = 8
    when: When = When.always
    part: str | None = place()
    plan: bool = place(False)
    max_rejects: str | None = place()
    fresh: bool = place(False)


@dataclass(frozen=True)
class MergeConfig:
    """Which parts become which shard."""

    shard: Path = place(Path("out.h5"))
    parts: tuple[str, ...] = place(())
    output: Path | None = place()
    fresh: bool = place(False)


@dataclass(frozen=True)
class SplitConfig:
    """Shares of patients for training, validation and test."""

    source: str = place("-")
    output: Path | None = place()
    by: SplitBy = SplitBy.patient
    official: bool = False
    external: tuple[str, ...] = ()
    shares: tuple[float, float, float] = (80, 10, 10)
    seed: int = 0


@dataclass(frozen=True)
class TrainConfig:
    """Architecture, loss, optimiser and schedule."""

    source: str = place("-")
    run: Path = place(Path("run"))
    output: Path | None = place()
    jobs: int = place(0)
    device: str = place("auto")
    fresh: bool = place(False)
    model: str = "resnet50"
    model_option: tuple[str, ...] = ()
    weights: str = "none"
    loss: Loss = Loss.auto
    focal_gamma: float = 2.0
    reweight: bool = False
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    backbone_rate: float = 1.0
    weight_decay: float = 0.05
    warmup: float = 0.1
    label_smoothing: float = 0.0
    dropout: float = 0.0
    augment: Augment = Augment.safe
    uncertain: Uncertain = Uncertain.ignore
    blank: Blank = Blank.zero
    precision: Precision = Precision.auto
    threads: int = 2
    seed: int = 0


@dataclass(frozen=True)
class PredictConfig:
    """A model on shards that it has not seen."""

    source: str = place("-")
    predictions: Path = place(Path("predictions.h5"))
    output: Path | None = place()
    jobs: int = place(0)
    device: str = place("auto")
    model: Path | None = place()
    part: Part = Part.all
    batch_size: int = 64
    uncertain: Uncertain = Uncertain.ignore
    blank: Blank = Blank.zero
    precision: Precision = Precision.auto


@dataclass(frozen=True)
class CalibrateConfig:
    """Which map from scores to probabilities, and which operating point."""

    source: str = place("-")
    output: Path | None = place()
    part: Part | None = None
    truth: Path | None = place()
    key: str = "id"
    patient: str = "patient"
    target: str = "target"
    score: str = "score"
    scores: ScoreKind = ScoreKind.auto
    key_file: Path | None = place()
    method: CalibrationMethod = CalibrationMethod.auto
    operating_point: str = "youden"
    prevalence_shift: tuple[str, ...] = ()
    prevalence_from: Path | None = place()
    coverage: float | None = None
    set_score: SetScore = SetScore.lac


@dataclass(frozen=True)
class EvaluateConfig:
    """Which predictions, and at which confidence level."""

    source: str = place("-")
    report: Path = place(Path("report"))
    output: Path | None = place()
    part: Part = Part.test
    truth: Path | None = place()
    key: str = "id"
    patient: str = "patient"
    target: str = "target"
    score: str = "score"
    scores: ScoreKind = ScoreKind.auto
    key_file: Path | None = place()
    calibration: Path | None = place()
    label_policy: LabelPolicy = LabelPolicy.stored
    subgroup: tuple[str, ...] = ()
    level: float = 0.95
    bins: int = 15
    decision_range: str = ""
    plan: str = ""
    readers: tuple[str, ...] = place(())
    panel: tuple[str, ...] = ()
    positive_from: float | None = None
    margin: float | None = None
    resamples: int = 2000
    bootstrap: Bootstrap = Bootstrap.percentile
    interval: ShareInterval = ShareInterval.wilson
    fixed_rate: float = 0.9
    prevalence: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class CompareConfig:
    """Which predictions against which, what decides, and how much may be lost."""

    sources: tuple[str, ...] = place(())
    report: Path | None = place()
    output: Path | None = place()
    jobs: int = place(0)
    name: tuple[str, ...] = ()
    part: Part | None = None
    pairing: Pairing = Pairing.auto
    measure: str = "auc"
    margin: float | None = None
    by: str | None = None
    each: str | None = None
    truth: Path | None = place()
    key: str = "id"
    patient: str = "patient"
    target: str = "target"
    score: str = "score"
    scores: ScoreKind = ScoreKind.auto
    key_file: Path | None = place()
    calibration: tuple[Path, ...] = place(())
    label_policy: LabelPolicy = LabelPolicy.stored
    level: float = 0.95
    resamples: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class ReadersConfig:
    """Whose readings, how they agree, and what truth is made of them."""

    sources: tuple[str, ...] = place(())
    report: Path | None = place()
    output: Path | None = place()
    key: str = "id"
    patient: str = "patient"
    label: tuple[str, ...] = ()
    positive_from: float | None = None
    scale: RatingScale = RatingScale.auto
    weights: KappaWeights = KappaWeights.quadratic
    rule: Adjudication = Adjudication.majority
    adjudicator: str | None = None
    adjudicated: Path | None = place()
    truth: Path | None = place()
    arm: str | None = None
    covariance: AreaCovariance = AreaCovariance.delong
    level: float = 0.95


@dataclass(frozen=True)
class ExplainConfig:
    """Which maps, of which images, for which classes."""

    source: str = place("-")
    maps: Path = place(Path("maps.h5"))
    gallery: Path | None = place()
    output: Path | None = place()
    jobs: int = place(0)
    device: str = place("auto")
    method: AttributionMethod = AttributionMethod.auto
    part: Part = Part.test
    limit: int = 64
    batch_size: int = 16
    tolerance: int = 0
    faithfulness: int = 0


@dataclass(frozen=True)
class ShowConfig:
    """Which file to describe."""

    file: str = place("-")


@dataclass(frozen=True)
class CheckConfig:
    """Which files to check."""

    files: tuple[str, ...] = place(())
