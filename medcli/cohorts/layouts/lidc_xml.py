"""The reading messages of LIDC-IDRI: who marked what on which slice.

A CT message holds a session a reader (mostly 4; some files have other numbers). A nodule of 3 mm and more has
contours and ratings; a smaller one a single point; all else is a non-nodule. Chest-film messages have another
root element.

Reference: Armato et al., The Lung Image Database Consortium and Image Database Resource Initiative, Medical
Physics 2011.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree

from medcli.errors import DataError

CT, FILM = "LidcReadMessage", "IdriReadMessage"
MAX_BYTES = 1 << 27


@dataclass(frozen=True)
class Mark:
    """One reader's outline of one nodule of 3 mm or more.

    Attributes:
        reader: Position of the session in the message, from 1: readers have no names.
        ratings: Characteristic to 1 to 5 (1 to 6 for calcification); what was not rated (0) is absent.
        outlines: SOP Instance UID of each slice to the extent of the outline there, in pixels: left,
            top, right and bottom edges.
        heights_mm: Positions of those slices.
    """

    reader: int
    ratings: dict[str, int]
    outlines: dict[str, tuple[float, float, float, float]]
    heights_mm: tuple[float, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """What encloses the outlines of all slices."""
        sides = list(zip(*self.outlines.values(), strict=True))
        return min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])


@dataclass
class Message:
    """One file: whose series it reads, and what the readers marked."""

    kind: str
    series: str
    num_readers: int = 0
    marks: list[Mark] = field(default_factory=list)
    num_small: int = 0
    num_others: int = 0


def parse_message(content: bytes) -> Message:
    """The message in a file.

    Raises:
        DataError: If it is no such message, too large, damaged, or declares entities.
    """
    try:
        return _parse(content)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError("the XML is damaged") from error


def _parse(content: bytes) -> Message:
    if len(content) > MAX_BYTES or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError("an XML file that is too large or declares entities is not read")
    root = ElementTree.fromstring(content)
    space, _, kind = root.tag.rpartition("}")
    space += "}" if space else ""
    if kind not in {CT, FILM}:
        raise DataError("an XML file that is no reading message of LIDC-IDRI")
    named = root.find(f"{space}ResponseHeader/{space}SeriesInstanceUid")
    if named is None:
        named = root.find(f"{space}ResponseHeader/{space}CTSeriesInstanceUid")
    message = Message(kind, (named.text or "").strip() if named is not None else "")
    for reader, session in enumerate(root.findall(f"{space}readingSession"), 1):
        message.num_readers = reader
        for nodule in session.findall(f"{space}unblindedReadNodule"):
            mark = _mark(nodule, space, reader=reader)
            if mark is None:
                message.num_small += 1
            else:
                message.marks.append(mark)
        message.num_others += len(session.findall(f"{space}nonNodule"))
    return message


def _mark(nodule: ElementTree.Element, space: str, *, reader: int) -> Mark | None:
    """A nodule that was rated; None for one below 3 mm, which is not."""
    rated = nodule.find(f"{space}characteristics")
    if rated is None or rated.find(f"{space}malignancy") is None:
        return None
    ratings = {item.tag.removeprefix(space): int(item.text or 0) for item in rated}
    outlines: dict[str, tuple[float, float, float, float]] = {}
    heights = []
    for region in nodule.findall(f"{space}roi"):
        if (region.findtext(f"{space}inclusion") or "TRUE").strip().upper() != "TRUE":
            continue  # a hole in the nodule
        across = [float(edge.findtext(f"{space}xCoord", "0")) for edge in region.findall(f"{space}edgeMap")]
        down = [float(edge.findtext(f"{space}yCoord", "0")) for edge in region.findall(f"{space}edgeMap")]
        slice_uid = (region.findtext(f"{space}imageSOP_UID") or "").strip()
        if across and slice_uid:
            # The outline runs around the nodule, through the first pixels outside it.
            outlines[slice_uid] = (min(across), min(down), max(across) + 1, max(down) + 1)
            heights.append(float(region.findtext(f"{space}imageZposition", "0")))
    if not outlines:
        return None
    return Mark(reader, {name: value for name, value in ratings.items() if value}, outlines, tuple(heights))


def cluster_marks(marks: list[Mark], *, gap_mm: float = 3.0) -> list[list[Mark]]:
    """Marks of one physical nodule together, at most one a reader.

    Two marks of different readers are of one nodule when the centre of one lies within the outline of the
    other and their slices come within `gap_mm` of each other. Nearest pairs are joined first; a join that
    would give a nodule two marks of one reader is left out. The order of the marks does not matter.
    """
    ordered = sorted(marks, key=lambda mark: (mark.heights_mm, mark.box, mark.reader))
    links = [
        (distance, i, j)
        for i, first in enumerate(ordered)
        for j, second in enumerate(ordered[:i])
        if (distance := _distance(first, second, gap_mm=gap_mm)) is not None
    ]
    cluster = list(range(len(ordered)))
    for _, i, j in sorted(links):
        members = [k for k in range(len(ordered)) if cluster[k] in {cluster[i], cluster[j]}]
        readers = [ordered[k].reader for k in members]
        if len(set(readers)) == len(readers):
            for k in members:
                cluster[k] = min(cluster[i], cluster[j])
    return [[ordered[k] for k in range(len(ordered)) if cluster[k] == c] for c in sorted(set(cluster))]


def _distance(first: Mark, second: Mark, *, gap_mm: float) -> float | None:
    """Distance of two centres in pixels, when the two may be of one nodule."""
    if first.reader == second.reader:
        return None
    if min(first.heights_mm) > max(second.heights_mm) + gap_mm:
        return None
    if min(second.heights_mm) > max(first.heights_mm) + gap_mm:
        return None
    (x1, y1), (x2, y2) = _center(first.box), _center(second.box)
    if not (_is_inside(x1, y1, second.box) or _is_inside(x2, y2, first.box)):
        return None
    return float(((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5)


def _center(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _is_inside(x: float, y: float, box: tuple[float, float, float, float]) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]
