import av
import cv2
import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.export import videos
from neucam_nerfstudio.scripts.export.sweep import ExportSweep, along

from .conftest import CONFIG, rendered, with_capture


def shown(path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") / 255 for frame in container.decode(video=0)]


def test_way_points_are_passed_on_straight_lines():
    assert along((-1.0, 1.0, 0.0), 5) == [-1.0, 0.0, 1.0, 0.5, 0.0]
    assert along((0.5,), 3) == [0.5, 0.5, 0.5]


def test_a_focus_sweep_goes_through_the_captured_settings(opened, still_run, tmp_path):
    opened(still_run)
    ExportSweep(CONFIG, tmp_path, dials=("focus",), num_pictures=3, video_format="frames").main()
    for index, position in enumerate((-1.0, 0.0, 1.0)):
        expected = rendered(still_run, "rgb", CameraSettings(focus_position=position))
        stored = cv2.imread(str(tmp_path / f"sweep_rgb/{index:05d}.png"))[..., ::-1] / 255
        np.testing.assert_allclose(stored, expected, atol=0.5 / 255 + 1e-6)


def test_an_exposure_sweep_brightens_from_the_shortest_to_the_longest(opened, still_run, tmp_path, said):
    opened(still_run)
    ExportSweep(CONFIG, tmp_path, dials=("exposure",), num_pictures=4, frame_rate=10.0).main()
    brightness = [picture.mean() for picture in shown(tmp_path / "sweep_rgb.mp4")]
    assert brightness == sorted(brightness) and brightness[-1] > brightness[0] + 0.2
    assert said == [f"Wrote {tmp_path}/sweep_rgb.mp4"]


def test_dials_turn_together_and_others_hold(still_run):
    sweep = ExportSweep(CONFIG, CONFIG, dials=("aperture",), focus_position=(-1.0, 1.0, -1.0), exposure_stops=(2.0,))
    sweep.num_pictures = 3
    held = {"exposure_stops": 2.0, "display": Display(exposure_stops=2.0)}
    assert sweep._shots(still_run, 24.0) == [
        CameraSettings(focus_position=focus, aperture=aperture, **held)
        for focus, aperture in ((-1, 0), (1, 0.5), (-1, 1))
    ]


def test_only_physics_limits_what_is_passed(opened, still_run, tmp_path):
    """What lies beyond the ends of the viewer's sliders is a video, too."""
    opened(still_run)
    options = {"aperture": (5.0,), "exposure_stops": (0.0, 20.0), "num_pictures": 2, "video_format": "frames"}
    ExportSweep(CONFIG, tmp_path, **options).main()
    for index, stops in enumerate((0.0, 20.0)):
        expected = rendered(still_run, "rgb", CameraSettings(aperture=5.0, exposure_stops=stops))
        stored = cv2.imread(str(tmp_path / f"sweep_rgb/{index:05d}.png"))[..., ::-1] / 255
        np.testing.assert_allclose(stored, expected, atol=0.5 / 255 + 1e-6)


def test_a_still_scene_is_shown_for_three_seconds(still_run):
    assert len(ExportSweep(CONFIG, CONFIG, dials=("focus",))._shots(still_run, 24.0)) == 72


def test_a_moving_scene_is_shown_at_its_frames_and_its_rate(opened, moving_run, tmp_path):
    opened(moving_run)
    ExportSweep(CONFIG, tmp_path, rendered_output_names=("all_in_focus_hdr", "opacity"), video_format="webm").main()
    with av.open(str(tmp_path / "sweep_all_in_focus_hdr.webm")) as container:
        assert container.streams.video[0].average_rate == 12
    pictures = shown(tmp_path / "sweep_all_in_focus_hdr.webm")
    assert len(pictures) == len(shown(tmp_path / "sweep_opacity.webm")) == 4
    for time, picture in zip(moving_run.capture.times, pictures, strict=True):
        expected = rendered(moving_run, "all_in_focus_hdr", CameraSettings(time=time))
        assert np.abs(picture - expected).mean() < 0.02


def test_dials_turn_while_time_goes_by_or_stands(moving_run):
    sweep = ExportSweep(CONFIG, CONFIG, dials=("exposure",), num_pictures=2)
    shots = sweep._shots(moving_run, 12.0)
    assert [(shot.time, shot.exposure_stops) for shot in shots] == [(0.0, -1.0), (1.0, 1.0)]
    # What is tone mapped is as it is at the reference frame's exposure, +1 stop, and two stops darker at -1.
    assert [shot.display.exposure_stops for shot in shots] == [-2.0, 0.0]
    sweep.time = (0.5,)
    assert [shot.time for shot in sweep._shots(moving_run, 12.0)] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("time", "message"),
    [((0.0, 7.0), r"--time 7: expected from 0 \(the first frame\) to 1"), ((-0.1, 1.0), r"--time -0\.1: expected")],
)
def test_times_there_are_not_are_refused(moving_run, time, message):
    with pytest.raises(NeucamError, match=message):
        ExportSweep(CONFIG, CONFIG, time=time)._shots(moving_run, 12.0)


