"""Layout `class-folders`: the first folder on a file's path is its class, or the second below official parts.

in/
  glioma/   a.png  more/b.png             in/
  normal/   c.png                           Training/   glioma/a.png  normal/b.png
                                            Testing/    glioma/c.png
"""

from __future__ import annotations

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, choose_class, make_task
from medcli.config import IngestConfig, Task
from medcli.errors import UsageError

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


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
    parts = _official_parts(folder)
    names = {path: _class_of(path, is_below_part=bool(parts)) for path in folder.inputs}
    folders = sorted({name for name in names.values() if name})
    classes = list(config.classes or folders)
    if missing := [name for name in classes if name not in folders and config.task is Task.binary]:
        raise UsageError(f"there is no folder {missing[0]!r}", hint="--classes names the positive folder")
    cohort = Cohort(make_task(task_type, classes, source="the folder"), [])
    if parts:
        cohort.notes.append(f"{', '.join(parts)} are official parts, the folders in them are the classes")
    for path, name in names.items():
        labels = choose_class(name, task=task_type, classes=classes) if name else None
        if labels is None:
            cohort.refusals.append(Refusal(path, "folder/no-class", "the file lies in no folder of a class"))
        else:
            fields = {"part": _PARTS[path.split("/")[0].lower()]} if parts else {}
            cohort.entries.append(Entry(path, labels, fields=fields))
    return cohort


def _official_parts(folder: Folder) -> list[str]:
    """The folders at the top when there are at least two and all are called after parts; else nothing."""
    tops = sorted({path.split("/", 1)[0] for path in folder.inputs if "/" in path})
    return tops if len(tops) > 1 and all(top.lower() in _PARTS for top in tops) else []


def _class_of(path: str, *, is_below_part: bool) -> str:
    """The folder that is the class of a file; empty when it lies in none."""
    folders = path.split("/")[:-1][int(is_below_part) :]
    return folders[0] if folders else ""
