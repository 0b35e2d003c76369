import dataclasses

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig
from neucam_nerfstudio.scripts.export.hdr import ExportHdr
from neucam_nerfstudio.scripts.export.images import ExportImages
from neucam_nerfstudio.scripts.export.sweep import ExportSweep

from ...learned import learn
from .conftest import CONFIG, rendered, with_capture


@pytest.fixture(autouse=True)
def _open_the_still_run(opened, still_run):
    opened(still_run)


def stored(path, white=255):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1] / white


def test_pictures_are_taken_with_the_dials_as_set(still_run, tmp_path):
    options = {"focus_position": 0.6, "aperture": 2.0, "exposure_stops": -1.5, "tone_mapping": "filmic"}
    names = ("rgb", "all_in_focus_hdr")
    ExportImages(CONFIG, tmp_path, rendered_output_names=names, **options).main()
    settings = CameraSettings(0.6, aperture=2.0, exposure_stops=-1.5, display=Display("filmic", exposure_stops=-1.5))
    for name in names:
        expected = rendered(still_run, name, settings)
        np.testing.assert_allclose(stored(tmp_path / f"{name}.png"), expected, atol=0.5 / 255 + 1e-6)
        assert np.abs(expected - rendered(still_run, name)).max() > 0.05


def test_dials_left_alone_stay_at_the_reference_frame(still_run, tmp_path):
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb", "all_in_focus_hdr"), tone_mapping="log").main()
    settings = CameraSettings(focus_position=0.0, aperture=1.0, exposure_stops=0.0, display=Display("log"))
    for name in ("rgb", "all_in_focus_hdr"):
        expected = rendered(still_run, name, settings)
        np.testing.assert_allclose(stored(tmp_path / f"{name}.png"), expected, atol=0.5 / 255 + 1e-6)


def test_only_physics_limits_the_dials(still_run, tmp_path):
    """What lies beyond the ends of the viewer's sliders is a picture, too."""
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), aperture=5.0, focus_position=-4.0).main()
    expected = rendered(still_run, "rgb", CameraSettings(-4.0, aperture=5.0))
    np.testing.assert_allclose(stored(tmp_path / "rgb.png"), expected, atol=0.5 / 255 + 1e-6)
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb", "all_in_focus_hdr"), exposure_stops=20.0).main()
    for name in ("rgb", "all_in_focus_hdr"):
        assert stored(tmp_path / f"{name}.png").min() > 0.95


def test_frames_of_a_still_scene_are_its_photographs(still_run, tmp_path):
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), frames=("F0E2", "F2E0"), bits=16).main()
    for name, focus_position, exposure_stops in (("F0E2", -1.0, 3.0), ("F2E0", 1.0, -3.0)):
        settings = CameraSettings(focus_position=focus_position, exposure_stops=exposure_stops)
        photograph = rendered(still_run, "rgb", settings)
        np.testing.assert_allclose(stored(tmp_path / f"rgb_{name}.png", 65535), photograph, atol=2e-5)


def test_a_dial_goes_before_the_frame_s(still_run, tmp_path):
    names = ("rgb", "all_in_focus_hdr")
    ExportImages(CONFIG, tmp_path, rendered_output_names=names, frames=("F0E2",), exposure_stops=-1.0).main()
    settings = CameraSettings(-1.0, exposure_stops=-1.0, display=Display(exposure_stops=-4.0))  # F0E2 has +3 stops
    for name in names:
        expected = rendered(still_run, name, settings)
        np.testing.assert_allclose(stored(tmp_path / f"{name}_F0E2.png"), expected, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    ("image_format", "suffix", "bits"), [("jpeg", "jpg", 8), ("tiff", "tiff", 16), ("png", "png", 16)]
)
def test_formats(tmp_path, image_format, suffix, bits):
    ExportImages(CONFIG, tmp_path, image_format=image_format, bits=bits).main()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.{suffix}" for name in ("all_in_focus", "all_in_focus_hdr", "rgb")
    ]
    pixels = cv2.imread(str(tmp_path / f"rgb.{suffix}"), cv2.IMREAD_UNCHANGED)
    assert pixels.dtype == {8: np.uint8, 16: np.uint16}[bits] and pixels.shape == (60, 90, 3)


MAKE, EXIF_FOLDER, EXPOSURE_TIME, PIXELS_A_UNIT, UNIT = 271, 34665, 33434, 41486, 41488
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def photographs_with_metadata(still_run, desk, opened, tmp_path):
    """The frames' files have a profile and EXIF; the exposure times are 1 s, 2 s, 3 s, ..., a pixel is a micrometre."""
    frames = []
    for index, frame in enumerate(desk.frames):
        exif = Image.Exif()
        exif[MAKE] = "Maker"
        exif[EXIF_FOLDER] = {EXPOSURE_TIME: IFDRational(index + 1), PIXELS_A_UNIT: IFDRational(1000), UNIT: 4}
        path = tmp_path / "frames" / frame.path.name
        path.parent.mkdir(exist_ok=True)
        Image.open(frame.path).save(path, exif=exif, icc_profile=PROFILE)
        frames.append(dataclasses.replace(frame, path=path))
    opened(with_capture(still_run, frames=tuple(frames)))


def exposure_time_s(path):
    with Image.open(path) as picture:
        return picture.getexif().get_ifd(EXIF_FOLDER).get(EXPOSURE_TIME)


