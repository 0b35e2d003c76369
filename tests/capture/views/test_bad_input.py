"""Captures of many views that cannot be used: one clear sentence each, before anything is trained."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.capture.views.opening import open_views
from neucam_nerfstudio.errors import NeucamError

from .view_files import WIDTH, frame, frames, looking_at_origin, opened, write_photograph, write_transforms

NAN = float("nan")


def refused(folder, of, said, **meta):
    with pytest.raises(NeucamError, match=said):
        opened(folder, of, meta=meta)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("f_number", 0, r"transforms\.json: f_number of a\.png is 0\. Expected an f-number above 0, such as 2\.8"),
        ("f_number", -2, r"f_number of a\.png is -2"),
        ("f_number", NAN, r"f_number of a\.png is nan"),
        ("focus_distance_m", 0, r"focus_distance_m of a\.png is 0\. Expected a distance in metres above 0"),
        ("focus_distance_m", -1, r"focus_distance_m of a\.png is -1"),
        ("focal_length_mm", 0, r"focal_length_mm of a\.png is 0"),
        ("exposure_time", 0, r"exposure_time of a\.png is 0\. Expected a time in seconds above 0"),
        ("exposure_stops", float("inf"), r"exposure_stops of a\.png is inf\. Expected stops, \+1 is twice the light"),
        ("f_number", "2.8", r"f_number of images/a\.png is '2\.8'\. Expected a number"),
    ],
)
def test_settings_that_no_camera_has(tmp_path, setting, value, said):
    of = frames(2)
    for each in of:
        each[setting] = value
    refused(tmp_path, of, said)


def test_no_poses(tmp_path):
    with pytest.raises(NeucamError, match=r"no camera poses\. Expected transforms\.json"):
        open_views(tmp_path)
    write_photograph(tmp_path / "a.png")
    said = r"1 photographs, but no camera poses.*neucam-prepare finds poses.*`ns-train neucam`\."
    with pytest.raises(NeucamError, match=said):
        open_views(tmp_path)
    write_transforms(tmp_path / "scene", frames(2))
    with pytest.raises(NeucamError, match=r"If scene is the capture, give that folder\."):
        open_views(tmp_path)
    with pytest.raises(NeucamError, match=r"there is no such folder or file"):
        open_views(tmp_path / "nowhere")
    with pytest.raises(NeucamError, match=r"a\.png: this file is not read as poses"):
        open_views(tmp_path / "a.png")


def test_files_that_hold_something_else(tmp_path):
    for text, said in {
        "{": r"transforms\.json, line 1: not JSON",
        "[]": r"transforms\.json: holds a list\. Expected an object",
        "{}": r"transforms\.json: has no frames",
        '{"frames": [{"file_path": "a.png"}]}': r"a\.png has no transform_matrix",
        '{"frames": [{}]}': r"a frame has no file_path",
        '{"frames": [{"file_path": "a.png", "transform_matrix": [1]}]}': r"of a\.png is no matrix of 4x4 or 3x4",
    }.items():
        (tmp_path / "transforms.json").write_text(text)
        with pytest.raises(NeucamError, match=said):
            open_views(tmp_path)


def test_one_view_only(tmp_path):
    refused(tmp_path, frames(1), r"1 view with a pose\. A scene in space needs views from several places")


def test_views_of_one_pose(tmp_path):
    of = [frame("a.png"), frame("b.png")]
    refused(tmp_path, of, r"all 2 views have one pose, so nothing tells depth.*`ns-train neucam`")


def test_no_view_left_to_train_on(tmp_path):
    refused(tmp_path, frames(2, split=["train", "test"]), r"1 of 2 views is left to train on\. Expected at least two")


@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_poses_that_are_not_finite(tmp_path, value):
    of = frames(2)
    of[1]["transform_matrix"][0][3] = value
    refused(tmp_path, of, r"the pose of images/b\.png holds NaN or infinite values")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (np.diag([2.0, 2, 2]), r"axes of images/b\.png's pose are not at right angles and of unit length \(off by 3\)"),
        (np.array([[1, 0.2, 0], [0, 1, 0], [0, 0, 1]]), r"not at right angles and of unit length \(off by 0\.2\)"),
        (np.diag([1.0, 1, -1]), r"are mirrored \(a left-handed frame\)\. Expected a rotation"),
    ],
)
def test_poses_that_are_no_rotation(tmp_path, change, said):
    pose = looking_at_origin(0.1)
    pose[:, :3] = pose[:, :3] @ change
    refused(tmp_path, [frame("a.png"), frame("b.png", pose=pose)], said)


def test_a_photograph_that_is_missing(tmp_path):
    folder = write_transforms(tmp_path, frames(4))
    (folder / "images" / "b.png").unlink()
    with pytest.raises(
        NeucamError, match=r"1 of 4 photographs are not there: \S+/b\.png\. Put them where the file says"
    ):
        open_views(folder)


def test_views_that_are_there_twice(tmp_path):
    refused(tmp_path, [*frames(2), frame("a.png", 0.5)], r"/a\.png belongs to two views")
    folder = write_transforms(tmp_path, frames(3))
    shutil.copy(folder / "images" / "a.png", folder / "images" / "c.png")
    with pytest.raises(NeucamError, match=r"/c\.png and a\.png are the same picture twice"):
        open_views(folder)


def test_views_that_see_nothing_in_common(tmp_path):
    away = looking_at_origin(0.2)
    away[:, 3] = [0, 0, 9]
    away[:, [0, 2]] *= -1  # looks the other way, from behind the others
    of = [*frames(3), frame("z.png", pose=away)]
    refused(tmp_path, [*of, frame("y.png", pose=away)], r"nothing that z\.png, y\.png shows is seen by any other")
    refused(tmp_path, of, r"nothing that z\.png shows is seen by any other training view.*camera to world")


def test_pictures_of_several_sizes(tmp_path):
    folder = write_transforms(tmp_path, frames(3))
    write_photograph(folder / "images" / "b.png", size=(6, 8))
    with pytest.raises(NeucamError, match=r"pictures of 2 sizes: 2 of 16x12 \(as a\.png\), 1 of 8x6 \(as b\.png\)"):
        open_views(folder)


def test_pictures_that_are_turned_otherwise(tmp_path):
    folder = write_transforms(tmp_path, frames(2))
    with Image.open(folder / "images" / "b.png") as picture:
        turned = picture.transpose(Image.Transpose.ROTATE_90)
    turned.save(folder / "images" / "b.png")
    with pytest.raises(NeucamError, match=r"b\.png: the frame is 12x16 pixels, others are 16x12"):
        open_views(folder)[1].whole(1)


def test_cameras_of_another_shape_than_the_pictures(tmp_path):
    refused(tmp_path, frames(2), r"the camera of a\.png is told for 12x12 pixels, but the photographs have 16x12", w=12)


@pytest.mark.parametrize("model", ["OPENCV_FISHEYE", "EQUIRECTANGULAR", "no such"])
def test_cameras_that_are_not_perspective(tmp_path, model):
    refused(tmp_path, frames(2), rf"camera_model is '{model}'\. A lens that focuses needs a pers", camera_model=model)


def test_other_words_that_are_wrong(tmp_path):
    refused(tmp_path, frames(2, split=["train", "spare"]), r"split of images/b\.png is 'spare'")
    refused(tmp_path, frames(2), r"train_filenames has x\.png, which is no frame", train_filenames=["x.png"])
    refused(tmp_path, frames(2), r"metres_per_unit is -1", metres_per_unit=-1)
    refused(tmp_path, frames(2), r"points of the capture are not there", ply_file_path="points.ply")
    refused(tmp_path, frames(2), r"fl_x of images/a\.png is 0\. Expected its focal length", fl_x=0, w=WIDTH)
    with pytest.raises(NeucamError, match=r"--metres-per-unit 0: expected a number above 0"):
        opened(tmp_path, frames(2), metres_per_unit=0.0)
    with pytest.raises(NeucamError, match=r"--eval-every 1: expected 0, which holds out no view, or a number from 2"):
        opened(tmp_path, frames(2), eval_every=1)


def test_photographs_and_radiance_do_not_train_together(tmp_path):
    from neucam_nerfstudio.imaging.radiance_files import write_radiance

    of = frames(2)
    of[1]["file_path"] = "images/b.exr"
    write_photograph(tmp_path / "images" / "a.png")
    write_radiance(tmp_path / "images" / "b.exr", np.ones((12, 16, 3), np.float32))
    refused(tmp_path, of, r"a\.png: a photograph, but b\.exr holds linear radiance")
