"""`open_capture` where names, `exposure.txt`, EXIF and pictures tell too little, or contradict each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.capture.settings.exposures import ExposureSettings
from neucam_nerfstudio.errors import NeucamError

from ..opened import Opened, load_capture

DESK = Path(__file__).resolve().parents[3] / "dataset" / "MFME" / "Desk"
CAMERA = {"f_number": 8, "iso": 100}
THREE_TIMES = ("1/8", 1, 8)


def desk(focus: int, exposure: int) -> np.ndarray:
    return np.asarray(Image.open(DESK / f"F{focus}E{exposure}.png").convert("RGB"))


def focus_indices(capture: Opened) -> list[int]:
    return [frame.focus_index for frame in capture.frames]


def exposures_of(capture: Opened) -> list[float]:
    return [capture.exposure_stops(index) for index in range(len(capture.frames))]


@pytest.mark.parametrize("name", ["IMG_{}", "F1E{}"])
def test_bracket_of_one_exif_exposure_is_a_bracket_of_unknown_exposures(tmp_path, write_jpeg_with_exif, name):
    for exposure in range(3):
        write_jpeg_with_exif(name.format(exposure) + ".jpg", desk(1, exposure), time_s="1/8", **CAMERA)
    capture = load_capture(tmp_path)
    assert capture.exposures == ExposureSettings((0.0,) * 3, "unknown", "learn")
    assert focus_indices(capture) == [0, 0, 0] and [frame.exposure_index for frame in capture.frames] == [0, 1, 2]
    assert capture.notes[0].startswith("EXIF exposures are not used: they are the same for")


def test_stack_of_several_exif_exposures_is_a_stack_of_one(tmp_path, write_jpeg_with_exif):
    for focus, time in enumerate(THREE_TIMES):
        write_jpeg_with_exif(f"IMG_{focus}.jpg", desk(focus, 1), time_s=time, **CAMERA)
    capture = load_capture(tmp_path)
    assert capture.exposures == ExposureSettings((0.0,), "brightness", "fix") and focus_indices(capture) == [0, 1, 2]
    assert capture.notes[0].startswith("EXIF exposures are not used: IMG_1 has 3.0 stops more than IMG_0, but is not")


def test_exif_exposures_that_are_not_used_cannot_be_fixed_and_say_why(tmp_path, write_jpeg_with_exif):
    for exposure in range(2):
        write_jpeg_with_exif(f"F0E{exposure}.jpg", desk(0, exposure), time_s="1/8", **CAMERA)
    with pytest.raises(NeucamError, match=r"exposures are unknown.* EXIF exposures are not used: .*exposure\.txt"):
        load_capture(tmp_path, exposures="fix")


def test_exif_of_a_scene_that_moves_is_believed_whatever_comes_into_view(tmp_path, write_jpeg_with_exif):
    for index, value in enumerate((40, 200, 60)):
        write_jpeg_with_exif(f"{index}.jpg", value, time_s="1/8", **CAMERA)
    capture = load_capture(tmp_path, frames="moments")
    assert capture.exposures == ExposureSettings((0.0,), "EXIF", "fix")


@pytest.mark.parametrize("missing", ["F0E0", "F0E2", "F1E0", "F1E1", "F2E2"])
@pytest.mark.parametrize("has_exif", [False, True])
@pytest.mark.slow
def test_a_missing_frame_moves_no_other_to_another_focus(tmp_path, write_jpeg_with_exif, missing, has_exif):
    settings = [(focus, exposure) for focus in range(3) for exposure in range(3) if f"F{focus}E{exposure}" != missing]
    for index, (focus, exposure) in enumerate(settings):
        exif = {"time_s": THREE_TIMES[exposure], **CAMERA} if has_exif else {}
        write_jpeg_with_exif(f"{index}.jpg", desk(focus, exposure), **exif)
    capture = load_capture(tmp_path)
    assert focus_indices(capture) == [focus for focus, _ in settings]
    assert any(note.startswith("Some exposures are missing") for note in capture.notes)


def test_bracket_with_a_repeated_exposure_has_one_focus(tmp_path, write_jpeg_with_exif):
    noise = np.random.default_rng(0).normal(size=desk(1, 1).shape)
    again = np.clip(np.rint(desk(1, 1) + noise), 0, 255).astype(np.uint8)
    for index, (picture, time) in enumerate(((desk(1, 0), "1/8"), (desk(1, 1), 1), (again, 1), (desk(1, 2), 8))):
        write_jpeg_with_exif(f"{index}.jpg", picture, time_s=time, **CAMERA)
    assert focus_indices(load_capture(tmp_path)) == [0, 0, 0, 0]


def test_exif_distances_too_coarse_for_a_stack_are_not_used(tmp_path, write_jpeg_with_exif):
    for focus, distance in enumerate(("0.30", "0.30", "0.31")):
        write_jpeg_with_exif(f"{focus}.jpg", desk(focus, 1), time_s=1, distance_m=distance, **CAMERA)
    capture = load_capture(tmp_path)
    assert focus_indices(capture) == [0, 1, 2] and capture.focuses.source == "order"
    assert capture.notes[0].startswith("EXIF focus distances are not used")


def test_exif_distances_of_a_bracket_differ_in_their_last_digit_alone(tmp_path, write_jpeg_with_exif):
    for exposure, distance in enumerate(("1.52", "1.53", "1.52")):
        picture, time = desk(1, exposure), THREE_TIMES[exposure]
        write_jpeg_with_exif(f"{exposure}.jpg", picture, time_s=time, distance_m=distance, **CAMERA)
    capture = load_capture(tmp_path)
    assert focus_indices(capture) == [0, 0, 0] and capture.focuses.source == "single"
    assert capture.notes[0].startswith("EXIF focus distances hardly differ")


@pytest.mark.parametrize(("frames", "focuses"), [("settings", [0, 0, 0]), ("focus-stack", [0, 1, 2])])
def test_method_for_focus_stacks_takes_brighter_frames_for_focus_settings_too(tmp_path, write_grey, frames, focuses):
    for index, value in enumerate((100, 112, 100)):
        write_grey(f"{index}.png", value + index)
    assert focus_indices(load_capture(tmp_path, frames=frames)) == focuses


def test_focus_stack_with_named_focus_keeps_it(tiny_capture):
    capture = load_capture(tiny_capture, frames="focus-stack")
    assert focus_indices(capture) == [0, 0, 0, 1, 1, 1, 2, 2, 2] and not capture.moves


def test_light_of_lamps_out_of_focus_makes_no_bracket(tmp_path):
    for index, lamps in enumerate((60, 230)):
        picture = np.full((96, 96, 3), 40, np.uint8)
        picture[:32, :32] = lamps
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    capture = load_capture(tmp_path)
    assert focus_indices(capture) == [0, 1] and capture.exposures.source == "brightness"


def test_aperture_in_all_names_is_no_focus_setting(tmp_path, write_grey):
    for index in range(3):
        write_grey(f"macro_f8_{index:03d}.png", 100 + index)
    capture = load_capture(tmp_path)
    assert focus_indices(capture) == [0, 1, 2] and capture.focuses.source == "order"
    assert capture.notes[0] == "All names say F8, which is taken for no setting."


@pytest.mark.parametrize("text", ["-3\n0\n3\n", "# stops\n-3 0 3\n\n-3 0 3 #\n-3 0 3\n"], ids=["by rank", "by frame"])
def test_names_counted_from_1_take_the_values_in_order(tiny_capture, tmp_path, text):
    folder = tmp_path / "from 1"
    folder.mkdir()
    for focus in range(3):
        for exposure in range(3):
            shutil.copy(tiny_capture / f"F{focus}E{exposure}.png", folder / f"F{focus + 1}E{exposure + 1}.png")
    (folder / "exposure.txt").write_text(text)
    capture = load_capture(folder, train_frames=("F2*", "F3*"))
    assert exposures_of(capture) == [-3, 0, 3] * 3 and capture.exposures.dealt == "E1 -3, E2 +0, E3 +3"


def test_values_that_do_not_fit_are_refused_of_photographs_and_cycle_over_moments(tiny_capture):
    for index, path in enumerate(sorted(tiny_capture.glob("F*.png"))):
        path.rename(tiny_capture / f"{index}.png")
    (tiny_capture / "exposure.txt").write_text("-3 0 3 -3 0 3 -3 0")
    with pytest.raises(NeucamError, match=r"exposure\.txt: 8 values for 9 frames"):
        load_capture(tiny_capture)
    assert exposures_of(load_capture(tiny_capture, frames="moments"))[-2:] == [0, -3]


def test_values_cycle_over_a_video_whatever_the_method(write_video):
    path = write_video("sweep.mp4", num_frames=5)
    (path.parent / "exposure.txt").write_text("-0.2 0.2")
    assert exposures_of(load_capture(path)) == [-0.2, 0.2, -0.2, 0.2, -0.2]
