"""Published sets: what each layout makes of its files, and that none takes another for its own."""

from __future__ import annotations

import hashlib
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest

from medcli.cohorts.layouts import LAYOUTS, Cohort, detect_layouts
from medcli.cohorts.layouts import medmnist as medmnist_layout
from medcli.cohorts.layouts.lidc import malignancy_label
from medcli.cohorts.layouts.lidc_xml import Mark, cluster_marks, parse_message
from medcli.cohorts.layouts.medmnist_sets import Published
from medcli.config import IngestConfig, Layout, Task, Unmatched
from medcli.errors import DataError, UsageError
from tests.cohorts.folder import MemoryFolder, Slices
from tests.realdata import real_data

OLD = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
NIH = f"""{OLD},OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],
    00000001_000.png,Cardiomegaly|Emphysema,0,1,058Y,M,PA,2682,2749,0.1,0.1,
    00000002_000.png,No Finding,0,2,60,F,AP,2682,2749,0.1,0.1,"""
BOXES = """Image Index,Finding Label,Bbox [x,y,w,h],,,
    00000001_000.png,Infiltrate,10,20,30,40"""
VIEWS = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Pleural Effusion"


def read(layout: Layout, folder: MemoryFolder, **options) -> Cohort:
    return LAYOUTS[layout].read(folder, IngestConfig(**options))


def nih() -> MemoryFolder:
    return MemoryFolder(
        ["images/00000001_000.png", "images/00000002_000.png"],
        tables={"Data_Entry_2017.csv": NIH, "BBox_List_2017.csv": BOXES},
        contents={"train_val_list.txt": b"00000001_000.png\n", "test_list.txt": b"00000002_000.png\n"},
    )


def ham() -> MemoryFolder:
    table = """lesion_id,image_id,dx,dx_type,age,sex,localization,dataset
        HAM_1,ISIC_1,bkl,histo,80.0,male,scalp,vidir_modern
        HAM_1,ISIC_2,bkl,follow_up,,female,scalp,rosendahl"""
    return MemoryFolder(["a/ISIC_1.jpg", "b/ISIC_2.jpg"], tables={"HAM10000_metadata.csv": table})


def brats() -> MemoryFolder:
    names = ("t1", "t1ce", "t2", "flair", "seg")
    files = [f"HGG/B_1/B_1_{name}.nii.gz" for name in names] + [
        f"LGG/B_2/B_2_{name}.nii" for name in names[:4]
    ]
    return MemoryFolder(sorted(files))


def message(*sessions: str, root: str = "LidcReadMessage") -> bytes:
    body = "".join(f"<readingSession>{session}</readingSession>" for session in sessions)
    head = "<ResponseHeader><SeriesInstanceUid>1.2</SeriesInstanceUid></ResponseHeader>"
    return f'<{root} xmlns="http://www.nih.gov">{head}{body}</{root}>'.encode()


def nodule(malignancy: int, *, left: int = 10, slices: tuple[int, ...] = (0, 1)) -> str:
    rois = "".join(
        f"<roi><imageZposition>{z}</imageZposition><imageSOP_UID>1.2.{z}</imageSOP_UID><inclusion>TRUE</inclusion>"
        f"<edgeMap><xCoord>{left}</xCoord><yCoord>20</yCoord></edgeMap>"
        f"<edgeMap><xCoord>{left + 8}</xCoord><yCoord>30</yCoord></edgeMap></roi>"
        for z in slices
    )
    rated = f"<characteristics><subtlety>4</subtlety><malignancy>{malignancy}</malignancy></characteristics>"
    return f"<unblindedReadNodule>{rated}{rois}</unblindedReadNodule>"


def lidc() -> MemoryFolder:
    small = "<unblindedReadNodule><noduleID>9</noduleID></unblindedReadNodule><nonNodule/>"
    content = message(nodule(5), nodule(4, left=12) + small, nodule(1, left=100))
    films = message(root="IdriReadMessage")
    slices = Slices("1.2", ["s/1.dcm", "s/0.dcm"], ["1.2.0", "1.2.1"])
    return MemoryFolder(["s"], contents={"x/1.xml": content, "x/2.xml": films}, slices={"s": slices})


def archive() -> MemoryFolder:
    arrays = {("pathmnist.npz", f"{part}_labels"): np.array([[0], [8]]) for part in ("train", "val", "test")}
    return MemoryFolder(["pathmnist.npz"], contents={"pathmnist.npz": b"x"}, arrays=arrays)


