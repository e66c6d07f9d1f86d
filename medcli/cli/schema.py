"""The words of `medcli schema`."""

from __future__ import annotations

from medcli.cli.output import print_result

EXAMPLES = [("the JSON Schema of manifests", "medcli schema > manifest.schema.json")]


def schema() -> None:
    """Print the JSON Schema of manifests."""
    from medcli.store.schema import MANIFEST_SCHEMA

    print_result(MANIFEST_SCHEMA, text="", as_json=True)
