"""The words of `medcli schema`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from medcli.cli.output import print_result

EXAMPLES = [
    ("the JSON Schema of manifests", "medcli schema > manifest.schema.json"),
    ("that of evaluation.json", "medcli schema evaluation > evaluation.schema.json"),
]


class Document(StrEnum):
    """What has a schema."""

    manifest = "manifest"
    evaluation = "evaluation"
    comparison = "comparison"
    plan = "plan"
    readers = "readers"


def schema(
    document: Annotated[Document, typer.Argument(metavar="DOCUMENT", help="What it is the schema of")] = (
        Document.manifest
    ),
) -> None:
    """Print the JSON Schema of manifests or results.

    DOCUMENT is manifest, evaluation (the file evaluation.json), comparison (what compare prints), plan
    (what evaluate --plan prints) or readers.
    """
    from medcli.store.results_schema import RESULTS_SCHEMAS
    from medcli.store.schema import MANIFEST_SCHEMA

    schemas = {"manifest": MANIFEST_SCHEMA, **RESULTS_SCHEMAS}
    print_result(schemas[document], text="", as_json=True)
