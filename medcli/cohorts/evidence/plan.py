"""From what images are like to a recipe, with the reason beside every choice."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from medcli.errors import DataError

SIDE = 224
LOW_CONTRAST = 0.15
"""Contrast below which CLAHE is worth trying; ordinary films and skin images have 0.2 to 0.3."""

HIGH_NOISE = 0.02
"""Noise, as a share of the range, above which denoising is worth trying; five grey levels of 255."""

UNEVEN_SPACING = 1.1
"""Ratio of large to small distances above which images are brought to one."""

MANY_SLICES = 16
NUM_SLICES = 9
LUNG, SOFT_TISSUE = (-600, 1500), (40, 400)

Facts = Mapping[str, Any]
Choice = tuple[str, str, str]


def plan_recipe(evidence: Facts) -> str:
    """A TOML table `[preprocess]` for `--config`; the same evidence gives the same text.

    Args:
        evidence: Section of a manifest, with a fingerprint.

    Raises:
        DataError: If no image was looked at.
    """
    if not evidence.get("fingerprint") or not evidence["fingerprint"]["all"]["images"]:
        raise DataError(
            "the manifest says nothing of pixels, so there is nothing to plan by",
            hint="run medcli ingest without --quick and --labels-only",
        )
    facts = evidence["fingerprint"]["all"]
    modality = _modality(evidence)
    lines = [
        f"# A recipe for {facts['images']} images ({modality or 'modality unknown'}), from their evidence.",
        "# Read the reasons, change what you know better, then: medcli preprocess --config THIS.toml ...",
        *_warnings(evidence, facts),
        "[preprocess]",
    ]
    for name, value, reason in _choices(evidence, facts, modality=modality):
        lines += [f"# {reason}", f"{name} = {value}"]
    return "\n".join(lines) + "\n"


def _choices(evidence: Facts, facts: Facts, *, modality: str) -> Iterator[Choice]:
    yield _size(facts)
    channels, is_colour = _channels(facts)
    yield ("channels", *channels)
    yield from _brightness(facts, modality=modality, is_colour=is_colour)
    yield from _geometry(evidence, facts)
    noise, contrast = facts["noise"], facts["contrast"]
    is_noisy = bool(noise and noise[2] > HIGH_NOISE)
    if is_noisy:
        reason = f"noise is {noise[1]:.3f} of the range in the median, {noise[2]:.3f} in one of twenty"
        yield "denoise", "true", f"{reason}; more than {HIGH_NOISE} is seen"
        if modality == "MR":
            yield "rician", "true", "the noise of MR magnitudes is Rician"
    is_flat = bool(contrast and contrast[0] < LOW_CONTRAST and not is_colour)
    if is_flat:
        reason = f"contrast is {contrast[1]:.2f} in the median, {contrast[0]:.2f} in one of twenty"
        yield "clahe", "true", f"{reason}; below {LOW_CONTRAST} is flat"
    if is_noisy or is_flat:
        yield "when", '"auto"', "only the images that need it; what was done is recorded with each"


def _size(facts: Facts) -> Choice:
    low, middle, high = facts["sides"]
    known = f"shorter sides are {low:.0f} to {high:.0f}, {middle:.0f} in the median"
    if middle >= SIDE:
        return (
            "size",
            str(SIDE),
            f"{known}; 224 is what most pretrained networks saw, small findings need more",
        )
    side = max(32, math.ceil(middle / 16) * 16)
    return "size", str(side), f"{known}; enlarging would add no detail"


def _channels(facts: Facts) -> tuple[tuple[str, str], bool]:
    counts = {int(number): count for number, count in facts["channels"].items()}
    if counts.get(3, 0) * 2 > facts["images"]:
        return ("3", f"{counts[3]} of {facts['images']} images have colour"), True
    number = max(counts, key=lambda number: (counts[number], -number))
    if number in {2, 4}:
        return (str(number), f"{counts[number]} of {facts['images']} images have {number} channels"), False
    return ("1", f"{counts.get(1, 0)} of {facts['images']} images are grey"), False


def _brightness(facts: Facts, *, modality: str, is_colour: bool) -> Iterator[Choice]:
    if is_colour:
        reason = "colour keeps its values: stretching would make skin and stains differ from image to image"
        yield "normalize", '"none"' if set(facts["dtypes"]) <= {"uint8", "uint16"} else '"percentile"', reason
    elif modality == "CT":
        is_lung = facts["middle"][1] < -300
        (center, width), what = (LUNG, "lung") if is_lung else (SOFT_TISSUE, "soft tissue")
        reason = f"{facts['middle'][1]:g} HU in the median: a {what} window; bone is 400,1800, brain 40,80"
        yield "normalize", '"window"', "CT has units, so every image gets the same window"
        yield "window", f'["{center},{width}"]', reason
    elif modality == "MR":
        yield "normalize", '"zscore"', "MR has no units: each image is scaled by its own tissue"
        yield "foreground", "true", "the empty space around the head or body would shift the mean"
    else:
        reason = f"percentiles ignore outliers; the brightest pixels are {_spread(facts['high'])}"
        yield "normalize", '"percentile"', reason


def _geometry(evidence: Facts, facts: Facts) -> Iterator[Choice]:
    if facts["volumes"] and facts["spacing_mm"]:
        axes = facts["spacing_mm"]
        if any(axis and axis[2] > UNEVEN_SPACING * axis[0] for axis in axes):
            values = ", ".join(f"{axis[1]:.3g}" for axis in axes)
            ranges = " x ".join(_spread(axis) for axis in axes)
            yield "spacing", f"[{values}]", f"voxels differ: {ranges} mm; all are brought to the median"
    if not facts["volumes"]:
        return
    if evidence.get("masks"):
        yield (
            "slices",
            '"lesion"',
            f"{evidence['masks']} volumes have a mask: the slices where it marks something",
        )
    elif facts["slices"][1] >= MANY_SLICES:
        reason = f"volumes have {facts['slices'][1]:g} slices in the median; these many are spread over them"
        yield "slices", f'"{NUM_SLICES}"', reason
    else:
        yield "slices", '"all"', f"volumes have only {facts['slices'][1]:g} slices in the median"


def _warnings(evidence: Facts, facts: Facts) -> Iterator[str]:
    quality = evidence.get("quality", {})
    for flag in ("constant", "blank", "clipped", "few-values"):
        if flag in quality:
            yield f"# Note: flagged {flag}: {quality[flag]['count']} of the images; the evidence lists them."
    kinds = [number for number, count in facts["channels"].items() if count]
    if len(kinds) > 1:
        yield f"# Note: images have {' or '.join(kinds)} channels; those that do not fit will be rejected."
    if 0 < facts["volumes"] < facts["images"]:
        yield f"# Note: {facts['volumes']} of {facts['images']} are volumes; consider a recipe for each kind."


def _modality(evidence: Facts) -> str:
    """The modality of most images, or CT where values can be nothing but Hounsfield units."""
    counts: Counter[str] = Counter()
    for group in evidence["fingerprint"]["groups"]:
        counts[group["modality"]] += group["images"]
    named: str = max(sorted(counts), key=lambda name: counts[name], default="")
    facts = evidence["fingerprint"]["all"]
    named = "".join(filter(str.isalnum, named))  # a line break would leave the comment
    if not named and facts["low"][1] <= -900 and facts["high"][1] <= 4100:
        return "CT"
    return named


def _spread(quantiles: list[float]) -> str:
    low, _, high = quantiles
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
