"""The JSON Schema of manifests: what `medcli schema` prints and every reader checks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from medcli.errors import DataError
from medcli.store.calibration_schema import CALIBRATION_SCHEMA

MANIFEST_VERSION = "manifest/1"

_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_KEYED_HASH = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 256}
_IDS = {"type": "array", "items": _KEYED_HASH}
_OBJECT_OR_NULL = {"type": ["object", "null"]}
_REFERENCE = {
    "type": "object",
    "required": ["path", "sha256"],
    "properties": {"path": {"type": "string", "minLength": 1}, "sha256": _SHA256},
}

_BOX = {
    "type": "object",
    "required": ["class", "box"],
    "additionalProperties": False,
    "properties": {
        "class": _NAME,
        "box": {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 4,
            "description": "Left, top, right, bottom edges in pixels; 0 is the outer edge of the first",
        },
        "slices": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0},
            "minItems": 2,
            "maxItems": 2,
            "description": "First and last slice, of a volume",
        },
        "frame": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "minItems": 2,
            "maxItems": 2,
            "description": "Width and height of the image that the box was drawn on, where it is another",
        },
    },
}

RECORD_SCHEMA: dict[str, Any] = {
    "description": "One image. Only these fields exist: nothing else of a header is ever copied.",
    "type": "object",
    "required": ["id", "labels"],
    "additionalProperties": False,
    "properties": {
        "id": {**_KEYED_HASH, "description": "Opaque id: keyed hash of the path below the input folder"},
        "sha256": {
            **_SHA256,
            "description": "Digest of the source file's bytes; of several files, of their digests in order; "
            "of a member of an archive, of its values; absent when images were not read (--labels-only)",
        },
        "pixels_sha256": {**_SHA256, "description": "Digest of the decoded pixels, their type and shape"},
        "labels": {
            "description": "What the source says: 1 yes, 0 no, -1 uncertain; absent: not mentioned",
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": -1, "maximum": 1},
        },
        "patient": {**_KEYED_HASH, "description": "Keyed hash of the patient"},
        "group": {**_KEYED_HASH, "description": "Keyed hash of what must stay together, such as a lesion"},
        "site": _NAME,
        "device": _NAME,
        "view": _NAME,
        "modality": _NAME,
        "age": {"type": "number", "minimum": 0, "maximum": 120, "description": "Years"},
        "sex": {"enum": ["M", "F", "O"]},
        "part": {"enum": ["train", "val", "test"], "description": "Official part, as the source says"},
        "truth": {**_NAME, "description": "What the label rests on, such as histopathology"},
        "readers": {
            "description": "What each reader said, by reader: class to 1, 0, -1, or a rating",
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": {"type": "number"}},
        },
        "boxes": {"type": "array", "items": _BOX},
        "has_mask": {"type": "boolean"},
        "mask_sha256": {**_SHA256, "description": "Digest of the bytes of the file of the mask"},
        "volume": {**_KEYED_HASH, "description": "Id of the volume that this image is a slice or crop of"},
        "slice": {"type": "integer", "minimum": 0, "description": "Which slice of the volume"},
        "spacing_mm": {
            "type": "array",
            "items": {"type": "number", "exclusiveMinimum": 0},
            "minItems": 2,
            "maxItems": 3,
            "description": "(rows, columns) or (slices, rows, columns)",
        },
        "pixels": {
            "description": "What the prepared image is like, black being 0 and white 1; of a volume "
            "means over its slices",
            "type": "object",
            "additionalProperties": {"type": "number"},
            "properties": {
                "brightness": {"description": "Mean"},
                "contrast": {"description": "Standard deviation over the pixels"},
                "sharpness": {"description": "Laplacian of Gaussian over gradient, both RMS, per pixel"},
                "noise": {"description": "Standard deviation of the noise, from the finest diagonal details"},
                "saturation": {"description": "Of colour: mean of (largest - smallest) / largest channel"},
            },
        },
        "quality": {
            "type": "array",
            "items": _NAME,
            "description": "What is odd about the pixels, such as constant or clipped",
        },
        "applied": {
            "type": "array",
            "items": _NAME,
            "description": "Steps that preprocess --when auto decided for",
        },
        "kept": {"type": "object", "description": "Columns asked for with --keep"},
    },
}

MANIFEST_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "medcli manifest, version 1",
    "type": "object",
    "required": ["medcli", "records", "history"],
    "additionalProperties": False,
    "properties": {
        "medcli": {"const": MANIFEST_VERSION},
        "task": {
            "type": ["object", "null"],
            "required": ["type", "classes"],
            "properties": {
                "type": {"enum": ["binary", "multiclass", "multilabel", "ordinal"]},
                "classes": {"type": "array", "items": _NAME, "uniqueItems": True, "minItems": 1},
            },
        },
        "sources": {"oneOf": [{"type": "null"}, _REFERENCE]},
        "records": {"type": "array", "items": RECORD_SCHEMA},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "code", "reason"],
                "properties": {"id": _KEYED_HASH, "code": _NAME, "reason": {"type": "string"}},
            },
        },
        "evidence": _OBJECT_OR_NULL,
        "shards": {"type": "array", "items": _REFERENCE},
        "splits": {
            "type": ["object", "null"],
            "required": ["sha256", "parts"],
            "properties": {
                "sha256": _SHA256,
                "parts": {"type": "object", "additionalProperties": _IDS},
            },
        },
        "model": {"oneOf": [{"type": "null"}, _REFERENCE]},
        "predictions": {"type": "object", "additionalProperties": _REFERENCE},
        "calibration": CALIBRATION_SCHEMA,
        "explanation": _OBJECT_OR_NULL,
        "evaluation": _OBJECT_OR_NULL,
        "history": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["command", "version", "options", "inputs"],
                "properties": {
                    "command": _NAME,
                    "version": _NAME,
                    "options": {"type": "object"},
                    "inputs": {
                        "type": "array",
                        "items": {"type": "object", "required": ["role", "sha256"]},
                    },
                },
            },
        },
    },
}


@functools.cache
def _validator() -> Callable[[Any], Any]:
    import fastjsonschema

    return fastjsonschema.compile(MANIFEST_SCHEMA)


def check_manifest(document: Any) -> None:
    """Refuse a document that is not a manifest of this version, saying where it differs.

    Raises:
        DataError: With the JSON path of the first difference.
    """
    version = document.get("medcli") if isinstance(document, dict) else None
    if version is None:
        raise DataError("this JSON is not a medcli manifest", hint="medcli ingest makes one")
    if (kind := str(version).partition("/")[0]) != "manifest":
        raise DataError(
            f"it holds results ({kind[:40]!r}), a manifest was expected",
            hint="the manifest is what the command wrote to -o or to standard output",
        )
    if version != MANIFEST_VERSION:
        raise DataError(
            f"it is {str(version)[:40]!r}, this medcli reads {MANIFEST_VERSION!r}",
            hint="use the medcli version that wrote it",
        )
    import fastjsonschema

    try:
        _validator()(document)
    except fastjsonschema.JsonSchemaException as error:
        message = str(error).replace("data.", "", 1)
        raise DataError(f"the manifest breaks its schema: {message[:300]}") from error
