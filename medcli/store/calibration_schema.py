"""The section `calibration` of a manifest: its JSON Schema, and the digest that freezes it."""

from __future__ import annotations

from typing import Any

from medcli.errors import DataError
from medcli.store.digests import digest_json

_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 256}
_OBJECT_OR_NULL = {"type": ["object", "null"]}
_NUMBER_OR_NULL = {"type": ["number", "null"]}
_STRING_OR_NULL = {"type": ["string", "null"]}
_NAMES_IN = {"type": "array", "items": {"type": "string"}}

QUANTITY_SCHEMA: dict[str, Any] = {
    "description": "A number with what it takes to judge it; undefined is null with a reason",
    "type": "object",
    "required": [
        *("estimate", "ci", "level", "se", "method", "n", "n_clusters", "flags", "reason", "baseline"),
    ],
    "properties": {
        "estimate": _NUMBER_OR_NULL,
        "ci": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "level": _NUMBER_OR_NULL,
        "se": _NUMBER_OR_NULL,
        "method": {"type": "string"},
        "n": {"type": "integer", "minimum": 0},
        "n_clusters": {"type": "integer", "minimum": 0},
        "flags": _NAMES_IN,
        "reason": _STRING_OR_NULL,
        "baseline": _OBJECT_OR_NULL,
    },
}
_QUANTITY_OR_NULL = {"oneOf": [{"type": "null"}, QUANTITY_SCHEMA]}
_LIMIT = {
    "type": "object",
    "required": ["limit", "n", "n_patients", "reason"],
    "properties": {"limit": {**_NUMBER_OR_NULL, "description": "Null: every set holds this answer"}},
}

CALIBRATION_SCHEMA: dict[str, Any] = {
    "description": "How scores become probabilities and calls; all of it frozen by `digest`",
    "type": ["object", "null"],
    "required": [
        *("method", "score", "parameters", "folds", "comparison", "fitted_on", "prevalence_shift"),
        *("prediction_sets", "operating_points", "summary", "digest"),
    ],
    "additionalProperties": False,
    "properties": {
        "method": {**_NAME, "description": "Of all classes, or auto when each has its own in `parameters`"},
        "score": {"enum": ["logit", "probability"]},
        "parameters": {
            "description": "One entry a class; empty when scores are left as they are",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["class", "method", "flags", "reason"],
                "properties": {
                    "class": _NAME,
                    "method": _NAME,
                    "flags": _NAMES_IN,
                    "reason": _STRING_OR_NULL,
                    "intervals": {"type": "object", "additionalProperties": QUANTITY_SCHEMA},
                },
            },
        },
        "folds": {"type": ["integer", "null"], "minimum": 1},
        "comparison": {
            "description": "Of auto: one entry a label, or one with class null for exclusive classes",
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["class", "n", "winner", "best", "candidates", "keeps", "few", "why", "reason"],
                "properties": {
                    "candidates": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "required": ["log_loss", "difference"],
                            "properties": {"log_loss": QUANTITY_SCHEMA, "difference": QUANTITY_SCHEMA},
                        },
                    }
                },
            },
        },
        "fitted_on": {
            "type": "object",
            "required": ["part", "sha256", "images", "model", "n", "n_patients", "unit"],
            "properties": {
                "part": {"const": "val"},
                "sha256": {**_SHA256, "description": "Of the predictions"},
                "images": {**_SHA256, "description": "Of the sorted ids of their images"},
            },
        },
        "prevalence_shift": {
            "type": ["object", "null"],
            "required": ["method", "sha256", "n", "classes"],
            "properties": {
                "classes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["class", "before", "after", "shift"],
                        "properties": {
                            "before": QUANTITY_SCHEMA,
                            "after": QUANTITY_SCHEMA,
                            "shift": {"type": "number"},
                        },
                    },
                }
            },
        },
        "prediction_sets": {
            "type": ["object", "null"],
            "required": ["coverage", "score", "promise", "classes"],
            "properties": {
                "classes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["class", "yes"],
                        "properties": {"class": _NAME, "yes": _LIMIT, "no": _LIMIT},
                    },
                }
            },
        },
        "operating_points": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    *("class", "rule", "threshold", "sensitivity", "specificity", "value", "expected"),
                    *("chosen_on", "reason"),
                ],
                "properties": {
                    "threshold": {**_NUMBER_OR_NULL, "description": "A call is score >= threshold"},
                    "sensitivity": _QUANTITY_OR_NULL,
                    "specificity": _QUANTITY_OR_NULL,
                    "chosen_on": {"enum": ["fitted", "out-of-fold"]},
                },
            },
        },
        "summary": {"type": "object"},
        "digest": _SHA256,
    },
}


def calibration_digest(section: dict[str, Any]) -> str:
    """Digest of all that the section says but for itself: parameters and thresholds are frozen by it."""
    return digest_json({name: value for name, value in section.items() if name != "digest"})


def check_frozen(section: dict[str, Any]) -> None:
    """Refuse a calibration of which a parameter, a threshold or anything else was changed.

    Raises:
        DataError: If its digest is not that of what it says.
    """
    found = calibration_digest(section)
    if section["digest"] != found:
        raise DataError(
            f"its calibration was changed after it was made: it is frozen as {section['digest'][:12]}, "
            f"parameters and thresholds now give {found[:12]}",
            hint="run medcli calibrate on the val predictions of this model",
        )
