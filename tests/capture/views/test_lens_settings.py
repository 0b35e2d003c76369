"""What tells how each of many views was taken, and what is done where nothing tells."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.capture.views.opening import open_views
from neucam_nerfstudio.errors import NeucamError

from .view_files import HEIGHT, STRAIGHT, WIDTH, frame, frames, opened, write_photograph, write_transforms


@pytest.fixture
def write_views_with_exif(tmp_path, write_jpeg_with_exif):
    """Writes views whose photographs have these EXIF settings, a mapping each."""

    def write(*settings: dict, **of_file: list):
        (tmp_path / "images").mkdir(exist_ok=True)
        of = frames(len(settings), **of_file)
        for each, exif in zip(of, settings, strict=True):
            each["file_path"] = each["file_path"].replace("png", "jpg")
            noise = np.random.default_rng(ord(each["file_path"][7])).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
            write_jpeg_with_exif(each["file_path"], noise, **exif)
        return write_transforms(tmp_path, of)

    return write


def test_exif_tells_what_the_file_of_poses_does_not(write_views_with_exif):
    taken = {"f_number": 4, "iso": 100}
    folder = write_views_with_exif(
        {**taken, "time_s": "1/8", "distance_m": 2}, {**taken, "time_s": "1/2", "distance_m": 5}
    )
    capture = open_views(folder)[0]
    assert (capture.exposures.stops, capture.exposures.source, capture.exposures.mode) == ((0, 2), "EXIF", "fix")
    assert (capture.focuses.positions, capture.focuses.source) == ((0.2, 0.5), "EXIF")
    assert capture.views.f_number.tolist() == [4, 4]
    assert capture.frames[0].focus.evidence == "2 m f/4 by EXIF"
    assert capture.frames[0].exposure.evidence == "EXIF 1/8 s f/4 ISO 100"


def test_the_file_of_poses_goes_before_exif(write_views_with_exif):
    exif = {"time_s": "1/8", "distance_m": 2, "f_number": 4}
    folder = write_views_with_exif(exif, exif, focus_distance_m=[1, 4], exposure_stops=[-1, 1])
    capture = open_views(folder)[0]
    assert capture.exposures.stops == (-1, 1)
    assert capture.focuses.positions == (0.25, 1)
    assert capture.frames[1].focus.evidence == "4 m f/4 by transforms.json and EXIF"


def test_exposure_txt_goes_before_exif(write_views_with_exif):
    folder = write_views_with_exif({"time_s": "1/8"}, {"time_s": "1/2"})
    (folder / "exposure.txt").write_text("0\n3\n")
    capture = open_views(folder)[0]
    assert (capture.exposures.stops, capture.exposures.source) == ((0, 3), "exposure.txt")


def test_exif_of_some_frames_only_is_not_used_for_exposures(write_views_with_exif):
    capture = open_views(write_views_with_exif({"time_s": "1/8"}, {}))[0]
    assert (capture.exposures.source, capture.exposures.mode) == ("unknown", "learn")
    assert "EXIF tells the exposure of some frames only, so it is not used." in capture.notes


def test_exposures_of_some_frames_only_are_refused(tmp_path):
    said = r"transforms\.json: tells the exposure of 2 frames, but not of c\.png, d\.png\. Write exposure_stops"
    with pytest.raises(NeucamError, match=said):
        opened(tmp_path, frames(4, exposure_stops=[0, 1, None, None]))


def test_focus_of_some_frames_only_is_learned_from_what_is_told(tmp_path):
    capture = opened(tmp_path, frames(3, focus_distance_m=[4, None, 4]))
    assert capture.focuses.mode == "learn"
    positions = [capture.focus_position(index) for index in range(3)]
    assert positions == pytest.approx([0.25, 0.5, 0.25])  # the axes meet 2 m away
    assert np.isnan(capture.views.focus_distance_m[1])
    assert any("focus distance of b.png: focus is learned" in note for note in capture.notes)


def test_untold_focus_is_one_setting_a_frame(tmp_path):
    capture = opened(tmp_path, frames(3))
    assert sorted(each.focus_index for each in capture.frames) == [0, 1, 2]
    assert capture.focuses.positions == pytest.approx((0.5, 0.5, 0.5))
    assert (capture.focuses.source, capture.focuses.mode) == ("unknown", "learn")


def test_focus_that_nothing_tells_cannot_be_fixed(tmp_path):
    with pytest.raises(NeucamError, match=r"--focus fix: nothing tells the focus distance of b\.png"):
        opened(tmp_path, frames(2, focus_distance_m=[1, None]), focus="fix")
    assert opened(tmp_path, frames(2, focus_distance_m=[1, 2]), focus="refine").focuses.mode == "refine"


def test_untold_exposures_start_by_brightness_with_a_mean_of_zero(tmp_path):
    of = frames(4)
    for each, stops in zip(of, (0, 1.5, 0, 1.5), strict=True):
        write_photograph(tmp_path / each["file_path"], brightness=0.4 * 2 ** (stops / 2.2))
    capture = opened(tmp_path, of)
    assert (capture.exposures.source, capture.exposures.mode) == ("unknown", "learn")
    assert sum(capture.exposures.stops) == pytest.approx(0)
    assert capture.exposures.stops == pytest.approx((-0.75, 0.75, -0.75, 0.75), abs=0.3)


def test_equally_bright_views_start_at_one_exposure(tmp_path):
    assert opened(tmp_path, frames(4)).exposures.stops == (0, 0, 0, 0)


def test_frames_may_be_said_to_share_one_exposure(tmp_path):
    capture = opened(tmp_path, frames(3), exposures="fix")
    assert (capture.exposures.stops, capture.exposures.source) == ((0,), "argument")
    with pytest.raises(NeucamError, match=r"--exposures refine: nothing tells the exposures"):
        opened(tmp_path, frames(3), exposures="refine")


def test_focus_behind_all_that_a_frame_shows_is_named(tmp_path):
    places = np.random.default_rng(0).normal(size=(50, 3)) * 0.2
    rows = "\n".join(" ".join(map(str, place)) for place in places)
    (tmp_path / "points.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 50\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
        + rows
    )
    of = frames(3, focus_distance_m=[2, 20, 2])
    notes = opened(tmp_path, of, meta={"ply_file_path": "points.ply"}).notes
    (said,) = [note for note in notes if note.startswith("Focused behind")]
    assert "b.png (20 m, it shows up to 2." in said
    assert "a.png" not in said


def test_the_scale_that_is_assumed_is_said_where_it_matters(tmp_path):
    assert not any("scale" in note for note in opened(tmp_path, frames(2)).notes)
    capture = opened(tmp_path, frames(2, focus_distance_m=[1, 2]))
    assert any("one unit is assumed to be one metre" in note for note in capture.notes)
    assert capture.views.scale_evidence == "assumed: one unit of the poses is one metre"
    told = opened(tmp_path, frames(2, focus_distance_m=[1, 2]), meta={"metres_per_unit": 0.1})
    assert (told.views.metres_per_unit, told.views.scale_evidence) == (0.1, "metres_per_unit in transforms.json")


def test_views_side_by_side_are_taken_to_show_what_they_share_and_all_beyond(tmp_path):
    of = []
    for index in range(2):
        pose = STRAIGHT.copy()
        pose[0, 3] = index
        of.append(frame(f"{index}.png", pose=pose))
    # Half the width is 0.4 of the depth, so two cameras one unit apart begin to share at 1.25: half of 1 / 1.25.
    assert opened(tmp_path, of).focuses.positions == pytest.approx((0.4, 0.4))
