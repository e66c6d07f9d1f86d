"""Stored values to modality units: modality LUT, rescale, standardised uptake.

References: DICOM PS3.3 C.11.1 (modality LUT), C.8.9 (PET); QIBA FDG-PET profile.
"""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from medcli.formats.codes import reject
from medcli.formats.dicom_values import all_of, number, only_item, text


def apply_modality(stored: np.ndarray, dataset: Dataset, *, factor: float = 1.0) -> np.ndarray:
    """Modality units, times `factor`; integers where slope and intercept are whole numbers, else float32.

    Args:
        stored: Values of one frame or of several that share the rescale.
        dataset: Has the rescale or modality LUT; of an enhanced image the item of the functional group.
        factor: From modality units on, as `suv_factor` gives it.
    """
    if dataset.get("ModalityLUTSequence"):
        return apply_modality_lut(stored, dataset)
    slope, intercept = rescale_of(dataset)
    slope, intercept = slope * factor, intercept * factor
    if slope == 1 and intercept == 0:
        return stored if stored.dtype.kind in "iu" else stored.astype(np.float32)
    is_whole = stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer()
    if is_whole and _fits(stored.dtype, slope, intercept):
        return stored.astype(np.int32) * np.int32(slope) + np.int32(intercept)
    values = stored.astype(np.float64) * slope + intercept
    return values.astype(np.int32 if is_whole and np.abs(values).max() < 1 << 31 else np.float32)


def rescale_of(dataset: Dataset) -> tuple[float, float]:
    """Slope and intercept, 1 and 0 when absent."""
    slope, intercept = number(dataset, "RescaleSlope", 1.0), number(dataset, "RescaleIntercept", 0.0)
    if not math.isfinite(slope) or not math.isfinite(intercept) or slope == 0:
        raise reject(
            "decode/bad-header", "(0028,1053) Rescale Slope is 0, or it or the intercept is not finite"
        )
    return slope, intercept


def suv_factor(dataset: Dataset) -> float | None:
    """What turns Bq/mL into SUVbw (g/mL); 1 when the values are that already, None when it cannot be known.

    Needs attenuation and decay corrected Bq/mL, weight, dose and, when the decay is corrected to the start of
    the series, half-life and both times. Nothing is assumed: without one of them the values stay Bq/mL.
    """
    units, kind = text(dataset, "Units"), text(dataset, "SUVType")
    if units == "GML" and kind in {"", "BW"}:
        return 1.0
    corrections = {str(value) for value in all_of(dataset, "CorrectedImage")}
    if units != "BQML" or not {"ATTN", "DECY"} <= corrections:
        return None
    drug = only_item(dataset, "RadiopharmaceuticalInformationSequence")
    weight_kg = number(dataset, "PatientWeight")
    dose_bq = number(drug, "RadionuclideTotalDose") if drug is not None else math.nan
    if drug is None or not 0 < weight_kg < math.inf or not 0 < dose_bq < math.inf:
        return None
    remaining = _remaining_share(dataset, drug)
    return None if remaining is None else weight_kg * 1000 / (dose_bq * remaining)


def _remaining_share(dataset: Dataset, drug: Dataset) -> float | None:
    """Share of the dose that is left at the time to which the decay is corrected (PS3.3 C.8.9.1)."""
    correction = text(dataset, "DecayCorrection")
    if correction == "ADMIN":
        return 1.0
    half_life_s = number(drug, "RadionuclideHalfLife")
    scan = _time(text(dataset, "SeriesDate") + text(dataset, "SeriesTime"))
    acquisition = _time(text(dataset, "AcquisitionDate") + text(dataset, "AcquisitionTime"))
    injection = _time(text(drug, "RadiopharmaceuticalStartDateTime")) or _time(
        text(dataset, "SeriesDate") + text(drug, "RadiopharmaceuticalStartTime")
    )
    if correction != "START" or not half_life_s > 0 or scan is None or injection is None:
        return None
    # A series time after the acquisition is that of a reformatted series (QIBA): not the decay's reference.
    if acquisition is None or scan > acquisition or injection > scan:
        return None
    return float(2.0 ** (-(scan - injection).total_seconds() / half_life_s))


def _time(value: str) -> datetime | None:
    """A DICOM date and time (PS3.5 6.2, DT); the time must be there to the minute; offsets are dropped."""
    digits = value.partition("&")[0].partition("+")[0].partition("-")[0].partition(".")[0]
    try:
        return datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S") if len(digits) >= 12 else None
    except ValueError:
        return None


def _fits(dtype: np.dtype, slope: float, intercept: float) -> bool:
    limits = np.iinfo(dtype)
    ends = [int(value) * slope + intercept for value in (limits.min, limits.max)]
    products = [int(value) * slope for value in (limits.min, limits.max)]
    return all(abs(value) < 1 << 31 for value in (*ends, *products, slope, intercept))
