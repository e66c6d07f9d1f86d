"""Words that options choose from, and what they mean."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    binary = "binary"
    multiclass = "multiclass"
    multilabel = "multilabel"
    ordinal = "ordinal"


class Layout(StrEnum):
    files = "files"
    class_folders = "class-folders"
    table = "table"
    bids = "bids"
    brats = "brats"
    chestxray14 = "chestxray14"
    chexpert = "chexpert"
    ham10000 = "ham10000"
    lidc = "lidc"
    medmnist = "medmnist"


class Series(StrEnum):
    """What becomes of the slices of a DICOM series; `auto`: those of CT, MR and PET are one volume."""

    auto = "auto"
    image = "image"


class Unmatched(StrEnum):
    """What becomes of rows without a file and files without a row."""

    reject = "reject"
    skip = "skip"


class Phantom(StrEnum):
    cxr = "cxr"
    derm = "derm"
    ct = "ct"
    mri = "mri"


class Normalize(StrEnum):
    """`auto`: `--window` when given, else colour as it is and everything else between percentiles.

    `train`: between percentiles of the training part, as nnU-Net scales CT.
    """

    auto = "auto"
    percentile = "percentile"
    window = "window"
    zscore = "zscore"
    train = "train"
    none = "none"


class Depth(StrEnum):
    """What holds a pixel: 8 or 16 bits from black to white, or half precision (see `preprocess --help`)."""

    uint8 = "8"
    uint16 = "16"
    float16 = "float16"


class Fit(StrEnum):
    """`center` keeps the scale (of `--spacing`): pads what is smaller, cuts what is larger."""

    pad = "pad"
    crop = "crop"
    stretch = "stretch"
    centre = "center"


class Plane(StrEnum):
    """How the slices of a volume lie in the patient; `acquired` as they were taken."""

    axial = "axial"
    coronal = "coronal"
    sagittal = "sagittal"
    acquired = "acquired"


class Crop(StrEnum):
    """Cut around each box, or around what the mask marks."""

    none = "none"
    boxes = "boxes"
    mask = "mask"


class When(StrEnum):
    """Whether `--denoise` and `--clahe` are applied to every image or to those that need them."""

    always = "always"
    auto = "auto"


class Loss(StrEnum):
    auto = "auto"
    cross_entropy = "cross-entropy"
    bce = "bce"
    focal = "focal"


class Uncertain(StrEnum):
    """What -1 means: left out, no, or yes (Irvin et al., CheXpert, AAAI 2019, section 3)."""

    ignore = "ignore"
    zero = "zero"
    one = "one"


class Blank(StrEnum):
    """What a label that is not mentioned means."""

    zero = "zero"
    ignore = "ignore"


class AreaCovariance(StrEnum):
    """How errors of areas under the curve go together: by DeLong, leaving out patients, or by Gallas."""

    delong = "delong"
    jackknife = "jackknife"
    unbiased = "unbiased"


class Adjudication(StrEnum):
    """What makes one truth of several readers."""

    majority = "majority"
    any = "any"
    all = "all"
    adjudicator = "adjudicator"
    dawid_skene = "dawid-skene"


class RatingScale(StrEnum):
    """What readings are; `auto`: names and 1 and 0 nominal, a few whole grades ordinal, the rest interval."""

    auto = "auto"
    nominal = "nominal"
    ordinal = "ordinal"
    interval = "interval"
    ratio = "ratio"


class KappaWeights(StrEnum):
    """How far disagreement counts between ordered grades."""

    quadratic = "quadratic"
    linear = "linear"
    none = "none"


class LabelPolicy(StrEnum):
    """What -1 and blank count as when a model is judged; `sweep` judges it under all.

    `stored`: as the predictions were made. `ones`, `zeros` and `ignore` say what becomes of -1, blank being
    no; `mentioned` takes only labels that say yes or no.
    """

    stored = "stored"
    ones = "ones"
    zeros = "zeros"
    ignore = "ignore"
    mentioned = "mentioned"
    sweep = "sweep"


class ScoreKind(StrEnum):
    """What the scores of a table are; `auto`: probabilities if all are in [0, 1], else bare ranks."""

    auto = "auto"
    probability = "probability"
    logit = "logit"
    rank = "rank"


class Pairing(StrEnum):
    """Whether models that are compared were given the same images; `auto`: all the same, or none."""

    auto = "auto"
    paired = "paired"
    unpaired = "unpaired"


class Bootstrap(StrEnum):
    """How an interval is read off resamples of patients."""

    percentile = "percentile"
    bca = "bca"


class ShareInterval(StrEnum):
    """Interval of a share: Wilson's score interval, or Clopper and Pearson's exact one."""

    wilson = "wilson"
    exact = "exact"


class Precision(StrEnum):
    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class SplitBy(StrEnum):
    """What may not be torn apart when an image has no patient and no group."""

    patient = "patient"
    image = "image"


class Augment(StrEnum):
    """Random changes of training images; `flips` is for images without a left, a right or an up."""

    none = "none"
    safe = "safe"
    flips = "flips"


class CalibrationMethod(StrEnum):
    """How scores become probabilities; `auto` compares those that fit the task."""

    auto = "auto"
    none = "none"
    temperature = "temperature"
    bias_temperature = "bias-temperature"
    platt = "platt"
    beta = "beta"
    isotonic = "isotonic"
    vector = "vector"


class SetScore(StrEnum):
    """How strange an answer is: the probability that it lacks, or of all that is at least as likely."""

    lac = "lac"
    aps = "aps"


class AttributionMethod(StrEnum):
    auto = "auto"
    gradcam = "gradcam"
    hirescam = "hirescam"
    rollout = "rollout"


class Part(StrEnum):
    """`external` is what `split --external` set aside before anything was drawn."""

    train = "train"
    val = "val"
    test = "test"
    external = "external"
    all = "all"
