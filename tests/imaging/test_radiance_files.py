from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging import large_pictures
from neucam_nerfstudio.imaging.colour_profiles import linear_profile
from neucam_nerfstudio.imaging.radiance_files import read_radiance, said_of_size, write_radiance

from .test_colour_profiles import DISPLAY_P3


@pytest.fixture
def radiance() -> np.ndarray:
    """Fourteen stops of light, the three channels different."""
    stops = np.linspace(-7, 7, 12 * 17).reshape(12, 17, 1)
    return (2.0 ** (stops + np.array([0.0, 0.3, -0.3]))).astype(np.float32)


@pytest.mark.parametrize(("precision", "relative_error"), [("half", 2**-11), ("float", 0.0)])
def test_exr_round_trip(tmp_path, radiance, precision, relative_error):
    write_radiance(tmp_path / "scene.exr", radiance, precision)
    np.testing.assert_allclose(read_radiance(tmp_path / "scene.exr"), radiance, rtol=relative_error)


def test_hdr_round_trip_within_its_shared_exponent(tmp_path, radiance):
    write_radiance(tmp_path / "scene.hdr", radiance)
    error = np.abs(read_radiance(tmp_path / "scene.hdr") - radiance)
    assert (error <= radiance.max(-1, keepdims=True) / 128).all()


def test_tiff_is_linear_and_says_what_white_is(tmp_path, radiance):
    write_radiance(tmp_path / "scene.tiff", radiance)
    with tifffile.TiffFile(tmp_path / "scene.tiff") as file:
        samples, description = file.asarray(), file.pages[0].description
    assert samples.dtype == np.uint16
    peak = float(description.rsplit("stands for ")[1].rstrip("."))
    assert peak == pytest.approx(radiance.max(), rel=1e-5)
    np.testing.assert_allclose(samples / 65535 * peak, radiance, atol=peak / 65535)


def test_tiff_has_a_linear_profile_and_says_where_it_comes_from(tmp_path, radiance):
    said = {"exposureReference": "Radiance at 0 stops; Müller.png has +0 stops.", "frameSettings": "[]"}
    write_radiance(tmp_path / "scene.tiff", radiance, metadata=said, primaries=DISPLAY_P3)
    with Image.open(tmp_path / "scene.tiff") as picture:
        profile = picture.info["icc_profile"]
        description = picture.getexif()[270].encode("latin1").decode()
    assert profile == linear_profile(DISPLAY_P3)
    assert description.splitlines() == [
        f"Linear radiance: 65535 stands for {radiance.max():.6g}.",
        "exposureReference: Radiance at 0 stops; Müller.png has +0 stops.",
        "frameSettings: []",
    ]


def test_files_say_other_primaries(tmp_path, radiance):
    for suffix in (".exr", ".hdr"):
        write_radiance(tmp_path / f"scene{suffix}", radiance, primaries=DISPLAY_P3)
    header = OpenEXR.File(str(tmp_path / "scene.exr"), header_only=True).header()
    assert header["chromaticities"] == pytest.approx((0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290))
    lines = (tmp_path / "scene.hdr").read_bytes().split(b"\n", 5)
    assert lines[1] == b"PRIMARIES=0.6800 0.3200 0.2650 0.6900 0.1500 0.0600 0.3127 0.3290"
    assert lines[:1] + lines[2:5] == [b"#?RADIANCE", b"FORMAT=32-bit_rle_rgbe", b"", b"-Y 12 +X 17"]


@pytest.mark.parametrize("name", ["scene.hdr", "scene.tiff"])
def test_strips_are_no_part_of_the_picture(tmp_path, radiance, monkeypatch, name):
    write_radiance(tmp_path / "whole" / name, radiance)
    monkeypatch.setattr(large_pictures, "PIXELS_PER_STRIP", 17 * 5)
    write_radiance(tmp_path / name, radiance)
    read = tifffile.imread if name.endswith(".tiff") else Path.read_bytes  # a TIFF's strips are its own
    np.testing.assert_array_equal(read(tmp_path / name), read(tmp_path / "whole" / name))


