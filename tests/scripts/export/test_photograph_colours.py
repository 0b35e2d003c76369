"""Every kind of export knows which colours the photographs are in."""

import dataclasses
import struct
from functools import partial

import av
import cv2
import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from neucam_nerfstudio.camera.response.response import LinearResponse, ResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.imaging.colour_profiles import (
    BT2020,
    REC709,
    ColourPrimaries,
    conversion_to_srgb,
    linear_profile,
    primaries_of_profile,
    srgb_curve_profile,
)
from neucam_nerfstudio.imaging.hdr_display_files import pq_from_light
from neucam_nerfstudio.imaging.image_files import quantised
from neucam_nerfstudio.scripts.export.hdr import ExportHdr
from neucam_nerfstudio.scripts.export.images import ExportImages
from neucam_nerfstudio.scripts.export.layers import ExportLayers
from neucam_nerfstudio.scripts.export.photograph_colours import photograph_primaries, photograph_profile
from neucam_nerfstudio.scripts.export.sweep import ExportSweep
from neucam_nerfstudio.scripts.export.trained_run import render

from .conftest import CONFIG, rendered, with_capture

DISPLAY_P3 = ColourPrimaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))
PROFILE = linear_profile(DISPLAY_P3)
BLUE = PROFILE[PROFILE.rindex(b"XYZ ") + 8 :][:12]
"""Its bXYZ tag is the last of numbers."""
SAID = "Colours are those of Linear RGB, the colour profile of F1E1.png."


@pytest.fixture
def in_p3(tmp_path):
    """The same run, of photographs whose files have a profile."""

    def of(run, profile=PROFILE):
        frames = []
        for frame in run.capture.frames:
            path = tmp_path / "photographs" / frame.path.name
            path.parent.mkdir(exist_ok=True)
            Image.open(frame.path).save(path, icc_profile=profile)
            frames.append(dataclasses.replace(frame, path=path))
        return with_capture(run, frames=tuple(frames))

    return of


def test_primaries_are_those_of_the_reference_photograph(still_run, in_p3, said):
    np.testing.assert_allclose(photograph_primaries(in_p3(still_run).capture), DISPLAY_P3, atol=5e-5)
    assert said == [SAID]


def test_without_a_profile_they_are_rec709_and_nothing_is_said(still_run, said):
    assert photograph_profile(still_run.capture) is None
    assert photograph_primaries(still_run.capture) == REC709 and said == []


def test_a_profile_without_primaries_is_said(still_run, in_p3, said):
    doubled_blue = PROFILE.replace(BLUE, struct.pack(">3i", *(2 * value for value in struct.unpack(">3i", BLUE))))
    assert photograph_primaries(in_p3(still_run, doubled_blue).capture) == REC709
    assert said == [
        "Colours are taken for Rec. 709: Linear RGB, the colour profile of F1E1.png, is a table without primaries."
    ]


def test_radiance_says_its_primaries(opened, still_run, in_p3, tmp_path, said):
    opened(in_p3(still_run))
    for image_format in ("exr", "tiff"):
        ExportHdr(CONFIG, tmp_path, image_format=image_format).main()
    header = OpenEXR.File(str(tmp_path / "hdr.exr"), header_only=True).header()
    assert header["chromaticities"] == pytest.approx(sum(DISPLAY_P3, ()), abs=5e-5)
    with tifffile.TiffFile(tmp_path / "hdr.tiff") as file:
        profile, description = file.pages[0].iccprofile, file.pages[0].description
    np.testing.assert_allclose(primaries_of_profile(profile), DISPLAY_P3, atol=1e-4)
    assert "exposureReference: Radiance at 0 stops; photograph F1E1.png has +0 stops (exposure.txt)." in description
    assert 'frameSettings: [{"name": "F0E0"' in description
    assert said.count(SAID) == 2


def test_files_for_bright_displays_are_converted(opened, still_run, in_p3, tmp_path):
    opened(in_p3(still_run))
    ExportHdr(CONFIG, tmp_path, image_format="png").main()
    stored = cv2.imread(str(tmp_path / "hdr.png"), cv2.IMREAD_UNCHANGED)[..., ::-1] / 65535
    light = rendered(still_run, "hdr") * (0.18 / float(still_run.renderer.anchors().key))
    np.testing.assert_allclose(stored, pq_from_light(light @ DISPLAY_P3.to(BT2020).T, BT2020), atol=2e-4)


def test_videos_show_photographs_in_srgb_and_maps_as_they_are(opened, still_run, in_p3, tmp_path):
    opened(in_p3(still_run))
    ExportSweep(
        CONFIG,
        tmp_path,
        rendered_output_names=("rgb", "defocus"),
        focus_position=(0.0,),
        exposure_stops=(0.0, 0.1),
        num_pictures=2,
    ).main()
    first = render(
        still_run, ("rgb", "defocus"), CameraSettings(0.0, exposure_stops=0.0), lambda: None, partial(quantised, bits=8)
    )
    expected_pictures = {
        "rgb": conversion_to_srgb(PROFILE)(first["rgb"]),
        "defocus": np.repeat(first["defocus"], 3, -1),
    }
    for name, expected in expected_pictures.items():
        with av.open(str(tmp_path / f"sweep_{name}.mp4")) as container:
            shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert np.abs(shown - expected.astype(float)).mean() < 3


def test_frames_of_a_video_keep_the_profile_where_they_are_photographs(opened, still_run, in_p3, tmp_path):
    opened(in_p3(still_run))
    options = {"exposure_stops": (0.0, 1.0), "num_pictures": 2, "video_format": "frames"}
    ExportSweep(CONFIG, tmp_path, rendered_output_names=("rgb", "defocus"), **options).main()
    profiles = [Image.open(tmp_path / f"sweep_{name}/00001.png").info.get("icc_profile") for name in ("rgb", "defocus")]
    assert profiles == [PROFILE, None]


def test_what_is_tone_mapped_has_the_photographs_primaries_and_the_curve_of_srgb(opened, still_run, in_p3, tmp_path):
    opened(in_p3(still_run))
    names = ("all_in_focus_hdr", "all_in_focus", "defocus")
    ExportImages(CONFIG, tmp_path, rendered_output_names=names).main()
    profiles = [Image.open(tmp_path / f"{name}.png").info.get("icc_profile") for name in names]
    assert profiles == [srgb_curve_profile(primaries_of_profile(PROFILE)), PROFILE, None]


def test_photographs_of_linear_light_say_so(opened, still_run, tmp_path):
    still_run.camera.response = LinearResponse(ResponseConfig(), still_run.capture)
    opened(still_run)
    names = ("all_in_focus_hdr", "rgb")
    ExportImages(CONFIG, tmp_path, rendered_output_names=names).main()
    profiles = [Image.open(tmp_path / f"{name}.png").info.get("icc_profile") for name in names]
    assert profiles == [None, linear_profile(REC709)]


def test_layers_say_their_primaries(opened, moving_run, in_p3, tmp_path):
    opened(in_p3(moving_run))
    ExportLayers(CONFIG, tmp_path).main()
    for name in ("background", "foreground"):
        header = OpenEXR.File(str(tmp_path / f"{name}.exr"), header_only=True).header()
        assert header["chromaticities"][:2] == pytest.approx((0.68, 0.32), abs=1e-4)