def test_what_the_format_changes_is_said(opened, still_run, tmp_path, said):
    opened(still_run)
    options = {"dials": ("exposure",), "num_pictures": 2, "width_px": 45}
    ExportSweep(CONFIG, tmp_path, **options).main()
    ExportSweep(CONFIG, tmp_path, **options, video_format="gif").main()
    assert said == [
        "Cut to 44x30 pixels: mp4 needs even numbers.",
        f"Wrote {tmp_path}/sweep_rgb.mp4",
        "A GIF shows 25 pictures a second, not 24.",
        f"Wrote {tmp_path}/sweep_rgb.gif",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Nothing changes in this sweep. Name dials to turn: --dials focus, aperture or exposure"),
        ({"focus_position": (0.5,)}, "Nothing changes in this sweep"),
        ({"dials": ("focus",), "time": (0.0, 1.0)}, r"--time 0: .* still scene, which has no time"),
        ({"dials": ("focus",), "num_pictures": 1}, "--num-pictures 1: expected 2 or more"),
        ({"dials": ("focus",), "frame_rate": 0.0}, "--frame-rate 0: expected more than 0"),
        ({"dials": ("focus",), "rendered_output_names": ("hdr",)}, "hdr has no upper end"),
        ({"exposure_stops": (0.0, float("inf")), "num_pictures": 2}, "--exposure-stops inf: expected a finite number"),
        (
            {"dials": ("focus",), "aperture": (1.0, -1.0)},
            r"--aperture -1: expected 0 \(all in focus\), 1 \(as captured",
        ),
        ({"dials": ("focus",), "aperture": (0.0,)}, "--dials focus: all is in focus at aperture 0"),
        (
            {"dials": ("aperture",), "rendered_output_names": ("all_in_focus",)},
            "--dials aperture: aperture changes rgb",
        ),
        ({"aperture": (0.0, 2.0), "rendered_output_names": ("defocus",)}, "--aperture 0 2: aperture changes rgb"),
        ({"dials": ("focus",), "rendered_output_names": ()}, "--rendered-output-names: names no output"),
        ({"dials": ("focus",), "width_px": 1}, "mp4: holds pictures from 2x2"),
        (
            {"dials": ("focus",), "frame_rate": float("inf")},
            "--frame-rate inf: expected more than 0, from 0.01 to 1000",
        ),
    ],
)
def test_what_cannot_be_given_is_said_and_nothing_rendered(opened, still_run, tmp_path, monkeypatch, options, message):
    opened(still_run)
    monkeypatch.setattr(videos, "render", lambda *_: pytest.fail("rendered"))
    with pytest.raises(NeucamError, match=message):
        ExportSweep(CONFIG, tmp_path, **options).main()
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_named_twice_is_one_video(opened, still_run, tmp_path, said):
    opened(still_run)
    options = {"dials": ("focus",), "num_pictures": 2, "rendered_output_names": ("rgb", "defocus", "rgb")}
    ExportSweep(CONFIG, tmp_path, **options).main()
    assert sorted(said) == [f"Wrote {tmp_path}/sweep_{name}.mp4" for name in ("defocus", "rgb")]


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"dials": ("aperture",)}, "--dials aperture"),
        ({"aperture": (0.5,)}, "--aperture 0.5"),
        ({"focus_position": (-1.0, 1.0)}, "--focus-position -1 1"),
    ],
)
def test_a_camera_without_blur_has_no_dials_for_it(moving_run, options, option):
    with pytest.raises(NeucamError, match=f"{option}: the camera of this run has no blur"):
        ExportSweep(CONFIG, CONFIG, **options)._shots(moving_run, 12.0)


def test_one_focus_setting_is_no_sweep(still_run):
    with torch.no_grad():
        still_run.camera.focus.positions.fill_(0.5)
    with pytest.raises(NeucamError, match="--dials focus: the frames have one focus setting"):
        ExportSweep(CONFIG, CONFIG, dials=("focus",))._shots(still_run, 24.0)


def test_a_camera_without_focus_says_so(opened, moving_run, tmp_path):
    opened(moving_run)
    with pytest.raises(NeucamError, match="--dials focus: the camera of this run has no blur that depends on focus"):
        ExportSweep(CONFIG, tmp_path / "out", dials=("focus",)).main()


def test_a_capture_faster_than_videos_are_asks_for_a_rate(opened, moving_run, tmp_path):
    opened(with_capture(moving_run, frame_rate=2000.0))
    with pytest.raises(NeucamError, match="The capture has 2000 frames a second: give --frame-rate, from 0.01 to 1000"):
        ExportSweep(CONFIG, tmp_path / "out").main()
    ExportSweep(CONFIG, tmp_path, rendered_output_names=("rgb",), video_format="frames").main()
    assert (tmp_path / "sweep_rgb/00003.png").exists()
