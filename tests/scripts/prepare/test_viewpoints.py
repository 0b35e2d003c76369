"""Which photographs are a viewpoint, and how viewpoints are exposed beside one another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import picture_size, write_radiance
from neucam_nerfstudio.scripts.prepare.pictures import (
    colours_of_points,
    common_brightness,
    even_contrast,
    scale_for_colmap,
    write_pictures,
)
from neucam_nerfstudio.scripts.prepare.scale import metres_per_unit
from neucam_nerfstudio.scripts.prepare.structure_from_motion import Poses, Seen
from neucam_nerfstudio.scripts.prepare.transforms_file import write_transforms
from neucam_nerfstudio.scripts.prepare.viewpoints import (
    Viewpoint,
    find_viewpoints,
    single_viewpoints,
    with_comparable_exposures,
)


def viewpoint(name: str, frames: list[Path], stops: list[float] | None, told_by: str, radiance: float | None = None):
    file = None
    if radiance is not None:
        file = frames[0].parent / f"{name}.exr"
        write_radiance(file, np.linspace(0.2, 2, 144, dtype=np.float32).reshape(6, 8, 3) * np.float32(radiance))
    return Viewpoint(name, tuple(frames), frames[0], None if stops is None else tuple(stops), told_by, file)


@pytest.fixture
def two_by_exif(write_jpeg_with_exif) -> list[Viewpoint]:
    """Two brackets of two, each counted from its own darker one: 1/8 s and 1 s, and 1/2 s and 4 s."""
    times = {"a": ("1/8", "1"), "b": ("1/2", "4")}
    files = {
        name: [
            write_jpeg_with_exif(f"{name}{i}.jpg", f_number=8, iso=100, time_s=time, distance_m=2)
            for i, time in enumerate(of)
        ]
        for name, of in times.items()
    }
    # 1 at each own zero: the same scene would be 1 in a and a quarter of that in b
    return [viewpoint("a", files["a"], [0, 3], "EXIF", 1.0), viewpoint("b", files["b"], [0, 3], "EXIF", 4.0)]


def test_exif_compares_exposures_of_all_viewpoints(two_by_exif):
    compared, note = with_comparable_exposures(two_by_exif)
    first, second = (np.array(each.stops) for each in compared)
    np.testing.assert_allclose(np.diff(first), 3), np.testing.assert_allclose(second - first, 2)
    assert "by EXIF" in note
    # radiance 1 and 4 at zeros that are two stops apart are the same light
    assert compared[0].radiance().mean() == pytest.approx(compared[1].radiance().mean())


def test_exposures_that_count_from_their_own_folder_are_left_out(two_by_exif):
    told = [
        viewpoint(each.name, list(each.frames), [0, 3], "file names", 1.0 + i) for i, each in enumerate(two_by_exif)
    ]
    compared, note = with_comparable_exposures(told)
    assert [each.stops for each in compared] == [None, None] and "made equally bright" in note
    brightness = common_brightness(compared, lambda share: None)
    assert brightness.gains[0] == pytest.approx(2 * brightness.gains[1])


def test_pictures_are_equally_bright_where_they_show_the_same(two_by_exif, tmp_path):
    untold = [viewpoint(f"un{each.name}", list(each.frames), None, "unknown", 3.0) for each in two_by_exif]
    for viewpoints in (two_by_exif, untold):
        compared, _ = with_comparable_exposures(viewpoints)
        (tmp_path / "pictures").mkdir(exist_ok=True)
        (tmp_path / "pictures" / "9_old.png").touch()
        brightness = common_brightness(compared, lambda share: None)
        (tmp_path / "for_colmap").mkdir(exist_ok=True)
        folders = tmp_path / "pictures", tmp_path / "for_colmap"
        names, scale = write_pictures(compared, *folders, brightness, lambda share: None)
        assert scale == 100 and picture_size(folders[1] / names[0]) == (600, 800)
        assert names == [f"{number}_{each.name}.png" for number, each in enumerate(viewpoints, 1)]
        assert names == sorted(path.name for path in (tmp_path / "pictures").iterdir())
        first, second = (read_photograph(tmp_path / "pictures" / name).astype(int) for name in names)
        assert 20 < first.mean() < 235 and np.abs(first - second).max() <= 1


def test_a_photograph_alone_in_its_folder_is_a_viewpoint_beside_brackets(write_places, tmp_path):
    bracket = {"E0.png": 0.1, "E1.png": 0.5}
    shoot = write_places({"a": bracket, "b": {"alone.png": 0.3}, "c": bracket})
    found, _ = find_viewpoints([shoot], tmp_path / "out", single_frames=False)
    assert [each.name for each in found] == ["shoot/a", "alone.png", "shoot/c"]
    found, _ = find_viewpoints([shoot], tmp_path / "out", single_frames=True)
    assert [each.name for each in found] == ["E0.png", "E1.png", "E0.png", "E1.png", "alone.png"]
    viewpoints, _ = single_viewpoints(found)
    assert [each.name for each in viewpoints] == ["a/E0", "a/E1", "c/E0", "c/E1", "b/alone"]


def test_a_video_is_refused(tmp_path, write_video):
    video = write_video("walk.mp4")
    with pytest.raises(NeucamError, match="no folder of photographs"):
        find_viewpoints([video], tmp_path / "out", single_frames=False)


def test_settings_are_written_as_far_as_they_are_told(write_jpeg_with_exif, write_grey, tmp_path):
    told = write_jpeg_with_exif("told.jpg", f_number=2.8, iso=200, time_s="1/50", distance_m=0xFFFFFFFF)
    views = {
        "1": viewpoint("told", [told], [1.5], "EXIF"),
        "2": viewpoint("untold", [write_grey("untold.png")], None, "unknown"),
    }
    pose = np.column_stack([np.eye(3), [1.0, 2.0, 3.0]])
    lens = {"camera_model": "OPENCV", "fl_x": 7.0, "fl_y": 7.0, "cx": 4.0, "cy": 3.0}
    points, colours = np.array([[0.5, -1.0, 2.0]]), np.array([[255, 0, 7]], np.uint8)
    poses = Poses({"1": pose, "2": pose}, {"1": lens, "2": lens}, points, {}, 0.0)
    transforms, ply = write_transforms(tmp_path, views, poses, colours, (8, 6), one_lens=False, metres=0.25)
    vertex = PlyData.read(ply)["vertex"]
    assert [tuple(point) for point in vertex.data] == [(0.5, -1.0, 2.0, 255, 0, 7)]
    content = json.loads(transforms.read_text())
    first, second = content["frames"]
    assert content["metres_per_unit"] == 0.25 and "fl_x" not in content
    assert first["transform_matrix"] == [[1, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
    settings = {"exposure_stops": 1.5, "exposure_time": 0.02, "iso": 200, "f_number": 2.8, "focus_distance_m": 10000}
    assert {name: first[name] for name in settings} == pytest.approx(settings)
    assert second.keys() == {"file_path", "transform_matrix", "viewpoint", *lens}


@pytest.mark.parametrize(("spread", "told"), [(0.1, 0.5), (1.5, None)])
def test_focus_tells_how_long_a_unit_is(spread, told, write_jpeg_with_exif, tmp_path):
    """Points at 2 to 6 units that are sharp at half as many metres, and what is out of the range of focus."""
    random = np.random.default_rng(0)
    units = random.uniform(2, 6, 400)
    metres = np.clip(0.5 * units * np.exp(random.normal(0, spread, 400)), 1.1, 2.9).reshape(20, 20).astype(np.float32)
    file = tmp_path / "hdr.exr"
    write_radiance(file, np.ones((20, 20, 3), np.float32), channels={"Z": metres[..., None]})
    frames = [write_jpeg_with_exif(f"{metres}.jpg", distance_m=metres) for metres in (1.1, 1.5, 2.2, 2.9)]
    views = {"1": Viewpoint("a", tuple(frames), frames[0], None, "unknown", file)}
    rows, columns = np.mgrid[:20, :20].reshape(2, -1) + 0.5
    seen = Seen(np.arange(400), np.column_stack([columns, rows]), units)
    poses = Poses({}, {}, np.zeros((400, 3)), {"1": seen}, 0.0)
    found, note = metres_per_unit(views, poses)
    if told is None:
        assert found is None and "metres_per_unit" in note
    else:
        assert found == pytest.approx(told, rel=0.02) and "by the focus" in note
        views["1"] = Viewpoint("a", (frames[0], frames[3]), frames[0], None, "unknown", file)
        assert metres_per_unit(views, poses)[0] is None


def test_even_contrast_does_not_depend_on_exposure_or_light():
    """A pattern in the sun and in shadow, a hundred times darker: equal contrast, also at half the exposure."""
    pattern = np.random.default_rng(0).uniform(0.5, 2, (60, 160, 1)).astype(np.float32)
    radiance = np.repeat(pattern * np.where(np.arange(160) < 80, 10, 0.1)[:, None].astype(np.float32), 3, axis=2)
    contrast = even_contrast(radiance, key=1.0)
    np.testing.assert_allclose(contrast, even_contrast(radiance / 2, key=0.5), atol=1e-5)
    sun, shadow = contrast[:, :40].std(), contrast[:, 120:].std()
    assert 0.4 < contrast.mean() < 0.6 and 0.8 < shadow / sun < 1 and sun == pytest.approx(0.09, abs=0.02)


@pytest.mark.parametrize(("size", "scale"), [((132, 200), 4), ((600, 800), 1), ((2000, 3000), 1), ((6400, 4000), 0.5)])
def test_pictures_for_colmap_have_a_size_that_its_thresholds_are_made_for(size, scale):
    assert scale_for_colmap(*size) == scale


def test_points_have_the_mean_colour_of_where_they_are_seen(write_grey, tmp_path):
    write_grey("a.png", 100), write_grey("b.png", 200)
    seen = {
        "a.png": Seen(np.array([0, 1]), np.array([[0.5, 0.5], [9.0, -1.0]]), np.ones(2)),
        "b.png": Seen(np.array([1]), np.array([[7.9, 5.9]]), np.ones(1)),
    }
    colours = colours_of_points(Poses({}, {}, np.zeros((3, 3)), seen, 0.0), tmp_path)
    assert colours.tolist() == [[100] * 3, [150] * 3, [0] * 3]
