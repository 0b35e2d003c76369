"""`neucam-prepare`, as a user runs it; poses by stand-ins, except in the tests that need COLMAP."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pose_errors import pose_errors, read_poses
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.photometry import decode_srgb, encode_srgb
from neucam_nerfstudio.scripts.prepare import command_line, pictures
from neucam_nerfstudio.scripts.prepare.command_line import Prepare
from neucam_nerfstudio.scripts.prepare.transforms_file import TRANSFORMS_NAME

from .conftest import MADE

BRACKET = {"E0.png": 0.1, "E1.png": 0.5}


def prepare(folder: Path, output: Path, **options: object) -> dict:
    Prepare(folders=(folder,), output_dir=output, **options).main()
    return json.loads((output / TRANSFORMS_NAME).read_text())


def states(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_photographs_of_a_made_scene_get_the_poses_they_were_taken_at(made_shoot, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pictures, "LEAST_SIDE_PX", 200)  # COLMAP takes a tenth of the time
    pytest.importorskip("pycolmap", reason="poses are found by pycolmap: pip install 'neucam-nerfstudio[poses]'")
    prepared = prepare(made_shoot / "shoot", tmp_path / "out", lens_model="simple-pinhole")
    assert "20 photographs from 5 viewpoints" in capsys.readouterr().out.replace("\n", " ")
    for frame in prepared["frames"]:
        assert (tmp_path / "out" / frame["file_path"]).is_file()
    stops = {Path(frame["file_path"]).name: frame["exposure_stops"] for frame in prepared["frames"]}
    assert stops == {"F0E0.png": -1.0, "F0E1.png": 2.0, "F1E0.png": -1.0, "F1E1.png": 2.0}
    found, focal_px = read_poses(tmp_path / "out" / TRANSFORMS_NAME)
    true = {f"shoot/place_{place:02}": MADE.camera_to_world(place) for place in range(MADE.num_places)}
    errors = pose_errors(found, true, focal_px, MADE.focal_px)
    assert errors.rotation_deg[1] < 1.0 and errors.place_percent[1] < 3.0 and abs(errors.focal_percent) < 5

    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    parser = NerfstudioDataParserConfig(data=tmp_path / "out", load_3D_points=True, eval_mode="all").setup()
    opened = parser.get_dataparser_outputs("train")
    assert len(opened.image_filenames) == 20 and len(opened.metadata["points3D_xyz"]) > 50
    assert opened.cameras.fx[0, 0].item() == pytest.approx(focal_px)


def test_every_photograph_has_its_viewpoints_pose(write_places, tmp_path, stand_in_for_colmap, capsys):
    shoot = write_places({"a": BRACKET, "b": BRACKET, "c": BRACKET, "lost": BRACKET})
    prepared = prepare(shoot, tmp_path / "out")
    frames = prepared["frames"]
    assert [frame["file_path"] for frame in frames] == [f"../shoot/{place}/E{e}.png" for place in "abc" for e in (0, 1)]
    assert [frame["transform_matrix"][0][3] for frame in frames] == [0, 0, 1, 1, 2, 2]
    assert [frame["viewpoint"] for frame in frames[::2]] == ["shoot/a", "shoot/b", "shoot/c"]
    assert prepared["ply_file_path"] == "sparse_pc.ply" and (prepared["w"], prepared["h"]) == (36, 24)
    assert "metres_per_unit" not in prepared
    said = " ".join(capsys.readouterr().out.split())
    assert "COLMAP places 3 of 4 viewpoints." in said and "with the others: shoot/lost." in said
    assert "6 photographs from 3 viewpoints" in said


def test_again_only_what_is_missing_is_made(write_places, tmp_path, stand_in_for_colmap, capsys):
    shoot, output = write_places({"a": BRACKET, "b": BRACKET, "c": BRACKET}), tmp_path / "out"
    prepare(shoot, output)
    made = states(output)
    assert len(prepare(tmp_path, tmp_path / "other")["frames"]) == 6  # what was written is no viewpoint
    stand_in_for_colmap.pop()
    prepare(shoot, output)
    assert states(output) == made and len(stand_in_for_colmap) == 1
    assert "Nothing to do" in capsys.readouterr().out
    write_places({"d": BRACKET})
    assert len(prepare(shoot, output)["frames"]) == 8
    again = states(output)
    assert all(again[path] == time for path, time in made.items() if path.is_relative_to(output / "fused"))
    assert [Path(name).stem[2:] for name in stand_in_for_colmap[1]] == ["shoot_a", "shoot_b", "shoot_c", "shoot_d"]
    (output / TRANSFORMS_NAME).unlink()
    prepare(shoot, output)
    assert len(stand_in_for_colmap) == 3
    for path in (shoot / "d").iterdir():
        path.unlink()
    assert len(prepare(shoot, output)["frames"]) == 6
    assert len(list((output / "pictures").iterdir())) == 3


def test_one_folder_is_taken_for_single_frames_and_they_are_exposed_evenly(write_places, tmp_path, stand_in_for_colmap):
    stops = {"a.png": 0.0, "b.png": -2.0, "c.png": -1.0}
    folder = write_places({".": dict.fromkeys(stops, 1.0)})
    for name, value in stops.items():  # in light, of what sRGB encodes
        light = decode_srgb(read_photograph(folder / name) / np.float32(255)) * np.float32(0.9 * 2.0**value)
        write_image(folder / name, encode_srgb(light).astype(np.float32))
    (folder / "exposure.txt").write_text("".join(f"{value}\n" for value in stops.values()))
    prepared = prepare(folder, tmp_path / "out")
    assert [frame["exposure_stops"] for frame in prepared["frames"]] == [0.0, -2.0, -1.0]
    assert [frame["viewpoint"] for frame in prepared["frames"]] == ["a", "b", "c"]
    bright, *others = (read_photograph(path).astype(int) for path in sorted((tmp_path / "out/pictures").iterdir()))
    for other in others:
        assert np.abs(other - bright).max() < 20 and np.abs(other - bright).mean() < 2  # of eight bits, two stops down


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"a": BRACKET, "b": BRACKET}, "2 viewpoints found, expected at least 3"),
        ({".": {"a.png": 0.5, "b.png": 0.6}}, "2 viewpoints found, expected at least 3"),
        ({}, "no such folder"),
    ],
)
def test_too_few_viewpoints_are_refused(places, message, write_places, tmp_path, stand_in_for_colmap):
    with pytest.raises(NeucamError, match=message):
        prepare(write_places(places), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sizes_that_differ_are_refused_before_the_work(write_places, tmp_path, stand_in_for_colmap):
    write_places({"a": BRACKET, "b": BRACKET})
    shoot = write_places({"c": BRACKET}, size=(24, 40))
    with pytest.raises(NeucamError, match=r"shoot/c: 40x24 pixels, but .*shoot/a has 36x24"):
        prepare(shoot, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_viewpoint_that_cannot_be_used_is_named(write_places, tmp_path, stand_in_for_colmap):
    shoot = write_places({"a": BRACKET, "b": {"E0.png": 0.3, "E1.png": 0.3}, "c": BRACKET})
    with pytest.raises(NeucamError, match=r"Viewpoint shoot/b: .*same picture"):
        prepare(shoot, tmp_path / "out")


def test_without_colmap_it_is_said_how_to_install_it(write_places, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(NeucamError, match=r"pip install 'neucam-nerfstudio\[poses\]'"):
        prepare(write_places({"a": BRACKET, "b": BRACKET, "c": BRACKET}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_older_files(write_places, tmp_path, stand_in_for_colmap, monkeypatch):
    shoot, output = write_places({"a": BRACKET, "b": BRACKET, "c": BRACKET}), tmp_path / "out"
    prepare(shoot, output)
    before = (output / TRANSFORMS_NAME).read_text()

    def fails(*arguments: object) -> None:
        raise NeucamError("COLMAP places 0 of 4 viewpoints")

    monkeypatch.setattr(command_line, "find_poses", fails)
    write_places({"d": BRACKET})
    with pytest.raises(NeucamError, match="0 of 4"):
        prepare(shoot, output)
    assert (output / TRANSFORMS_NAME).read_text() == before