def test_pictures_keep_profile_and_exif_and_maps_exif_alone(photographs_with_metadata, tmp_path, said):
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb", "defocus"), width_px=30).main()
    assert said[0] == "Keeping the colour profile and EXIF of F1E1.png."
    with Image.open(tmp_path / "rgb.png") as photograph, Image.open(tmp_path / "defocus.png") as map_:
        assert photograph.info["icc_profile"] == PROFILE and photograph.getexif()[MAKE] == "Maker"
        assert photograph.size == map_.size == (30, 20)
        assert "icc_profile" not in map_.info and map_.getexif()[MAKE] == "Maker"
    assert exposure_time_s(tmp_path / "rgb.png") == 5


def test_radiance_and_sweeps_have_the_scale_of_their_own_pixels(photographs_with_metadata, tmp_path, said):
    ExportHdr(CONFIG, tmp_path, width_px=30).main()
    header = OpenEXR.File(str(tmp_path / "hdr.exr"), header_only=True).header()
    assert (header["cameraMake"], header["expTime"]) == ("Maker", 5)
    assert header["sensorPhotositePitch"] == pytest.approx(3.0), "90 pixels became 30"
    options = {"width_px": 45, "video_format": "frames", "num_pictures": 2}
    ExportSweep(CONFIG, tmp_path, dials=("exposure",), **options).main()
    with Image.open(tmp_path / "sweep_rgb" / "00000.png") as picture:
        settings = picture.getexif().get_ifd(EXIF_FOLDER)
    assert settings[PIXELS_A_UNIT] == 500 and EXPOSURE_TIME not in settings


def test_each_frame_s_picture_has_its_own_exif(photographs_with_metadata, tmp_path, said):
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), frames=("F0E0", "F2E2"), aperture=1.0).main()
    assert [exposure_time_s(tmp_path / f"rgb_{name}.png") for name in ("F0E0", "F2E2")] == [1, 9]
    assert said[0] == "Keeping the colour profile and EXIF of each of the 2 photographs."


def test_a_turned_dial_leaves_out_what_it_makes_untrue(photographs_with_metadata, tmp_path, said):
    options = {"rendered_output_names": ("rgb",), "frames": ("F0E0",)}
    ExportImages(CONFIG, tmp_path, **options, aperture=2.0).main()
    assert exposure_time_s(tmp_path / "rgb_F0E0.png") == 1
    ExportImages(CONFIG, tmp_path, **options, exposure_stops=1.0).main()
    assert exposure_time_s(tmp_path / "rgb_F0E0.png") is None
    kept = "Keeping the colour profile and EXIF of F0E0.png, but not what the dials have changed"
    assert [line for line in said if line.startswith("Keeping")] == [f"{kept}: aperture.", f"{kept}: exposure."]


@pytest.mark.parametrize(("option", "setting"), [("aperture", 2.0), ("focus_position", 0.5)])
def test_dials_that_a_camera_without_blur_does_not_have(opened, moving_run, tmp_path, option, setting):
    opened(moving_run)
    name = option.replace("_", "-")
    with pytest.raises(NeucamError, match=f"--{name} {setting:g}: the camera of this run has no blur.* Leave it out"):
        ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), **{option: setting}).main()


def test_a_blur_of_motion_has_an_aperture_and_no_focus(opened, walk, tmp_path):
    opened(learn(walk, MovingGridSceneConfig(), MotionBlurConfig()).eval())
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), aperture=0.0).main()
    with pytest.raises(NeucamError, match=r"--focus-position 0\.5: the camera .* no blur that depends on focus"):
        ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), focus_position=0.5).main()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rendered_output_names": ("colour",)}, "no output 'colour'; it has all_in_focus_hdr, rgb"),
        ({"rendered_output_names": ("hdr",)}, "hdr has no upper end: `neucam-export hdr`"),
        ({"exposure_stops": float("nan")}, "--exposure-stops nan: expected a finite number"),
        ({"aperture": -1.0}, r"--aperture -1: expected 0 \(all in focus\), 1 \(as captured\) or more"),
        ({"jpeg_quality": 80}, "--jpeg-quality 80: png loses nothing. Use --image-format jpeg"),
        ({"jpeg_quality": 0, "image_format": "jpeg"}, "--jpeg-quality 0: expected from 1 to 100"),
        ({"rendered_output_names": ()}, "--rendered-output-names: names no output"),
        (
            {"rendered_output_names": ("all_in_focus",), "aperture": 2.0},
            "--aperture 2: aperture changes rgb, hdr_defocused, and not all_",
        ),
        (
            {"rendered_output_names": ("rgb",), "aperture": 0.0, "focus_position": 0.5},
            "--focus-position 0.5: all is in",
        ),
        (
            {"rendered_output_names": ("defocus",), "exposure_stops": 1.0},
            "--exposure-stops 1: exposure changes rgb, all_",
        ),
        ({"rendered_output_names": ("accumulation",), "frames": ("F0E0",)}, "--frames F0E0: frames of a still scene"),
        ({"bits": 16, "image_format": "jpeg"}, "--bits 16: JPEG has 8 bits a sample. Use --image-format png or tiff"),
    ],
)
def test_what_cannot_be_given_is_said_and_nothing_written(tmp_path, options, message):
    with pytest.raises(NeucamError, match=message):
        ExportImages(CONFIG, tmp_path / "out", **options).main()
    assert not (tmp_path / "out").exists()
