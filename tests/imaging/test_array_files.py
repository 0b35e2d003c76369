"""Frames in `.npy` files."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.array_files import ArrayFile

RAMP = np.arange(5 * 4 * 6 * 3).reshape(5, 4, 6, 3)


def saved(tmp_path, frames):
    np.save(tmp_path / "clip.npy", frames)
    return tmp_path / "clip.npy"


@pytest.mark.parametrize(
    ("frames", "number_type"),
    [
        (RAMP.astype(np.uint8), np.uint8),
        ((RAMP * 100).astype(np.uint16), np.uint16),
        ((RAMP / 1000).astype(np.float32), np.float32),
        (RAMP / 1000, np.float32),
        (np.asfortranarray((RAMP / 1000).astype(np.float16)), np.float32),
    ],
    ids=["uint8", "uint16", "float32", "float64", "float16 in Fortran order"],
)
def test_frames_keep_their_values(tmp_path, frames, number_type):
    source = ArrayFile(saved(tmp_path, frames))
    pixels = np.stack([source.frame(number) for number in (4, 0, 4)])
    assert pixels.dtype == number_type
    np.testing.assert_allclose(pixels, frames[[4, 0, 4]], rtol=1e-6)
    assert source.paths[1] == tmp_path / "clip.npy.frames" / "00001.png"


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        (RAMP[0].astype(np.uint8), r"uint8 and shape \[4, 6, 3\]"),
        (RAMP[..., 0].astype(np.uint8), r"uint8 and shape \[5, 4, 6\]"),
        (RAMP[..., :2].astype(np.uint8), r"uint8 and shape \[5, 4, 6, 2\]"),
        (RAMP[:0].astype(np.uint8), r"uint8 and shape \[0, 4, 6, 3\]"),
        (RAMP, r"int64 and shape \[5, 4, 6, 3\]"),
    ],
)
def test_other_arrays_are_refused(tmp_path, frames, found):
    message = rf"clip\.npy: an array of {found}\. Expected frames as \[frames, height, width, 3\], RGB, uint8"
    with pytest.raises(NeucamError, match=message):
        ArrayFile(saved(tmp_path, frames))


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan])
def test_floats_outside_the_range_are_refused(tmp_path, value):
    frames = np.full((3, 4, 6, 3), 0.5, np.float32)
    frames[1, 2, 3, 0] = value
    source = ArrayFile(saved(tmp_path, frames))
    assert source.frame(0).shape == source.frame(2).shape == (4, 6, 3)
    with pytest.raises(NeucamError, match=r"clip\.npy\.frames/00001\.png: pixel values from .* from 0 \(black\) to 1"):
        source.frame(1)


def test_cut_off_file_says_how_many_frames_it_holds(tmp_path):
    path = saved(tmp_path, RAMP.astype(np.uint8))
    path.write_bytes(path.read_bytes()[: -4 * 6 * 3 - 1])
    with pytest.raises(NeucamError, match=r"clip\.npy: the file is cut off: 3 of 5 frames can be read"):
        ArrayFile(path)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"not an array"])
def test_what_is_no_array_is_refused(tmp_path, content):
    (tmp_path / "clip.npy").write_bytes(content)
    with pytest.raises(NeucamError, match=r"clip\.npy: not a readable \.npy file .*numpy\.save"):
        ArrayFile(tmp_path / "clip.npy")


def test_an_archive_of_arrays_is_called_so(tmp_path):
    np.savez(tmp_path / "clip.npz", frames=RAMP.astype(np.uint8))
    (tmp_path / "clip.npz").rename(tmp_path / "clip.npy")
    with pytest.raises(NeucamError, match=r"clip\.npy: not a readable \.npy file \(an archive.*numpy\.save\."):
        ArrayFile(tmp_path / "clip.npy")


def test_array_of_python_objects_is_called_so(tmp_path):
    np.save(tmp_path / "clip.npy", np.array([RAMP[0], RAMP[1][:2], None], dtype=object))
    with pytest.raises(NeucamError, match=r"clip\.npy: an array of Python objects\. Write frames of one size"):
        ArrayFile(tmp_path / "clip.npy")
