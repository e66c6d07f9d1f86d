"""`synth`: the same bytes for the same options, labels as declared, names in every file and on the list."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image

from medcli.config import Phantom, SynthConfig
from medcli.errors import ExitStatus, MedcliError, OutputError, UsageError
from medcli.images.phantoms import ct
from medcli.stages import _phantom_files as encode
from medcli.stages import _phantom_plans as plans
from medcli.stages._phantom_people import deal, person
from medcli.stages.synth import UNFINISHED, run

SMALL = {"patients": 6, "size": 48}
KINDS = list(Phantom)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> dict[Phantom, Path]:
    """One small cohort of each kind."""
    folder = tmp_path_factory.mktemp("cohorts")
    for kind in KINDS:
        run(SynthConfig(output=folder / kind, kind=kind, **SMALL))
    return {kind: folder / kind for kind in KINDS}


@pytest.fixture(autouse=True)
def strict_dicom(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydicom refuses what the standard forbids, instead of warning."""
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def digest(folder: Path) -> str:
    """Digest of the names and bytes of all files."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_options_give_the_same_bytes_and_another_seed_others(
    cohorts: dict[Phantom, Path], tmp_path: Path, kind: Phantom
) -> None:
    config = SynthConfig(output=tmp_path / "again", kind=kind, **SMALL)
    run(config)
    assert digest(tmp_path / "again") == digest(cohorts[kind])
    run(replace(config, output=tmp_path / "other", seed=1))
    assert digest(tmp_path / "other") != digest(cohorts[kind])


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    config = SynthConfig(kind=Phantom.derm, patients=16, size=32)
    for jobs in (1, 3):
        run(replace(config, output=tmp_path / str(jobs), jobs=jobs))
    assert digest(tmp_path / "1") == digest(tmp_path / "3")


def test_a_patient_is_drawn_alike_in_a_larger_cohort(tmp_path: Path) -> None:
    config = SynthConfig(size=32, patients=2)
    run(replace(config, output=tmp_path / "small"))
    run(replace(config, output=tmp_path / "large", patients=5))
    for path in (tmp_path / "small" / "images").iterdir():
        assert path.read_bytes() == (tmp_path / "large" / "images" / path.name).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_tables_name_every_file_once_and_agree(cohorts: dict[Phantom, Path], kind: Phantom) -> None:
    folder = cohorts[kind]
    labels, truth = rows_of(folder / "labels.csv"), rows_of(folder / "truth.csv")
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*/*") if path.is_file()}
    masks = [row["mask"] for row in labels if row["mask"]]
    assert sorted([row["path"] for row in labels] + masks) == sorted(on_disk)
    assert [row["path"] for row in truth] == [row["path"] for row in labels]
    assert {row["patient"] for row in labels} == {
        person(0, number, site="site-a").patient_id for number in range(SMALL["patients"])
    }
    for stated, true in zip(labels, truth, strict=True):
        for name in (column for column in true if column.startswith("label:")):
            assert stated[name] in {true[name], "-1", ""}
    assert not (folder / UNFINISHED).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_masks_fit_their_images_and_hold_the_class_that_is_true(
    cohorts: dict[Phantom, Path], kind: Phantom
) -> None:
    folder = cohorts[kind]
    truth = {row["path"]: row for row in rows_of(folder / "truth.csv")}
    classes = plans.classes_of(SynthConfig(kind=kind, **SMALL))
    for row in rows_of(folder / "labels.csv"):
        if not row["mask"]:
            continue
        mask, shape = read(folder / row["mask"]), read(folder / row["path"]).shape
        assert mask.shape == shape[: mask.ndim]
        seen = {classes[value - 1] for value in np.unique(mask) if value}
        true = truth[row["path"]]
        if kind is Phantom.cxr:
            assert seen <= {name for name in classes if true[f"label:{name}"] == "1"}
            assert seen
        else:
            assert seen == {true["label"]}


def read(path: Path) -> np.ndarray:
    """Pixels of any file of a cohort."""
    if path.suffix == ".dcm":
        return pydicom.dcmread(path).pixel_array
    if path.suffix == ".png":
        return np.asarray(Image.open(path))
    return np.asanyarray(nibabel.load(path).dataobj)


@pytest.mark.parametrize("kind", [Phantom.cxr, Phantom.derm, Phantom.ct])
def test_boxes_enclose_the_masks(cohorts: dict[Phantom, Path], kind: Phantom) -> None:
    folder = cohorts[kind]
    masks = {row["path"]: row["mask"] for row in rows_of(folder / "labels.csv")}
    covered: dict[str, np.ndarray] = {}
    for box in rows_of(folder / "boxes.csv"):
        if not masks[box["path"]]:
            continue
        mask = covered.setdefault(box["path"], read(folder / masks[box["path"]]) > 0)
        x, y, width, height = (int(box[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + width <= mask.shape[1]
        assert 0 <= y <= y + height <= mask.shape[0]
        mask[y : y + height, x : x + width] = False
    assert covered
    # What is left are specks of under four pixels, which have no box.
    assert max(mask.sum() for mask in covered.values()) < 12


def test_the_declared_share_of_labels_is_uncertain_or_blank() -> None:
    config = SynthConfig(patients=300, uncertain=0.1, blank=0.2)
    cells = [
        cell
        for number in range(config.patients)
        for film in plans.plan_films(config, number)
        for cell in film.stated
    ]
    counts = Counter(cells)
    for value, share in ((-1, 0.1), ("", 0.2)):
        spread = 4 * (share * (1 - share) / len(cells)) ** 0.5
        assert abs(counts[value] / len(cells) - share) < spread
    assert 0.15 < counts[1] / (counts[0] + counts[1]) < 0.35


@pytest.mark.parametrize("kind", KINDS)
def test_without_uncertainty_the_table_is_the_truth(tmp_path: Path, kind: Phantom) -> None:
    run(SynthConfig(output=tmp_path / "c", kind=kind, patients=3, size=32, uncertain=0, blank=0))
    labels, truth = (rows_of(tmp_path / "c" / name) for name in ("labels.csv", "truth.csv"))
    names = [name for name in truth[0] if name.startswith("label")]
    readers = (
        {row["series"]: row["median"] for row in rows_of(tmp_path / "c" / "readers.csv")}
        if kind == "ct"
        else {}
    )
    for stated, true in zip(labels, truth, strict=True):
        excluded = 2 < float(readers.get(stated.get("series", ""), 0)) < 4
        assert excluded or [stated[name] for name in names] == [true[name] for name in names]


def test_films_come_in_both_polarities_from_two_sites_and_three_devices(cohorts: dict[Phantom, Path]) -> None:
    folder = cohorts[Phantom.cxr]
    rows = rows_of(folder / "labels.csv")
    films = {row["path"]: pydicom.dcmread(folder / row["path"]) for row in rows}
    assert {film.PhotometricInterpretation for film in films.values()} == {"MONOCHROME1", "MONOCHROME2"}
    assert {(row["site"], row["device"]) for row in rows} == {
        ("site-a", "dx-100"), ("site-a", "dx-200"), ("site-b", "dx-200"), ("site-b", "cr-300"),
    }  # fmt: skip
    assert {row["view"] for row in rows} == {"PA", "AP"}
    assert max(Counter(row["patient"] for row in rows).values()) > 1
    for row in rows:
        film = films[row["path"]]
        pixels = film.pixel_array
        assert (film.BitsAllocated, film.BitsStored, pixels.dtype) == (16, 12, np.uint16)
        assert pixels.max() <= 4095
        bright = 4095 - pixels if film.PhotometricInterpretation == "MONOCHROME1" else pixels
        half = bright.shape[1] // 2
        # The spine below the heart is the brightest, air beside the neck the darkest part of a chest film.
        assert bright[-8:, half - 3 : half + 3].mean() > 2 * bright[:4, :4].mean()
        low, high = (film.WindowCenter + sign * film.WindowWidth / 2 for sign in (-1, 1))
        assert 0.9 < ((pixels >= low) & (pixels <= high)).mean() <= 1


def test_monochrome1_is_the_exact_inverse() -> None:
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8) * 60
    who = person(0, 0, site="site-a")
    files: list[Any] = [
        pydicom.dcmread(
            io.BytesIO(
                encode.chest_dicom(
                    pixels, who, seed=1, film=0, device="d", view="PA", is_inverted=is_inverted
                )
            )
        )
        for is_inverted in (False, True)
    ]
    np.testing.assert_array_equal(files[0].pixel_array, pixels)
    np.testing.assert_array_equal(files[0].pixel_array + files[1].pixel_array, np.full((8, 8), 4095))
    assert files[1].WindowCenter == 4095 - files[0].WindowCenter
    assert files[1].WindowWidth == files[0].WindowWidth


def test_a_ct_series_is_one_volume_in_hounsfield_units(cohorts: dict[Phantom, Path]) -> None:
    folder = sorted((cohorts[Phantom.ct] / "images").iterdir())[0]
    slices = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    assert 16 <= len(slices) <= 24
    assert len({file.SeriesInstanceUID for file in slices}) == 1
    assert len({file.SOPInstanceUID for file in slices}) == len(slices)
    heights = [float(file.ImagePositionPatient[2]) for file in slices]
    np.testing.assert_allclose(np.diff(heights), ct.SLICE_DISTANCE_MM)
    hu = np.stack([f.pixel_array * float(f.RescaleSlope) + float(f.RescaleIntercept) for f in slices])
    assert hu.min() >= -1024
    air, muscle = np.median(hu[:, :4, 20:28]), ((hu > 0) & (hu < 100)).mean()
    assert abs(air + 1000) < 30
    assert muscle > 0.05


def test_readers_rate_nodules_and_the_label_follows_the_median_rule(tmp_path: Path) -> None:
    config = SynthConfig(output=tmp_path / "c", kind=Phantom.ct, patients=6, size=32, blank=0)
    run(config)
    labels = {row["series"]: row["label"] for row in rows_of(tmp_path / "c" / "labels.csv")}
    readers = rows_of(tmp_path / "c" / "readers.csv")
    assert len(readers) == sum(label != "no_nodule" for label in labels.values())
    for row in readers:
        ratings = [int(row[f"reader_{k}"]) for k in (1, 2, 3, 4)]
        assert all(1 <= rating <= 5 for rating in ratings)
        assert float(row["median"]) == statistics.median(ratings)
        assert labels[row["series"]] == plans.label_of_ratings(tuple(ratings))


@pytest.mark.parametrize(
    ("ratings", "label"),
    [((1, 2, 2, 5), "benign"), ((2, 2, 3, 3), ""), ((3, 4, 4, 4), "malignant"), ((1, 3, 4, 5), "")],
)
def test_the_median_rule_by_hand(ratings: tuple[int, ...], label: str) -> None:
    assert plans.label_of_ratings(ratings) == label


def test_brain_volumes_have_four_channels_and_a_mask_on_the_same_grid(cohorts: dict[Phantom, Path]) -> None:
    folder = cohorts[Phantom.mri]
    rows = rows_of(folder / "labels.csv")
    for row in rows:
        image = nibabel.load(folder / row["path"])
        assert image.shape == (48, 48, 16, 4)
        assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
        if row["mask"]:
            mask = nibabel.load(folder / row["mask"])
            np.testing.assert_array_equal(mask.affine, image.affine)
            assert mask.shape == image.shape[:3]
    assert any(row["mask"] for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_canaries_are_in_the_files_and_on_the_list(cohorts: dict[Phantom, Path], kind: Phantom) -> None:
    folder = cohorts[kind]
    canaries = (folder / "canaries.txt").read_text().splitlines()
    assert len(canaries) == len(set(canaries))
    assert all(len(text) >= 6 for text in canaries)
    everything = b"".join(contents(path) for path in (folder / "images").rglob("*") if path.is_file())
    everything += (folder / "labels.csv").read_bytes()
    assert [text for text in canaries if text.encode() not in everything] == []
    for row in rows_of(folder / "labels.csv"):
        assert row["patient"] in canaries
        assert not row["group"] or row["group"] in canaries
        assert any(text in row["path"] for text in canaries)
        assert row["patient"].encode() in contents(folder / row["path"])


def contents(path: Path) -> bytes:
    """Bytes of a file, inflated."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_every_identifying_tag_is_a_canary(cohorts: dict[Phantom, Path]) -> None:
    folder = cohorts[Phantom.cxr]
    canaries = set((folder / "canaries.txt").read_text().splitlines())
    for path in (folder / "images").iterdir():
        film = pydicom.dcmread(path)
        names = str(film.PatientName).split("^")
        tags = [film.PatientID, film.PatientBirthDate, film.InstitutionName, film.AccessionNumber]
        others = [film.ReferringPhysicianName, film.OperatorsName, film.StudyInstanceUID]
        assert {str(value) for value in [*names, *tags, *others]} <= canaries
        age = int(film.StudyDate[:4]) - int(film.PatientBirthDate[:4])
        assert f"{age:03d}Y" == film.PatientAge


