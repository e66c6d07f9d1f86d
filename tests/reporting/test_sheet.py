"""The contact sheet: panels where they belong, outlines on the region, the same bytes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from medcli.errors import DataError
from medcli.reporting.display import as_8_bit
from medcli.reporting.sheet import (
    CARD,
    GAP,
    HEADER,
    MARGIN,
    MAX_SHOWN,
    OUTLINE,
    PANEL,
    Pair,
    choose_for_sheet,
    render_sheet,
)


def sheet_of(pairs: list[Pair]) -> np.ndarray:
    data = render_sheet(pairs, [f"{k:016x}" for k in range(len(pairs))])
    return np.array(Image.open(BytesIO(data)))


def panel(sheet: np.ndarray, *, column: int, is_after: bool) -> np.ndarray:
    left = MARGIN + column * (CARD + GAP) + is_after * (PANEL + 4)
    top = HEADER + MARGIN // 2
    return sheet[top : top + PANEL, left : left + PANEL]


def flat(value: int, *shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.full(shape, value, dtype)


def test_source_is_left_and_result_right() -> None:
    sheet = sheet_of(
        [Pair(flat(50, 96, 96), flat(150, 32, 32, 1)), Pair(flat(60, 9, 9, 3), flat(160, 8, 8, 3))]
    )
    for column, is_after, value in ((0, False, 50), (0, True, 150), (1, False, 60), (1, True, 160)):
        assert (panel(sheet, column=column, is_after=is_after) == value).all()


def test_what_is_not_square_is_centred_on_black() -> None:
    shown = panel(sheet_of([Pair(flat(200, 50, 100), flat(0, 8, 8, 1))]), column=0, is_after=False)
    assert not shown[: PANEL // 4 - 1].any()
    assert (shown[PANEL // 4 + 1 : -PANEL // 4 - 1] == 200).all()


def test_masks_and_boxes_are_outlined_where_they_are() -> None:
    mask = np.zeros((94, 94), np.uint8)
    mask[20:40, 30:60] = 2
    image = flat(100, 94, 94, 1)
    for pair in (Pair(image, image, mask=mask), Pair(image, image, boxes=[{"box": [30, 20, 60, 40]}])):
        shown = panel(sheet_of([pair]), column=0, is_after=True)
        rows, columns = np.nonzero((shown == OUTLINE).all(axis=2))
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 79, 60, 119)
        assert (shown[45:75, 65:115] == 100).all()


def test_scores_of_all_images_share_one_scale() -> None:
    dark, bright = flat(-1, 8, 8, 1, dtype=np.float16), flat(3, 8, 8, 1, dtype=np.float16)
    sheet = sheet_of([Pair(flat(0, 8, 8), after) for after in (dark, bright, dark + 2)])
    shown = [panel(sheet, column=column, is_after=True).mean() for column in range(3)]
    assert shown == [0, 255, 128]


def test_scores_of_one_image_are_stretched() -> None:
    after = np.linspace(-2, 7, 64).reshape(8, 8, 1).astype(np.float16)
    shown = panel(sheet_of([Pair(flat(0, 8, 8), after)]), column=0, is_after=True)
    assert (shown.min(), shown.max()) == (0, 255)


def test_the_same_images_give_the_same_bytes_and_their_number_is_bounded() -> None:
    pairs = [Pair(flat(1, 8, 8), flat(2, 8, 8, 4))] * 200
    assert render_sheet(pairs, [""] * 200) == render_sheet(pairs, [""] * 200)
    assert sheet_of(pairs).shape[0] < 16 * (PANEL + 40) + HEADER + MARGIN
    with pytest.raises(DataError, match="no image"):
        render_sheet([], [])


def test_a_sample_is_spread_and_does_not_depend_on_order() -> None:
    ids = [f"{k:016x}" for k in range(1000)]
    chosen = choose_for_sheet(ids)
    assert chosen == choose_for_sheet(ids[::-1])
    assert len(chosen) == MAX_SHOWN
    assert int(chosen[0], 16) < 100
    assert int(chosen[-1], 16) > 900


def test_captions_from_files_do_no_harm() -> None:
    assert render_sheet([Pair(flat(0, 8, 8), flat(0, 8, 8, 1))], ["a\x1b[31m\n\x00" + "x" * 500])


@pytest.mark.parametrize(
    ("pixels", "shown"),
    [
        (np.array([7, 255], np.uint8), [7, 255]),
        (np.array([257, 65535, 128, 129], np.uint16), [1, 255, 0, 1]),
        (np.array([0.2, 0.6], np.float16), [51, 153]),
        (np.array([-2, 0, 2], np.float16), [0, 128, 255]),
        (np.array([0.5, 3.0], np.float16), [0, 255]),
        (np.array([-1.5, -1.5], np.float16), [0, 0]),
    ],
)
def test_every_depth_has_its_black_and_white_on_the_screen(pixels: np.ndarray, shown: list[int]) -> None:
    assert as_8_bit(pixels).tolist() == shown
    assert as_8_bit(pixels).dtype == np.uint8
