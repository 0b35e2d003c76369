"""Which folders are captures, and which are results, side maps or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif_block import SOFTWARE
from neucam_nerfstudio.scripts.batch.captures import FoundCapture, find_captures


def files(folder: Path, *names: str) -> Path:
    """Writes empty files: whether they are photographs is told by their names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def found(*places: Path, videos: bool = False) -> tuple[list[str], dict[str, str]]:
    """Names of captures, and reasons by the name of what was passed over."""
    captures, passed = find_captures(places, Path("nowhere"), videos)
    return [each.name for each in captures], {each.path.name: each.reason for each in passed}


def test_folders_with_two_photographs_are_captures_in_natural_order(tmp_path):
    files(tmp_path / "s", "10/a.png", "10/b.png", "9/a.jpg", "9/b.CR2", "one/a.png", "notes/a.txt", "notes/b.txt")
    files(tmp_path / "s", ".trash/a.png", ".trash/b.png", "__MACOSX/a.png", "__MACOSX/b.png")
    names, passed = found(tmp_path / "s")
    assert names == ["s/9", "s/10"]
    assert passed == {"a.png": "the only photograph in its folder"}


def test_a_folder_that_is_a_capture_and_has_some_below(tmp_path):
    files(tmp_path / "s", "a.png", "b.png", "in/a.png", "in/b.png", "gt/sharp_0.png", "gt/sharp_1.png")
    assert found(tmp_path / "s")[0] == ["s.photographs", "s/in"]


def test_folders_beside_frames_are_none_but_may_be_elsewhere(tmp_path):
    files(tmp_path / "s/a", "1.png", "2.png", "mask/1.png", "mask/2.png", "depth/1.png", "depth/2.png")
    files(tmp_path / "s", "depth/1.png", "depth/2.png")
    assert found(tmp_path / "s")[0] == ["s/a", "s/depth"]


def test_links_to_folders_are_not_followed(tmp_path):
    files(tmp_path / "s/a", "1.png", "2.png")
    os.symlink(tmp_path / "s", tmp_path / "s" / "again")
    assert found(tmp_path / "s")[0] == ["s/a"]
    os.symlink(tmp_path / "s", tmp_path / "named")
    assert found(tmp_path / "named")[0] == ["s/a"]


def test_videos_are_captures_where_they_are_named_or_asked_for(tmp_path):
    files(tmp_path / "s", "clip.mp4", "frames.npy", "live/IMG_1.HEIC", "live/IMG_2.HEIC", "live/IMG_1.MOV")
    names, passed = found(tmp_path / "s")
    assert names == ["s/live"]
    assert passed == dict.fromkeys(["clip.mp4", "frames.npy"], "a video or array of frames: --videos takes it")
    assert found(tmp_path / "s", videos=True)[0] == ["s/clip.mp4", "s/frames.npy", "s/live"]
    assert found(tmp_path / "s/clip.mp4")[0] == ["clip.mp4"]


def test_a_manifest_beside_photographs_counts(tiny_capture):
    open_capture(tiny_capture)[0].save(tiny_capture / "capture.json")
    ((capture,), _) = find_captures([tiny_capture], Path("nowhere"))
    assert capture == FoundCapture("TinyDesk", tiny_capture / "capture.json")


def test_our_own_results_are_none(tiny_capture):
    """Results of neucam-fuse beside and above the photographs, pictures that say who wrote them, runs of ns-train."""
    above = tiny_capture.parent
    for folder in (above, above / "fused"):
        files(folder, "all_in_focus_hdr.png", "defocus.png")
        open_capture(tiny_capture)[0].save(folder / "capture.json")
    for name in ("a", "b"):
        exif = Image.Exif()
        exif[305] = SOFTWARE
        files(above / "sweep")
        (above / "sweep").mkdir(exist_ok=True)
        Image.new("RGB", (9, 9)).save(above / "sweep" / f"{name}.png", exif=exif)
    files(above / "run", "config.yml", "nerfstudio_models/step.ckpt", "start/a.png", "start/b.png")
    files(above / "batch", "batch.json", "x/a.png", "x/b.png")
    names, passed = found(above)
    assert names == [f"{above.name}/TinyDesk"]
    assert passed == {
        above.name: f"a result: its capture.json names {tiny_capture}",
        "fused": f"a result: its capture.json names {tiny_capture}",
        "sweep": "pictures that NeuCam wrote",
        "run": "a run of ns-train",
        "batch": "results of neucam-batch",
    }


def test_the_output_folder_is_not_searched(tmp_path):
    files(tmp_path / "s", "a/1.png", "a/2.png", "out/1.png", "out/2.png")
    captures, _ = find_captures([tmp_path / "s"], tmp_path / "s" / "out")
    assert [each.name for each in captures] == ["s/a"]


def test_places_that_cannot_be_told_apart_or_are_not_there(tmp_path):
    files(tmp_path, "x/s/a/1.png", "x/s/a/2.png", "y/s/a/1.png", "y/s/a/2.png")
    with pytest.raises(NeucamError, match=r"y/s: has the same name as .*x/s, .* Give the folder above them"):
        found(tmp_path / "x/s", tmp_path / "y/s")
    with pytest.raises(NeucamError, match="z: there is no such folder or file"):
        found(tmp_path / "z")
    assert found(tmp_path / "x", tmp_path / "y", tmp_path / "y")[0] == ["x/s/a", "y/s/a"]
    assert found(tmp_path / "x", tmp_path / "x/s/a")[0] == ["x/s/a"], "twice the same is once"


def test_inputs_change_with_the_files_that_count(tmp_path):
    capture = FoundCapture("a", files(tmp_path / "a", "1.png", "2.png", "exposure.txt", "gt/x.exr", ".hidden"))
    before, num_bytes = capture.inputs()
    assert (before, num_bytes) == (capture.inputs()[0], 0)
    (tmp_path / "a/.hidden").write_text("x")
    assert capture.inputs()[0] == before
    (tmp_path / "a/gt/x.exr").write_text("x")
    after, num_bytes = capture.inputs()
    assert after != before and num_bytes == 1
    os.utime(tmp_path / "a/1.png", ns=(1, 1))
    assert capture.inputs()[0] != after


def test_inputs_of_a_manifest_are_the_photographs_that_it_names(tiny_capture, tmp_path):
    path = tmp_path / "elsewhere" / "capture.json"
    open_capture(tiny_capture)[0].save(path)
    capture = FoundCapture("x", path)
    before = capture.inputs()
    os.utime(tiny_capture / "F0E0.png", ns=(1, 1))
    assert capture.inputs() != before
    path.write_text(json.dumps({"data": 3}))
    assert capture.inputs() != before
