"""Captures from one stand under several lights: found by their names, aligned and focused as one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from neucam_nerfstudio.api import fuse
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.scripts.batch.captures import find_captures
from neucam_nerfstudio.scripts.batch.command_line import Batch
from neucam_nerfstudio.scripts.batch.stands import find_stands
from neucam_nerfstudio.stand import Stand


@pytest.fixture
def lights(tiny_desk, tmp_path) -> Path:
    """A focus stack under two lights that come from the left and from the right."""
    ramp = np.linspace(1, 0.1, 90, dtype=np.float32)[None, :, None]
    for name, light in (("left", ramp), ("right", ramp[:, ::-1])):
        (tmp_path / "moth" / name).mkdir(parents=True)
        for index in range(3):
            photograph = read_photograph(tiny_desk / f"F{index}E1.png") / np.float32(255)
            write_image(tmp_path / "moth" / name / f"{name}_{index}.png", photograph * light)
    return tmp_path / "moth"


def names(root: Path) -> dict[str, list[str]]:
    stands = find_stands(find_captures([root], Path("nowhere"))[0])
    return {stand: [capture.name for capture in captures] for stand, captures in stands.items()}


def files(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")


def test_a_stand_is_folders_side_by_side_with_photographs_named_alike(tmp_path):
    files(tmp_path / "s/1/a", "IMG_1.jpg", "IMG_2.jpg")
    files(tmp_path / "s/1/b", "IMG_11.JPG", "IMG_12.JPG")
    files(tmp_path / "s/1/more", "IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg")
    files(tmp_path / "s/2/a", "IMG_1.jpg", "IMG_2.jpg")
    files(tmp_path / "s/2/b", "x1.jpg", "x2.jpg")
    files(tmp_path / "s/2/c", "x3.jpg", "x4.jpg")
    files(tmp_path / "s/2/d", "IMG_3.jpg", "IMG_4.jpg")
    assert names(tmp_path / "s") == {
        "s/1": ["s/1/a", "s/1/b"],
        "s/2 (1)": ["s/2/a", "s/2/d"],
        "s/2 (2)": ["s/2/b", "s/2/c"],
    }


def test_results_of_a_stand_register_and_each_keeps_its_light(lights, tmp_path, one_after_the_other, capsys):
    for light in ("left", "right"):  # the same names but for numbers
        for index in range(3):
            (lights / light / f"{light}_{index}.png").rename(lights / light / f"IMG_{index}.png")
    options = {"folders": (lights,), "output_path": tmp_path / "out", "frames": "focus-stack", "share_alignment": True}
    options["outputs"] = ("all_in_focus_hdr", "source_map")
    Batch(dry_run=True, **options).main()
    assert "One stand, moth: moth/left, moth/right." in capsys.readouterr().out
    Batch(**options).main()
    said = capsys.readouterr().out
    assert "Stand moth: alignment and focus found in" in said and "2 of 2 are done." in said
    left, right = (tmp_path / "out/moth" / light for light in ("left", "right"))
    assert (left / "source_map.png").read_bytes() == (right / "source_map.png").read_bytes()
    told = [Capture.load(folder / "capture.json") for folder in (left, right)]
    assert [frame.alignment.value for frame in told[0].frames] == [frame.alignment.value for frame in told[1].frames]
    shown = [read_photograph(folder / "all_in_focus_hdr.png").mean((0, 2)) for folder in (left, right)]
    assert shown[0][:20].mean() > 1.5 * shown[0][-20:].mean() and shown[1][-20:].mean() > 1.5 * shown[1][:20].mean()
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".stands")) == []
    Batch(**options).main()
    assert "2 captures done already" in capsys.readouterr().out
    shutil.copy2(lights / "left/IMG_0.png", lights / "right/IMG_0.png")
    Batch(**options).main()
    assert "2 captures in" in capsys.readouterr().out, "what one light shows counts for all"


def test_a_stand_is_taken_as_it_was_found(lights, tmp_path):
    left = fuse(lights / "left", frames="focus-stack")
    left.stand.save(tmp_path / "stand")
    stand = Stand.load(tmp_path / "stand")
    again = fuse(lights / "left", frames="focus-stack", stand=stand)
    right = fuse(lights / "right", frames="focus-stack", stand=stand)
    assert left.defocus is not None and again.defocus is not None and right.defocus is not None
    np.testing.assert_array_equal(right.defocus, left.defocus)
    np.testing.assert_allclose(again.radiance, left.radiance, rtol=0.02)
    assert right.blur_per_setting_px == left.blur_per_setting_px
    (lights / "right/right_2.png").unlink()
    with pytest.raises(NeucamError, match="2 photographs of 90x60, and .*left: 3 photographs of 90x60. Those of"):
        fuse(lights / "right", frames="focus-stack", stand=stand)


def test_what_a_stand_cannot_be_is_said(lights, tmp_path, one_after_the_other, capsys):
    with pytest.raises(NeucamError, match="--share-alignment: is for fusing still scenes"):
        Batch(folders=(lights,), output_path=tmp_path / "out", share_alignment=True, align="off").main()
    for light in ("left", "right"):
        for index in range(3):
            (lights / light / f"{light}_{index}.png").rename(lights / light / f"{index}.png")
    (lights / "right/1.png").write_bytes(b"no picture")
    with pytest.raises(SystemExit):
        Batch(folders=(lights,), output_path=tmp_path / "out", share_alignment=True, frames="focus-stack").main()
    said = capsys.readouterr().out
    assert said.count("failed: Its stand, moth, could not be found out.") == 2 and "1.png" in said
