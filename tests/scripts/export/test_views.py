"""Exports of many views: frames' own views, camera paths with keyframes, metres and f-numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.view import pinhole_view
from neucam_nerfstudio.scripts.export.hdr import ExportHdr
from neucam_nerfstudio.scripts.export.images import ExportImages
from neucam_nerfstudio.scripts.export.layers import ExportLayers, ExportRerender
from neucam_nerfstudio.scripts.export.options import frame_numbers
from neucam_nerfstudio.scripts.export.response import ExportResponse
from neucam_nerfstudio.scripts.export.sweep import ExportSweep

from ...learned import learn
from ...scene.volume import POSE, Blob, BlobsConfig, seen_through_lens
from .conftest import CONFIG

SIZE, FOCUS_M, F_NUMBER = 12, 2.0, 1.0
NEAR = Blob((-0.05, 0.0, -1.5), 0.04, 2.0, (4.0, 1.0, 1.0))
FAR = Blob((0.1, 0.02, -4.0), 0.2, 3.0, (1.0, 2.0, 8.0))


@pytest.fixture
def views_run(tmp_path_factory, opened) -> LearnedCapture:
    """Two blobs behind a lens, seen from two places: the second is 5 cm to the right, two stops longer exposed."""
    capture = seen_through_lens(SIZE, FOCUS_M, F_NUMBER, 0.05, 600e-6)
    poses = capture.views.camera_to_world.copy()
    poses[1, 0, 3] = 0.05
    folder = tmp_path_factory.mktemp("views")
    frames = []
    for frame in capture.frames:
        write_image(folder / frame.path, np.zeros((SIZE, SIZE, 3), np.float32))
        frames.append(replace(frame, path=folder / frame.path))
    views = replace(capture.views, camera_to_world=poses, f_number=np.array([F_NUMBER, 2 * F_NUMBER]))
    capture = replace(capture, frames=tuple(frames), views=views)
    run = learn(capture, BlobsConfig(blobs=(NEAR, FAR)), ThinLensBlurConfig()).eval()
    opened(run)
    return run


def picture_of(run: LearnedCapture, name: str, settings: CameraSettings, view=None) -> np.ndarray:
    return run.renderer.render(view or run.view, settings, (name,))[name].numpy()


def stored(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1] / 255


def is_shown(path, expected: np.ndarray) -> None:
    np.testing.assert_allclose(stored(path), expected, atol=0.5 / 255 + 1e-6)


def camera_path(folder, keyframes: list | None = None, **document):
    """Three cameras in a row to the right, 16 x 8 pixels."""
    cameras = []
    for number in range(3):
        pose = np.eye(4)
        pose[0, 3] = 0.02 * number
        cameras.append({"camera_to_world": pose.flatten().tolist(), "fov": 40.0, "aspect": 2.0})
    path = {"render_height": 8, "render_width": 16, "fps": 12, "seconds": 0.25, "camera_path": cameras, **document}
    file = folder / "path.json"
    file.write_text(json.dumps(path | ({} if keyframes is None else {"neucam": keyframes})))
    return file


def view_on_path(number: int):
    pose = POSE.clone()
    pose[0, 3] = 0.02 * number
    focal_px = 4 / math.tan(math.radians(20))
    return pinhole_view(pose, (focal_px, focal_px), (8.0, 4.0), 8, 16)


def test_frames_are_seen_from_where_they_were_taken(views_run, tmp_path):
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), frames=("all",)).main()
    ExportHdr(CONFIG, tmp_path, precision="float", frames=("F0E1",)).main()
    for index, name in enumerate(("F0E0", "F0E1")):
        is_shown(
            tmp_path / f"rgb_{name}.png",
            picture_of(views_run, "rgb", CameraSettings(frame=index), views_run.view_of_frame(index)),
        )
    radiance = read_radiance(tmp_path / "hdr_F0E1.exr")
    own = picture_of(views_run, "hdr", CameraSettings(frame=1), views_run.view_of_frame(1))
    np.testing.assert_allclose(radiance, own, rtol=1e-5)
    assert np.abs(own - picture_of(views_run, "hdr", CameraSettings())).max() > 0.1


def test_the_reference_view_is_the_default(views_run, tmp_path):
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",)).main()
    is_shown(tmp_path / "rgb.png", picture_of(views_run, "rgb", CameraSettings()))


@pytest.mark.parametrize(("frame", "f_number", "aperture"), [((), 0.5, 2.0), ((), 4.0, 0.25), (("F0E1",), 0.5, 4.0)])
def test_focus_is_in_metres_and_the_aperture_an_f_number(views_run, tmp_path, frame, f_number, aperture):
    """An aperture of 1 is that of the frame, f/1 or f/2."""
    options = {"focus_distance_m": 4.0, "f_number": f_number, "exposure_stops": 1.0}
    ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), frames=frame, **options).main()
    index = 1 if frame else 0
    settings = CameraSettings(0.25, aperture, 1.0, frame=index)
    expected = picture_of(views_run, "rgb", settings, views_run.view_of_frame(index))
    is_shown(next(tmp_path.glob("rgb*.png")), expected)


def test_focus_at_infinity(views_run, tmp_path):
    ExportHdr(CONFIG, tmp_path, precision="float", focus_distance_m=math.inf, f_number=0.5).main()
    expected = picture_of(views_run, "hdr_defocused", CameraSettings(0.0, 2.0))
    np.testing.assert_allclose(read_radiance(tmp_path / "hdr.exr"), expected, rtol=1e-5)


def test_a_path_is_a_sequence_of_pictures_at_its_own_size(views_run, tmp_path):
    path = camera_path(tmp_path)
    ExportHdr(CONFIG, tmp_path / "out", precision="float", camera_path=path).main()
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"hdr_0000{n}.exr" for n in range(3)]
    for number in range(3):
        expected = picture_of(views_run, "hdr", CameraSettings(), view_on_path(number))
        picture = read_radiance(tmp_path / f"out/hdr_0000{number}.exr")
        assert picture.shape == (8, 16, 3)
        np.testing.assert_allclose(picture, expected, rtol=1e-4, atol=1e-6)


def test_keyframes_turn_the_lens_along_a_path(views_run, tmp_path, said):
    ends = [
        {"time": 0, "focus_distance_m": 1, "f_number": 0.5, "exposure_stops": -1},
        {"time": 1, "focus_distance_m": 3, "f_number": 2, "exposure_stops": 1},
    ]
    path = camera_path(tmp_path, ends)
    ExportImages(CONFIG, tmp_path / "out", rendered_output_names=("rgb",), camera_path=path).main()
    turned = ((1.0, 2.0, -1.0), (2 / 3, 1.0, 0.0), (1 / 3, 0.5, 1.0))
    for number, (focus, aperture, stops) in enumerate(turned):
        expected = picture_of(views_run, "rgb", CameraSettings(focus, aperture, stops), view_on_path(number))
        is_shown(tmp_path / f"out/rgb_0000{number}.png", expected)
    assert not any(line.startswith("Keyframes") for line in said)


def test_a_dial_goes_before_the_path_s_and_what_changes_nothing_is_said(views_run, tmp_path, said):
    path = camera_path(tmp_path, [{"frame": 0, "focus_distance_m": 1, "exposure_stops": 2}])
    ExportHdr(CONFIG, tmp_path / "out", precision="float", camera_path=path, f_number=0.5, focus_distance_m=3).main()
    expected = picture_of(views_run, "hdr_defocused", CameraSettings(1 / 3, 2.0), view_on_path(2))
    np.testing.assert_allclose(read_radiance(tmp_path / "out/hdr_00002.exr"), expected, rtol=1e-4, atol=1e-6)
    assert said[0].startswith("Keyframes of the path that change nothing here: exposure_stops (exposure changes rgb")
    ExportHdr(CONFIG, tmp_path / "out", camera_path=path).main()
    assert any("focus_distance_m (all is in focus at aperture 0 (--aperture))" in line for line in said)


def test_a_sweep_pulls_the_focus_in_metres_at_a_frame_s_view(views_run, tmp_path):
    options = {"focus_distance_m": (1.0, 3.0), "f_number": (0.5, 2.0), "num_pictures": 3, "video_format": "frames"}
    ExportSweep(CONFIG, tmp_path, frame="F0E1", **options).main()
    for number, (focus, aperture) in enumerate(((1.0, 4.0), (2 / 3, 2.0), (1 / 3, 1.0))):
        settings = CameraSettings(focus, aperture, frame=1)
        expected = picture_of(views_run, "rgb", settings, views_run.view_of_frame(1))
        is_shown(tmp_path / f"sweep_rgb/0000{number}.png", expected)


def test_a_sweep_goes_along_a_path(views_run, tmp_path):
    path = camera_path(tmp_path, [{"time": 0, "focus_distance_m": 1}, {"time": 1, "focus_distance_m": 3}])
    sweep = ExportSweep(CONFIG, tmp_path / "out", exposure_stops=(0.0, 2.0), camera_path=path, video_format="frames")
    sweep.main()
    for number, (focus, stops) in enumerate(((1.0, 0.0), (2 / 3, 1.0), (1 / 3, 2.0))):
        expected = picture_of(views_run, "rgb", CameraSettings(focus, exposure_stops=stops), view_on_path(number))
        is_shown(tmp_path / f"out/sweep_rgb/0000{number}.png", expected)
    assert sweep.frame_rate_of(views_run.capture, 12.0) == 12.0


def test_the_dial_of_focus_goes_through_the_captured_distances(views_run):
    with pytest.raises(NeucamError, match="the frames have one focus setting"):
        ExportSweep(CONFIG, CONFIG, dials=("focus",))._shots(views_run, 24.0)
    shots = ExportSweep(CONFIG, CONFIG, dials=("aperture",), num_pictures=3)._shots(views_run, 24.0)
    assert [shot.aperture for shot in shots] == [0, 0.5, 1]


def test_files_say_metres_and_f_numbers(views_run, tmp_path):
    ExportResponse(CONFIG, tmp_path).main()
    header, *rows = ((tmp_path / "settings.csv").read_text().splitlines())[:2]
    told = dict(zip(header.split(","), rows[0].split(","), strict=True))
    assert (told["focus_distance_m"], told["f_number"]) == ("2", "1") and "focus_position" not in told
    ExportHdr(CONFIG, tmp_path).main()
    import OpenEXR

    frames = json.loads(OpenEXR.File(str(tmp_path / "hdr.exr"), header_only=True).header()["frameSettings"])
    assert frames[1] == {
        **{"name": "F0E1", "exposure_stops": 1.0, "focus_position": 0.5, "focus_distance_m": 2.0, "f_number": 2.0}
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"focus_position": 0.5}, r"--focus-position 0\.5: many views are focused in metres\. Use --focus-distance-m"),
        ({"focus_distance_m": 0.0}, "--focus-distance-m 0: expected metres, more than 0; inf for infinity"),
        ({"f_number": 0.0}, r"--f-number 0: expected more than 0, such as 2\.8"),
        ({"f_number": 2.0, "aperture": 0.5}, r"--aperture 0\.5 and --f-number 2: turn one dial"),
        ({"time": 0.5}, r"--time 0\.5: .* still scene, which has no time"),
    ],
)
def test_dials_that_many_views_do_not_have(views_run, tmp_path, options, message):
    with pytest.raises(NeucamError, match=message):
        ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), **options).main()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"focus_distance_m": 2.0}, "--focus-distance-m 2: photographs of one view tell .* Use --focus-position"),
        ({"f_number": 2.0}, "--f-number 2: photographs of one view tell .* Use --aperture"),
        ({"camera_path": Path("path.json")}, "this run has one view. Use `ns-render camera-path`"),
    ],
)
def test_dials_that_one_view_does_not_have(still_run, opened, tmp_path, options, message):
    opened(still_run)
    with pytest.raises(NeucamError, match=message):
        ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), **options).main()


def test_an_aperture_that_nothing_tells_has_no_f_number(views_run, tmp_path):
    views_run.capture = replace(
        views_run.capture, views=replace(views_run.capture.views, f_number=np.array([np.nan, np.nan]))
    )
    with pytest.raises(NeucamError, match="--f-number 2: nothing tells the f-number of these frames.* Use --aperture"):
        ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), f_number=2.0).main()


def test_a_camera_without_blur_has_no_lens_to_turn(views_run, opened, tmp_path, said):
    opened(learn(views_run.capture, BlobsConfig(blobs=(NEAR,)), BlurConfig()).eval())
    with pytest.raises(NeucamError, match="--f-number 2: the camera of this run has no blur, so it would change"):
        ExportImages(CONFIG, tmp_path, rendered_output_names=("rgb",), f_number=2.0).main()
    path = camera_path(tmp_path, [{"time": 0, "f_number": 2}])
    ExportImages(CONFIG, tmp_path / "out", rendered_output_names=("rgb",), camera_path=path).main()
    assert said[0].endswith("f_number (the camera of this run has no blur).")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"camera_path": []}, "has no cameras"),
        ({"camera_path": [{"fov": 40}]}, "camera 0: expected 16 finite numbers as camera_to_world"),
        ({"camera_path": [{"camera_to_world": [0.0] * 16, "fov": 0}]}, "camera 0: fov 0: expected degrees"),
        ({"camera_path": [{"camera_to_world": [math.nan] * 16, "fov": 40}]}, "camera 0: expected 16 finite numbers"),
        ({"render_width": 0}, "render_width 0: expected a number of pixels"),
        ({"camera_type": "vr180"}, "vr180 makes a picture for each eye"),
    ],
)
def test_paths_that_are_none(views_run, tmp_path, changed, message):
    path = camera_path(tmp_path, **changed)
    with pytest.raises(NeucamError, match=f"path.json: {message}"):
        ExportHdr(CONFIG, tmp_path, camera_path=path).main()


def test_what_a_path_and_frames_say_of_views_is_said_once(views_run, tmp_path):
    path = camera_path(tmp_path)
    with pytest.raises(NeucamError, match=r"path\.json: a path has views of its own\. Leave --frames and --time out"):
        ExportHdr(CONFIG, tmp_path, camera_path=path, frames=("0",)).main()
    with pytest.raises(NeucamError, match="--num-pictures 5: the path has 3 cameras"):
        ExportSweep(CONFIG, tmp_path, camera_path=path, num_pictures=5).main()
    with pytest.raises(NeucamError, match="--frame 0 and --camera-path: a path has views of its own"):
        ExportSweep(CONFIG, tmp_path, camera_path=path, frame="0").main()
    with pytest.raises(NeucamError, match=r"--frame F0E\*: 2 frames have such a name"):
        ExportSweep(CONFIG, tmp_path, dials=("exposure",), frame="F0E*").main()
    with pytest.raises(NeucamError, match="--width-px 17: expected from 1 to the view's own 16 pixels"):
        ExportHdr(CONFIG, tmp_path, camera_path=path, width_px=17).main()
    assert frame_numbers(views_run.capture, ("1",)) == [1]


def test_a_crop_is_said_to_be_left_out(views_run, tmp_path, said):
    ExportHdr(CONFIG, tmp_path / "out", camera_path=camera_path(tmp_path, crop={"crop_scale": [1, 1, 1]})).main()
    assert said[0].endswith("path.json: its crop is left out; all of the scene is shown.")


@pytest.mark.parametrize("command", [ExportLayers, ExportRerender])
def test_a_volume_has_no_layers(views_run, tmp_path, command):
    edit = {"background": tmp_path / "edit.png"} if command is ExportRerender else {}
    with pytest.raises(NeucamError, match="many views: its scene is a volume, and layers are pictures"):
        command(CONFIG, tmp_path, **edit).main()
