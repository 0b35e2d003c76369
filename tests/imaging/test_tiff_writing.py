"""TIFF files as other programs read them: values, tags, and those too large for 32-bit places."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from neucam_nerfstudio.imaging import tiff_writing
from neucam_nerfstudio.imaging.exif_block import EXIF_FOLDER, RATIONAL, Exif, Tag, text_tag
from neucam_nerfstudio.imaging.tiff_writing import write_tiff

SAMPLES = np.random.default_rng(0).integers(0, 65536, (37, 23, 3)).astype(np.uint16)


def camera(byte_order: str) -> Exif:
    """Camera, and 1/60 s."""
    time_s = Tag(RATIONAL, struct.pack(f"{byte_order}2I", 1, 60))
    return Exif(byte_order, {271: text_tag("Maker of cameras")}, {EXIF_FOLDER: {33434: time_s}})


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("samples", [SAMPLES, SAMPLES[..., 0], (SAMPLES >> 8).astype(np.uint8)])
def test_others_read_every_value(tmp_path, monkeypatch, samples, byte_order):
    monkeypatch.setattr("neucam_nerfstudio.imaging.large_pictures.PIXELS_PER_STRIP", 23 * 5)
    write_tiff(tmp_path / "a.tif", samples, exif=camera(byte_order))
    opencv = cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(opencv[..., ::-1] if samples.ndim == 3 else opencv, samples)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), samples)


def test_samples_are_made_strip_by_strip(tmp_path, monkeypatch):
    monkeypatch.setattr("neucam_nerfstudio.imaging.large_pictures.PIXELS_PER_STRIP", 23 * 5)
    heights = []

    def encode(rows: np.ndarray) -> np.ndarray:
        heights.append(len(rows))
        return np.rint(rows * 255).astype(np.uint8)

    light = np.random.default_rng(0).random((37, 23, 3), np.float32)
    write_tiff(tmp_path / "a.tif", light, encode=encode)
    assert max(heights) == 5
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), encode(light))


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_only_what_32_bits_do_not_reach_is_a_bigtiff(tmp_path, monkeypatch, byte_order):
    write_tiff(tmp_path / "small.tif", SAMPLES, exif=camera(byte_order))
    monkeypatch.setattr(tiff_writing, "CLASSIC_BYTES", SAMPLES.nbytes - 1)
    write_tiff(tmp_path / "large.tif", SAMPLES, exif=camera(byte_order), description="text")
    for name, is_big in (("small.tif", False), ("large.tif", True)):
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.is_bigtiff is is_big
            tags = file.pages.first.tags
            assert tags["Make"].value == "Maker of cameras"
            assert tags["ExifTag"].value["ExposureTime"] == (1, 60)
            np.testing.assert_array_equal(file.asarray(), SAMPLES)
    if byte_order == "<":  # Pillow 13 takes the other for a classic TIFF
        with Image.open(tmp_path / "large.tif") as image:
            assert image.getexif()[270] == "text"