def test_exr_is_read_by_others_as_rgb(tmp_path, radiance, monkeypatch):
    monkeypatch.setenv("OPENCV_IO_ENABLE_OPENEXR", "1")
    write_radiance(tmp_path / "scene.exr", radiance, "float")
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "scene.exr"), cv2.IMREAD_UNCHANGED)[..., ::-1], radiance)


def test_exr_carries_metadata_and_its_primaries(tmp_path, radiance):
    write_radiance(tmp_path / "scene.exr", radiance, metadata={"software": "neucam-nerfstudio", "exposureStops": 1.5})
    header = OpenEXR.File(str(tmp_path / "scene.exr"), header_only=True).header()
    assert header["software"] == "neucam-nerfstudio" and header["exposureStops"] == pytest.approx(1.5)
    assert header["chromaticities"] == pytest.approx((0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290))


def test_exr_holds_further_channels_by_name(tmp_path, radiance):
    grey, colour = radiance[..., :1] / 2, radiance / 4
    write_radiance(tmp_path / "scene.exr", radiance, "float", channels={"defocus": grey, "background": colour})
    channels = OpenEXR.File(str(tmp_path / "scene.exr"), separate_channels=True).channels()
    assert set(channels) == {"R", "G", "B", "defocus", "background.R", "background.G", "background.B"}
    np.testing.assert_array_equal(channels["defocus"].pixels, grey[..., 0])
    np.testing.assert_array_equal(channels["background.B"].pixels, colour[..., 2])
    np.testing.assert_array_equal(read_radiance(tmp_path / "scene.exr"), radiance)


def test_other_files_have_no_place_for_further_channels(tmp_path, radiance):
    with pytest.raises(NeucamError, match=r"only \.exr has a place for further channels \(defocus\)"):
        write_radiance(tmp_path / "scene.hdr", radiance, channels={"defocus": radiance[..., :1]})


def test_half_refuses_what_would_become_infinite(tmp_path, radiance):
    with pytest.raises(NeucamError, match=r"scene\.exr.*70000.*65504.*use float"):
        write_radiance(tmp_path / "scene.exr", np.full_like(radiance, 70000.0), "half")
    assert list(tmp_path.iterdir()) == []


def test_refuses_values_that_are_not_finite(tmp_path, radiance):
    with pytest.raises(NeucamError, match="the depth holds values that are not finite"):
        write_radiance(tmp_path / "scene.exr", radiance, channels={"depth": np.full((12, 17, 1), np.inf)})
    radiance[2, 3, 1] = np.nan
    with pytest.raises(NeucamError, match="the radiance holds values that are not finite"):
        write_radiance(tmp_path / "scene.exr", radiance)


def test_another_suffix_lists_the_supported_ones(tmp_path, radiance):
    with pytest.raises(NeucamError, match=r"picture\.gif.*supported: \.exr, \.hdr, \.tif, \.tiff\."):
        write_radiance(tmp_path / "picture.gif", radiance)


@pytest.mark.parametrize(("peak", "holds"), [(6e4, np.float16), (3e6, np.float32)])
def test_radiance_too_large_for_half_precision_is_written_as_float(tmp_path, peak, holds):
    radiance = np.full((4, 5, 3), 0.25, np.float32)
    radiance[1, 2] = peak
    write_radiance(tmp_path / "large.exr", radiance)
    with OpenEXR.File(str(tmp_path / "large.exr")) as file:
        assert file.channels()["RGB"].pixels.dtype == holds
    np.testing.assert_allclose(read_radiance(tmp_path / "large.exr"), radiance, rtol=1e-3)
    said = said_of_size(radiance)
    assert (said is None) == (holds == np.float16)
    assert said is None or said == (
        "Radiance reaches 3e+06, half precision ends at 65504: EXR files have samples of 32 bits."
    )
