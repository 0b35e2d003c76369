"""Which pixels of a file are a picture, as its alpha channel says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.transparency import filled_outward, read_coverage

OPAQUE = np.zeros((6, 9), bool)
OPAQUE[1:5, 2:] = True
COLOURS = np.random.default_rng(0).integers(1, 255, (6, 9, 3)).astype(np.uint8)
RGBA = np.dstack([COLOURS * OPAQUE[..., None], OPAQUE * np.uint8(255)])


def png(path: Path) -> None:
    Image.fromarray(RGBA).save(path)


def png_of_16_bits(path: Path) -> None:
    cv2.imwrite(str(path), RGBA[..., [2, 1, 0, 3]].astype(np.uint16) * 257)


def grey_png(path: Path) -> None:
    Image.fromarray(RGBA[..., [0, 3]], "LA").save(path)


def tiff(path: Path) -> None:
    tifffile.imwrite(path, RGBA, photometric="rgb", extrasamples=["unassalpha"])


def tiff_with_colours_multiplied(path: Path) -> None:
    tifffile.imwrite(path, RGBA.astype(np.uint16) * 257, photometric="rgb", extrasamples=["assocalpha"])


def tiff_in_lzw(path: Path) -> None:
    Image.fromarray(RGBA).save(path, compression="tiff_lzw")


def tiff_of_16_bits_in_lzw(path: Path) -> None:
    cv2.imwrite(str(path), RGBA[..., [2, 1, 0, 3]].astype(np.uint16) * 257, [cv2.IMWRITE_TIFF_COMPRESSION, 5])


def turned_tiff(path: Path) -> None:
    orientation = [(274, "H", 1, 3, True)]
    tifffile.imwrite(path, RGBA[::-1, ::-1], photometric="rgb", extrasamples=["unassalpha"], extratags=orientation)


KINDS = [
    *(png, png_of_16_bits, grey_png, tiff, tiff_with_colours_multiplied, tiff_in_lzw, tiff_of_16_bits_in_lzw),
    turned_tiff,
]


@pytest.mark.parametrize("write", KINDS, ids=lambda write: write.__name__)
def test_what_is_opaque_is_covered(tmp_path, write):
    path = tmp_path / ("a.png" if "png" in write.__name__ else "a.tif")
    write(path)
    np.testing.assert_array_equal(read_coverage(path), OPAQUE)


@pytest.mark.parametrize("write", [png, tiff, tiff_in_lzw, turned_tiff], ids=lambda write: write.__name__)
def test_colours_are_those_of_the_file_where_it_is_opaque(tmp_path, write):
    path = tmp_path / ("a.png" if write is png else "a.tif")
    write(path)
    np.testing.assert_array_equal(read_photograph(path)[OPAQUE], COLOURS[OPAQUE])


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_an_alpha_channel_that_is_even_means_nothing(tmp_path, alpha):
    Image.fromarray(np.dstack([COLOURS, np.full_like(COLOURS[..., 0], alpha)])).save(tmp_path / "a.png")
    assert read_coverage(tmp_path / "a.png") is None


def test_files_without_alpha_are_covered(tmp_path):
    for name in ("a.png", "a.jpg", "a.tif"):
        Image.fromarray(COLOURS).save(tmp_path / name)
        assert read_coverage(tmp_path / name) is None


def test_what_fades_is_not_covered(tmp_path):
    faded = RGBA.copy()
    faded[1, 2:, 3] = 100
    Image.fromarray(faded).save(tmp_path / "a.png")
    assert read_coverage(tmp_path / "a.png")[1:3, 2].tolist() == [False, True]


def test_the_nearest_covered_pixel_goes_on():
    filled = filled_outward(COLOURS, OPAQUE)
    np.testing.assert_array_equal(filled[OPAQUE], COLOURS[OPAQUE])
    np.testing.assert_array_equal(filled[0, 2:], COLOURS[1, 2:])
    np.testing.assert_array_equal(filled[2, :2], COLOURS[2, [2, 2]])
