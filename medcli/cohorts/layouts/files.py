"""Layout `files`: every file is an input, and nothing is labelled.

in/
  anything/at/any/depth.dcm
"""

from __future__ import annotations

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder
from medcli.config import IngestConfig


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """All files and series without labels."""
    assert folder.labels() is None, "the stage gives a table only to the layouts that read one"
    assert config.task is None, "the stage refuses --task without labels"
    return Cohort(task=None, entries=[Entry(path) for path in folder.inputs])
