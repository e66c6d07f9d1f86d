"""Layout `files`: every file is an input, and nothing is labelled.

in/
  anything/at/any/depth.dcm
"""

from __future__ import annotations

from medcli.cohorts.layouts.cohort import Cohort, Entry, Rows
from medcli.config import IngestConfig


def read_files(files: list[str], config: IngestConfig, table: Rows | None) -> Cohort:
    """All files without labels."""
    assert table is None, "the stage gives a table only to the layout that reads one"
    assert config.task is None, "the stage refuses --task without labels"
    return Cohort(task=None, entries=[Entry(path) for path in files])
