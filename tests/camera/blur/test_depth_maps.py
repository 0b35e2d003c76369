"""Given depth: of the place asked for, in the frame nearest in time; a blur that goes by it does not see the place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from neucam_nerfstudio.camera.blur.depth_maps import DepthMaps
from neucam_nerfstudio.camera.blur.neural_kernel import NeuralKernelBlur

STEPS = np.float32([[[0.0, 0.5]], [[1.0, 0.2]]])
"""Two frames of one row and two columns."""
LEFT, RIGHT = [0.25, 0.5], [0.75, 0.5]


def depth_at(maps: DepthMaps, places: list[list[float]], times: list[float]) -> list[float]:
    return maps(torch.tensor(places), torch.tensor(times)[:, None])[:, 0].tolist()


def test_depth_of_a_pixel_is_its_own_in_the_frame_nearest_in_time():
    maps = DepthMaps(STEPS, (0.0, 1.0))
    assert depth_at(maps, [LEFT, RIGHT, LEFT, RIGHT], [0.0, 0.4, 0.6, 1.0]) == pytest.approx([0.0, 0.5, 1.0, 0.2])


def test_between_pixels_depth_is_interpolated_and_beyond_the_border_it_stays():
    maps = DepthMaps(STEPS, (0.0, 1.0))
    assert depth_at(maps, [[0.5, 0.5], [-3.0, 0.5]], [0.0, 1.0]) == pytest.approx([0.25, 1.0])


def test_a_still_scene_has_the_mean_depth_of_its_frames():
    assert depth_at(DepthMaps(STEPS, (0.0, 0.0)), [LEFT, RIGHT], [0.0, 0.0]) == pytest.approx([0.5, 0.35])


def test_blur_by_depth_is_one_for_places_of_one_depth():
    maps = DepthMaps(np.float32([[[0.3, 0.3, 0.9]]]), (0.0,))
    blur = NeuralKernelBlur(1, 3, layer_width=8, depth=maps)
    assert blur.network.layers[0].in_features == 2
    uv = torch.tensor([[1 / 6, 0.5], [0.5, 0.5], [5 / 6, 0.5]])
    taps = blur(uv, torch.zeros(3, 1), torch.zeros(3, 1), 1.0)
    near, same, far = taps.uv - uv[:, None]
    torch.testing.assert_close(near, same)
    assert not torch.allclose(near, far)


def test_depth_is_not_part_of_what_is_learned():
    blur = NeuralKernelBlur(1, 2, depth=DepthMaps(STEPS, (0.0, 1.0)))
    assert not any("depth" in name for name in blur.state_dict())
