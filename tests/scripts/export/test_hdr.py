import json
from dataclasses import replace

import cv2
import numpy as np
import OpenEXR
import pytest
import rawpy
import tifffile

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.hdr_display_files import pq_from_light
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.photometry import decode_srgb
from neucam_nerfstudio.scripts.export.hdr import ExportHdr, radiance_attributes

from .conftest import CONFIG, rendered, with_capture


@pytest.fixture(autouse=True)
def _open_the_still_run(opened, still_run):
    opened(still_run)


def test_writes_the_radiance_as_exr(still_run, tmp_path, said):
    ExportHdr(CONFIG, tmp_path / "new", precision="float").main()
    np.testing.assert_array_equal(read_radiance(tmp_path / "new/hdr.exr"), rendered(still_run, "hdr"))
    ExportHdr(CONFIG, tmp_path / "new").main()
    assert said == [f"Wrote {tmp_path}/new/hdr.exr", f"Replaced {tmp_path}/new/hdr.exr"]


def test_the_header_says_where_the_file_comes_from(tmp_path):
    ExportHdr(CONFIG, tmp_path).main()
    header = OpenEXR.File(str(tmp_path / "hdr.exr"), header_only=True).header()
    assert header["software"].startswith("neucam-nerfstudio ")
    assert header["exposureReference"] == "Radiance at 0 stops; photograph F1E1.png has +0 stops (exposure.txt)."
    assert header["chromaticities"][:2] == pytest.approx((0.64, 0.33))
    frames = json.loads(header["frameSettings"])
    assert frames[2] == {"name": "F0E2", "exposure_stops": 3.0, "focus_position": -1.0} and len(frames) == 9


def test_exposures_nobody_gave_are_not_claimed(still_run, deformed_run):
    unknown = replace(still_run.capture.exposures, source="unknown")
    assert "estimated" in radiance_attributes(with_capture(still_run, exposures=unknown))["exposureReference"]
    assert "learned" in radiance_attributes(deformed_run)["exposureReference"]


def test_further_channels_and_the_defocus_of_the_captured_aperture(still_run, tmp_path):
    ExportHdr(CONFIG, tmp_path, precision="float", channels=("defocus", "accumulation")).main()
    channels = OpenEXR.File(str(tmp_path / "hdr.exr")).channels()
    assert set(channels) == {"RGB", "defocus", "accumulation"}
    np.testing.assert_array_equal(channels["RGB"].pixels, rendered(still_run, "hdr"))
    np.testing.assert_array_equal(
        channels["defocus"].pixels, rendered(still_run, "defocus", CameraSettings(aperture=1.0))[..., 0]
    )
    assert channels["defocus"].pixels.max() > 0.3


def test_an_aperture_gives_the_defocused_radiance(still_run, tmp_path):
    ExportHdr(CONFIG, tmp_path, precision="float", aperture=2.0, focus_position=-1.0).main()
    expected = rendered(still_run, "hdr_defocused", CameraSettings(focus_position=-1.0, aperture=2.0))
    np.testing.assert_array_equal(read_radiance(tmp_path / "hdr.exr"), expected)
    assert np.abs(expected - rendered(still_run, "hdr")).max() > 0.1


def test_a_smaller_width_averages_light(still_run, tmp_path):
    ExportHdr(CONFIG, tmp_path, precision="float", width_px=30).main()
    whole = rendered(still_run, "hdr").reshape(20, 3, 30, 3, 3).mean((1, 3))
    np.testing.assert_allclose(read_radiance(tmp_path / "hdr.exr"), whole, rtol=1e-5)


def test_each_frame_of_a_moving_scene_has_its_file(opened, moving_run, tmp_path):
    opened(moving_run)
    ExportHdr(CONFIG, tmp_path, precision="float", frames=("1", "F1E0")).main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hdr_F0E1.exr", "hdr_F1E0.exr"]
    np.testing.assert_array_equal(
        read_radiance(tmp_path / "hdr_F1E0.exr"), rendered(moving_run, "hdr", CameraSettings(time=1.0))
    )


def test_frames_of_a_still_scene_differ_in_what_depends_on_focus_or_exposure(still_run, tmp_path):
    ExportHdr(CONFIG, tmp_path, precision="float", frames=("F0E1", "F2E1"), aperture=1.0).main()
    assert np.abs(read_radiance(tmp_path / "hdr_F0E1.exr") - read_radiance(tmp_path / "hdr_F2E1.exr")).max() > 0.1
    ExportHdr(CONFIG, tmp_path, frames=("F1E0",), channels=("rgb",)).main()
    ExportHdr(CONFIG, tmp_path, focus_position=0.5, channels=("defocus", "hdr_defocused")).main()


@pytest.mark.parametrize(("image_format", "suffix"), [("hdr", "hdr"), ("tiff", "tiff"), ("avif", "avif")])
def test_other_formats(tmp_path, image_format, suffix):
    ExportHdr(CONFIG, tmp_path, image_format=image_format).main()
    assert [path.name for path in tmp_path.iterdir()] == [f"hdr.{suffix}"]


