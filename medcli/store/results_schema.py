"""JSON Schemas of results: what `medcli schema evaluation` (comparison, plan, readers) prints, `check` holds.

What is measured differs from study to study, so the shape is told rather than every name: whatever has an
`estimate` and a `method` is a quantity, at any depth, with all its parts.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medcli.errors import DataError, at

EVALUATION_VERSION = "evaluation/2"
COMPARISON_VERSION = "comparison/1"
READERS_VERSION = "readers/1"
PLAN_VERSION = "plan/1"

_NUMBER = {"type": ["number", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_ANY = {"$ref": "#/definitions/any"}
_QUANTITY = {"$ref": "#/definitions/quantity"}
_SHARES = {
    "type": "array",
    "items": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "maxItems": 200,
}
_INTERVAL = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}

DEFINITIONS: dict[str, Any] = {
    "quantity": {
        "description": "A number with what it takes to judge it; null with a reason where it is undefined",
        "type": "object",
        "required": [
            *("estimate", "ci", "level", "se", "method", "n", "n_clusters", "flags", "reason", "baseline"),
        ],
        "properties": {
            "estimate": _NUMBER,
            "ci": {"oneOf": [{"type": "null"}, _INTERVAL]},
            "level": {"type": ["number", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "se": {"type": ["number", "null"], "minimum": 0},
            "method": _TEXT,
            "n": {**_COUNT, "description": "Images"},
            "n_clusters": {**_COUNT, "description": "Patients, or images where patients are not known"},
            "flags": _TEXTS,
            "reason": {"type": ["string", "null"], "description": "Why estimate or interval is missing"},
            "baseline": {
                "description": "What a model that knows nothing would get",
                "type": ["object", "null"],
                "required": ["rule", "estimate"],
                "properties": {"rule": _TEXT, "estimate": _NUMBER, "band": _INTERVAL},
            },
        },
        "if": {"properties": {"estimate": {"type": "null"}}},
        "then": {"properties": {"reason": {"type": "string", "minLength": 1}, "ci": {"type": "null"}}},
    },
    "any": {
        "if": {"type": "object", "required": ["estimate", "method"]},
        "then": _QUANTITY,
        "else": {"additionalProperties": _ANY, "items": _ANY},
    },
}

_TASK = {
    "type": "object",
    "required": ["type", "classes"],
    "properties": {"type": {"enum": ["binary", "multiclass", "multilabel", "ordinal"]}, "classes": _TEXTS},
}
_CLASS = {
    "type": "object",
    "required": [
        *("class", "n", "n_missing", "n_positive", "n_negative", "n_clusters", "operating_point"),
        *("prevalence", "auc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "counts"),
    ],
    "properties": {
        "class": _TEXT,
        **dict.fromkeys(("n", "n_missing", "n_positive", "n_negative", "n_clusters"), _COUNT),
        **dict.fromkeys(("prevalence", "auc", "sensitivity", "specificity", "ppv", "npv"), _QUANTITY),
        **dict.fromkeys(("accuracy", "f1"), _QUANTITY),
        "operating_point": {
            "type": "object",
            "required": ["class", "threshold", "reason"],
            "properties": {"threshold": _NUMBER},
        },
        "counts": {"type": ["object", "null"], "additionalProperties": _COUNT},
    },
    "additionalProperties": _ANY,
}
_CURVES = {
    "type": "object",
    "required": ["class", "roc", "precision_recall", "densities", "sweep"],
    "properties": {
        "roc": {
            "type": ["object", "null"],
            "required": ["false_rates", "sensitivities", "band"],
            "properties": {"false_rates": _SHARES, "sensitivities": _SHARES},
        },
        "precision_recall": {
            "type": ["object", "null"],
            "properties": {"recalls": _SHARES, "precisions": _SHARES},
        },
        "densities": {"type": ["object", "null"], "required": ["scale", "edges", "with", "without"]},
        "sweep": {"type": ["object", "null"], "properties": {"sensitivities": _SHARES}},
    },
}
_SHIFT = {
    "type": "object",
    "required": ["name", "first", "second", "labels", "inputs", "tests"],
    "properties": {
        "inputs": {
            "description": "What goes in: pixels of all images, other fields of one image a patient",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "of", "kind"],
                "properties": {
                    "of": {"enum": ["image", "patient"]},
                    "kind": {"enum": ["number", "category"]},
                },
                "additionalProperties": _ANY,
            },
        },
        "tests": {
            "description": "How many Holm's correction counted, of scores and of inputs",
            "type": "object",
            "required": ["scores", "inputs"],
            "additionalProperties": _COUNT,
        },
    },
    "additionalProperties": _ANY,
}
_REFERENCES = {
    "type": "object",
    "additionalProperties": {"type": "object", "required": ["path", "sha256"]},
}


_PLAN = {
    "level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "assumed": {"type": "object", "additionalProperties": {"type": "number"}},
    "needed": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["goal", "measure", "width", "images", "positives", "patients", "method"],
            "properties": {
                **dict.fromkeys(("goal", "measure", "method"), _TEXT),
                **dict.fromkeys(("images", "positives", "patients"), _COUNT),
                "width": {"type": "number", "exclusiveMinimum": 0, "description": "Half, of the interval"},
            },
        },
    },
    "comparisons": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["goal", "measure", "power", "images", "positives", "patients", "method"],
            "properties": {
                **dict.fromkeys(("goal", "measure", "method"), _TEXT),
                **dict.fromkeys(("images", "positives", "patients"), _COUNT),
                "power": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            },
        },
    },
    "images": {**_COUNT, "description": "What the goal that needs most needs"},
    "expected": {
        "type": "object",
        "required": ["images"],
        "properties": {"images": _COUNT},
        "additionalProperties": _INTERVAL,
    },
}
_HEATMAPS = {
    "description": "How explain made maps, and what they were held against",
    "type": "object",
    "required": ["method", "part", "n", "n_available", "classes", "faithfulness"],
    "properties": {
        **dict.fromkeys(("n", "n_available"), _COUNT),
        "classes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["class", "num_masks", "num_empty_maps"],
                "additionalProperties": _ANY,
            },
        },
        "faithfulness": {"type": ["object", "null"], "additionalProperties": _ANY},
    },
}


def _schema(
    title: str, version: str, properties: dict[str, Any], optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Every named property is required, but for the optional ones; others hold quantities that are whole."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "definitions": DEFINITIONS,
        "type": "object",
        "required": ["medcli", *properties],
        "properties": {
            "medcli": {"const": version},
            **properties,
            **(optional or {}),
            "files": _REFERENCES,
        },
        "additionalProperties": _ANY,
    }


RESULTS_SCHEMAS = {
    "evaluation": _schema(
        "medcli evaluation, version 2",
        EVALUATION_VERSION,
        {
            "task": _TASK,
            "part": _TEXT,
            "level": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "unit": {**_TEXT, "description": "What is independent: patient, group or image"},
            **dict.fromkeys(("n", "n_missing", "n_clusters"), _COUNT),
            "score": {"enum": ["probability", "logit", "rank"]},
            "exclusive": {"type": "boolean", "description": "One class is true of an image"},
            "calibration": {"type": ["object", "null"]},
            "thresholds": {
                "type": "object",
                "required": ["source", "rule"],
                "properties": {"source": {"enum": ["calibration", "val", "default"]}},
            },
            "flags": _TEXTS,
            "classes": {"type": "array", "items": _CLASS, "minItems": 1},
            "overall": {"type": "object", "required": ["macro_auc"], "additionalProperties": _ANY},
            "curves": {"type": "array", "items": _CURVES, "minItems": 1},
            "errors": {"type": "array", "items": {"type": "object", "required": ["class", "id", "score"]}},
        },
        {
            "cohort": {"type": "object", "required": ["parts", "overlap"]},
            "heatmaps": _HEATMAPS,
            "plan": {"type": "object", "required": [*_PLAN], "properties": _PLAN},
        },
    ),
    "comparison": _schema(
        "medcli comparison, version 1",
        COMPARISON_VERSION,
        {
            "task": _TASK,
            "models": {"type": "array", "items": {"type": "object", "required": ["name"]}, "minItems": 2},
            "pairing": {"enum": ["paired", "unpaired"]},
            "unit": _TEXT,
            "n_clusters": _COUNT,
            "level": {"type": "number"},
            "measure": _TEXT,
            "margin": _NUMBER,
            "labels": {"type": "array", "items": {"type": "object", "additionalProperties": _ANY}},
            "overall": {"type": "object", "required": ["pairs"], "additionalProperties": _ANY},
            "shift": {"type": "array", "items": _SHIFT},
            "flags": _TEXTS,
            "history": {"type": "array"},
        },
    ),
    "plan": _schema("medcli plan of a study, version 1", PLAN_VERSION, _PLAN),
    "readers": _schema(
        "medcli agreement of readers, version 1",
        READERS_VERSION,
        {
            "readers": _TEXTS,
            "unit": {**_TEXT, "description": "What is independent: patient, or image where none is named"},
            **dict.fromkeys(("n", "n_clusters"), _COUNT),
            "level": {"type": "number"},
            "labels": {"type": "array", "items": {"type": "object", "additionalProperties": _ANY}},
            "flags": _TEXTS,
            "history": {"type": "array"},
        },
    ),
}
_START = re.compile(rb'\s*\{\s*"medcli"\s*:\s*"(evaluation|comparison|plan|readers)/')
_NAMES = {schema["properties"]["medcli"]["const"]: name for name, schema in RESULTS_SCHEMAS.items()}


@functools.cache
def _validator(name: str) -> Callable[[Any], Any]:
    import fastjsonschema

    return fastjsonschema.compile(RESULTS_SCHEMAS[name])


def is_results(path: Path) -> bool:
    """Whether a JSON file says that it holds results of ours; it says so first."""
    with path.open("rb") as file:
        return bool(_START.match(file.read(100)))


def read_results(path: Path) -> dict[str, Any]:
    """Results from a file, checked.

    Raises:
        DataError: If it is no JSON, or breaks its schema.
    """
    with at(str(path)):
        try:
            document = json.loads(path.read_bytes())
        except ValueError as error:
            raise DataError(f"it is not whole JSON: {error}") from error
        check_results(document)
    return document


def check_results(document: dict[str, Any]) -> None:
    """Refuse results that break the schema of their version, saying where.

    Raises:
        DataError: With the JSON path of the first difference.
    """
    import fastjsonschema

    name = _NAMES.get(document.get("medcli", ""))
    if name is None:
        known = ", ".join(_NAMES)
        raise DataError(f"it is {str(document.get('medcli'))[:40]!r}, this medcli knows {known}")
    try:
        _validator(name)(document)
    except fastjsonschema.JsonSchemaException as error:
        message = str(error).replace("data.", "", 1)
        raise DataError(f"the {name} breaks its schema: {message[:300]}") from error
