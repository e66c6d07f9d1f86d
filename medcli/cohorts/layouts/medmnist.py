"""Layout `medmnist`: one official file of MedMNIST, in two or three dimensions, with its official parts.

in/
  adrenalmnist3d.npz     or with a side length, such as pathmnist_224.npz

Reference: Yang et al., MedMNIST v2, Scientific Data 2023.
"""

from __future__ import annotations

import posixpath
import re

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, make_task
from medcli.cohorts.layouts.medmnist_sets import SETS, Published
from medcli.cohorts.layouts.published import absent
from medcli.config import IngestConfig, Task
from medcli.errors import DataError

_NAME = re.compile(r"(?P<set>[a-z0-9]+mnist(3d)?)(_(?P<size>64|128|224))?\.npz")


def detect(folder: Folder) -> str:
    """What shows that this is the set; empty when nothing does."""
    found = _files(folder)
    return posixpath.basename(found[0]) if len(found) == len(folder.inputs) == 1 else ""


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """A record an item of train, val and test; a binary set's positive class is that of label 1.

    Patients are not known: the authors' split keeps them whole (`split --official`).

    Raises:
        DataError: If there is not one such file, or its digest is not that of the official one.
    """
    found = _files(folder)
    if not found:
        absent("a file such as pathmnist.npz", layout="medmnist")
    if len(found) > 1:
        raise DataError(
            f"{len(found)} MedMNIST files are below the folder, one is read at a time",
            hint="give one of them",
        )
    path, published = found[0], _published(found[0])
    _check_digest(folder, path, published)
    is_binary = published.task is Task.binary
    classes = [published.classes[1]] if is_binary else list(published.classes)
    cohort = Cohort(make_task(published.task, classes, source="the layout"), [])
    for part in ("train", "val", "test"):
        values = folder.array(path, f"{part}_labels")
        for index, label in enumerate(values.reshape(len(values), -1).tolist()):
            cohort.entries.append(
                Entry(
                    f"{path}#{part}/{index}",
                    _labels(label, published, classes),
                    fields={"part": part},
                    source={"path": path, "member": f"{part}_images", "index": index},
                )
            )
    return cohort


def _files(folder: Folder) -> list[str]:
    names = {path: _NAME.fullmatch(posixpath.basename(path)) for path in folder.inputs}
    return [path for path, match in names.items() if match and match["set"] in SETS]


def _published(path: str) -> Published:
    match = _NAME.fullmatch(posixpath.basename(path))
    assert match is not None
    return SETS[match["set"]]


def _check_digest(folder: Folder, path: str, published: Published) -> None:
    match = _NAME.fullmatch(posixpath.basename(path))
    assert match is not None
    expected = published.md5.get(int(match["size"] or 28))
    # MD5 is what its authors publish; it tells damage and versions apart, not forgery.
    found = folder.md5(path)
    if found != expected:
        raise DataError(
            f"its MD5 is {found}, that of the official file is {expected}",
            hint="fetch it again, or give it another name and a table of labels",
        )


def _labels(label: list[int], published: Published, classes: list[str]) -> dict[str, int]:
    if published.task is Task.multilabel:
        return dict(zip(classes, map(int, label), strict=True))
    if published.task is Task.binary:
        return {classes[0]: int(label[0])}
    return {classes[int(label[0])]: 1}
