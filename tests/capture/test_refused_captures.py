"""`open_capture` of folders that cannot be used, and options that do not fit: the file or option is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.errors import NeucamError

from .opened import load_capture, rename_at_random


def drop_all_but_one(folder: Path) -> None:
    for path in sorted(folder.glob("*.png"))[1:]:
        path.unlink()


def resize_one(folder: Path) -> None:
    cv2.imwrite(str(folder / "F1E1.png"), np.zeros((61, 90, 3), np.uint8))


def cut_off_one(folder: Path) -> None:
    path = folder / "F2E1.png"
    path.write_bytes(path.read_bytes()[:2000])


def copy_one_over_all(folder: Path) -> None:
    for path in folder.glob("F*.png"):
        if path.name != "F0E0.png":
            shutil.copy(folder / "F0E0.png", path)


def keep_one_setting(folder: Path) -> None:
    (folder / "exposure.txt").unlink()
    for path in folder.glob("F*.png"):
        path.rename(folder / f"F0E0_{path.name[1:]}")


def spoil_ground_truth(folder: Path) -> None:
    (folder / "gt" / "all_in_focus_hdr.exr").write_bytes(b"not an image")


def resize_ground_truth(folder: Path) -> None:
    (folder / "gt" / "all_in_focus_hdr.exr").unlink()
    cv2.imwrite(str(folder / "gt" / "truth.hdr"), np.ones((30, 45, 3), np.float32))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: [path.unlink() for path in folder.glob("*.png")], "TinyDesk: no photographs in this folder"),
        (drop_all_but_one, r"F0E0\.png: the only frame of this capture\. At least two"),
        (resize_one, r"F1E1\.png: the frame is 90x61 pixels, others are 90x60"),
        (cut_off_one, r"F2E1\.png: broken or unreadable file"),
        (lambda folder: (folder / "exposure.txt").write_text(""), r"exposure\.txt: the file is empty"),
        (lambda folder: (folder / "exposure.txt").write_text("-3\nzero\n3"), r"exposure\.txt, line 2: 'zero'"),
        (lambda folder: (folder / "exposure.txt").write_text("-3\n0\nnan"), r"exposure\.txt, line 3: 'nan'"),
        (lambda folder: (folder / "exposure.txt").write_text("1\n" * 10), r"exposure\.txt: 10 values for 9 frames"),
        (
            lambda folder: (folder / "exposure.txt").write_text("-3\n0"),
            r"exposure\.txt: 2 values for 9 .* E0 to E2",
        ),
        (copy_one_over_all, "all 9 training frames are the same picture, so neither focus nor exposure differs"),
        (keep_one_setting, "neither focus nor exposure differs between the 9 training frames"),
        (spoil_ground_truth, r"all_in_focus_hdr\.exr: unreadable ground truth"),
        (resize_ground_truth, r"truth\.hdr: the ground truth is 45x30 pixels, the frames are 90x60"),
    ],
)
def test_bad_capture_is_refused_with_the_file_named(tiny_capture, spoil, message):
    spoil(tiny_capture)
    with pytest.raises(NeucamError, match=message):
        load_capture(tiny_capture)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_frames": ("F9*",)}, r"--train-frames F9\*: no frame of .*TinyDesk has such a name"),
        ({"eval_frames": ("*",)}, r"--eval-frames \*: holds out all 9 frames"),
        ({"train_frames": ("F0E0",)}, r"F0E0\.png: the only training frame"),
        ({"reference": "F9"}, r"--reference F9: no training frame has this name\. Training frames: F0E0, F0E1"),
        ({"train_frames": ("F0*",), "reference": "F1E1"}, "--reference F1E1: .* Training frames: F0E0, F0E1, F0E2"),
        ({"eval_every": 3, "eval_frames": ("F0*",)}, "--eval-every 3: --train-frames or --eval-frames already choose"),
        ({"frame_range": (0, 10)}, "--frame-range 0 10: there are 9 frames"),
        ({"downscale_factor": 0}, "--downscale-factor 0: expected a whole number from 1"),
        ({"downscale_factor": 61}, r"--downscale-factor 61 leaves no pixels of .*F0E0\.png \(90x60\)"),
    ],
)
def test_bad_option_is_refused(tiny_capture, options, message):
    with pytest.raises(NeucamError, match=message):
        load_capture(tiny_capture, **options)


def test_unknown_exposures_cannot_be_fixed(tiny_capture):
    rename_at_random(tiny_capture)
    with pytest.raises(NeucamError, match=r"--exposures fix: the exposures are unknown.*exposure\.txt"):
        load_capture(tiny_capture, exposures="fix")
