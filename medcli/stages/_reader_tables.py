"""The tables of readers that options name, read and joined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medcli.errors import DataError, InputError, at
from medcli.formats.reader_table import Reading, Readings, join_readings, read_one_table
from medcli.formats.tables import read_table
from medcli.stages._predictions import TABLES
from medcli.store.references import display


def load_readings(
    sources: Sequence[str], *, key: str, patient: str, labels: Sequence[str] | None = None
) -> tuple[Readings, list[str]]:
    """What readers said, and the SHA-256 of each table.

    Args:
        sources: Tables, or folders of tables; a table of one reader is called like him.
        key: Column that identifies an image.
        patient: Column of the patient.
        labels: Columns that are labels; None takes all others.

    Raises:
        InputError: If a table is missing, or a folder has none.
        DataError: If tables contradict each other.
    """
    parts: list[Reading] = []
    digests = []
    for path in [path for source in sources for path in _tables(Path(source))]:
        table = read_table(path)
        with at(display(path)):
            parts += read_one_table(
                table, name=_stem(path), where=display(path), key=key, patient=patient, labels=labels
            )
        digests.append(table.sha256)
    with at("tables of readers"):
        readings = join_readings(parts)
        if not readings.readers:
            raise DataError("there is no reader")
    return readings, digests


def _tables(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.lower().endswith(TABLES))
    if not found:
        raise InputError("there is no table in this folder", where=display(path), hint="give .csv or .tsv")
    return found


def _stem(path: Path) -> str:
    """The name without .csv, .tsv.gz and the like: who reads, in a table of one reader."""
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.stem