def test_people_are_unique_and_few_share_a_birth_date() -> None:
    people = [person(3, number, site="site-a") for number in range(2000)]
    assert len({who.surname for who in people}) == len({who.patient_id for who in people}) == 2000
    assert len({who.birth_date() for who in people}) <= 10
    # No canary but a birth date could be a part of a digest or of a number.
    assert all(set(who.surname) - set("0123456789ABCDEF") for who in people)


def test_cards_are_dealt_out_completely_before_they_are_shuffled_again() -> None:
    cards = "aaabc"
    for start in (0, 5, 10):
        assert sorted(deal(cards, 1, "x", number) for number in range(start, start + 5)) == list(cards)
    rounds = {"".join(deal(cards, 1, "x", n) for n in range(k, k + 5)) for k in range(0, 60, 5)}
    assert len(rounds) > 3


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"patients": 0}, "--patients"),
        ({"size": 8}, "--size"),
        ({"blank": 1.5}, "--blank"),
        ({"uncertain": 0.6, "blank": 0.6}, "together"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, options: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        run(SynthConfig(output=tmp_path / "c", **options))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty") as caught:
        run(SynthConfig(output=tmp_path / "c", **SMALL))
    assert caught.value.hint
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["thesis.txt"]
    with pytest.raises(OutputError, match="a file"):
        run(SynthConfig(output=tmp_path / "c" / "thesis.txt", **SMALL))


def test_an_empty_folder_is_filled_also_when_it_is_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run(SynthConfig(output=Path(), kind=Phantom.derm, patients=1, size=32))
    assert Path("labels.csv").is_file()


def test_a_failing_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(MedcliError) as caught:
        run(SynthConfig(output=tmp_path / "c", **SMALL))
    assert caught.value.status == ExitStatus.IO
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_cohort_and_the_same_line_starts_afresh(tmp_path: Path) -> None:
    config = SynthConfig(output=tmp_path / "c", kind=Phantom.derm, patients=12, size=64, jobs=1)
    code = (
        "from pathlib import Path\n"
        "from medcli.config import Phantom, SynthConfig\n"
        "from medcli.stages.synth import run\n"
        f"path = Path({str(config.output)!r})\n"
        "run(SynthConfig(output=path, kind=Phantom.derm, patients=12, size=64, jobs=1))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(f"c/{UNFINISHED}/images/*.png")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (config.output / "labels.csv").exists()
    assert (config.output / UNFINISHED).exists()
    run(config)
    run(replace(config, output=tmp_path / "whole"))
    assert digest(config.output) == digest(tmp_path / "whole")
