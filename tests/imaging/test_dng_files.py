"""Linear DNG as LibRaw develops it, and as readers of tags see it."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
import rawpy
import tifffile

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging import dng_files
from neucam_nerfstudio.imaging.colour_profiles import BT2020, REC709
from neucam_nerfstudio.imaging.dng_files import dng_scale, write_dng
from neucam_nerfstudio.imaging.exif import read_exif
from neucam_nerfstudio.imaging.exif_block import EXIF_FOLDER, RATIONAL, Exif, Tag, text_tag
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.imaging.photographs import read_photograph

from .test_colour_profiles import DISPLAY_P3, PROPHOTO

PREVIEW = np.full((40, 60, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def light() -> np.ndarray:
    """Eight stops of light in three channels, no colour so deep that sRGB lacks it; the largest is 12."""
    stops = np.linspace(-8, 0, 96 * 120).reshape(96, 120, 1) + np.array([0.0, -0.2, -0.4])
    return (12 * 2.0**stops).astype(np.float32)


def developed(path) -> np.ndarray:
    """Linear sRGB of LibRaw, whose white is 1."""
    with rawpy.imread(str(path)) as raw:
        srgb = rawpy.ColorSpace.sRGB
        options = {"gamma": (1, 1), "no_auto_bright": True, "use_camera_wb": True, "output_color": srgb}
        return raw.postprocess(output_bps=16, **options) / 65535


@pytest.mark.parametrize("primaries", [REC709, DISPLAY_P3, BT2020, PROPHOTO])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_libraw_gives_the_light_in_srgb(tmp_path, light, primaries, byte_order, monkeypatch):
    monkeypatch.setattr("neucam_nerfstudio.imaging.large_pictures.PIXELS_PER_STRIP", 120 * 25)
    camera = Exif(byte_order, {271: text_tag("Canon"), 272: text_tag("Canon EOS R5")}, {})  # whose colours LibRaw knows
    write_dng(tmp_path / "a.dng", light, dng_scale(12.0, 3.0), PREVIEW, primaries, camera)
    expected = light / 12 @ primaries.to(REC709).T
    np.testing.assert_allclose(developed(tmp_path / "a.dng"), expected.clip(0, 1), atol=3e-4)


@pytest.mark.parametrize("precision", ["half", "float"])
def test_floats_are_opened_as_bright(tmp_path, light, precision):
    scale = dng_scale(12.0, 12 / 2**9, precision)
    assert scale.white == 12 and scale.baseline_exposure_stops == 9
    write_dng(tmp_path / "a.dng", light, scale, PREVIEW)
    np.testing.assert_allclose(developed(tmp_path / "a.dng"), light / 12, atol=5e-4)
    with tifffile.TiffFile(tmp_path / "a.dng") as file:
        assert file.pages.first.pages[0].dtype == {"half": np.float16, "float": np.float32}[precision]


def test_integers_keep_five_stops_above_white(tmp_path, light):
    assert dng_scale(12.0, 3.0)[:2] == (12.0, 2.0)
    assert dng_scale(12.0, 24.0)[:2] == (12.0, -1.0), "a dark picture's brightest light is white, too"
    scale = dng_scale(12.0, 12 / 2**9)
    assert scale.baseline_exposure_stops == 5 and scale.white == pytest.approx(12 / 2**4)
    write_dng(tmp_path / "a.dng", light, scale, PREVIEW)
    np.testing.assert_allclose(developed(tmp_path / "a.dng"), np.minimum(light / 12 * 16, 1), atol=3e-4)


def test_what_readers_of_tags_see(tmp_path, light):
    time_s = Tag(RATIONAL, struct.pack("<2I", 1, 60))
    camera = Exif("<", {271: text_tag("Maker"), 272: text_tag("Model")}, {EXIF_FOLDER: {33434: time_s}})
    write_dng(tmp_path / "a.dng", light, dng_scale(12.0, 3.0), PREVIEW, exif=camera)
    with tifffile.TiffFile(tmp_path / "a.dng") as file:
        preview, (picture,) = file.pages.first, file.pages.first.pages
        np.testing.assert_array_equal(preview.asarray(), PREVIEW)
        said = {tag.name: tag.value for tag in preview.tags}
        assert (said["DNGVersion"], said["DNGBackwardVersion"]) == (b"\1\4\0\0", b"\1\1\0\0")
        assert said["UniqueCameraModel"] == "NeuCam linear RGB" and said["Orientation"] == 1
        assert Fraction(*said["BaselineExposure"]) == 2 and said["CalibrationIlluminant1"] == 21
        assert [Fraction(*said["AsShotNeutral"][i : i + 2]) for i in (0, 2, 4)] == [1, 1, 1]
        red_of_x = Fraction(*said["ColorMatrix1"][:2])
        assert float(red_of_x) == pytest.approx(3.2410, abs=2e-4), "XYZ to linear sRGB (IEC 61966-2-1)"
        assert picture.tags["WhiteLevel"].value == (65535,) * 3 and picture.tags["BlackLevel"].value == (0,) * 3
        assert picture.photometric.name == "LINEAR_RAW" and picture.shape == light.shape
        assert (said["ExifTag"]["PixelXDimension"], said["ExifTag"]["PixelYDimension"]) == (120, 96)
    assert read_exif(tmp_path / "a.dng").exposure_time_s == pytest.approx(1 / 60)
    kept = read_metadata(tmp_path / "a.dng").exif
    assert kept is not None and kept.main[271] == text_tag("Maker")


def test_it_is_a_raw_file_for_ourselves(tmp_path, light):
    write_dng(tmp_path / "a.dng", light, dng_scale(12.0, 3.0), PREVIEW)
    np.testing.assert_allclose(read_photograph(tmp_path / "a.dng") / 65535, light / 12, atol=3e-4)


def test_what_a_dng_cannot_hold(tmp_path, light, monkeypatch):
    with pytest.raises(NeucamError, match=r"a\.dng: the radiance holds values that are not finite"):
        write_dng(tmp_path / "a.dng", np.where(light > 11, np.nan, light), dng_scale(12.0, 3.0), PREVIEW)
    monkeypatch.setattr(dng_files, "CLASSIC_BYTES", 96 * 120 * 6 - 1)
    with pytest.raises(NeucamError, match=r"a\.dng: 120x96 pixels are more than the 4 GB of a DNG file\. Write \.exr"):
        write_dng(tmp_path / "a.dng", light, dng_scale(12.0, 3.0), PREVIEW)
    assert list(tmp_path.iterdir()) == []
