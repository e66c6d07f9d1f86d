"""Layout `class-folders`: the first folder on a file's path is its class.

in/
  glioma/   a.png  more/b.png
  normal/   c.png
"""

from __future__ import annotations

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, choose_class, make_task
from medcli.config import IngestConfig, Task
from medcli.errors import UsageError


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """Files labelled by their folders; classes in alphabetical order, or that of --classes.

    A binary task needs --classes with the one positive folder; files of all other folders are negative.

    Raises:
        UsageError: If the task is multi-label, or ordinal without --classes.
    """
    assert folder.labels() is None, "the stage gives a table only to the layouts that read one"
    task_type = config.task or Task.multiclass
    if task_type is Task.multilabel:
        raise UsageError(
            "a file in a class folder has one class", hint="give multi-label truth with --labels"
        )
    if task_type is Task.ordinal and not config.classes:
        raise UsageError("an ordinal task needs its classes in order", hint="give --classes")
    folders = sorted({path.split("/", 1)[0] for path in folder.inputs if "/" in path})
    classes = list(config.classes or folders)
    if missing := [name for name in classes if name not in folders and config.task is Task.binary]:
        raise UsageError(f"there is no folder {missing[0]!r}", hint="--classes names the positive folder")
    cohort = Cohort(make_task(task_type, classes, source="the folder"), [])
    for path in folder.inputs:
        name, has_folder, _ = path.partition("/")
        labels = choose_class(name, task=task_type, classes=classes) if has_folder else None
        if labels is None:
            cohort.refusals.append(Refusal(path, "folder/no-class", "the file lies in no folder of a class"))
        else:
            cohort.entries.append(Entry(path, labels))
    return cohort
