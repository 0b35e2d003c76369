import dataclasses
import errno

import numpy as np
import pytest

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.export import options
from neucam_nerfstudio.scripts.export.options import (
    ExportCommand,
    Moment,
    check_display_outputs,
    check_size,
    chosen_moments,
    frame_numbers,
    reduced,
)

from .conftest import CONFIG, with_capture


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [(["F0E1"], [1]), (["*E2", "0"], [0, 2, 5, 8]), (["F1E0.png"], [3]), (["8"], [8]), (["all"], list(range(9)))],
)
def test_frames_are_chosen_by_name_pattern_number_or_all(desk, chosen, numbers):
    assert frame_numbers(desk, chosen) == numbers


def test_an_exact_name_wins_before_patterns(desk):
    first, *others = desk.frames
    named = dataclasses.replace(
        desk, frames=(dataclasses.replace(first, path=first.path.with_name("F[1].png")), *others)
    )
    assert frame_numbers(named, ["F[1]"]) == [0]


@pytest.mark.parametrize("choice", ["F7*", "9", "-1"])
def test_a_frame_there_is_not_lists_those_there_are(desk, choice):
    with pytest.raises(NeucamError, match=r"--frames .*: no frame has this name or number\. Frames 0 to 8: F0E0, F0E1"):
        frame_numbers(desk, [choice])


def test_frames_of_a_still_scene_are_their_settings(still_run):
    (moment,) = chosen_moments(still_run, ["F0E2"], None)
    assert moment[:3] == ("_F0E2", CameraSettings(frame=2), 2)


def test_frames_of_a_moving_scene_are_their_times(moving_run):
    assert [moment.settings for moment in chosen_moments(moving_run, ["all"], None)] == [
        CameraSettings(time=time) for time in moving_run.capture.times
    ]


def test_one_time_or_the_reference(moving_run):
    assert chosen_moments(moving_run, (), 0.25) == [Moment("_t0.250", CameraSettings(time=0.25), 1)]
    assert chosen_moments(moving_run, (), None) == [Moment("", CameraSettings(), moving_run.capture.reference_index)]


def test_a_frame_that_was_held_out_has_the_settings_of_the_nearest_in_time(moving_run):
    moments = chosen_moments(with_capture(moving_run, train_indices=(0, 1, 3)), ["1", "2", "3"], None)
    assert [moment.frame_index for moment in moments] == [1, 1, 3]


@pytest.mark.parametrize(
    ("frames", "time", "message"),
    [
        (("all",), 0.5, r"--time 0\.5 and --frames: .* Give one or the other"),
        ((), 1.5, r"--time 1\.5: expected from 0 \(the first frame\) to 1"),
    ],
)
def test_times_that_make_no_sense(moving_run, frames, time, message):
    with pytest.raises(NeucamError, match=message):
        chosen_moments(moving_run, frames, time)


def test_a_still_scene_has_no_time(still_run):
    with pytest.raises(NeucamError, match=r"--time 0\.5: .* still scene, which has no time"):
        chosen_moments(still_run, (), 0.5)


def test_outputs_that_cannot_be_shown_say_what_keeps_them(still_run):
    check_display_outputs(still_run, ("rgb", "defocus"))
    with pytest.raises(NeucamError, match="hdr has no upper end: `neucam-export hdr`"):
        check_display_outputs(still_run, ("rgb", "hdr"))
    with pytest.raises(NeucamError, match="no output 'opacity'; it has all_in_focus_hdr, rgb"):
        check_display_outputs(still_run, ("opacity",))
    with pytest.raises(
        NeucamError, match="--rendered-output-names: names no output. Choose from all_in_focus_hdr, rgb"
    ):
        check_display_outputs(still_run, ())


@pytest.mark.parametrize("width", [0, 91])
def test_a_width_beyond_the_photographs_own(desk, width):
    with pytest.raises(NeucamError, match=rf"--width-px {width}: expected from 1 to the photographs' own 90 pixels"):
        check_size(desk, width, "png")


@pytest.mark.parametrize(
    ("width", "file_format", "message"),
    [
        (1, "mp4", "mp4: holds pictures from 2x2 to 16384x16384 pixels, and these have 1x1"),
        (3, "avif", "avif: holds pictures from 4x4 to 16384x8704 pixels, and these have 3x2"),
        (11, "ultrahdr", "ultrahdr: holds pictures from 8x8 to 65500x65500 pixels, and these have 11x7"),
        (91, "mp4", "--width-px 91: expected from 1"),
    ],
)
def test_a_size_that_a_format_cannot_hold(desk, width, file_format, message):
    with pytest.raises(NeucamError, match=message):
        check_size(desk, width, file_format)


def test_photographs_that_a_format_cannot_hold(desk):
    panorama = dataclasses.replace(desk, width=20_000, height=9000)
    with pytest.raises(NeucamError, match=r"avif: .* these have 20000x9000. Give another --width-px or format"):
        check_size(panorama, None, "avif")
    check_size(panorama, 16384, "avif")
    check_size(panorama, None, "exr")


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_an_output_path_that_is_no_folder_is_refused_before_the_run_is_opened(monkeypatch, tmp_path, path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(options, "load_run", lambda load_config: pytest.fail("opened"))
    with pytest.raises(NeucamError, match=rf"--output-path .*{path}: is a file, or lies in one\. Give a folder"):
        ExportCommand(CONFIG, tmp_path / path).open_run()


def test_an_output_path_without_room_is_refused(monkeypatch, tmp_path):
    def full(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(options, "check_folder_takes_files", full)
    with pytest.raises(NeucamError, match=r"takes no files \(No space left on device\)\. Give a folder that does"):
        ExportCommand(CONFIG, tmp_path).open_run()


def test_reducing_keeps_light_and_proportions():
    picture = np.random.default_rng(0).random((60, 90, 3)).astype(np.float32)
    smaller = reduced(picture, 30)
    assert smaller.shape == (20, 30, 3)
    np.testing.assert_allclose(smaller[0, 0], picture[:3, :3].mean((0, 1)), rtol=1e-5)
    assert reduced(picture[..., :1], 30).shape == (20, 30, 1)
    assert reduced(picture, None) is picture
