"""Invented people and who gets what: names, numbers, devices and findings of phantom patients.

Names and numbers are canaries: strings that occur nowhere by accident, so that finding one in an output is
proof of a leak. Birth dates, which can only be digits, are few: always 23 November of a year that ends in 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from medcli.images.phantoms.canvas import generator

Choice = TypeVar("Choice")

_STARTS = (
    "Zyx", "Quor", "Vrym", "Xolt", "Jyrk", "Wuzh", "Kvox", "Phyz", "Tzyr", "Gwyx", "Rhoq", "Njyv",
    "Lyxt", "Mvru", "Hyqo", "Zhuv", "Bryq", "Dwyx", "Skyz", "Tvyr", "Xyrn", "Qylv", "Uzhy", "Oxvy",
)  # fmt: skip
_MIDDLES = (
    "a", "o", "u", "i", "an", "or", "ul", "im", "ar", "on", "ub", "is", "at", "ol", "up", "ig", "am",
    "os", "ut", "il", "ax", "om", "ur", "iv",
)  # fmt: skip
_ENDS = (
    "wolf", "murk", "trov", "quist", "vlank", "zork", "plim", "grost", "hund", "mopt", "jolm", "krisp",
    "lunt", "nurv", "popk", "rimt", "skol", "tunk", "vurm", "wimp", "yolt", "zump", "prow", "knut",
)  # fmt: skip
_GIVEN = (
    "Quilla", "Velwyn", "Zorbet", "Tymoxa", "Vuntro", "Jolvik", "Myrzan", "Oxelyn", "Pryvon", "Kwylla",
    "Zuvina", "Hroltz", "Wexlyn", "Nuvolo", "Ryzott", "Xumiko",
)  # fmt: skip
INSTITUTIONS = {"site-a": "Vrymhold Infirmary", "site-b": "Quolvexton Clinic"}
PHYSICIAN = "JYRKOVUST^TOZMIL"
OPERATOR = "XULVONTZ^PRYMIK"


@dataclass(frozen=True)
class Person:
    """One invented patient."""

    number: int
    surname: str
    given: str
    patient_id: str
    sex: str
    age: int
    site: str

    @property
    def dicom_name(self) -> str:
        """Family name and given name as in DICOM (PS3.5 section 6.2, PN)."""
        return f"{self.surname}^{self.given}"

    @property
    def file_stem(self) -> str:
        """What careless people call a file."""
        return f"{self.surname}_{self.given}"

    def birth_date(self) -> str:
        """As YYYYMMDD; `study_date` falls within the week after the right birthday."""
        return f"{_birth_year(self.age)}1123"

    def study_date(self) -> str:
        """A date, as YYYYMMDD, on which the patient is `age` years old."""
        return f"{_birth_year(self.age) + self.age}1129"

    def accession(self, study: int) -> str:
        """Accession number, at most 16 characters (PS3.5 section 6.2, SH)."""
        return f"VYQUOR{self.number:06d}{study:02d}"

    def canaries(self) -> list[str]:
        """Every string about this person that must never reach an output."""
        return [INSTITUTIONS[self.site], self.surname, self.given, self.patient_id, self.birth_date()]


def person(seed: int, number: int, *, site: str) -> Person:
    """Patient `number` of a cohort; surnames and ids are unique within it."""
    rng = generator(seed, "person", number)
    surname = _surname(seed, number)
    return Person(
        number=number,
        surname=surname,
        given=_GIVEN[int(rng.integers(len(_GIVEN)))].upper(),
        patient_id=f"{surname[::-1][:4]}QYX-{number:06d}",
        sex="F" if rng.random() < 0.5 else "M",
        age=int(min(92, max(18, round(rng.normal(58, 17))))),
        site=site,
    )


def _surname(seed: int, number: int) -> str:
    count = len(_STARTS) * len(_MIDDLES) * len(_ENDS)
    start = int(generator(seed, "surnames").integers(count))
    # 7919 shares no factor with the number of names: all are used before one comes again.
    rest, middle = divmod((start + 7919 * number) % count, len(_MIDDLES))
    first, last = divmod(rest, len(_ENDS))
    again = _ENDS[number // count] if number >= count else ""
    return (_STARTS[first] + _MIDDLES[middle] + again + _ENDS[last]).upper()


def _birth_year(age: int) -> int:
    """The year ending in 5 that puts a patient of this age between 2010 and 2019."""
    earliest = 2010 - age
    return earliest + (5 - earliest) % 10


def deal(cards: Sequence[Choice], seed: int, what: str, number: int) -> Choice:
    """What patient `number` draws from a pack that is shuffled anew for every `len(cards)` patients.

    So shares are kept even in small cohorts, and a patient's draw depends on no other patient.
    """
    round_number, position = divmod(number, len(cards))
    order = generator(seed, "deal", what, round_number).permutation(len(cards))
    return cards[int(order[position])]
