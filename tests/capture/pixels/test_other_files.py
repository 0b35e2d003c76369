"""What lies beside photographs: files that are not read are named, and several views are sent to other methods."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from neucam_nerfstudio.capture.pixels.source import open_source
from neucam_nerfstudio.errors import NeucamError

TURNED = [[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]]
STRAIGHT = [[1, 0, 0, 0.0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def write_transforms(folder: Path, poses: list, name: str = "transforms.json") -> None:
    folder.mkdir(exist_ok=True)
    frames = [{"file_path": f"images/{index}.png", "transform_matrix": pose} for index, pose in enumerate(poses)]
    (folder / name).write_text(json.dumps({"frames": frames}))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("scan.tga", b"", ".tga files are not read: convert them to PNG, TIFF or JPEG"),
        ("shot.GPR", b"", "RAW files .gpr are not read: convert them to DNG or TIFF"),
        ("clip.FLV", b"", ".flv is a video"),
        ("IMG_9", PNG, "holds a picture, but its name has no ending: rename it"),
        ("IMG_9.jpg_original", b"\xff\xd8\xff\xe0", "holds a picture, but its name ends in .jpg_original: rename it"),
    ],
)
def test_files_that_look_like_photographs_and_are_not_read_are_named(tmp_path, write_grey, name, content, reason):
    write_grey("a.png"), write_grey("b.png")
    (tmp_path / name).write_bytes(content)
    assert open_source(tmp_path).notes == (f"Not read as photographs: {name} ({reason}).",)


@pytest.mark.parametrize("name", ["notes.txt", "a.xmp", "a.thm", "picture.json", "program", "gt.exr", ".hidden.webp"])
def test_files_that_belong_to_photographs_are_not_named(tmp_path, write_grey, name):
    write_grey("a.png"), write_grey("b.png")
    (tmp_path / name).write_bytes(b"something else")
    assert open_source(tmp_path).notes == ()


def test_of_many_files_that_are_not_read_the_first_few_are_named(tmp_path, write_grey):
    write_grey("a.png"), write_grey("b.png")
    for index in range(12):
        (tmp_path / f"frame{index}.gif").touch()
    names = "frame0.gif, frame1.gif, frame2.gif, frame3.gif, frame4.gif and 7 more"
    reason = ".gif files are not read: convert them to PNG, TIFF or JPEG"
    assert open_source(tmp_path).notes == (f"Not read as photographs: {names} ({reason}).",)


@pytest.mark.parametrize("suffix", [".jfif", ".JFIF", ".jpe", ".JPE", ".jif", ".Jpeg"])
def test_jpegs_are_read_whatever_their_suffix(tmp_path, write_jpeg_with_exif, suffix):
    write_jpeg_with_exif("a.jpg", 50, time_s=1).rename(tmp_path / f"a{suffix}")
    write_jpeg_with_exif("b.jpg", 90, time_s=2)
    assert [path.name for path in open_source(tmp_path).paths] == [f"a{suffix}", "b.jpg"]


def test_views_with_poses_are_sent_to_another_method_that_exists(tmp_path, write_grey):
    write_transforms(tmp_path, [STRAIGHT, TURNED])
    write_grey("a.png"), write_grey("b.png")
    said = rf"2 views of a scene with camera poses.*transforms\.json.*by ns-train neucam-3d --data {tmp_path}\. If"
    with pytest.raises(NeucamError, match=said):
        open_source(tmp_path)


@pytest.mark.parametrize("data", [".", "scene", "scene/images"])
def test_views_are_recognised_from_the_folders_around_them(tmp_path, write_grey, data):
    write_transforms(tmp_path / "scene", [STRAIGHT, TURNED])
    (tmp_path / "scene" / "images").mkdir()
    for name in ("a.png", "b.png"):
        write_grey(name).rename(tmp_path / "scene" / "images" / name)
    with pytest.raises(NeucamError, match=r"2 views of a scene"):
        open_source(tmp_path / data)


@pytest.mark.parametrize("file", ["sparse/0/images.bin", "colmap/sparse/0/images.txt", "images.bin"])
def test_views_of_colmap_are_recognised(tmp_path, file):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", 2)), path.with_name(f"cameras{path.suffix}").touch()
    with pytest.raises(NeucamError, match=rf"ns-train neucam-3d --data {tmp_path}\. If"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("place", "kind"), [("keyframes/cameras/1.json", "polycam"), ("EXR_RGBD/metadata.json", "record3d")]
)
def test_views_of_phone_scanners_are_recognised(tmp_path, place, kind):
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    with pytest.raises(
        NeucamError, match=rf"ns-process-data {kind} --data \S+ --output-dir OUT, then ns-train neucam-3d --data OUT"
    ):
        open_source(tmp_path)


def test_frames_that_share_a_pose_are_one_view(tmp_path, write_grey):
    write_transforms(tmp_path, [STRAIGHT, STRAIGHT])
    write_grey("a.png"), write_grey("b.png")
    assert len(open_source(tmp_path).paths) == 2


def test_views_in_a_sub_folder_of_photographs_are_somebody_else_s(tmp_path, write_grey):
    write_transforms(tmp_path / "scan", [STRAIGHT, TURNED])
    write_grey("a.png"), write_grey("b.png")
    assert len(open_source(tmp_path).paths) == 2


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"frames": 3}', '{"frames": [{"transform_matrix": "x"}, 3]}'])
def test_other_json_is_no_several_views(tmp_path, write_grey, text):
    (tmp_path / "transforms.json").write_text(text)
    write_grey("a.png"), write_grey("b.png")
    assert len(open_source(tmp_path).paths) == 2
