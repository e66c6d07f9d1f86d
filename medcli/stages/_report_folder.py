"""The folder of a report: figures, tables and numbers first, the page last."""

from __future__ import annotations

from pathlib import Path

from medcli.store.atomic import locked, prepare_folder, write_bytes
from medcli.store.references import Reference, reference


def write_report(files: dict[str, bytes], folder: Path) -> dict[str, Reference]:
    """Write every file, by name; references to them, in the order of writing."""
    prepare_folder(folder / "tables")
    ordered = sorted(files, key=lambda name: (name == "report.html", name))
    with locked(folder / "report.html"):
        return {name: reference(folder / name, write_bytes(folder / name, files[name])) for name in ordered}
