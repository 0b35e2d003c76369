"""Captures of many views in nerfstudio's layout."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.capture.views.opening import open_views
from neucam_nerfstudio.imaging.radiance_files import write_radiance

from .view_files import FOCAL_PX, HEIGHT, WIDTH, frame, frames, looking_at_origin, opened, write_transforms


def test_frames_of_one_focus_and_lens_share_a_setting_in_dioptres(tmp_path):
    of = frames(focus_distance_m=[2, 4, 2, float("inf")], f_number=[2, 2, 2, 2])
    capture = opened(tmp_path, of, meta={"focal_length_mm": 50})
    assert [each.focus_index for each in capture.frames] == [2, 1, 2, 0]
    assert capture.focuses.positions == (0.0, 0.25, 0.5)
    assert (capture.focuses.mode, capture.focuses.source) == ("fix", "transforms.json")
    assert capture.frames[0].focus.evidence == "2 m f/2 by transforms.json"
    assert capture.views.aperture_radius_m == pytest.approx([0.0125] * 4)


def test_frames_of_one_distance_through_another_aperture_have_another_setting(tmp_path):
    capture = opened(tmp_path, frames(focus_distance_m=[2, 2, 2, 2], f_number=[2, 8, 2, 8]))
    assert [each.focus_index for each in capture.frames] == [0, 1, 0, 1]
    assert capture.focuses.positions == (0.5, 0.5)


def test_exposures_in_stops_are_as_told(tmp_path):
    capture = opened(tmp_path, frames(exposure_stops=[-2, 0, 2, 0]))
    assert (capture.exposures.stops, capture.exposures.mode) == ((-2, 0, 2), "fix")
    assert [capture.exposure_stops(i) for i in range(4)] == [-2, 0, 2, 0]
    assert capture.exposure_reference().endswith("+0 stops (transforms.json).")


def test_exposure_times_count_with_sensitivity_and_aperture_as_exif_does(tmp_path):
    of = frames(exposure_time=[0.01, 0.02, 0.01, 0.01], iso=[100, 100, 400, 100], f_number=[2, 2, 2, 4])
    capture = opened(tmp_path, of)
    assert [capture.exposure_stops(i) for i in range(4)] == [0, 1, 2, -2]


def test_a_frame_goes_before_the_whole_file(tmp_path):
    of = frames(f_number=[None, 4, None, None], exposure_time=[None, 2, None, None])
    capture = opened(tmp_path, of, meta={"f_number": 2, "exposure_stops": 0})
    assert capture.views.f_number.tolist() == [2, 4, 2, 2]


def test_the_focal_length_follows_from_the_width_of_the_sensor(tmp_path):
    capture = opened(tmp_path, frames(), meta={"sensor_width_mm": 36})
    assert capture.views.focal_length_mm == pytest.approx([36 * FOCAL_PX / WIDTH] * 4)


def test_cameras_may_differ_from_frame_to_frame(tmp_path):
    of = frames(fl_x=[20, 30, None, None], fl_y=[22, None, None, None], k1=[0.1, None, None, None])
    views = opened(tmp_path, of).views
    assert views.focal_px[:2].tolist() == [[20, 22], [30, 30]]
    assert views.distortion[0].tolist() == [0.1, 0, 0, 0, 0, 0]


def test_cameras_follow_the_size_of_pictures(tmp_path):
    half = open_views(write_transforms(tmp_path, frames()), downscale_factor=2)[0]
    assert (half.width, half.height) == (WIDTH // 2, HEIGHT // 2)
    assert half.views.focal_px[0].tolist() == [FOCAL_PX / 2] * 2
    assert half.views.centre_px[0].tolist() == [WIDTH / 4, HEIGHT / 4]
    told_for_twice = {"w": 2 * WIDTH, "h": 2 * HEIGHT, "cx": WIDTH, "cy": HEIGHT, "fl_x": 2 * FOCAL_PX}
    assert opened(tmp_path, frames(), meta=told_for_twice).views.focal_px[0].tolist() == [FOCAL_PX] * 2


@pytest.mark.parametrize("by", ["frame", "list"])
def test_views_are_held_out_as_the_file_says(tmp_path, by):
    of, meta = frames(split=["train", "val", "train", "test"]), {}
    if by == "list":
        of, names = frames(), [f"images/{name}.png" for name in "abcd"]
        meta = {"train_filenames": names[::2], "val_filenames": names[1:2], "test_filenames": names[3:]}
    capture = opened(tmp_path, of, meta=meta)
    assert (capture.train_indices, capture.eval_indices) == ((0, 2), (1, 3))


def test_every_eighth_view_is_held_out_where_no_file_says(tmp_path):
    capture = opened(tmp_path, frames(9))
    assert capture.eval_indices == (0, 8)
    assert "Every 8th view is held out for evaluation; --eval-every 0 trains on all." in capture.notes
    assert opened(tmp_path, frames(9), eval_every=0).train_indices == tuple(range(9))
    assert opened(tmp_path, frames(9), eval_every=3).eval_indices == (0, 3, 6)
    assert opened(tmp_path, frames(4)).train_indices == tuple(range(4))


def test_all_frames_of_a_viewpoint_are_held_out_together(tmp_path):
    of = [frame(f"{view}_{exposure}.png", 0.1 * view) for view in range(8) for exposure in range(2)]
    capture = opened(tmp_path, of)
    assert capture.eval_indices == (0, 1)
    assert any(note.startswith("Every 8th viewpoint, with all its frames, is held out") for note in capture.notes)


def test_radiance_alone_evaluates_and_nothing_of_it_counts_as_a_photograph(tmp_path):
    light = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    (tmp_path / "gt").mkdir()
    write_radiance(tmp_path / "gt" / "z.exr", light)
    of = [*frames(3, exposure_stops=[1, 2, 1], focus_distance_m=[1, 2, 1]), frame("z.png", 0.4, split="test")]
    capture, pixels = open_views(write_transforms(tmp_path, of[:3]).joinpath("transforms.json"))
    assert capture.radiance_truth == (None,) * 3
    (tmp_path / "images" / "z.png").unlink(missing_ok=True)
    capture, pixels = open_views(write_transforms(tmp_path, of, write=False))
    assert (capture.eval_indices, capture.radiance_truth[3].name) == ((3,), "z.exr")
    assert capture.exposure_stops(3) == 0
    assert pixels.whole(3).dtype == np.uint8
    assert int(pixels.whole(3)[0, 0, 0]) == 188  # sRGB of one half
    assert not pixels.coverage(3).any()


def test_the_reference_is_in_the_middle_of_poses_and_exposures(tmp_path):
    of = frames(5, exposure_stops=[0, 3, 3, 0, -3])
    assert opened(tmp_path, of).reference.value == "d"


def test_photographs_keep_sixteen_bits(tmp_path):
    import tifffile

    of = frames(2)
    (tmp_path / "images").mkdir()
    values = np.random.default_rng(0).integers(0, 65535, (2, HEIGHT, WIDTH, 3), dtype=np.uint16)
    for each, value in zip(of, values, strict=True):
        each["file_path"] = each["file_path"].replace("png", "tif")
        tifffile.imwrite(tmp_path / each["file_path"], value, photometric="rgb")
    capture, pixels = open_views(write_transforms(tmp_path, of))
    assert capture.number_type == np.uint16
    assert np.array_equal(pixels.whole(1), values[1])


def test_raw_files_are_linear_light_and_tell_their_settings(tmp_path, write_dng):
    of = frames(2)
    (tmp_path / "images").mkdir()
    for number, each in enumerate(of):
        each["file_path"] = each["file_path"].replace("png", "dng")
        mosaic = np.random.default_rng(number).integers(100, 9000, (48, 64), dtype=np.uint16)
        write_dng(each["file_path"], mosaic, time_s=Fraction(1, 2**number))
    capture, pixels = open_views(write_transforms(tmp_path, of, w=64, h=48, cx=32, cy=24))
    assert capture.linear_light
    assert pixels.whole(1).dtype == np.uint16
    assert [capture.exposure_stops(index) for index in range(2)] == [1, 0]
    assert capture.views.focal_length_mm.tolist() == [50, 50]
    assert capture.views.f_number.tolist() == [8, 8]


def test_files_of_radiance_train_as_linear_light_and_keep_its_scale(tmp_path):
    of, light = frames(2), np.random.default_rng(0).uniform(0.1, 3, (2, HEIGHT, WIDTH, 3)).astype(np.float32)
    light[1, 0, 0] = 4
    (tmp_path / "images").mkdir()
    for each, radiance in zip(of, light, strict=True):
        each["file_path"] = each["file_path"].replace("png", "exr")
        write_radiance(tmp_path / each["file_path"], radiance, precision="float")
    capture, pixels = open_views(write_transforms(tmp_path, of))
    assert capture.linear_light
    assert capture.exposures.stops == (-2.0,)
    assert np.allclose(pixels.whole(0) / 2 ** capture.exposure_stops(0), light[0], rtol=1e-6)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_points_come_with_the_poses(tmp_path, kind):
    points = np.array([[0.0, 0.5, 0.25], [1, 2, -3]], np.float32)
    head = f"ply\nformat {kind} 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
    colours = "".join(f"property uint8 {name}\n" for name in ("red", "green", "blue"))
    vertices = np.zeros(2, [("place", "<f4", 3), ("colour", "u1", 3)])
    vertices["place"] = points
    text = "".join(" ".join(map(str, [*place, 1, 2, 3])) + "\n" for place in points).encode()
    body = text if kind == "ascii" else vertices.tobytes()
    (tmp_path / "sparse_pc.ply").write_bytes((head + colours + "end_header\n").encode() + body)
    capture = opened(tmp_path, frames(2), meta={"ply_file_path": "sparse_pc.ply"})
    assert np.array_equal(capture.views.points, points)


def test_poses_are_made_exact_rotations(tmp_path):
    pose = looking_at_origin(0.2)
    pose[:, :3] += 1e-4
    views = opened(tmp_path, [frame("a.png", pose=pose), frame("b.png", 0.3)]).views
    turn = views.camera_to_world[0, :, :3]
    assert np.allclose(turn.T @ turn, np.eye(3), atol=1e-12)


def test_pixels_with_alpha_are_covered_where_they_are_opaque(tmp_path):
    of = frames(2)
    folder = write_transforms(tmp_path, of)
    colours = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    colours[..., 3] = np.where(np.arange(WIDTH) < 8, 255, 0)
    Image.fromarray(colours).save(folder / "images" / "a.png")
    assert open_views(folder)[1].coverage(0)[0].tolist() == [True] * 8 + [False] * 8


def test_masks_are_said_not_to_be_used(tmp_path):
    notes = opened(tmp_path, frames(2, mask_path=["masks/a.png", None])).notes
    assert any(note.startswith("Masks are not used, which 1 frames have (mask_path)") for note in notes)