def test_a_row_that_avif_cannot_hold_is_said(tmp_path, said):
    ExportHdr(CONFIG, tmp_path, image_format="avif", width_px=45).main()
    assert said[0] == "Cut to 44x30 pixels: avif needs even numbers."


def test_bright_displays_show_the_scene_s_grey_as_middle_grey(still_run, tmp_path):
    """The key of the picture is shown at 18 % of diffuse white, or one stop brighter."""
    key = float(still_run.renderer.anchors().key)
    for stops in (0.0, 1.0):
        ExportHdr(CONFIG, tmp_path, image_format="png", display_exposure_stops=stops).main()
        stored = cv2.imread(str(tmp_path / "hdr.png"), cv2.IMREAD_UNCHANGED)[..., ::-1] / 65535
        light = rendered(still_run, "hdr") * (0.18 / key * 2**stops)
        np.testing.assert_allclose(stored, pq_from_light(light), atol=1 / 65535)


def test_a_dng_is_as_bright_as_the_reference_photograph(still_run, tmp_path):
    """Where the sharp photograph has middle tones, LibRaw's light, brightened as the file says, is that of sRGB."""
    ExportHdr(CONFIG, tmp_path, image_format="dng").main()
    with rawpy.imread(str(tmp_path / "hdr.dng")) as raw:
        developed = raw.postprocess(gamma=(1, 1), no_auto_bright=True, use_camera_wb=True, output_bps=16) / 65535
    light = rendered(still_run, "hdr")
    kept = developed.max(-1) < 0.9
    ratio = np.median(developed[kept] / light[kept])
    np.testing.assert_allclose(developed[kept], light[kept] * ratio, rtol=0.01, atol=1e-4)
    with tifffile.TiffFile(tmp_path / "hdr.dng") as file:
        above, below = file.pages.first.tags["BaselineExposure"].value
    photograph = rendered(still_run, "all_in_focus", CameraSettings(frame=still_run.capture.reference_index))
    middle = (photograph > 0.45) & (photograph < 0.55)
    shown = developed * 2 ** (above / below)
    assert np.median(shown[middle] / decode_srgb(photograph[middle])) == pytest.approx(1, abs=0.15)
    ExportHdr(CONFIG, tmp_path, image_format="dng", precision="half").main()
    with tifffile.TiffFile(tmp_path / "hdr.dng") as file:
        assert file.pages.first.pages[0].dtype == np.float16


def test_ultra_hdr_is_a_jpeg(tmp_path):
    pytest.importorskip("pyvips")
    ExportHdr(CONFIG, tmp_path, image_format="ultrahdr").main()
    assert (tmp_path / "hdr.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_a_missing_library_is_told_before_anything_is_rendered(tmp_path, monkeypatch, bars):
    monkeypatch.setitem(__import__("sys").modules, "pyvips", None)
    with pytest.raises(NeucamError, match=r"pip install 'neucam-nerfstudio\[ultrahdr\]'"):
        ExportHdr(CONFIG, tmp_path / "out", image_format="ultrahdr").main()
    assert bars == [] and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": ("opacity",)}, r"--channels opacity: this model has no such output; it has all_in_focus_hdr"),
        ({"channels": ("defocus",), "image_format": "hdr"}, r"--image-format hdr: has no place for further channels"),
        ({"precision": "half", "image_format": "tiff"}, r"--precision half: tiff has a precision of its own. Use exr"),
        ({"aperture": -1.0}, r"--aperture -1: expected 0 \(all in focus\), 1 \(as captured\) or more"),
        ({"aperture": float("nan")}, "--aperture nan: expected a finite number"),
        ({"aperture": 1.0, "focus_position": float("inf")}, "--focus-position inf: expected a finite number"),
        ({"width_px": 900}, r"--width-px 900"),
        ({"width_px": 3, "image_format": "avif"}, "avif: holds pictures from 4x4"),
        ({"channels": ("hdr",)}, r"--channels hdr: is what the file's R, G and B are"),
        ({"channels": ("hdr_defocused",), "aperture": 1.0}, "--channels hdr_defocused: is what the file's R, G and B"),
        ({"display_exposure_stops": 1.0}, "--display-exposure-stops 1: exr holds radiance as it is. Use ultrahdr, png"),
        ({"focus_position": 0.5}, r"--focus-position 0\.5: all is in focus at aperture 0"),
        ({"frames": ("all",)}, "--frames all: frames of a still scene .* all files would be the same. Leave it out"),
        ({"frames": ("0",), "channels": ("accumulation",)}, "--frames 0: frames of a still scene"),
    ],
)
def test_what_cannot_be_given_is_said_and_nothing_written(tmp_path, options, message):
    with pytest.raises(NeucamError, match=message):
        ExportHdr(CONFIG, tmp_path / "out", **options).main()
    assert not (tmp_path / "out").exists()
