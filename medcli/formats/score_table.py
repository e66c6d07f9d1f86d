"""Anyone's predictions: a table of ids, truth and scores, from any tool, with nothing guessed.

One label:        id, patient, target, score
Several labels:   id, patient, target:Edema, score:Edema, target:Nodule, score:Nodule
Exclusive ones:   id, patient, target (the name of a class), score:mel, score:nv
                  or, as from `predict_proba`, columns called like the classes: id, target, mel, nv

With a table of truth of its own, both are joined by the key, and columns called alike are the labels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from medcli.errors import DataError, UsageError, at
from medcli.formats.tables import Table, columns_of

TARGET, SCORE = "target", "score"
_BLANKS = frozenset({"", "nan", "na", "n/a", "none", "null"})
_STATES = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1, "true": 1, "false": 0}
_SHOWN = 6
_LONGEST = 24
_HOW_TO_NAME = (
    "--target and --score name them, such as --target y_true --score y_prob, or '*_true' and '*_prob' for "
    "several labels; --truth gives another table"
)
_OWN_KEY = "name the key with --key COLUMN, or add a column that numbers the rows"
_ONE_ROW = (
    "an image has one row, with columns target:NAME and score:NAME if it has several labels; "
    "or name another column with --key"
)
_LEAVE_OUT = "leave out images without a score, in the table of truth too"
# Files of predictions hold float32; beyond it squares and ranges overflow.
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class ScoreTable:
    """Scores and what is known of the truth, row by row.

    Attributes:
        task_type: binary, multilabel or multiclass.
        classes: Columns of `scores`.
        ids: Key of each row, as written.
        labels: Of each row, class to 1, 0 or -1, as in a record; what is blank is absent.
        scores: float64 [rows, classes], finite in float32.
        others: All other columns, name to cells.
    """

    task_type: str
    classes: list[str]
    ids: list[str]
    labels: list[dict[str, int]]
    scores: np.ndarray
    others: dict[str, list[str]] = field(default_factory=dict)


def read_scores(
    table: Table, *, key: str, truth: Table | None = None, target: str = TARGET, score: str = SCORE
) -> ScoreTable:
    """The predictions in a table, joined with the truth by key.

    Args:
        table: Of the scores, and of the truth if it has no table of its own.
        key: Column that identifies an image.
        truth: Table of the truth.
        target: Column of the truth, or a pattern such as `*_true` where there is one a label.
        score: Column of the scores, or a pattern such as `prob_*`.

    Raises:
        UsageError: If the key or the columns of scores or truth are not there.
        DataError: If a key is missing or doubled, a score is no number, or a label is none.
    """
    columns = _called(columns_of(table), score, role=SCORE)
    ids = _keys(columns, key)
    if truth is None:
        return _read_one(_called(columns, target, role=TARGET), ids, key=key)
    with at("the table of truth"):
        known = _called(columns_of(truth), target, role=TARGET)
        keys = _keys(known, key)
    order = _match(ids, keys)
    known = {name: [cells[row] for row in order] for name, cells in known.items() if name != key}
    if not any(name == TARGET or name.startswith(f"{TARGET}:") for name in known):
        scored = {name.removeprefix(f"{SCORE}:") for name in columns}
        known = {f"{TARGET}:{name}" if name in scored else name: cells for name, cells in known.items()}
    labelled = {name.removeprefix(f"{TARGET}:") for name in known if name.startswith(f"{TARGET}:")}
    renamed = {f"{SCORE}:{name}" if name in labelled else name: cells for name, cells in columns.items()}
    return _read_one({**known, **renamed}, ids, key=key)


def _called(columns: dict[str, list[str]], declared: str, *, role: str) -> dict[str, list[str]]:
    """The columns with those that are declared as truth or scores called so: `role`, or `role:NAME` each."""
    if declared == role:
        return columns
    before, star, after = declared.partition("*")
    if star:
        names = {
            name: f"{role}:{name[len(before) : len(name) - len(after)]}"
            for name in columns
            if name.startswith(before) and name.endswith(after) and len(name) > len(before + after)
        }
    else:
        names = {declared: role} if declared in columns else {}
    if not names:
        raise UsageError(
            f"there is no column {declared!r}; there are {_some(columns)}", hint=f"--{role} names the column"
        )
    if clash := next((new for new in names.values() if new in columns), None):
        raise UsageError(
            f"there is a column {clash!r} beside what --{role} {declared!r} names",
            hint=f"leave out --{role}, or call that column something else",
        )
    return {names.get(name, name): cells for name, cells in columns.items()}


def _keys(columns: dict[str, list[str]], key: str) -> list[str]:
    if key not in columns:
        hint = "--key '' takes the column without a name" if "" in columns else _OWN_KEY
        raise UsageError(f"there is no column {key!r}; there are {_some(columns)}", hint=hint)
    first: dict[str, int] = {}
    for row, value in enumerate(columns[key], 1):
        if not value:
            raise DataError(f"row {row} has no key in column {key!r}")
        if value in first:
            raise DataError(
                f"rows {first[value]} and {row} have the same key in column {key!r}",
                hint=_ONE_ROW,
            )
        first[value] = row
    return columns[key]


def _match(ids: list[str], known: list[str]) -> list[int]:
    """For each scored row the row of its truth; both tables must hold the same keys."""
    position = {value: row for row, value in enumerate(known)}
    missing = [row for row, value in enumerate(ids, 1) if value not in position]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(ids)} scored rows have no row in the table of truth, "
            f"the first is row {missing[0]}",
            hint="leave them out of the scores, or add them to the truth with blank labels",
        )
    if len(known) > len(ids):
        raise DataError(
            f"{len(known) - len(ids)} rows of the table of truth have no scores",
            hint="score them, or leave them out: results on the rest may flatter",
        )
    return [position[value] for value in ids]


def _read_one(columns: dict[str, list[str]], ids: list[str], *, key: str) -> ScoreTable:
    scored = {name.removeprefix(f"{SCORE}:"): name for name in columns if name.startswith(f"{SCORE}:")}
    several = {name.removeprefix(f"{TARGET}:"): name for name in columns if name.startswith(f"{TARGET}:")}
    if several:
        used = {name: (several[name], scored[name]) for name in several if name in scored}
        _refuse_strays(several, scored)
        labels = _state_labels({name: columns[pair[0]] for name, pair in used.items()}, len(ids))
        task_type, classes, score_columns = "multilabel", list(used), [pair[1] for pair in used.values()]
        taken = {*several.values(), *scored.values()}
    elif TARGET in columns and SCORE in columns and not scored:
        labels = _state_labels({"positive": columns[TARGET]}, len(ids))
        task_type, classes, score_columns, taken = "binary", ["positive"], [SCORE], {TARGET, SCORE}
    elif TARGET in columns:
        classes, score_columns = _exclusive_columns(columns, scored)
        labels = _class_labels(columns[TARGET], classes)
        task_type, taken = "multiclass", {TARGET, *score_columns}
    else:
        raise _no_columns(columns)
    scores = np.stack([_numbers(columns[name], name=name) for name in score_columns], axis=1)
    others = {name: cells for name, cells in columns.items() if name not in taken and name != key}
    return ScoreTable(task_type, classes, ids, labels, scores, others)


def _refuse_strays(several: dict[str, str], scored: dict[str, str]) -> None:
    for name in several:
        if name not in scored:
            raise UsageError(f"column {TARGET}:{name} has no {SCORE}:{name} beside it")
    for name in scored:
        if name not in several:
            raise UsageError(f"column {SCORE}:{name} has no {TARGET}:{name} beside it")


def _no_columns(columns: dict[str, list[str]]) -> UsageError:
    return UsageError(
        f"no columns are called {TARGET} and {SCORE}; there are {_some(columns)}",
        hint=_HOW_TO_NAME,
    )


def _exclusive_columns(columns: dict[str, list[str]], scored: dict[str, str]) -> tuple[list[str], list[str]]:
    if scored:
        return list(scored), list(scored.values())
    named = list(dict.fromkeys(cell for cell in columns[TARGET] if not _is_blank(cell)))
    # Columns of `predict_proba`: the first and the last that a value of target names, and all between them.
    positions = [i for i, name in enumerate(columns) if name in named]
    if named and not positions:
        raise UsageError(
            f"no column is called like a value of {TARGET} ({_some(named)}); there are {_some(columns)}",
            hint=_HOW_TO_NAME,
        )
    if len(positions) < 2:
        raise UsageError(
            f"column {TARGET!r} is blank or of one class, so it does not tell which columns are scores",
            hint="call them score:NAME",
        )
    chosen = list(columns)[positions[0] : positions[-1] + 1]
    if TARGET in chosen or len(positions) < len(named):
        raise UsageError(
            f"column {TARGET!r} names classes that have no column of scores", hint="call them score:NAME"
        )
    _refuse_classes_beside(columns, chosen)
    return chosen, chosen


def _refuse_classes_beside(columns: dict[str, list[str]], chosen: list[str]) -> None:
    """Refuse a column beside the scores that may be of a class which never occurs."""
    total = np.sum([_numbers(columns[name], name=name) for name in chosen], axis=0)
    if np.all(np.abs(total - 1) < 1e-3):
        return
    names = list(columns)
    edges = names.index(chosen[0]) - 1, names.index(chosen[-1]) + 1
    for name in (names[edge] for edge in edges if 0 <= edge < len(names)):
        cells = columns[name]
        if all(_is_number(cell) for cell in cells) and not all(float(cell).is_integer() for cell in cells):
            raise UsageError(
                f"column {name!r} may be the score of a class that never occurs, or no score at all",
                hint="call the columns of scores score:NAME",
            )


def _class_labels(cells: list[str], classes: list[str]) -> list[dict[str, int]]:
    known = set(classes)
    for row, cell in enumerate(cells, 1):
        if not _is_blank(cell) and cell not in known:
            raise DataError(f"row {row}: the target {_cell(cell)} is none of the classes {_some(classes)}")
    return [{} if _is_blank(cell) else {cell: 1} for cell in cells]


def _state_labels(columns: dict[str, list[str]], num_rows: int) -> list[dict[str, int]]:
    labels: list[dict[str, int]] = [{} for _ in range(num_rows)]
    for name, cells in columns.items():
        for row, cell in enumerate(cells):
            state = _STATES.get(cell.lower())
            if state is not None:
                labels[row][name] = state
            elif not _is_blank(cell):
                raise DataError(
                    f"row {row + 1}: the label of {name!r} is {_cell(cell)}, not 1, 0, -1 or blank",
                    hint="1 means yes, 0 no, -1 uncertain, blank not mentioned",
                )
    return labels


def _numbers(cells: list[str], *, name: str) -> np.ndarray:
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        row = next(i for i, cell in enumerate(cells, 1) if not _is_number(cell))
        if _is_blank(cells[row - 1]):
            raise DataError(f"row {row} has no score in column {name!r}", hint=_LEAVE_OUT) from None
        raise DataError(
            f"row {row}: the score in column {name!r} is {_cell(cells[row - 1])}, not a number",
            hint=_number_hint(cells[row - 1]),
        ) from None
    bad = np.flatnonzero(~(np.abs(values) <= _LARGEST))
    if len(bad):
        raise DataError(
            f"row {bad[0] + 1}: the score in column {name!r} is {values[bad[0]]:.6g}, it must be finite"
            f"{' in float32' if np.isfinite(values[bad[0]]) else ''}",
            hint=_LEAVE_OUT,
        )
    return values


def _number_hint(cell: str) -> str:
    if re.fullmatch(r"[-+]?\d*,\d+(e[-+]?\d+)?", cell.lower()):
        return "write decimal points, not commas"
    if cell.endswith("%"):
        return "write shares of 1, not percentages"
    return "scores are plain numbers, such as 0.35"


def _cell(text: str) -> str:
    """A cell as a message shows it, never longer than a word or two."""
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _is_number(cell: str) -> bool:
    try:
        return not math.isinf(float(cell)) or True
    except ValueError:
        return False


def _is_blank(cell: str) -> bool:
    return cell.lower() in _BLANKS


def _some(names: Iterable[str]) -> str:
    found = [name or "one without a name" for name in names]
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
