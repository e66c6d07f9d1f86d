"""Layout `brats`: brain tumours, four MR sequences a case as channels in the order t1, t1ce, t2, flair.

in/
  HGG/Case_001/Case_001_t1.nii.gz  ..._t1ce  ..._t2  ..._flair  ..._seg
  LGG/Case_002/...             or -t1n, -t1c, -t2w, -t2f, -seg (from 2023 on)
  Case_003/T1pre/*.dcm  T1post/  T2/  FLAIR/       DICOM series called so
  name_mapping.csv             grade of each case, where folders do not say it, and what it was called before
  survival_info.csv            age and survival, when there

Reference: Menze et al., BraTS, IEEE Transactions on Medical Imaging 2015.
"""

from __future__ import annotations

import posixpath
import re

from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, Rows, make_task
from medcli.cohorts.layouts.columns import kept_cells, kept_columns
from medcli.cohorts.layouts.published import absent, find
from medcli.config import IngestConfig, Task
from medcli.store.sources import Source

SEQUENCES = ("t1", "t1ce", "t2", "flair")
GRADES = ("HGG", "LGG")
_SPELLINGS = {
    **dict.fromkeys(("t1", "t1n", "t1pre"), "t1"),
    **dict.fromkeys(("t1ce", "t1c", "t1gd", "t1post"), "t1ce"),
    **dict.fromkeys(("t2", "t2w"), "t2"),
    **dict.fromkeys(("flair", "t2f"), "flair"),
    "seg": "seg",
}
_FILE = re.compile(r"(?P<case>.+)[_-](?P<sequence>[a-z0-9]+)\.nii(\.gz)?", re.IGNORECASE)
_WORDS = re.compile(r"[a-z0-9]+")
_SUFFIXES = re.compile(r"(reg|registered)$")
_TIME_POINT = re.compile(r"(?P<patient>BraTS-[A-Z]+-[0-9]+)-[0-9]{3}", re.IGNORECASE)
_SITE = re.compile(r"BraTS1[789]_(?P<site>[A-Z0-9]+)_[A-Z0-9]+_[0-9]+", re.IGNORECASE)
_ID_COLUMNS = (
    "BraTS_2020_subject_ID",
    "BraTS_2019_subject_ID",
    "BraTS_2018_subject_ID",
    "BraTS_2017_subject_ID",
    "BraTS21 ID",
    "Brats20ID",
    "BraTS19ID",
    "BraTS18ID",
)


def detect(folder: Folder) -> str:
    """What shows that this is the set; empty when nothing does."""
    cases = _cases(folder)
    whole = [case for case, found in cases.items() if set(SEQUENCES) <= set(found)]
    return f"cases of four sequences: {len(whole)}" if whole and 2 * len(whole) > len(cases) else ""


def read(folder: Folder, config: IngestConfig) -> Cohort:
    """A record a case: four sequences as channels, the whole tumour as truth region, the grade as label.

    The grade comes from a folder called HGG or LGG, or from `name_mapping.csv`; without any there is no
    task. Cases such as BraTS-GLI-00002-000 and -001 are of one patient. The site is part of names up to 2019,
    such as Brats18_CBICA_AAB_1, which `name_mapping.csv` knows too. A case that lacks a sequence is refused.

    Raises:
        DataError: If there is no case.
    """
    cases = _cases(folder)
    if not cases:
        absent("files such as CASE_t1.nii.gz, or DICOM series in folders such as T1post", layout="brats")
    names = _names(folder)
    grades, sites = _grades(names), _sites(names)
    ages, kept, columns = _survival(folder, config)
    labels = {case: grades.get(posixpath.basename(case)) or _grade_of_path(case) for case in cases}
    has_grades = any(labels.values())
    task = make_task(Task.binary, ["HGG"], source="the layout") if has_grades else None
    cohort = Cohort(task, [], columns=columns)
    for case, found in sorted(cases.items()):
        name = posixpath.basename(case) or "case"
        if missing := [sequence for sequence in SEQUENCES if sequence not in found]:
            reason = f"the case has no {', '.join(missing)}"
            cohort.refusals.append(Refusal(case or name, "layout/incomplete", reason))
            continue
        facts = {"age": ages.get(name, ""), "site": sites.get(name) or _site_of(name)}
        source: Source = {"channels": [folder.source(found[sequence]) for sequence in SEQUENCES]}
        grade = labels[case]
        cohort.entries.append(
            Entry(
                case or name,
                {"HGG": int(grade == "HGG")} if grade else {},
                identities={"patient": _patient_of(name)} if case else {},
                fields={field: value for field, value in facts.items() if value},
                kept=kept.get(name, {}),
                mask=found.get("seg", ""),
                source=source,
            )
        )
    return cohort


