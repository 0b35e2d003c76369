"""Masks, depth and optical flow beside the frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from neucam_nerfstudio.capture.side_maps import find_side_maps, returns
from neucam_nerfstudio.errors import NeucamError

from .opened import load_capture

HEIGHT, WIDTH = 8, 12
PATHS = [Path(f"{index}.png") for index in range(3)]


def find(folder: Path, train=(0, 1, 2), factor: int = 1):
    return find_side_maps(folder, PATHS, train, factor, HEIGHT // factor, WIDTH // factor)


@pytest.fixture
def masks(tmp_path) -> Path:
    """Masks of three frames: nothing, half of the light, everything."""
    (tmp_path / "mask").mkdir()
    for index, value in enumerate((0, 51, 255)):
        cv2.imwrite(str(tmp_path / "mask" / f"{index}.png"), np.full((HEIGHT, WIDTH), value, np.uint8))
    return tmp_path


def write_flow(folder: Path, shift_px: float = 1.0, suffix: str = "") -> None:
    """Flow of a picture that moves right by `shift_px` from frame to frame."""
    (folder / "flow").mkdir(exist_ok=True)
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = shift_px
    for a, b in (("0", "1"), ("1", "2")):
        np.save(folder / "flow" / f"{a}{suffix}_{b}{suffix}.npy", flow)
        np.save(folder / "flow" / f"{b}{suffix}_{a}{suffix}.npy", -flow)


def test_capture_without_them(tmp_path):
    maps = find(tmp_path)
    assert maps.mask is None and maps.depth is None and maps.flow is None


def test_masks_of_the_training_frames(masks):
    mask = find(masks, train=(0, 2)).mask
    assert mask.dtype == np.float32 and mask.shape == (2, HEIGHT, WIDTH)
    assert mask[:, 3, 3].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(find(masks, factor=2).mask[1], np.full((4, 6), 0.2), atol=1e-6)


def test_depth_of_any_kind_of_file_spans_zero_to_one_over_the_capture(tmp_path):
    (tmp_path / "depth").mkdir()
    near, far = np.full((HEIGHT, WIDTH), 2.0, np.float32), np.full((HEIGHT, WIDTH), 6.0, np.float32)
    np.save(tmp_path / "depth" / "0.npy", near)
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"Z": far}).write(str(tmp_path / "depth" / "1.exr"))
    np.save(tmp_path / "depth" / "2.npy", (near + far) / 2)
    assert find(tmp_path).depth[:, 4, 4].tolist() == [0.0, 1.0, 0.5]
    cv2.imwrite(str(tmp_path / "depth" / "0.png"), np.full((HEIGHT, WIDTH), 1000, np.uint16))
    cv2.imwrite(str(tmp_path / "depth" / "1.png"), np.full((HEIGHT, WIDTH), 3000, np.uint16))
    np.testing.assert_allclose(find(tmp_path, train=(0, 1)).depth[:, 0, 0], [0, 1])


@pytest.mark.parametrize("values", [(3.0, 3.0), (1.0, np.inf), (1.0, np.nan)])
def test_depth_that_cannot_be_normalised_is_refused(tmp_path, values):
    (tmp_path / "depth").mkdir()
    for index, value in enumerate(values):
        np.save(tmp_path / "depth" / f"{index}.npy", np.full((HEIGHT, WIDTH), value))
    with pytest.raises(NeucamError, match="depth: depths from .* Expected finite depths that differ"):
        find(tmp_path, train=(0, 1)).depth  # noqa: B018


@pytest.mark.parametrize("suffix", ["", ".png"])
def test_flow_both_ways_between_consecutive_frames(tmp_path, suffix):
    write_flow(tmp_path, 2.0, suffix)
    flow = find(tmp_path, train=(0, 2)).flow
    assert flow.forward_px.shape == flow.backward_px.shape == (2, HEIGHT, WIDTH, 2)
    assert flow.forward_px[1, 0, 0].tolist() == [2, 0] and flow.backward_px[0, 0, 0].tolist() == [-2, 0]
    assert flow.forward_valid[:, :, : WIDTH - 2].all() and not flow.forward_valid[:, :, WIDTH - 2 :].any()
    assert flow.backward_valid[:, :, 2:].all() and not flow.backward_valid[:, :, :2].any()


def test_flow_shrinks_with_the_frames(tmp_path):
    write_flow(tmp_path, 2.0)
    flow = find(tmp_path, factor=2).flow
    assert flow.forward_px.shape == (2, 4, 6, 2) and flow.forward_px[0, 0, 0].tolist() == [1, 0]


@pytest.mark.parametrize(("round_trip_px", "valid"), [(0.0, True), (0.99, True), (1.01, False)])
def test_flow_counts_where_it_returns_within_a_pixel(round_trip_px, valid):
    there = np.zeros((1, HEIGHT, WIDTH, 2), np.float32)
    back = np.zeros_like(there)
    back[..., 1] = round_trip_px
    assert returns(there, back).all() == valid and returns(there, back).any() == valid


def test_capture_has_them(tmp_path, masks):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((HEIGHT, WIDTH, 3), 100 + index, np.uint8))
    write_flow(tmp_path)
    maps = load_capture(tmp_path, frames="moments").side_maps
    assert maps.mask.shape == (3, HEIGHT, WIDTH) and maps.depth is None
    assert maps.flow.forward_px.shape == (2, HEIGHT, WIDTH, 2) and maps.flow is maps.flow
    assert not maps.mask.flags.writeable and not maps.flow.forward_valid.flags.writeable


def test_missing_map_is_named(masks):
    (masks / "mask" / "1.png").unlink()
    assert find(masks, train=(0, 2)).mask is not None
    with pytest.raises(
        NeucamError, match=r"mask.1\.png: there is no such file, but a used frame needs it.* folder mask/"
    ):
        find(masks)


def test_missing_flow_is_named(tmp_path):
    write_flow(tmp_path)
    (tmp_path / "flow" / "2_1.npy").unlink()
    with pytest.raises(NeucamError, match=r"flow.2_1\.npy or 2\.png_1\.png\.npy: there is no such file"):
        find(tmp_path)


def test_map_of_another_size_is_refused(masks):
    cv2.imwrite(str(masks / "mask" / "1.png"), np.zeros((4, 12), np.uint8))
    with pytest.raises(NeucamError, match=r"mask.1\.png: it is 12x4 pixels, the frames are 12x8 \(both after"):
        find(masks)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((8, 12)), r"float64 of shape \[8, 12\]"),
        (np.zeros((8, 12, 3)), r"float64 of shape \[8, 12, 3\]"),
        (np.zeros((8, 12, 2), complex), r"complex128 of shape \[8, 12, 2\]"),
    ],
)
def test_flow_of_another_shape_is_refused(tmp_path, array, found):
    write_flow(tmp_path)
    np.save(tmp_path / "flow" / "0_1.npy", array)
    with pytest.raises(NeucamError, match=rf"0_1\.npy: {found}\. Expected numbers of shape \[height, width, 2\]"):
        find(tmp_path)


@pytest.mark.parametrize("kind", ["mask", "flow"])
def test_broken_map_is_named(masks, kind):
    write_flow(masks)
    path = masks / {"mask": "mask/1.png", "flow": "flow/0_1.npy"}[kind]
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(NeucamError, match=f"{path.name}: .*readable"):
        find(masks)