def bids() -> MemoryFolder:
    files = ["sub-01/anat/sub-01_T1w.nii.gz", "sub-02/ses-1/anat/sub-02_ses-1_T2w.nii", "derivatives/x.nii"]
    table = "participant_id,age,sex,group\nsub-01,44,F,patient\nsub-02,51,M,control"
    return MemoryFolder(files, tables={"participants.tsv": table})


def chexpert() -> MemoryFolder:
    views = f"{VIEWS}\nCheXpert-v1.0/train/patient1/study1/view1_frontal.jpg,Female,68,Frontal,AP,,1.0,-1.0"
    truth = "Study,No Finding,Pleural Effusion,Edema\nCheXpert-v1.0/test/patient9/study1,0,1,0"
    reader = "Study,Edema,No Finding,Pleural Effusion\nCheXpert-v1.0/test/patient9/study1,1,0,0"
    return MemoryFolder(
        [
            "CheXpert/train/patient1/study1/view1_frontal.jpg",
            "CheXpert/test/patient9/study1/view1_frontal.jpg",
        ],
        tables={"train.csv": views, "groundtruth.csv": truth, "radiologists/bc4.csv": reader},
    )


FOLDERS = {
    Layout.chestxray14: nih,
    Layout.chexpert: chexpert,
    Layout.ham10000: ham,
    Layout.brats: brats,
    Layout.lidc: lidc,
    Layout.medmnist: archive,
    Layout.bids: bids,
}


@pytest.mark.parametrize("layout", FOLDERS)
def test_each_set_is_detected_as_itself_and_nothing_else(layout):
    assert list(detect_layouts(FOLDERS[layout]())) == [layout]


def test_folders_of_images_are_no_published_set():
    assert detect_layouts(MemoryFolder(["glioma/a.png", "normal/b.nii.gz", "film.dcm"])) == {}


@pytest.mark.parametrize("layout", FOLDERS)
def test_a_wrong_layout_is_refused(layout):
    with pytest.raises(DataError, match=f"layout {layout} needs"):
        read(layout, MemoryFolder(["a.png"]))


def test_chest_films():
    first, second = read(Layout.chestxray14, nih()).entries
    assert {name for name, value in first.labels.items() if value} == {"Cardiomegaly", "Emphysema"}
    assert set(second.labels.values()) == {0}
    assert first.fields == {"age": "058Y", "sex": "M", "view": "PA", "part": "train"}
    assert first.identities == {"patient": "1"}
    assert first.boxes == [{"class": "Infiltration", "box": [10, 20, 40, 60], "frame": [1024, 1024]}]


def test_unmatched_films_are_refused_or_skipped():
    folder = nih()
    folder.inputs = ["00000001_000.png", "stray.png"]
    cohort = read(Layout.chestxray14, folder)
    assert Counter(refusal.code for refusal in cohort.refusals) == {"table/no-file": 1, "table/no-row": 1}
    assert read(Layout.chestxray14, folder, unmatched=Unmatched.skip).num_skipped == 2


def test_classes_may_be_chosen_but_not_invented():
    assert read(Layout.chestxray14, nih(), classes=("Hernia",)).task["classes"] == ["Hernia"]
    with pytest.raises(UsageError, match="no class of this set"):
        read(Layout.chestxray14, nih(), classes=("Scoliosis",))


def test_uncertain_and_blank_are_kept_apart_and_readers_by_name():
    options = {"classes": ("No Finding", "Edema", "Pleural Effusion")}
    train, test = read(Layout.chexpert, chexpert(), **options).entries
    assert train.labels == {"Edema": 1, "Pleural Effusion": -1}
    assert (train.fields["view"], train.fields["part"], train.identities["patient"]) == (
        "AP",
        "train",
        "patient1",
    )
    assert test.labels == {"No Finding": 0, "Edema": 0, "Pleural Effusion": 1}
    assert test.readers == {"bc4": {"No Finding": 0, "Edema": 1, "Pleural Effusion": 0}}


def test_skin_lesions():
    first, second = read(Layout.ham10000, ham()).entries
    assert first.identities == second.identities == {"group": "HAM_1"}
    assert first.fields["truth"] == "histopathology"
    assert (second.fields["site"], second.labels) == ("rosendahl", {"bkl": 1})


def test_sequences_become_channels_in_one_order():
    cohort = read(Layout.brats, brats())
    first, second = cohort.entries
    assert cohort.task == {"type": "binary", "classes": ["HGG"]}
    assert [channel["path"].rsplit("_", 1)[1] for channel in first.source["channels"]] == [
        *("t1.nii.gz", "t1ce.nii.gz", "t2.nii.gz", "flair.nii.gz"),
    ]
    assert (first.labels, first.mask) == ({"HGG": 1}, "HGG/B_1/B_1_seg.nii.gz")
    assert (second.labels, second.mask) == ({"HGG": 0}, "")