def _cases(folder: Folder) -> dict[str, dict[str, str]]:
    """Folder of each case to its inputs by sequence."""
    cases: dict[str, dict[str, str]] = {}
    series = folder.series()
    for path in folder.inputs:
        parent, name = posixpath.split(path)
        match = _FILE.fullmatch(name)
        sequence = _SPELLINGS.get(match["sequence"].lower()) if match else None
        if path in series:
            sequence = _sequence_of_folder(name)
        if sequence:
            cases.setdefault(parent, {}).setdefault(sequence, path)
    return cases


def _sequence_of_folder(name: str) -> str | None:
    """The sequence that a folder of DICOM is called after, such as `36468-FLAIRreg-58706`."""
    words = [_SUFFIXES.sub("", word) for word in _WORDS.findall(name.lower())]
    return next((_SPELLINGS[word] for word in words if word in _SPELLINGS and word != "seg"), None)


def _grade_of_path(case: str) -> str:
    return next((part for part in case.split("/") if part in GRADES), "")


def _patient_of(name: str) -> str:
    """The patient of a case: its name, without the time point that names have from 2023 on."""
    match = _TIME_POINT.fullmatch(name)
    return match["patient"] if match else name


def _site_of(name: str) -> str:
    match = _SITE.fullmatch(name)
    return match["site"] if match else ""


def _names(folder: Folder) -> Rows | None:
    """The table of names, where it is there."""
    name = find(folder, r"name_mapping[^/]*\.csv")
    return folder.table(name) if name else None


def _grades(names: Rows | None) -> dict[str, str]:
    """Case to grade, from the table of names."""
    if names is None or "Grade" not in names.columns:
        return {}
    grade = names.columns.index("Grade")
    return {row[key]: row[grade] for row in _whole(names) for key in _ids(names) if row[grade] in GRADES}


def _sites(names: Rows | None) -> dict[str, str]:
    """Case to site, from the older names that the table of names has."""
    if names is None:
        return {}
    called = [{row[key] for key in _ids(names)} for row in _whole(names)]
    found = [(ids, next(filter(None, map(_site_of, sorted(ids))), "")) for ids in called]
    return {name: site for ids, site in found if site for name in ids}


def _ids(table: Rows) -> list[int]:
    return [i for i, column in enumerate(table.columns) if column in _ID_COLUMNS]


def _whole(table: Rows) -> list[list[str]]:
    """Rows that have all cells; a case whose row has not is one that the table does not know."""
    return [row for row in table.rows if len(row) >= len(table.columns)]


def _survival(
    folder: Folder, config: IngestConfig
) -> tuple[dict[str, str], dict[str, dict[str, str]], list[str]]:
    """Case to age, and to the columns of --keep, from the table of survival; and its columns."""
    name = find(folder, r"survival_(info|data|evaluation)[^/]*\.csv")
    if not name:
        return {}, {}, []
    table = folder.table(name)
    key = next((i for i, column in enumerate(table.columns) if column in _ID_COLUMNS), 0)
    wanted, rows = kept_columns(table, config), _whole(table)
    kept = {row[key]: kept_cells(row, wanted) for row in rows} if wanted else {}
    age = table.columns.index("Age") if "Age" in table.columns else None
    ages = {} if age is None else {row[key]: row[age] for row in rows}
    return ages, kept, table.columns
