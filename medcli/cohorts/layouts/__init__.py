"""How a cohort lies on disk: one file a layout, and the one table of them.

A layout gets the files below the input folder (relative, sorted), the settings, and the table of labels.
"""

from __future__ import annotations

from collections.abc import Callable

from medcli.cohorts.layouts.class_folders import read_class_folders
from medcli.cohorts.layouts.cohort import Cohort, Entry, Refusal, Rows
from medcli.cohorts.layouts.files import read_files
from medcli.cohorts.layouts.table import read_table_rows
from medcli.config import IngestConfig, Layout

__all__ = ["LAYOUTS", "Cohort", "Entry", "Refusal", "Rows"]

LAYOUTS: dict[Layout, Callable[[list[str], IngestConfig, Rows | None], Cohort]] = {
    Layout.files: read_files,
    Layout.class_folders: read_class_folders,
    Layout.table: read_table_rows,
}