def test_a_case_without_a_sequence_is_refused():
    folder = brats()
    folder.inputs.remove("LGG/B_2/B_2_t2.nii")
    (refusal,) = read(Layout.brats, folder).refusals
    assert (refusal.code, refusal.reason) == ("layout/incomplete", "the case has no t2")


def test_nodules_of_several_readers():
    cohort = read(Layout.lidc, lidc())
    first, second = sorted(cohort.entries, key=lambda entry: entry.boxes[0]["box"])
    assert first.labels == {"malignant": 1}
    assert first.readers == {"1": {"subtlety": 4, "malignancy": 5}, "2": {"subtlety": 4, "malignancy": 4}}
    assert first.boxes == [{"class": "malignant", "box": [10, 20, 21, 31], "slices": [0, 1]}]
    assert first.source == {"series": ["s/1.dcm", "s/0.dcm"]}
    assert second.labels == {"malignant": 0}
    assert "1 messages about chest films, 1 marks of nodules below 3 mm, 1 marks of other" in cohort.notes[-1]


@pytest.mark.parametrize(
    ("ratings", "label"), [([1, 2], 0), ([3], -1), ([2, 3], -1), ([4, 5, 1], 1), ([3, 4], -1), ([], -1)]
)
def test_the_median_decides(ratings, label):
    marks = [Mark(i, {"malignancy": rating}, {}, (0.0,)) for i, rating in enumerate(ratings)]
    assert malignancy_label(marks) == label


def test_a_nodule_has_at_most_one_mark_a_reader_whatever_their_order():
    boxes = [(1, 0.0), (1, 1.0), (2, 0.5), (3, 40.0)]
    marks = [Mark(r, {}, {"s": (x, 0.0, x + 9, 9.0)}, (0.0,)) for r, x in boxes]
    found = cluster_marks(marks)
    assert found == cluster_marks(marks[::-1])
    assert sorted(len(cluster) for cluster in found) == [1, 1, 2]


@pytest.mark.parametrize("content", [b"<a>", b"<!DOCTYPE x><a/>", b"<html/>", b""])
def test_hostile_xml_is_refused(content):
    with pytest.raises(DataError):
        parse_message(content)


def test_archives_are_checked_by_their_published_digest(monkeypatch):
    with pytest.raises(DataError, match="its MD5 is"):
        read(Layout.medmnist, archive())
    digest = hashlib.md5(b"x", usedforsecurity=False).hexdigest()
    names = tuple("abcdefghi")
    monkeypatch.setitem(medmnist_layout.SETS, "pathmnist", Published(Task.multiclass, names, {28: digest}))
    cohort = read(Layout.medmnist, archive())
    assert Counter(entry.fields["part"] for entry in cohort.entries) == {"train": 2, "val": 2, "test": 2}
    assert cohort.entries[1].labels == {"i": 1}
    assert cohort.entries[1].source == {"path": "pathmnist.npz", "member": "train_images", "index": 1}


def test_participants():
    cohort = read(Layout.bids, bids())
    assert [entry.identities for entry in cohort.entries] == [{"patient": "sub-01"}, {"patient": "sub-02"}]
    assert cohort.entries[0].fields == {"age": "44", "sex": "F", "view": "T1w"}
    assert cohort.num_skipped == 1


@pytest.mark.realdata
def test_reader_counts_are_those_of_the_xml():
    """Counted anew, element by element."""
    found: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    for path in sorted(real_data("lidc").rglob("*.xml")):
        content = path.read_bytes()
        parsed = parse_message(content)
        found["marks"] += len(parsed.marks)
        found["small"] += parsed.num_small
        found["others"] += parsed.num_others
        found.update(f"malignancy {mark.ratings.get('malignancy', 0)}" for mark in parsed.marks)
        clusters = cluster_marks(parsed.marks)
        assert sum(map(len, clusters)) == len(parsed.marks)
        assert all(len({mark.reader for mark in cluster}) == len(cluster) for cluster in clusters)
        for element in ElementTree.fromstring(content).iter():
            name = element.tag.rpartition("}")[2]
            if name == "malignancy":
                expected.update(["marks", f"malignancy {element.text}"])
            elif name == "nonNodule":
                expected["others"] += 1
            elif name == "unblindedReadNodule":
                expected["small"] += 1
    expected["small"] -= expected["marks"]
    assert found == expected
    assert (found["marks"], found["small"], found["others"]) == (408, 799, 1451)
