"""The gallery: a page that opens, is the same every time, and shows what it was given."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medcli.errors import DataError
from medcli.reporting import gallery
from medcli.reporting.gallery import Example, blend, gallery_png, printable


def example(**changes: object) -> Example:
    attribution = np.zeros((32, 32))
    attribution[8:16, 8:16] = 1
    values = {
        "image": np.full((32, 32, 1), 90, np.uint8),
        "attribution": attribution,
        "mask": None,
        "name": "Edema",
        "probability": 0.8,
        "threshold": None,
        "verdict": "right",
        "truth": "truth: yes",
        "record": "0123456789abcdef",
    }
    return Example(**{**values, **changes})


def page(*examples: Example, **changes: str) -> np.ndarray:
    words = {"title": "Grad-CAM", "subtitle": "of the test part", **changes}
    data = gallery_png({"All": list(examples)}, **words)
    with Image.open(BytesIO(data), formats=["PNG"]) as image:
        assert image.info.keys() <= {"dpi"}
        return np.asarray(image.convert("RGB"))


def panels(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two panels of the first card."""
    top = gallery.HEADER + gallery.HEADING + gallery.CAPTION
    left, second = gallery.MARGIN, gallery.MARGIN + gallery.PANEL + gallery.PANEL_GAP
    side = gallery.PANEL
    return drawn[top : top + side, left : left + side], drawn[top : top + side, second : second + side]


def test_four_examples_take_two_rows_of_a_page_1200_wide() -> None:
    one, four = page(example()), page(*[example()] * 4)
    assert one.shape[1] == four.shape[1] == 1200
    assert four.shape[0] - one.shape[0] == gallery.CAPTION + gallery.PANEL + gallery.FOOT


def test_the_image_is_left_and_the_map_is_right() -> None:
    image, heatmap = panels(page(example()))
    assert np.all(image[5:-5, 5:-5] == 90)
    hot = (heatmap.max(axis=2).astype(int) - heatmap.min(axis=2) > 40)[5:-5, 5:-5]
    rows, columns = np.nonzero(hot)
    # The map is 1 from a quarter to a half of each axis: 45 to 90 of 180 pixels.
    for found in (rows + 5, columns + 5):
        assert 42 <= found.min() <= 48
        assert 87 <= found.max() <= 93


def test_the_outline_runs_along_the_border_of_the_mask() -> None:
    mask = np.zeros((32, 32), bool)
    mask[16:, :] = True
    image, _ = panels(page(example(mask=mask)))
    cyan = (image[..., 2].astype(int) - image[..., 0] > 60).sum(axis=1) > 100
    assert cyan[86:94].any()
    assert not cyan[10:80].any()
    assert not cyan[100:170].any()


def test_an_empty_map_says_so_in_place_of_colours() -> None:
    _, heatmap = panels(page(example(attribution=np.zeros((32, 32)))))
    assert np.ptp(heatmap.astype(int), axis=2).max() == 0
    assert heatmap.max() > 200


def test_a_flat_map_says_so_and_a_weak_one_is_stretched() -> None:
    flat = np.full((32, 32), 0.97)
    flat[0, 0] = 1
    _, heatmap = panels(page(example(attribution=flat)))
    assert np.ptp(heatmap.astype(int), axis=2).max() == 0
    weak = 0.8 + 0.2 * example().attribution
    assert np.array_equal(page(example(attribution=weak)), page(example()))


def test_verdicts_look_different() -> None:
    drawn = [page(example(verdict=verdict)) for verdict in ("right", "wrong", "unknown")]
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[1], drawn[2])


def test_a_threshold_is_shown_beside_the_probability() -> None:
    assert gallery._in_words(0.8, None) == "0.80"
    assert gallery._in_words(0.25, 0.25) == "0.25 ≥ 0.25"
    assert gallery._in_words(0.1, 0.25) == "0.10 < 0.25"
    assert gallery._in_words(0.142, 0.1443) == "0.1420 < 0.1443"
    assert not np.array_equal(page(example()), page(example(threshold=0.5)))


def test_text_from_files_stays_text() -> None:
    hostile = ["$\\frac{1}{0}$", "a\nb\x1b[31m", "{{7*7}}", "x" * 500, ""]
    for text in hostile:
        page(example(name=text, truth=text), title=text, subtitle=text)
    assert printable("a\nb\x1b[31m", 20) == "a·b·[31m"
    assert printable("x" * 500, 10) == "x" * 9 + "…"


def test_colour_images_and_other_shapes_are_drawn() -> None:
    wide = example(image=np.zeros((20, 40, 3), np.uint8), attribution=np.ones((20, 40)))
    narrow = page(example()).shape[0] - page(wide).shape[0]
    assert narrow == gallery.PANEL - gallery.PANEL // 2


def test_no_example_is_an_error() -> None:
    with pytest.raises(DataError, match="no example"):
        gallery_png({}, title="", subtitle="")


def test_blend_shows_the_image_where_the_map_is_zero() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    np.testing.assert_array_equal(blend(image, np.zeros((3, 4))), np.repeat(image, 3, axis=2))
    assert np.ptp(blend(image, np.ones((3, 4)))[0, 0].astype(int)) > 40


def test_bytes_do_not_depend_on_settings_of_the_user_or_on_hashing(tmp_path: Path) -> None:
    examples = [example(), dataclasses.replace(example(), mask=np.eye(32, dtype=bool), verdict="wrong")]
    here = gallery_png({"All": examples}, title="t", subtitle="s")
    assert gallery_png({"All": examples}, title="t", subtitle="s") == here
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 30\ntext.color: blue\n")
    code = (
        "import sys, dataclasses, numpy as np\n"
        "from tests.reporting.test_gallery import example, gallery_png\n"
        "other = dataclasses.replace(example(), mask=np.eye(32, dtype=bool), verdict='wrong')\n"
        "sys.stdout.buffer.write(gallery_png({'All': [example(), other]}, title='t', subtitle='s'))"
    )
    environment = {**os.environ, "MATPLOTLIBRC": str(tmp_path), "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    root = Path(__file__).parents[2]
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, check=True
    )
    assert there.stdout == here
