"""Published layouts, in small: they open as they are."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from neucam_nerfstudio.capture.views.opening import open_views
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.radiance_files import write_radiance

from .view_files import FOCAL_PX, HEIGHT, WIDTH, frame, write_photograph

LLFF_STRAIGHT = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
"""Axes down, right, backward (columns) of a camera that looks along -z, up being +y."""
TURN = (0.5, 0.5, 0.5, 0.5)
"""The quaternion w, x, y, z that makes x to y, y to z, and z to x."""


def llff_rows(count: int, *more: list[float]) -> np.ndarray:
    """Rows of `poses_bounds.npy`: cameras side by side that look straight."""
    rows = []
    for index in range(count):
        place = np.array([[0.1 * index], [2.0], [3.0]])
        hwf = np.array([[2 * HEIGHT], [2 * WIDTH], [2 * FOCAL_PX]])
        matrix = np.concatenate([LLFF_STRAIGHT, place, hwf], axis=1)
        rows.append([*matrix.ravel(), 2.0, 10.0, *(values[index] for values in more)])
    return np.array(rows)


def test_llff_poses_have_their_axes_turned_and_cameras_their_pictures_size(tmp_path):
    for index in range(9):
        write_photograph(tmp_path / "images" / f"{index}.png")
    np.save(tmp_path / "poses_bounds.npy", llff_rows(9))
    capture = open_views(tmp_path)[0]
    assert np.allclose(capture.views.camera_to_world[1], [[1, 0, 0, 0.1], [0, 1, 0, 2], [0, 0, 1, 3]])
    assert capture.views.focal_px[0].tolist() == [FOCAL_PX, FOCAL_PX]
    assert capture.views.centre_px[0].tolist() == [WIDTH / 2, HEIGHT / 2]
    assert (capture.eval_indices, capture.exposures.source) == ((0, 8), "unknown")
    assert capture.focuses.positions[0] == pytest.approx((1 / 2 + 1 / 10) / 2)


def test_deblur_nerf_says_in_a_files_name_which_views_are_held_out(tmp_path):
    for index in range(8):
        write_photograph(tmp_path / "images_4" / f"{index}.png")
    np.save(tmp_path / "poses_bounds.npy", llff_rows(8))
    (tmp_path / "hold=5").touch()
    capture = open_views(tmp_path)[0]
    assert capture.eval_indices == (0, 5)
    assert any("images_4, 4 times smaller" in note for note in capture.notes)


def test_hdr_nerf_trains_one_exposure_of_every_second_viewpoint(tmp_path):
    names = [f"{view:03d}_{exposure}.png" for view in range(4) for exposure in range(5)]
    for name in names:
        write_photograph(tmp_path / "input_images" / name)
    seconds = [2.0**exposure for _ in range(4) for exposure in range(-2, 3)]
    np.save(tmp_path / "poses_bounds_exps.npy", llff_rows(20, seconds))
    capture = open_views(tmp_path)[0]
    assert [each.name for each in capture.train_frames] == ["000_0", "002_2"]
    assert len(capture.eval_indices) == 18
    assert [capture.exposure_stops(index) for index in range(5)] == [-2, -1, 0, 1, 2]
    assert open_views(tmp_path, eval_every=8)[0].eval_indices == (0, 8, 16)


def test_hdr_nerf_rendered_scenes_have_a_file_for_each_split(tmp_path):
    light = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    for split, views in {"train": (0, 1), "test": (2,)}.items():
        poses, times = [], {}
        for view in views:
            name = f"./{split}/r_{view}"
            poses.append({**frame("", 0.1 * view), "file_path": name})
            for exposure in range(5):
                write_photograph(tmp_path / f"{name}_{exposure}.png")
                times[f"{name}_{exposure}.png"] = 4.0**exposure
            write_radiance(tmp_path / f"{name}.exr", light)
        meta = {"camera_angle_x": 2 * np.arctan(WIDTH / 2 / FOCAL_PX), "frames": poses}
        (tmp_path / f"transforms_{split}.json").write_text(json.dumps(meta))
        (tmp_path / f"exposure_{split}.json").write_text(json.dumps(times))
    capture = open_views(tmp_path)[0]
    assert [each.name for each in capture.train_frames] == ["r_0_0", "r_1_2"]
    assert [capture.frames[index].name for index in capture.eval_indices][-5:] == [f"r_2_{i}" for i in range(5)]
    assert [capture.exposure_stops(index) for index in range(5)] == [-4, -2, 0, 2, 4]
    assert capture.views.focal_px[0] == pytest.approx([FOCAL_PX, FOCAL_PX])
    assert {path.name for path in capture.radiance_truth} == {"r_0.exr", "r_1.exr", "r_2.exr"}


def test_realx3d_has_the_sharp_photographs_of_training_views_in_val(tmp_path):
    for split in ("train", "val", "test"):
        names = ["0001.png", "0002.png"] if split != "test" else ["0009.png"]
        poses = [{**frame("", 0.1 * i), "file_path": f"./{split}/{name}"} for i, name in enumerate(names)]
        for name in names:
            write_photograph(tmp_path / split / name, brightness=0.5 if split == "val" else 1)
        meta = {"fl_x": FOCAL_PX, "fl_y": FOCAL_PX, "cx": 8, "cy": 6, "w": WIDTH, "h": HEIGHT, "frames": poses}
        (tmp_path / f"transforms_{split}.json").write_text(json.dumps(meta))
    capture = open_views(tmp_path)[0]
    assert [each.path.parent.name for each in capture.frames] == ["train", "train", "test"]
    assert capture.sharp_truth == (tmp_path / "val/0001.png", tmp_path / "val/0002.png", None)
    assert (capture.train_indices, capture.eval_indices) == ((0, 1), (2,))


def write_colmap(folder: Path, kind: str, model: int = 4) -> Path:
    """A model of three images, `c.png` first, and two points, which the first two see."""
    sparse = folder / "sparse" / "0"
    sparse.mkdir(parents=True)
    numbers = {1: [20.0, 21, 8, 6], 2: [20.0, 8, 6, 0.1], 4: [20.0, 21, 8, 6, 0.1, 0.2, 0.3, 0.4]}[model]
    images = [("c.png", (1.0, 0, 0, 0), (0.0, 0, 2)), ("a.png", (1.0, 0, 0, 0), (0.2, 0, 2))]
    images.append(("b.png", TURN, (1.0, 2, 3)))
    points, seen = {1: (0.0, 0.1, 0), 7: (0.1, 0, 1)}, [1, 7]
    for name, _, _ in images:
        write_photograph(folder / "images" / name)
    if kind == "bin":
        (sparse / "cameras.bin").write_bytes(
            struct.pack(f"<QiiQQ{len(numbers)}d", 1, 3, model, WIDTH, HEIGHT, *numbers)
        )
        content = struct.pack("<Q", 3)
        for number, (name, turn, move) in enumerate(images):
            content += struct.pack("<i7di", number, *turn, *move, 3) + name.encode() + b"\0"
            content += struct.pack("<Q", 2) + b"".join(struct.pack("<ddq", 1, 2, point) for point in seen)
        (sparse / "images.bin").write_bytes(content)
        content = struct.pack("<Q", 2)
        for number, place in points.items():
            content += struct.pack("<Q3d3BdQ", number, *place, 1, 2, 3, 0.5, 2) + struct.pack("<4i", 0, 0, 1, 0)
        (sparse / "points3D.bin").write_bytes(content)
        return folder
    name = {1: "PINHOLE", 2: "SIMPLE_RADIAL", 4: "OPENCV"}[model]
    (sparse / "cameras.txt").write_text(f"# cameras\n3 {name} {WIDTH} {HEIGHT} {' '.join(map(str, numbers))}\n")
    lines = ["# images"]
    for number, (name, turn, move) in enumerate(images):
        lines += [" ".join(map(str, [number, *turn, *move, 3, name])), " ".join(f"1.0 2.0 {point}" for point in seen)]
    (sparse / "images.txt").write_text("\n".join(lines) + "\n")
    rows = [" ".join(map(str, [number, *place, 1, 2, 3, 0.5, 0, 0])) for number, place in points.items()]
    (sparse / "points3D.txt").write_text("# points\n" + "\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_colmap_poses_are_turned_into_camera_to_world(tmp_path, kind):
    views = open_views(write_colmap(tmp_path, kind))[0].views
    assert np.array_equal(views.points, [[0, 0.1, 0], [0.1, 0, 1]])
    seen_straight = views.in_camera(2, views.points).T
    assert np.allclose(seen_straight, views.points + [0, 0, 2])  # COLMAP's axes are right, down, forward
    turned = views.in_camera(1, views.points).T
    assert np.allclose(turned, views.points[:, [2, 0, 1]] + [1, 2, 3])


@pytest.mark.parametrize("kind", ["bin", "txt"])
@pytest.mark.parametrize(
    ("model", "focal", "distortion"),
    [
        (1, (20, 21), None),
        (2, (20, 20), [0.1, 0, 0, 0, 0, 0]),
        (4, (20, 21), [0.1, 0.2, 0, 0, 0.3, 0.4]),
    ],
)
def test_colmap_cameras_are_as_nerfstudio_has_them(tmp_path, kind, model, focal, distortion):
    views = open_views(write_colmap(tmp_path, kind, model))[0].views
    assert views.focal_px[0].tolist() == list(focal)
    assert views.centre_px[0].tolist() == [8, 6]
    assert (views.distortion is None) if distortion is None else views.distortion[0].tolist() == distortion


def test_lists_of_cinematic_gaussians_are_in_the_order_of_the_model(tmp_path):
    folder = write_colmap(tmp_path, "bin")
    (folder / "exif_info_txt").mkdir()
    for name, numbers in {
        "fd_1": [4, 2, 1],
        "ap_1": [2, 2, 4],
        "exp_1": [-1, 0, 2],
        "focal_length.txt": [0.08],
    }.items():
        (folder / "exif_info_txt" / name).write_text("\n".join(map(str, numbers)))
    capture = open_views(folder)[0]
    assert [each.name for each in capture.frames] == ["a", "b", "c"]
    assert [capture.exposure_stops(index) for index in range(3)] == [0, 2, -1]
    assert capture.views.focus_distance_m.tolist() == [2, 1, 4]
    assert capture.views.aperture_radius_m == pytest.approx([0.02, 0.01, 0.02])
    assert capture.views.scale_evidence == "lists that are in the unit of the poses"


def test_a_list_that_does_not_fit_is_refused(tmp_path):
    folder = write_colmap(tmp_path, "bin")
    (folder / "fd.txt").write_text("1 2")
    with pytest.raises(NeucamError, match=r"fd\.txt: 2 numbers for 3 views\. Expected one for each"):
        open_views(folder)


def test_structure_from_motion_gets_its_scale_from_what_is_focused_on(tmp_path):
    poses = [{**frame(f"{name}.png", 0.1 * i), "focus_distance_m": 10} for i, name in enumerate("ab")]
    for each in poses:
        each["colmap_im_id"] = 1
        write_photograph(tmp_path / each["file_path"])
    meta = {"fl_x": FOCAL_PX, "w": WIDTH, "h": HEIGHT, "frames": poses}
    (tmp_path / "transforms.json").write_text(json.dumps(meta))
    capture = open_views(tmp_path)[0]
    assert capture.views.metres_per_unit == pytest.approx(5)  # both look at the origin from 2 units away
    assert capture.views.scale_evidence.startswith("assumed")
    assert any("Assumed is 5 m a unit" in note for note in capture.notes)
    assert open_views(tmp_path, metres_per_unit=2.0)[0].views.metres_per_unit == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("poses_bounds.npy", np.zeros((2, 5)), r"shape \(2, 5\)\. Expected 17 numbers"),
        ("poses_bounds.npy", llff_rows(3), r"3 poses, but \S+ has 2 pictures"),
        ("poses_bounds.npy", None, r"poses_bounds\.npy: broken or unreadable"),
        ("sparse/0/images.bin", None, r"images\.bin: broken or unreadable"),
    ],
)
def test_broken_poses_are_refused(tmp_path, name, content, said):
    for index in range(2):
        write_photograph(tmp_path / "images" / f"{index}.png")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.write_bytes(b"none"), path.with_name("cameras.bin").write_bytes(b"none")
    else:
        np.save(path, content)
    with pytest.raises(NeucamError, match=said):
        open_views(tmp_path)


def test_an_unknown_camera_of_colmap_is_refused(tmp_path):
    folder = write_colmap(tmp_path, "txt")
    (folder / "sparse/0/cameras.txt").write_text("3 OPENCV_FISHEYE 16 12 20 20 8 6 0 0 0 0")
    with pytest.raises(NeucamError, match=r"cameras\.txt: camera model OPENCV_FISHEYE with 8 numbers is not known"):
        open_views(folder)
